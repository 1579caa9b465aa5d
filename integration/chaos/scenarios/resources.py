"""57 to 73: what runs out: space, inodes, descriptors, processes, memory, patience. The database's own part is in `integration/database.py`."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter

from harness import Result, Running, expect, wait_until
from harness.smalldisk import SmallDisk

from ..agent import pattern
from ..faults.tracing import Aim, TracedShepherd, supervisor_prefix
from ..ground import GONE, Ground
from ..register import DAEMON, FOREGROUND, FULL, ROOT_ONLY, SMOKE, scenario

#: How `claudine run` may end when it could not do what it was asked to.
REFUSALS = {1, 75, 125, 126, 127}


def honest(result: Result, where: str) -> str:
    """Either it did what it was asked to, or it says in a line with a code why it did not. It never crashes."""
    if "error while loading shared libraries" in result.errors:
        return "not loaded"
    expect(result.code == 0 or result.code in REFUSALS, f"{where}: {result}")
    expect(result.code == 0 or "claudine: error: [" in result.errors, f"{where}: no reason given: {result}")
    return "fine" if result.code == 0 else result.errors.split("claudine: error: [", 1)[1].split("]")[0]


@scenario(60, name="no space for output", kind=SMOKE, identities=ROOT_ONLY)
def full_for_output(ground: Ground) -> str:
    attempts = ground.world.state / "attempts"
    ground.agent("exit", 0).end()
    with SmallDisk(ground.world, 1024, place=attempts):
        task = ground.agent("print", 3_000_000, "ready", "done", "sleep", 100, options=["--json"])
        result = task.end(30)
        # It was not held up, and the record says how much there was, if not all of it is kept.
        expect((ground.world.workspace / "done").exists(), "the agent hung on its output")
        ground.expect_one_of(task, "succeeded")
        expect(result.json()["output"]["stdoutBytes"] == 3_000_000, str(result))
        logs = ground.world.claudine("logs", "--raw", "--stream", "stdout", task.id)
        expect(logs.code == 0 and len(logs.stdout) < 1 << 20, f"exit {logs.code}, {len(logs.stdout)} bytes")
        expect(pattern(3_000_000).startswith(logs.stdout), "what is kept is not the beginning")
    return f"{len(logs.stdout)} of 3000000 bytes kept"


@scenario(61, name="no inodes", kind=SMOKE, identities=ROOT_ONLY, ask=0, exempt=("I3",))
def no_inodes(ground: Ground) -> str:
    # I3: what is written on that file system is not there afterwards.
    notes: Counter[str] = Counter()
    for inodes in (1, 3, 5, 8, 11, 14, 17, 20, 40):
        with SmallDisk(ground.world, 4096, inodes=inodes):
            notes[honest(ground.world.run("/bin/true"), f"{inodes} inodes")] += 1
            expect(not ground.world.marked(), f"{inodes} inodes: something is left")
    expect(notes["fine"] and len(notes) > 1 and not notes["store.readOnly"], f"{notes}")
    return listed(notes)


@scenario(63, name="the supervisor has no descriptors left", kind=SMOKE)
def few_descriptors(ground: Ground) -> str:
    notes: Counter[str] = Counter()
    # With four there is not one besides the three that everybody has and the one that reads our own arguments.
    for limit in sorted(ground.chance.sample(range(5, 64), 8)):
        prefix = [sys.executable, "-B", "-c", f"import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit})); os.execv(sys.argv[1], sys.argv[1:])"]
        task = ground.agent("spawn", "group", "exit", 0, prefix=prefix)
        notes[honest(task.end(60), f"{limit} descriptors")] += 1
        wait_until("nothing left", GONE, lambda: not ground.world.marked())
    return listed(notes)


def failing(ground: Ground, aim: Aim, traced: TracedShepherd | None) -> str:
    """One task with a call that fails: the shepherd's if there is one to trace, else its supervisor's."""
    if traced:
        traced.aim(aim)
    task = ground.agent("print", 500, "spawn", "group", "exit", 0, prefix=() if traced else supervisor_prefix(aim))
    note = honest(task.end(60), str(aim))
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    return note


def listed(notes: Counter[str]) -> str:
    return ", ".join(f"{count} × {note}" for note, count in sorted(notes.items()))


@scenario(64, 66, name="the shepherd has no descriptors, no processes, no memory", kind=SMOKE)
def poor_shepherd(ground: Ground) -> str:
    traced = TracedShepherd(ground.world)
    # Each of them passes, so the next attempt gets through; and none is the fault of a policy.
    aims = [
        Aim(call, ground.chance.randint(1, most), f"error={error}")
        for call, error, most in (("pipe2", "EMFILE", 4), ("openat", "ENFILE", 12), ("clone3", "EAGAIN", 1), ("socketpair", "EMFILE", 1), ("mmap", "ENOMEM", 3))
    ]
    notes = Counter(failing(ground, aim, traced) for aim in aims)
    expect(set(notes) <= {"fine", "spawn.resources", "spawn.failed"}, f"{notes}")
    return listed(notes)


@scenario(65, name="no process for the cage, for a while", kind=SMOKE, ways=(DAEMON,))
def no_process(ground: Ground) -> str:
    traced = TracedShepherd(ground.world)
    # The first start fails as on a machine that is full; it costs no attempt, and the daemon tries again by itself.
    traced.aim(Aim("clone3", 1, "error=EAGAIN"))
    began = time.monotonic()
    task = ground.agent("exit", 0)
    expect(task.end(60).code == 0, "the task")
    ground.expect_one_of(task, "succeeded")
    attempts = ground.query("SELECT counted FROM attempt WHERE task_id = ? ORDER BY number", task.id)
    expect(attempts == [(0,), (1,)], f"attempts {attempts}")
    return f"{time.monotonic() - began:.1f} s"


@scenario(66, 67, name="the supervisor's calls fail, one after the other", kind=FULL)
def poor_supervisor(ground: Ground) -> str:
    notes: Counter[str] = Counter()
    ground.agent("exit", 0).end()
    for call, error, most in (("openat", "ENFILE", 60), ("pipe2", "ENFILE", 6), ("socketpair", "ENFILE", 2), ("mkdir", "ENOSPC", 6), ("flock", "ENOLCK", 4)):
        for number in sorted(ground.chance.sample(range(1, most + 1), min(most, 10))):
            notes[failing(ground, Aim(call, number, f"error={error}"), None)] += 1
    return listed(notes)


@scenario(72, name="the agent prints on while its supervisor is stopped", kind=SMOKE, exempt=("I7",))
def stopped_reader(ground: Ground) -> str:
    # I7: whoever is stopped reaps nobody.
    size = 1 << 28
    task = ground.agent("ready", "up", "print", size, "ready", "done", "sleep", 200, options=["--json"])
    task.until("up")
    supervisor = task.supervisor()
    supervisor.signal(signal.SIGSTOP)
    began = time.monotonic()
    wait_until("it has printed all of it", 60, (ground.world.workspace / "done").exists)
    seconds = time.monotonic() - began
    expect(supervisor.state == "T", "the supervisor was not stopped all the while")
    supervisor.signal(signal.SIGCONT)
    result = task.end(30)
    expect(result.code == 0 and result.json()["output"]["stdoutBytes"] == size, str(result)[:500])
    return f"{size / seconds / (1 << 20):.0f} MiB/s"


@scenario(73, name="followers that read slowly, or not at all", kind=SMOKE)
def slow_followers(ground: Ground) -> str:
    number, size = 20, 2_000_000
    task = ground.agent("ready", "up", "sleep", 800, "print", size, options=["--json"])
    task.until("up")
    followers: list[Running] = [ground.world.start("logs", "-f", "--raw", task.id) for _ in range(number)]
    time.sleep(0.5)
    # Nobody reads their pipes, and half of them are stopped besides.
    for running in followers[: number // 2]:
        running.popen.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    expect(task.end(30).code == 0, "the run")
    seconds = time.monotonic() - began
    for running in followers[: number // 2]:
        running.popen.send_signal(signal.SIGCONT)
    for running in followers:
        result = running.wait(60)
        expect(result.code == 0 and result.stdout == pattern(size), f"exit {result.code}, {len(result.stdout)} bytes")
    ground.checked["I9"] += number
    return f"the task was not held up ({seconds:.1f} s), {number} times all of it"
