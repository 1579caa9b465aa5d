"""Controls: where a promise is broken on purpose, the one who looks on has to see it. Otherwise all the rest proves nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

from harness import NONCE, Failure, compile_program, expect, wait_until

from ..ground import Ground, Task
from ..observer.asking import Asking
from ..observer.canaries import Canaries
from ..observer.invariants import Judge
from ..observer.processes import ATTEMPT_NONCE, Table
from ..observer.record import Record
from ..register import SMOKE, scenario

EVERYTHING = tuple(f"I{number}" for number in range(1, 12))

#: A `claudine` that never looks after its children.
NEGLIGENT = "import ctypes, os, time\nctypes.CDLL(None).prctl(15, b'claudine', 0, 0, 0)\nif os.fork() == 0: os._exit(0)\ntime.sleep(20)"


class Trial:
    """A judge of its own, and what it says."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.table = Table(ground.world.nonce, str(ground.world.state))
        self.judge = Judge(str(ground.world.state), Record(str(ground.world.state)), self.table, 64)
        self.now = 1000.0
        self.seen: list[str] = []

    def look(self, seconds: float = 0.05) -> set[str]:
        """What is violated at a look so much later."""
        self.now += seconds
        return {violation.invariant for violation in self.judge.look(self.now, 0.0)}

    def must_see(self, invariant: str, what: str, found: set[str]) -> None:
        expect(invariant in found, f"{what}: {invariant} was not seen, only {sorted(found)}")
        self.seen.append(invariant)


def tampered(ground: Ground, *statements: str) -> None:
    with closing(sqlite3.connect(ground.world.state / "claudine.db", timeout=10)) as base, base:
        for statement in statements:
            base.execute(statement)


@scenario(name="control: the observer sees every promise that is broken", kind=SMOKE, exempt=EVERYTHING, ask=0)
def control(ground: Ground) -> str:
    trial = Trial(ground)
    ended = ground.agent("print", 100, "exit", 0)
    expect(ended.end().code == 0, "the first run")
    running = ground.agent("ready", "up", "sleep", 50000, options=["--timeout", "10s"])
    running.until("up")
    wait_until("it runs", 10, lambda: running.outcome() == "running")
    expect(trial.look() == set() and trial.look() == set(), "something is seen although nothing is wrong")
    processes(trial, ended, running)
    record(trial, ended)
    others(trial, ended)
    # And at the end of it all.
    found = {violation.invariant for violation in trial.judge.end()}
    trial.must_see("I4", "a task that is left running", found)
    expect(ground.world.claudine("cancel", "--force", running.id).code == 0, "cancel")
    running.end()
    return f"{', '.join(sorted(set(trial.seen), key=lambda name: int(name[1:])))} seen"


def processes(trial: Trial, ended: Task, running: Task) -> None:
    ground = trial.ground
    nonce = ground.query("SELECT lower(hex(nonce)) FROM attempt WHERE task_id = ?", ended.id)[0][0]
    with stray(ground, {ATTEMPT_NONCE.decode().rstrip("="): nonce, NONCE: ground.world.nonce}):
        trial.must_see("I1", "a process of a task that has ended", trial.look())
    with stray(ground, {ATTEMPT_NONCE.decode().rstrip("="): "f" * 32, NONCE: ground.world.nonce}):
        trial.must_see("I5", "a process of a task that nobody claimed", trial.look())
    expect(trial.look() == set(), "something is seen although the strays are gone")
    trial.judge.slots = 0
    trial.must_see("I6", "one more than there are slots", trial.look())
    trial.judge.slots = 64
    # Ten seconds of its own, five of grace, fifteen for the kill, and one more.
    expect("I10" not in trial.look(20), "its time is not over yet")
    trial.must_see("I10", "a process that should long have been killed", trial.look(20))
    negligent = subprocess.Popen([sys.executable, "-B", "-c", NEGLIGENT], env={"CLAUDINE_STATE_DIR": str(ground.world.state)})
    try:
        wait_until("a zombie", 10, lambda: any(seen.state == "Z" and seen.parent == negligent.pid for seen in trial.table.scan()))
        trial.look()
        trial.must_see("I7", "a child that nobody reaps", trial.look(1.5))
    finally:
        negligent.kill()
        negligent.wait()
    supervisor, shepherd = running.supervisor(), running.shepherd()
    expect(supervisor.alive and shepherd.alive, "the task is not running any more")


def record(trial: Trial, ended: Task) -> None:
    ground = trial.ground
    tampered(ground, "DROP TRIGGER task_terminal_is_final", f"UPDATE task SET state = 'failed' WHERE id = '{ended.id}'")
    trial.must_see("I2", "a task that ended a second time", trial.look())
    tampered(ground, f"UPDATE task SET state = 'succeeded' WHERE id = '{ended.id}'")
    trial.look()
    tampered(ground, f"DELETE FROM event WHERE task_id = '{ended.id}' AND kind = 'task.ended'")
    trial.must_see("I2", "an end that was not told", trial.look())
    trial.judge.acknowledge("task_that_was_promised", None)
    tampered(ground, "UPDATE event SET kind = 'task.queued' WHERE seq = 1")
    trial.must_see("I3", "an event that has become another, and a task that is not there", trial.look())


def others(trial: Trial, ended: Task) -> None:
    ground = trial.ground
    fails(lambda: ground.expect_output(ended, b"something else"), "output that is not what was written")
    trial.seen.append("I9")
    folder = ground.world.base / "more-canaries"
    folder.mkdir()
    canaries = Canaries(compile_program("canary"), folder, ground.world.identity.uid, ground.world.identity.gid)
    try:
        expect(canaries.complaints() == [], "a canary complains although nobody did anything")
        os.kill(canaries.pids[0], signal.SIGCONT)
        wait_until("a canary complains of a signal", 5, canaries.complaints)
        os.kill(canaries.pids[1], signal.SIGKILL)
        wait_until("a canary is missed", 5, canaries.complaints)
    finally:
        canaries.close()
    trial.seen.append("I11")
    for script, what in (("sleep 3; echo {}", "an answer that takes long"), ("echo hello", "an answer that is none"), ("exit 9", "no reason")):
        fake = ground.world.write(ground.world.base / "fake", f"#!/bin/sh\n{script}\n", 0o755)
        asking = Asking(str(fake), {"PATH": "/usr/bin:/bin"}, ground.world.identity.uid, ground.world.identity.gid, 0.01)
        wait_until(what, 10, lambda: asking.look(None, 0.0))  # noqa: B023
        asking.close()
    trial.seen.append("I8")


def fails(action: Callable[[], None], what: str) -> None:
    try:
        action()
    except Failure:
        return
    raise Failure(f"{what}: not noticed")


class stray:
    """A process that should not be."""

    def __init__(self, ground: Ground, environment: dict[str, str]) -> None:
        user = ground.world.identity
        switch = {} if user.uid == os.geteuid() else {"user": user.uid, "group": user.gid, "extra_groups": []}
        self._popen = subprocess.Popen(["/bin/sleep", "30"], env=environment, **switch)  # type: ignore[call-overload]

    def __enter__(self) -> None:
        wait_until("a stray", 5, lambda: b"CLAUDINE_NONCE" in open(f"/proc/{self._popen.pid}/environ", "rb").read())

    def __exit__(self, *error: object) -> None:
        self._popen.kill()
        self._popen.wait()
