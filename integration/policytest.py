#!/usr/bin/python3
"""`claudine policy test`: the battery under a policy on the user's own machine, and whether its verdicts can be believed."""

from __future__ import annotations

import json
from typing import Any

from harness import IDENTITIES, Suite, World, expect
from machine_states import STATES

suite = Suite("policytest", __doc__ or "")

BUILT_IN = ("strict", "standard", "permissive", "paranoid", "readonly")


def tested(world: World, policy: str, *options: str, code: int = 0, **more: Any) -> dict[str, Any]:
    result = world.claudine("policy", "test", policy, "--json", *options, timeout=120, **more)
    expect(result.code == code, f"{policy}: {result}")
    return dict(result.json())


def results(report: dict[str, Any]) -> dict[str, str]:
    return {probe["name"]: probe["result"] for probe in report["probes"]}


@suite.case("every built-in policy holds what it promises", alone=True)
def built_in(world: World) -> str:
    temporary, notes = world.base / "tmp", []
    temporary.mkdir(mode=0o755)
    world.own(temporary)
    for policy in BUILT_IN:
        report = tested(world, policy, env={"TMPDIR": str(temporary)})
        summary = report["summary"]
        counted = sum(summary[key] for key in ("held", "breaches", "allowed", "notTried"))
        expect(counted == summary["probes"] == len(report["probes"]) >= 300, f"{policy}: {summary}")
        expect(summary["breaches"] == 0 and summary["heldAndWorksHere"] > 120, f"{policy}: {summary}")
        expect((summary["allowed"] > 20) == (policy == "permissive"), f"{policy}: {summary}")
        expect(report["policy"]["name"] == policy and report["policy"]["layers"], f"{report['policy']}")
        notes.append(f"{policy} {summary['held']}")
    expect(list(temporary.iterdir()) == [], f"left: {list(temporary.iterdir())}")
    expect(list(world.state.iterdir()) == [], "the user's own state directory was used")
    return ", ".join(notes)


@suite.case("the verdict follows from the policy, not from its name")
def derived(world: World) -> None:
    world.write(world.config / "policies" / "loose.toml", LOOSE)
    report = tested(world, "loose")
    found = results(report)
    for name in ("ptrace_parent", "keyring", "io_uring", "foreign_pid", "unfiltered", "raise_core_limit"):
        expected = "held" if name == "raise_core_limit" else "allowed"
        expect(found[name] == expected, f"{name}: {found[name]}, not {expected}")
    expect(report["summary"]["breaches"] == 0, f"{report['summary']}")
    # What the filter did not do, the missing capabilities still do.
    by = {probe["name"]: probe.get("by") for probe in report["probes"]}
    expect(by["mount_tmpfs"] == "caps" and by["see_outside"] == "pidns", f"{by['mount_tmpfs']}, {by['see_outside']}")


LOOSE = """schema = 1
name = "loose"
description = "strict without a filter"
extends = "strict"
require = ["userns", "pidns", "mountns", "netns", "caps", "nnp", "pids", "rlimits"]

[syscalls]
profile = "off"
"""


@suite.case("a breach is called a breach")
def breach(world: World) -> None:
    """A battery that lies, for a cage that does not hold cannot be had."""
    binaries = world.binaries.copy(world.base / "copy")
    real = binaries.battery.with_name("real-battery")
    binaries.battery.rename(real)
    table = json.loads(world.launch([real, "--list", "--json"]).wait().stdout)
    table["probes"] = [probe for probe in table["probes"] if probe["name"] in ("ptrace_parent", "keyring")]
    script = f"""#!/bin/sh
case "$1" in
--list) echo '{json.dumps(table)}' ;;
--survivors) ;;
*) echo keyring worked; echo ptrace_parent denied EPERM ;;
esac
"""
    binaries.battery.write_text(script)
    binaries.battery.chmod(0o755)
    run = world.launch([binaries.claudine, "policy", "test", "strict"]).wait(60)
    expect(run.code == 1, str(run))
    expect("BREACH [keyring]" in run.text and "1 BREACHED" in run.text and run.text.count("BREACH") == 2, str(run))


@suite.case("a policy that cannot be enforced here is not tested")
def not_enforceable(world: World) -> None:
    prison = ["/usr/bin/unshare", "-U", "-r", "/bin/sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"]
    result = world.launch([*prison, world.binaries.claudine, "policy", "test", "strict", "--only", "D35", "--json"]).wait(60)
    expect(result.code == 3, str(result))
    expect(result.json()["error"]["code"] == "refused.policy" and result.json()["error"]["hint"], str(result))


#: What the best-effort level cannot hold: it has no namespace to hold it with.
OPEN = {"see_outside", "schedule_outside", "outside_tcp", "host_memory", "agent_settings", "endless_tmp"}


@suite.case("without namespaces a policy is measured by what is left of it", identities=[IDENTITIES[-1]])
def best_effort(world: World) -> str:
    state = next(state for state in STATES if state.name == "no user namespaces")
    run = world.launch([*state.command(world), world.binaries.claudine, "policy", "test", "standard", "--json"]).wait(120)
    expect(run.code == 0, str(run))
    report = run.json()
    expect(report["policy"]["containment"] == "bestEffort" and "userNamespace" in report["policy"]["degraded"], f"{report['policy']}")
    found = results(report)
    wrong = {name: found[name] for name in OPEN if found[name] not in ("allowed", "notTried")}
    expect(not wrong, f"{wrong}")
    held = {"ptrace_parent", "io_uring", "secret_file", "ssh_keys", "etc", "outlive_daemon", "outlive_nameless", "signal_outside", "limit_outside", "renice_outside", "raise_core_limit"}
    wrong = {name: found[name] for name in held if found[name] != "held"}
    expect(not wrong, f"{wrong}")
    return f"{report['summary']['held']} held, {report['summary']['allowed']} allowed"


@suite.case("--list and --only choose")
def chosen(world: World) -> None:
    listed = world.claudine("policy", "test", "strict", "--list", "--json").json()["probes"]
    expect(len(listed) >= 300 and all(probe["tries"] and probe["walls"] for probe in listed), f"{len(listed)}")
    report = tested(world, "strict", "--only", "io_uring")
    expect(set(results(report)) == {"io_uring", "io_uring_socket"}, f"{results(report)}")
    nothing = world.claudine("policy", "test", "strict", "--only", "no such attack")
    expect(nothing.code == 64 and "No attack has" in nothing.errors, str(nothing))
    unknown = world.claudine("policy", "test", "no-such-policy")
    expect(unknown.code not in (0, 1, 3), str(unknown))


if __name__ == "__main__":
    suite.main()
