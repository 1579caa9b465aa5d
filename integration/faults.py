#!/usr/bin/python3
"""G5 and G1 where the machine fails: a fault in every step that builds a cage, and trees that try to outlive a task without one.

Faults are made in the shepherd alone: a stand-in in its place takes a kind of system call away from it and from the cage it builds
(`programs/deny.c`), or strace makes one single call of them fail. Whatever fails, the worker of `strict` must not have run, the reason
must name the step, and nothing may be left.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Binaries, Process, Running, Skip, Suite, World, compile_program, expect, kill_all, wait_until
from harness.leftovers import Leftovers
from machine_states import STATES

suite = Suite("faults", __doc__ or "")
USER = [identity for identity in IDENTITIES if identity.uid != 0]

#: Every kind of call that the build makes, by what it is for.
STEPS = {
    "processes": ["clone3", "setsid", "signalfd4", "socketpair"],
    "identity": ["setresuid", "setresgid", "setgroups"],
    "mounts": [
        "open_tree", "mount_setattr", "fsopen", "fsconfig", "fsmount", "move_mount", "openat2", "mkdirat", "mknodat", "symlinkat", "mount",
        "pivot_root", "umount2", "fchdir"],
    "network and names": ["bind", "listen", "sethostname"],
    "the worker": [
        "chdir", "prlimit64", "setpriority", "capset", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
        "close_range", "seccomp", "keyctl", "pidfd_open"],
}
#: What a container says, and what no code is prepared for.
ERRORS = ("EPERM", "EIO")

#: Faults with which `strict` runs all the same, and why.
SPARED = {
    ("clone3", "EPERM"): "clone is asked instead",
    ("setgroups", "EPERM"): "an ordinary user's are denied by the kernel",
    ("setgroups", "EIO"): "an ordinary user's are denied by the kernel",
    ("keyctl", "EPERM"): "a container without keyrings",
    ("landlock_create_ruleset", "EPERM"): "a kernel without Landlock",
    ("landlock_create_ruleset", "EIO"): "a kernel without Landlock",
    ("landlock_add_rule", "EPERM"): "rules that cannot be set are found by the probe",
    ("landlock_add_rule", "EIO"): "rules that cannot be set are found by the probe",
    ("landlock_restrict_self", "EPERM"): "rules that cannot be set are found by the probe",
    ("landlock_restrict_self", "EIO"): "rules that cannot be set are found by the probe",
    ("setpriority", "EPERM"): "no step of the cage when the niceness is already there",
}


def stand_in(world: World, words: list[str]) -> Binaries:
    """A copy of the installation whose shepherd is without the calls."""
    copy = world.binaries.copy(world.base / "faulty")
    copy.shepherd.rename(f"{copy.shepherd}.real")
    shutil.copy(compile_program("deny"), copy.shepherd)
    copy.shepherd.chmod(0o755)
    Path(f"{copy.shepherd}.deny").write_text("".join(word + "\n" for word in words))
    return copy


def attempt(world: World, binaries: Binaries, policy: str) -> tuple[dict[str, Any], Path]:
    canary = world.workspace / f"canary-{policy}"
    canary.unlink(missing_ok=True)
    command = world.caged("/bin/sh", "-c", f": > {canary}", policy=policy, options=["--json"])
    return world.launch([binaries.claudine, *command]).wait(90).json(), canary


def never_ran(record: dict[str, Any], canary: Path, what: str) -> None:
    """Refused or not started, with a reason that can be acted on."""
    reason = record.get("reason", {})
    expect(not canary.exists(), f"{what}: the worker has run: {record['state']} {reason}")
    expect(record["state"] in ("refused", "failed"), f"{what}: {record['state']} {reason}")
    expect(reason["code"] in ("refused.policy", "refused.workspace", "spawn.failed", "spawn.resources"), f"{what}: {reason}")
    detail = reason.get("detail", {})
    expect("errno" in detail and ("layer" in detail or "stage" in detail), f"{what}: neither layer nor errno in {reason}")
    expect(len(reason["message"]) > 20, f"{what}: {reason}")


def add(group: str, calls: list[str]) -> None:
    @suite.case(f"without {group}")
    def case(world: World) -> str:
        before = Leftovers.now(world)
        outcomes: dict[str, int] = {}
        for call in calls:
            for error in ERRORS:
                binaries = stand_in(world, [f"{call}={error}"])
                what = f"{call}={error}"
                record, canary = attempt(world, binaries, "strict")
                if record["state"] == "succeeded":
                    root = world.identity.uid == 0
                    expect((call, error) in SPARED and not (root and call == "setgroups"), f"strict with {what} ran as if nothing were")
                    expect(canary.exists(), f"strict with {what} succeeded without its worker")
                else:
                    never_ran(record, canary, f"strict with {what}")
                record, canary = attempt(world, binaries, "standard")
                if record["state"] == "succeeded":
                    expect(canary.exists(), f"standard with {what} succeeded without its worker")
                    weaker = record["policy"]["degraded"]
                    expect(weaker or (call, error) in SPARED, f"standard with {what} says nothing")
                    outcomes["degraded" if weaker else "whole"] = outcomes.get("degraded" if weaker else "whole", 0) + 1
                else:
                    never_ran(record, canary, f"standard with {what}")
                    outcomes["refused"] = outcomes.get("refused", 0) + 1
                shutil.rmtree(binaries.prefix)
        before.expect_none(world)
        return f"{len(calls) * len(ERRORS)} faults; standard: " + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))


for group, calls in STEPS.items():
    add(group, calls)


#: Calls that are made many times: each single one of them fails in its turn.
REPEATED = ["open_tree", "mount_setattr", "fsopen", "fsmount", "move_mount", "prctl", "prlimit64"]
#: As many as there can be.
MOST = 120


def traced(world: World, call: str, number: int) -> Binaries:
    """A copy whose shepherd runs under strace, which makes the Nth such call of each of its processes fail."""
    copy = world.base / "traced"
    if not copy.exists():
        binaries = world.binaries.copy(copy)
        binaries.shepherd.rename(f"{binaries.shepherd}.real")
    binaries = Binaries(copy, world.binaries.libraries)
    script = f"""#!/bin/sh
