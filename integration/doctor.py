#!/usr/bin/python3
"""G5: what a machine lacks is named, exactly that, and no policy that needs it runs anything.

Each layer of the cage is taken away in turn (`machine_states.py`); then `doctor` has to tell the truth, `strict` has to refuse before
the worker runs, and `standard` has to do without and say so, or refuse as well. Nothing may be left of any of it.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Result, Suite, World, compile_program, expect, wait_until
from harness.leftovers import Leftovers
from machine_states import NO_CAGE, STATES, State

suite = Suite("doctor", __doc__ or "")

#: The names `doctor` uses for layers of the cage; the rest of its lines are about what is on top of it.
LAYERS = {
    "userNamespace", "pidNamespace", "mountNamespace", "networkNamespace", "ipcNamespace", "utsNamespace", "cgroupNamespace",
    "noCapabilities", "noNewPrivileges", "seccomp", "landlock", "resourceLimits", "notification", "processCap"}


def within(world: World, state: State, *arguments: str | Path) -> Result:
    """Runs `claudine ARGUMENTS…` on the machine that lacks something."""
    return world.launch([*state.command(world), world.binaries.claudine, *arguments]).wait(60)


def run(world: World, state: State, policy: str, canary: Path) -> tuple[Result, dict[str, Any]]:
    """A task whose only effect is a file in its workspace."""
    command = world.caged("/bin/sh", "-c", f": > {canary}", policy=policy, options=["--json"])
    result = within(world, state, *command)
    return result, result.json()


def standing(state: State, policy: str, root: bool) -> str:
    """What `doctor` has to say about a policy."""
    if policy in state.refused:
        return "no"
    names = state.degraded.get(policy, frozenset())
    if names and root and "userNamespace" in names:
        return "no"
    return "degraded" if names else "yes"


def check(world: World, state: State) -> str:
    root = world.identity.uid == 0
    before = Leftovers.now(world)
    began = time.monotonic()
    answer = within(world, state, "doctor", "--json")
    seconds = time.monotonic() - began
    report = answer.json()
    missing = {entry["layer"] for entry in report["layers"] if entry["state"] == "missing"} & LAYERS
    expect(missing == state.missing, f"doctor names {sorted(missing)}, missing is {sorted(state.missing)}: {answer}")
    for entry in report["layers"]:
        if entry["layer"] in missing:
            expect(entry.get("fix") and entry.get("costs"), f"no fix or no price for {entry}")
    found = {entry["name"]: entry["standing"] for entry in report["policies"]}
    wanted = {name: standing(state, name, root) for name in found}
    expect(found == wanted, f"policies {[entry for entry in report['policies'] if entry['standing'] != wanted[entry['name']]]}")
    runs = all(wanted[name] != "no" for name in ("standard", "strict"))
    expect(answer.code == (0 if runs else 1), f"exit {answer.code} with {wanted}")

    for policy in ("strict", "standard"):
        canary = world.workspace / f"canary-{policy}"
        result, record = run(world, state, policy, canary)
        if wanted[policy] == "no":
            expect(record["state"] == "refused", f"{policy}: {record['state']}, {record.get('reason')}")
            reason = record["reason"]
            expect(reason["code"] == "refused.policy", f"{policy}: {reason}")
            layer = reason["detail"]["layer"]
            # A step may need more than one layer; owners are mapped by user namespaces; root cannot do without one.
            also = {"userNamespace", "mountNamespace", "rlimits", "capabilities", *(["idmappedMount"] if root else [])}
            expect(layer in state.missing | also, f"{policy}: blamed is {layer}")
            expect(reason["detail"].get("fix"), f"{policy}: no fix in {reason}")
            expect(result.code == 125, f"{policy}: exit {result.code}")
            expect(not canary.exists(), f"{policy} was refused and its worker has run")
        else:
            expect(record["state"] == "succeeded" and canary.exists(), f"{policy}: {result}")
            degraded = set(record["policy"]["degraded"])
            expect(degraded == state.degraded.get(policy, frozenset()), f"{policy} records {sorted(degraded)}")
            expect(not degraded & set(record["policy"]["layers"]), f"{policy}: in force and missing at once: {record['policy']}")
            held = "bestEffort" if NO_CAGE <= degraded else "kernel"
            expect(record["policy"]["containment"] == held, f"{policy}: {record['policy']}")
            expect(("warning" in result.errors) == bool(degraded), f"{policy}: {result.errors!r}")
    before.expect_none(world)
    return f"doctor {seconds * 1000:.0f} ms"


def add(state: State) -> None:
    identities = [identity for identity in IDENTITIES if identity.uid != 0 or not state.user_only]

    @suite.case(state.name, identities=identities)
    def case(world: World) -> str:
        return check(world, state)


for state in STATES:
    add(state)


@suite.case("remembered per boot, and tried again when asked or when in doubt")
def remembered(world: World) -> str:
    fresh, known, again = (world.claudine("doctor", "--json", *words) for words in ((), (), ("--refresh",)))
    for answer, is_known in ((fresh, False), (known, True), (again, False)):
        weak = [entry for entry in answer.json()["layers"] if entry["state"] != "ok"]
        expect(answer.json()["remembered"] == is_known, f"remembered is not {is_known}: {weak}, {answer.json()['policies']}")
    memory = world.state / "machine"
    for damage in (b"", b"nonsense\n", memory.read_bytes()[:-4], memory.read_bytes().replace(b"\nend", b"\nuserns\t1\tx\ty\nend", 1) + b"x"):
        memory.write_bytes(damage)
        answer = world.claudine("doctor", "--json").json()
        expect(not answer["remembered"] and answer["healthy"], f"{damage!r} was believed: {answer}")
    # Somebody else's word is not taken, and neither is one that others may have changed.
    memory.chmod(0o666)
    expect(not world.claudine("doctor", "--json").json()["remembered"], "a file that others can write was believed")
    # What was found in another state of the same machine is found out.
    state = next(state for state in STATES if state.name == "no IPC namespaces")
    expect(within(world, state, "doctor", "--json").code == 1, "the weaker machine passes")
    answer = world.claudine("doctor", "--json")
    expect(answer.code == 0, f"what was missing in another state stays missing: {answer}")
    return f"{known.seconds * 1000:.0f} ms when remembered"


@suite.case("no shepherd, no state directory", identities=IDENTITIES[-1:])
def broken(world: World) -> None:
    copy = world.binaries.copy(world.base / "copy")
    copy.shepherd.unlink()
    answer = world.launch([copy.claudine, "doctor", "--json"]).wait(20)
    report = answer.json()
    states = {entry["layer"]: entry["state"] for entry in report["layers"]}
    expect(answer.code == 1 and states["shepherd"] == "missing", f"{answer}")
    expect(all(entry["standing"] == "no" for entry in report["policies"]) and report["policies"], f"{report['policies']}")
    world.state.chmod(0o500)
    answer = world.claudine("doctor", "--json")
    states = {entry["layer"]: entry["state"] for entry in answer.json()["layers"]}
    world.state.chmod(0o700)
    expect(answer.code == 1 and states["stateDirectory"] == "missing", f"{answer}")


@suite.case("credentials are named, never shown", identities=IDENTITIES[-1:])
def credentials(world: World) -> None:
    secret = "sk-ant-" + world.nonce
    for words in ((), ("--json",)):
        answer = world.claudine("doctor", *words, env={"ANTHROPIC_API_KEY": secret})
        expect(b"ANTHROPIC_API_KEY" in answer.stdout, f"the source is not named: {answer}")
        expect(secret.encode() not in answer.stdout + answer.stderr, "the key is shown")


@suite.case("plain text has no colour, and says what to do", identities=IDENTITIES[-1:])
def text(world: World) -> None:
    answer = world.claudine("doctor")
    expect("\x1b" not in answer.text and answer.code == 0, f"{answer}")
    state = next(state for state in STATES if state.name == "no user namespaces")
    answer = within(world, state, "doctor")
    expect("fix:" in answer.text and "costs:" in answer.text and "refuse" in answer.text, f"{answer}")


@suite.case("a run without a pipe for its signals still ends by them", identities=IDENTITIES[-1:])
def signals(world: World) -> None:
    ready = world.workspace / "ready"
    # pipe(3) is pipe2 without flags; those of the protocol are close-on-exec from the beginning.
    command = [compile_program("deny"), "pipe2:1==0=EIO", "--", world.binaries.claudine]
    running = world.launch([*command, *world.caged("/bin/sh", "-c", f": > {ready}; exec sleep 60")])
    wait_until("the command runs", 20, ready.exists)
    os.kill(running.popen.pid, signal.SIGINT)
    result = running.wait(20)
    expect(result.code in (-signal.SIGINT, 130), f"{result}")
    wait_until("nothing left", 20, lambda: not world.marked())


if __name__ == "__main__":
    suite.main()
