"""83 to 89: clocks that are set, that jump, that stand still."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

from harness import expect, wait_until

from ..faults.times import WallClock, later, launched_as_root
from ..ground import GONE, Ground
from ..register import DAEMON, FOREGROUND, FULL, ROOT_ONLY, SMOKE, scenario
from .signals import worker
from .supervisor import unfinished

YEAR = 365 * 24 * 3600
#: By how much the wall clock is wrong, one after the other.
STEPS = (3600, -3600, 10 * YEAR, -10 * YEAR, 0)


@scenario(83, name="rows from the future", kind=SMOKE, ways=(FOREGROUND, DAEMON))
def future(ground: Ground) -> str:
    task = ground.agent("exit", 0)
    expect(task.end().code == 0, "the first run")
    ground.dismiss()
    with closing(sqlite3.connect(ground.world.state / "claudine.db", timeout=10)) as base, base:
        base.execute("UPDATE attempt SET claimed_at = claimed_at + ?, started_at = started_at + ?", (10 * YEAR * 1000, 10 * YEAR * 1000))
        base.execute("UPDATE task SET created_at = created_at + ?, rank = rank + ?", (10 * YEAR * 1000, 10 * YEAR * 1000))
        base.execute("UPDATE event SET time = time + ?", (10 * YEAR * 1000,))
    expect(ground.world.claudine("status", task.id, "--json").code == 0, "status of it")
    expect(len(ground.world.tasks()) == 1, "list")
    other = ground.agent("exit", 0)
    expect(other.end().code == 0, "another run")
    return ground.expect_one_of(other, "succeeded")


@scenario(84, name="the wall clock is set by hours and years", kind=SMOKE, ways=(FOREGROUND, DAEMON))
def wall_clock(ground: Ground) -> str:
    clock = WallClock(ground.world)
    task = ground.agent("ready", "up", "sleep", 1500, "print", 100, options=["--timeout", "20s", "--idle-timeout", "10s"], env=clock.environment)
    task.until("up")
    for step in STEPS:
        clock.set(step)
        expect(ground.world.claudine("status", task.id, env=clock.environment).code == 0, f"status at {step} s")
        time.sleep(0.2)
    expect(task.end(30).code == 0, "the run")
    ground.expect_one_of(task, "succeeded")
    wall = ground.query("SELECT wall_ms FROM attempt WHERE task_id = ?", task.id)[0][0]
    expect(1400 < wall < 15000, f"it is said to have run {wall} ms")
    # And a limit is as long as it is, whatever the clock says meanwhile.
    clock.set(-10 * YEAR)
    task = ground.agent("ready", "up-2", "sleep", 50000, options=["--timeout", "2s"], env=clock.environment)
    task.until("up-2")
    claimed = ground.query("SELECT claimed_at FROM attempt WHERE task_id = ?", task.id)[0][0] / 1000
    # The daemon was started when the clock was right, a run of its own when it was wrong: both look at it anew.
    expect(claimed < time.time() - 9 * YEAR, "its clock was not wrong, so this proves nothing")
    clock.set(YEAR)
    began = time.monotonic()
    expect(task.end(30).code == 124, "the timeout")
    seconds = time.monotonic() - began
    expect(seconds < 8, f"ended after {seconds:.1f} s")
    return f"{ground.expect_one_of(task, 'timedOut timeout.wall')} after {seconds:.1f} s"


@scenario(86, name="the boot clock is a day ahead at the next start", kind=SMOKE, identities=ROOT_ONLY)
def boot_clock(ground: Ground) -> str:
    tasks = unfinished(ground, 2)
    result = launched_as_root(ground.world, later(86400), [ground.world.binaries.claudine, "list", "--json"]).wait(30)
    expect(result.code == 0, str(result))
    outcomes = {task.outcome() for task in tasks}
    expect(outcomes == {"lost lost.supervisor"}, f"{outcomes}")
    # Start times in /proc are shifted with that clock, so no stored pid is anybody's there.
    task = launched_as_root(ground.world, later(86400), [ground.world.binaries.claudine, *ground.world.caged("/bin/sh", "-c", "sleep 0.2; exit 4")]).wait(30)
    expect(task.code == 4, str(task))
    return "recovered, and a task runs there"


@scenario(88, name="suspended across its limit", kind=SMOKE, exempt=("I7",), ask=0)
def suspended(ground: Ground) -> str:
    # I7: whoever is stopped reaps nobody.
    task = ground.agent("ready", "up", "sleep", 50000, options=["--timeout", "2s"])
    task.until("up")
    everybody = [task.supervisor(), task.shepherd(), worker(ground, task), *ground.world.members()]
    for process in everybody:
        process.signal(signal.SIGSTOP)
    time.sleep(3)
    for process in reversed(everybody):
        process.signal(signal.SIGCONT)
    began = time.monotonic()
    expect(task.end(30).code == 124, "the run")
    expect(time.monotonic() - began < 7, f"ended {time.monotonic() - began:.1f} s after it went on")
    return ground.expect_one_of(task, "timedOut timeout.wall")


@scenario(89, name="a byte now and then, just before it would be idle", kind=SMOKE)
def dripping(ground: Ground) -> str:
    task = ground.agent("drip", 1500, 4, "ready", "dry", "sleep", 50000, options=["--idle-timeout", "2s"])
    task.until("dry")
    began = time.monotonic()
    expect(task.end(30).code == 124, "the run")
    seconds = time.monotonic() - began
    # Its last byte was written 1.5 s before it was dry; strict has a grace of 5 s, which it does not need.
    expect(seconds < 5, f"idle for {seconds + 1.5:.1f} s")
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    return ground.expect_one_of(task, "timedOut timeout.idle")


@scenario(88, name="a daemon that was suspended goes on", kind=FULL, ways=(DAEMON,), exempt=("I7",), ask=0)
def suspended_daemon(ground: Ground) -> str:
    # I7: as above.
    tasks = [ground.agent("sleep", 3000, "print", 100) for _ in range(3)]
    wait_until("they run", 20, lambda: all(task.starts() for task in tasks))
    supervisor = tasks[0].supervisor()
    supervisor.signal(signal.SIGSTOP)
    time.sleep(10)
    supervisor.signal(signal.SIGCONT)
    for task in tasks:
        expect(task.end(30).code == 0, task.name)
    return f"{len(tasks)} succeeded"