exec strace -f -qq -o /dev/null -e trace={call} -e inject={call}:error=EIO:when={number} "$0.real" "$@"
"""
    binaries.shepherd.unlink(missing_ok=True)
    binaries.shepherd.write_text(script)
    binaries.shepherd.chmod(0o755)
    return binaries


def add_each(call: str) -> None:
    @suite.case(f"each single {call} fails", identities=USER)
    def case(world: World) -> str:
        if not shutil.which("strace"):
            raise Skip("there is no strace")
        before = Leftovers.now(world)
        tolerated = []
        for number in range(1, MOST):
            record, canary = attempt(world, traced(world, call, number), "strict")
            if record["state"] != "succeeded":
                never_ran(record, canary, f"strict, {call} number {number}")
                continue
            # Either it was one that may fail, or there are not so many.
            tolerated.append(number)
            if len(tolerated) >= 6 and tolerated[-6:] == list(range(number - 5, number + 1)):
                break
        early = [each for each in tolerated if each < number - 5]
        before.expect_none(world)
        expect(number - 6 > 0, f"strace has not made a single {call} fail")
        return f"{number - 6} calls" + (f", without effect: {early}" if early else "")


for call in REPEATED:
    add_each(call)


# MARK: without a cage

#: The state in which the attacks below happen.
CAGELESS = next(state for state in STATES if state.name == "no user namespaces")


def plant(world: World, *options: str) -> tuple[Running, list[Process]]:
    """The tree of orphans.py at the best-effort level."""
    ready = world.workspace / "ready"
    ready.unlink(missing_ok=True)
    command = world.caged(world.program("tree"), "wait", ready, policy="standard", options=options)
    running = world.launch([*CAGELESS.command(world), world.binaries.claudine, *command])
    wait_until("tree up", 30, ready.exists)
    leaves = [process for pid in ready.read_text().split() if (process := Process.of(int(pid)))]
    expect(len(leaves) >= 12, f"only {len(leaves)} leaves")
    return running, leaves


def empty(world: World, leaves: list[Process], within: float) -> str:
    began = time.monotonic()
    wait_until(
        "tree empty", within, lambda: not [leaf for leaf in leaves if leaf.alive] and not world.marked())
    return f"{len(leaves)} leaves gone after {(time.monotonic() - began) * 1000:.0f} ms"


def ended(world: World, code: str) -> dict[str, Any]:
    record = world.record()
    expect(record["policy"]["containment"] == "bestEffort", f"{record['policy']}")
    expect(record.get("reason", {}).get("code") == code, f"{record['state']}: {record.get('reason')}")
    return record


@suite.case("cageless: the tree ends with its leader", identities=USER)
def leader_ends(world: World) -> str:
    ready = world.workspace / "ready"
    command = world.caged(world.program("tree"), "exit", ready, policy="standard")
    result = world.launch([*CAGELESS.command(world), world.binaries.claudine, *command]).wait(60)
    expect(result.code == 0, f"{result}")
    expect(not world.marked(), "processes left when `run` returned")
    record = world.record()
    expect(record["stragglers"] >= 12, f"stragglers: {record.get('stragglers')}")
    return f"{record['stragglers']} stragglers in {result.seconds:.1f} s"


@suite.case("cageless: cancel", identities=USER)
def cancelled(world: World) -> str:
    running, leaves = plant(world)
    answer = world.claudine("cancel", str(world.tasks()[0]["taskId"]))
    expect(answer.code == 0, f"{answer}")
    result = running.wait(60)
    note = empty(world, leaves, 1)
    expect(result.code == 143, f"{result}")
    ended(world, "cancelled.user")
    return note


@suite.case("cageless: timeout", identities=USER)
def timed_out(world: World) -> str:
    running, leaves = plant(world, "--timeout", "2s")
    result = running.wait(60)
    note = empty(world, leaves, 1)
    expect(result.code == 124, f"{result}")
    ended(world, "timeout.wall")
    return note


@suite.case("cageless: SIGKILL of the shepherd", identities=USER)
def shepherd_killed(world: World) -> str:
    running, leaves = plant(world)
    shepherd = running.shepherd()
    assert shepherd
    shepherd.signal(signal.SIGKILL)
    result = running.wait(60)
    # One leaf has no nonce in its environment and one is a daemon: they come to the supervisor, which ends them by descent.
    note = empty(world, leaves, 1)
    expect(result.code == 125, f"{result}")
    ended(world, "lost.shepherd")
    return note


@suite.case("cageless: SIGKILL of the supervisor", identities=USER)
def supervisor_killed(world: World) -> str:
    running, leaves = plant(world)
    shepherd = running.shepherd()
    assert shepherd and running.process
    running.process.signal(signal.SIGKILL)
    note = empty(world, leaves, 30)
    wait_until("shepherd gone", 10, lambda: not shepherd.alive)
    ended(world, "lost.supervisor")
    return note


@suite.case("cageless: SIGKILL of both leaves only what has shed its environment", identities=USER, leftovers=True)
def both_killed(world: World) -> str:
    running, leaves = plant(world)
    shepherd = running.shepherd()
    assert shepherd and running.process
    running.process.signal(signal.SIGSTOP)
    shepherd.signal(signal.SIGKILL)
    running.process.signal(signal.SIGKILL)
    running.wait(10)
    # The next command recovers: the nonce finds what still carries it.
    wait_until("recovered", 30, lambda: world.tasks()[0]["state"] == "lost")
    wait_until("nothing with a nonce left", 10, lambda: not world.marked())
    left = [leaf for leaf in leaves if leaf.alive]
    kill_all(left)
    expect(len(left) <= 1, f"{len(left)} of {len(leaves)} escaped: only one leaf has no environment")
    return f"{len(left)} of {len(leaves)} left, as docs/cage.md says"


GUARDIANS = r"""
import ctypes, os, resource, time
shepherd = os.getppid()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2): os.dup2(null, number)
        os.execve("/bin/sleep", ["sleep", "60"], {})
    os._exit(0)
