"""97 to 105: whose state directory, whose process, whose number. The directory that moves or goes is in `integration/database.py`."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path

from harness import Process, Running, expect, wait_until

from ..faults.times import another_boot, launched_as_root
from ..ground import GONE, Ground, Task
from ..register import DAEMON, FOREGROUND, FULL, ROOT_ONLY, SMOKE, scenario
from .supervisor import LOST, recovered, unfinished

WRAP = Path(__file__).resolve().parents[1] / "faults" / "wrap.py"


def pairs(ground: Ground, number: int) -> str:
    lived = 0
    for _ in range(number):
        two = [ground.world.start("serve") for _ in range(2)]
        wait_until("one of them leaves", 20, lambda: any(running.popen.poll() is not None for running in two))  # noqa: B023
        loser, winner = sorted(two, key=lambda running: running.popen.poll() is None)
        result = loser.wait(5)
        expect(result.code == 75 and "[daemon.another]" in result.errors, f"the second one: {result}")
        wait_until("the other one serves", 20, lambda: ground.has_daemon)
        expect(winner.popen.poll() is None, "neither lives")
        lived += 1
        winner.popen.send_signal(signal.SIGTERM)
        # Before it listens for signals it simply dies of one.
        expect(winner.wait(20).code in (0, -signal.SIGTERM), "it did not leave")
    return f"{lived} pairs: one lived, the other left with 75"


@scenario(97, name="pairs of daemons, started together", kind=SMOKE, ways=(DAEMON,))
def some_pairs(ground: Ground) -> str:
    return pairs(ground, 5)


@scenario(97, name="fifty pairs of daemons, started together", kind=FULL, ways=(DAEMON,))
def fifty_pairs(ground: Ground) -> str:
    return pairs(ground, 50)


@scenario(97, name="many start a daemon at once, and all their tasks run", kind=SMOKE, ways=(DAEMON,))
def on_demand(ground: Ground) -> str:
    commands = [ground.world.start(*ground.world.caged("/bin/true", options=["--detach"])) for _ in range(8)]
    tasks = []
    for running in commands:
        result = running.wait(60)
        expect(result.code == 0, str(result))
        tasks.append(result.text.strip())
        ground.watching.acknowledge(tasks[-1])
    expect(ground.world.claudine("wait", *tasks).code == 0, "not all of them succeeded")
    daemons = ground.query("SELECT count(*) FROM instance WHERE role = 'daemon'")
    ground.serve()
    ground.dismiss()
    return f"{len(tasks)} tasks, {daemons[0][0]} daemon"


def disguise(ground: Ground, task: Task, canary: int, *, wrong_by: int = 1) -> None:
    """Puts a stranger's pid where the shepherd's, its worker's and its supervisor's were."""
    process = Process.of(canary)
    assert process
    started = process.started + wrong_by
    with closing(sqlite3.connect(ground.world.state / "claudine.db", timeout=10)) as base, base:
        base.execute(
            "UPDATE attempt SET shepherd_pid = ?, shepherd_start_time = ?, child_pid = ?, child_start_time = ? WHERE task_id = ?",
            (canary, started, canary, started, task.id))
        base.execute("UPDATE instance SET pid = ?, start_time = ?", (canary, started))


@scenario(98, 105, name="stored pids that belong to somebody else by now", kind=SMOKE, ways=(FOREGROUND, DAEMON), ask=0)
def strangers(ground: Ground) -> str:
    # The canaries tell of every signal; the observer asks nothing, for its question would recover too early.
    task = ground.agent("ready", "up", "sleep", 50000)
    task.until("up")
    supervisor = task.supervisor()
    if ground.way == DAEMON:
        # Who waits for it would recover it at once.
        task.running.popen.kill()
        task.running.popen.wait()
    supervisor.signal(signal.SIGKILL)
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    disguise(ground, task, ground.watching.canaries[0])
    lock = os.open(ground.world.state / "attempts" / task.id / "1" / "alive.lock", os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Somebody holds the shepherd's lock, so recovery would wake the shepherd, were it the one that was recorded.
    for _ in range(3):
        expect(ground.world.claudine("list").code == 0, "list")
    expect(task.outcome() in ("starting", "running"), f"{task.outcome()} although its shepherd's lock is held")
    if ground.way == DAEMON:
        ground.daemon = None
        ground.serve()
        time.sleep(2)
    os.close(lock)
    note = recovered(ground, task, LOST)
    ground.checked["I11"] += 1
    return note


@scenario(98, name="a daemon's lock file without a daemon, and one that names a stranger", kind=SMOKE, ways=(DAEMON,))
def stale_lock(ground: Ground) -> str:
    ground.agent("exit", 0).end()
    ground.dismiss()
    ground.world.write(ground.world.state / "lock", f"{ground.watching.canaries[0]}\n")
    with closing(sqlite3.connect(ground.world.state / "claudine.db", timeout=10)) as base, base:
        base.execute(
            "INSERT INTO instance (id, host, boot_id, pid, start_time, registered_at, role) SELECT ?, 'host', ?, ?, ?, ?, 'daemon'",
            (f"inst_{'a' * 26}", str(uuid.uuid4()), ground.watching.canaries[0], 1, int(time.time() * 1000)))
    status = ground.world.claudine("status", "--json")
    expect(status.code == 0 and not status.json().get("daemon"), f"a daemon that is none: {status}")
    task = ground.agent("exit", 0)
    expect(task.end().code == 0, "the task")
    return ground.expect_one_of(task, "succeeded")


@scenario(103, name="the programs are replaced while a task and a daemon run", kind=SMOKE, ways=(FOREGROUND, DAEMON))
def replaced(ground: Ground) -> str:
    ground.world.binaries = ground.world.binaries.copy(ground.world.base / "install", linked=True)
    ground.world.claudine("policy", "check", "strict")
    task = ground.agent("ready", "up", "sleep", 1500, "print", 1000, options=["--json"])
    task.until("up")
    for program in (ground.world.binaries.claudine, ground.world.binaries.shepherd):
        new = program.with_name(f"{program.name}.new")
        shutil.copy(program, new)
        new.replace(program)
    other = ground.agent("print", 1000)
    expect(other.end().code == 0, "a task of the new programs")
    expect(task.end().code == 0, "the task of the old ones")
    ground.expect_one_of(task, "succeeded")
    return ground.expect_one_of(other, "succeeded")


@scenario(103, name="an upgrade: the old daemon leaves, the new one goes on", kind=SMOKE, ways=(DAEMON,))
def upgraded(ground: Ground) -> str:
    tasks = [ground.agent("ready", f"up-{number}", "sleep", 50000) for number in range(3)]
    for number, task in enumerate(tasks):
        task.until(f"up-{number}")
    old = ground.daemon
    assert old
    old.popen.send_signal(signal.SIGKILL)
    old.wait()
    ground.serve("--on-stop", "drain")
    new = ground.agent("exit", 0)
    expect(new.end().code == 0, "a task of the new daemon")
    outcomes = {recovered(ground, task, LOST) for task in tasks}
    last = ground.agent("sleep", 1000)
    wait_until("it runs", 20, last.starts)
    ground.dismiss()
    # Drained: what ran came to its end before the daemon left.
    expect(last.outcome() == "succeeded", last.outcome())
    last.end()
    return ", ".join(outcomes)


@scenario(104, name="the state comes to another boot: no stored pid is signalled", kind=SMOKE, identities=ROOT_ONLY, ask=0)
def other_boot(ground: Ground) -> str:
    task = unfinished(ground, 1)[0]
    disguise(ground, task, ground.watching.canaries[1], wrong_by=0)
    lock = os.open(ground.world.state / "attempts" / task.id / "1" / "alive.lock", os.O_RDWR | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    identifier = ground.world.write(ground.world.base / "boot_id", f"{uuid.uuid4()}\n", 0o644)
    result = launched_as_root(ground.world, another_boot(identifier), [ground.world.binaries.claudine, "list", "--json"]).wait(30)
    expect(result.code == 0, str(result))
    os.close(lock)
    ground.checked["I11"] += 1
    return ground.expect_one_of(task, "lost lost.reboot")


@scenario(105, name="pids go round, and the stored ones are a stranger's", kind=FULL, identities=ROOT_ONLY, ask=0, exempt=("I1", "I5"))
def wrapped(ground: Ground) -> str:
    # I1, I5: all of it happens in a PID namespace of its own, which from outside looks like one cage that outlives its tasks.
    ground.world.program("agent")
    command = [sys.executable, "-B", WRAP, ground.world.binaries.claudine, ground.world.state, ground.world.workspace, ground.world.nonce]
    popen = ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "/bin/sh", "-c",
             'echo 400 > /proc/sys/kernel/pid_max && exec "$@"', "sh"]
    running: Running = launched_as_root(ground.world, popen, command)
    result = running.wait(120)
    expect(result.code == 0, str(result))
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    ground.checked["I11"] += 1
    return result.text.strip()