os.wait()
refused = 0
libc = ctypes.CDLL(None, use_errno=True)
for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
    try: resource.prlimit(shepherd, what, (0, 0))
    except PermissionError: refused += 1
for which, who in ((0, shepherd), (2, 0), (2, os.getuid())):
    refused += libc.setpriority(which, who, 19) == -1 and ctypes.get_errno() == 1
resource.prlimit(0, resource.RLIMIT_NOFILE, (64, 64))
print(refused, flush=True)
time.sleep(1)
"""


@suite.case("cageless: a worker cannot take its guardians' limits away", identities=USER)
def guardians(world: World) -> None:
    script = world.write(world.workspace / "guardians.py", GUARDIANS, 0o644)
    command = world.caged("/usr/bin/python3", script, policy="standard")
    result = world.launch([*CAGELESS.command(world), world.binaries.claudine, *command]).wait(60)
    expect(result.code == 0 and result.text.split() == ["7"], f"{result}")
    expect(world.record()["stragglers"] == 1, f"{world.record().get('stragglers')}")


STORM = r"""
import os, sys, time
deadline = time.monotonic() + 60
os.close(1)
while time.monotonic() < deadline:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        time.sleep(0.001)
"""


@suite.case("cageless: a storm of forks in sessions of their own", identities=USER, alone=True)
def storm(world: World) -> str:
    script = world.write(world.workspace / "storm.py", STORM, 0o644)
    command = world.caged("/usr/bin/python3", script, policy="standard", options=["--timeout", "1s", "--processes", "150"])
    began = time.monotonic()
    result = world.launch([*CAGELESS.command(world), world.binaries.claudine, *command]).wait(90)
    expect(result.code in (124, 137), f"{result}")
    expect(not world.marked(), f"{len(world.marked())} processes left when `run` returned")
    record = world.record()
    processes = record["resources"]["maxProcesses"]
    expect(processes >= 50, f"no storm: {processes} processes")
    return f"{processes} processes, {record['reason']['code']} after {time.monotonic() - began:.1f} s"


@suite.case("cageless: files, network and other processes", identities=USER)
def walls(world: World) -> str:
    """The same attacks work without Claudine and fail with it."""
    secret = world.write(world.home / ".ssh" / "id_ed25519", "secret " + world.nonce)
    other = world.write(world.base / "elsewhere", "before")
    tests = {
        "read a key": f"grep -q secret {secret}",
        "write elsewhere": f"echo after > {other}",
        "list a home": f"ls {world.home}",
        "list the temporary files of others": "ls /tmp",
        "list the root": "ls /",
        "read the supervisor's environment": f"tr '\\0' '\\n' < /proc/$(cat {world.workspace}/pid)/environ | grep -q CLAUDINE_STATE_DIR",
        "signal the supervisor": f"kill -0 $(cat {world.workspace}/pid)",
        "make a socket": "python3 -c 'import socket; socket.socket()'",
        "make a netlink socket": "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'",
    }
    can = {"write here": f": > {world.workspace}/made", "write a home": ": > ~/made", "write temporary files": ": > $TMPDIR/made",
           "run git": "git --version", "make a unix socket": "python3 -c 'import socket; socket.socket(socket.AF_UNIX)'"}
    lines = [f"({test}) >/dev/null 2>&1 && echo \"{name}\"" for name, test in {**tests, **can}.items()]
    script = world.write(world.workspace / "try.sh", f"echo $PPID > {world.workspace}/mine\n" + "\n".join(lines) + "\ntrue\n", 0o644)
    begin = f"echo $$ > {world.workspace}/pid; exec \"$@\""
    # The control: the same shell without a cage, its own parent in the supervisor's place.
    control = world.launch(["sh", "-c", begin, "sh", "sh", "-c", f"TMPDIR=/tmp sh {script}; true"]).wait(30)
    worked = set(control.text.splitlines())
    expect(set(tests) <= worked, f"proves nothing: without a cage {sorted(set(tests) - worked)} fail")
    other.write_text("before")
    command = world.caged("/bin/sh", script, policy="standard")
    result = world.launch(["sh", "-c", begin, "sh", *CAGELESS.command(world), world.binaries.claudine, *command]).wait(60)
    worked = set(result.text.splitlines())
    expect(not worked & set(tests), f"got through: {sorted(worked & set(tests))}")
    expect(set(can) <= worked, f"broken: {sorted(set(can) - worked)}")
    expect(other.read_text() == "before", "a file elsewhere was changed")
    return f"{len(tests)} attacks, {len(can)} rights"


@suite.case("cageless: what cannot be protected or hidden is said or refused", identities=USER)
def limits_of_the_level(world: World) -> None:
    world.write(world.workspace / ".git" / "config", "[core]\n")

    def run(policy: str) -> dict[str, Any]:
        command = world.caged("/bin/true", policy=policy, options=["--json"])
        return dict(world.launch([*CAGELESS.command(world), world.binaries.claudine, *command]).wait(60).json())

    record = run("standard")
    expect("protectedNames" in record["policy"]["degraded"], f"{record['policy']}")
    # A path that is hidden in a directory that is writable, an empty workspace: both take a mount.
    for name, change in (
        ("hiding", f'[filesystem]\ndeny = {{ add = ["{world.workspace}/.git"] }}\n'), ("empty", '[workspace]\nmode = "scratch"\nsize = "1M"\n')):
        text = f'schema = 1\nname = "{name}"\ndescription = "x"\nextends = "standard"\n{change}'
        world.write(world.config / "policies" / f"{name}.toml", text)
        record = run(name)
        reason = record.get("reason", {})
        expect(record["state"] == "refused" and reason["code"] == "refused.policy", f"{name}: {record['state']} {reason}")
        expect(reason["detail"]["layer"] == "mountNamespace", f"{name}: {reason}")


@suite.case("cageless: a delegated cgroup holds the tree", identities=USER, alone=True)
def delegated(world: World) -> str:
    """`cgroup.kill` ends what has left in every way at once; the containment says who holds it."""
    hierarchy = next(
        (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[2] == "cgroup2"), None)
    if os.geteuid() != 0 or hierarchy is None:
        raise Skip("only root can delegate a cgroup, where version 2 is mounted")
    cgroup = Path(hierarchy) / f"claudine-test-{world.nonce}"
    cgroup.mkdir()
    try:
        for path in (cgroup, cgroup / "cgroup.procs", cgroup / "cgroup.subtree_control", cgroup / "cgroup.threads"):
            os.chown(path, world.identity.uid, world.identity.gid)
        go, ready = world.workspace / "go", world.workspace / "ready"
        wait = f'while [ ! -e {go} ]; do sleep 0.02; done; exec "$@"'
        command = world.caged(world.program("tree"), "exit", ready, policy="standard", options=["--json"])
        running = world.launch(["sh", "-c", wait, "sh", *CAGELESS.command(world), world.binaries.claudine, *command])
        (cgroup / "cgroup.procs").write_text(str(running.popen.pid))
        go.touch()
        record = running.wait(60).json()
        expect(record["policy"]["containment"] == "cgroup", f"{record['policy']}")
        expect("cgroup" in record["policy"]["layers"], f"{record['policy']}")
        expect(record["state"] == "succeeded" and record["stragglers"] >= 12, f"{record}")
        expect(not world.marked(), "processes left")
        wait_until("no cgroup left", 5, lambda: not [entry for entry in cgroup.iterdir() if entry.is_dir()])
        return f"{record['stragglers']} stragglers"
    finally:
        wait_until("the test's cgroup is empty", 10, lambda: not (cgroup / "cgroup.procs").read_text())
        cgroup.rmdir()


@suite.case("cageless: the gateway answers", identities=USER)
def gateway(world: World) -> str:
    script = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['ANTHROPIC_UNIX_SOCKET']); "
        "s.sendall(b'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'); print(s.recv(100).split()[1].decode())")
    command = world.caged("/usr/bin/python3", "-c", script, policy="standard")
    result = world.launch([*CAGELESS.command(world), world.binaries.claudine, *command]).wait(60)
    expect(result.stdout.strip() == b"403", f"{result}")
    return "403 for what is not the model's API"


@suite.case("cageless: exec failures, exit codes and signals are the same", identities=USER)
def endings(world: World) -> None:
    def run(*command: str) -> int:
        return world.launch([*CAGELESS.command(world), world.binaries.claudine, *world.caged(*command, policy="standard")]).wait(60).code

    plain = world.write(world.workspace / "plain", "text", 0o644)
    for command, code in (
        (("/nonexistent",), 127), ((str(plain),), 126), (("/bin/sh", "-c", "exit 7"), 7), (("/bin/sh", "-c", "kill -9 $$"), 137),
        (("/bin/sh", "-c", "kill -TERM $$"), 143)):
        expect((found := run(*command)) == code, f"{command}: exit {found}, not {code}")


if __name__ == "__main__":
    suite.main()
