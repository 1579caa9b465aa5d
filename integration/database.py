#!/usr/bin/python3
"""The database under bad conditions: locked, full, damaged, gone. The record stays true, nothing runs on, and the reason is said."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Result, Running, Skip, Suite, World, expect, wait_until

suite = Suite("database", __doc__ or "")

#: Seconds that another process holds the lock; twice what a single call waits for it (Store.busySeconds).
LOCKED = 20.0
TERMINAL = {"succeeded", "failed", "timedOut", "cancelled", "refused", "lost"}
SENTENCE = re.compile(r"^claudine: error: \[([a-zA-Z.]+)\] (.+)$", re.MULTILINE)


# MARK: what is looked at afterwards


def refusal(result: Result, codes: str, exits: set[int]) -> str:
    """A refusal as the contract has it: code, sentence, exit code, and never the trace of a crash."""
    found = SENTENCE.search(result.errors)
    expect(found, f"no error line: {result}")
    assert found
    expect(re.fullmatch(codes, found[1]), f"code {codes} expected: {result}")
    expect(result.code in exits, f"exit {sorted(exits)} expected: {result}")
    expect("Fatal error" not in result.errors and ".swift" not in result.errors, f"a trace: {result}")
    return found[1]


def settled(world: World, database: Path | None = None) -> list[dict[str, Any]]:
    """The database is whole, every task has ended, and each exactly once. Returns the records, newest first."""
    tasks = world.tasks()
    base = sqlite3.connect(f"file:{database or world.state / 'claudine.db'}?mode=ro", uri=True)
    try:
        expect(base.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity_check")
        ends = dict(base.execute("SELECT task_id, count(*) FROM event WHERE kind = 'task.ended' GROUP BY task_id"))
        attempts = dict(base.execute("SELECT task_id, count(*) FROM attempt GROUP BY task_id"))
    finally:
        base.close()
    for task in tasks:
        expect(task["state"] in TERMINAL, f"state {task['state']}")
        expect(ends.get(task["taskId"]) == 1, f"{ends.get(task['taskId'])} ends of one task")
        expect(attempts.get(task["taskId"], 0) <= 1, f"{attempts.get(task['taskId'])} attempts of one task")
    return tasks


def works(world: World) -> None:
    """Another task runs as if nothing had been."""
    result = world.run("/bin/sh", "-c", "exit 3")
    expect(result.code == 3, f"afterwards: {result}")


# MARK: locked by another process

HOLD = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
if sys.argv[2] == "everybody":
    base.execute("PRAGMA locking_mode = EXCLUSIVE")
base.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


class Lock:
    """Another process in an exclusive transaction: keeps out `writers`, or in exclusive locking mode `everybody`."""

    def __init__(self, world: World, against: str = "everybody") -> None:
        # Whoever has the database open already holds a shared lock, which the exclusive mode cannot get past.
        self.running = world.launch(
            ["/usr/bin/python3", "-c", HOLD, world.state / "claudine.db", against], stdin=subprocess.PIPE)
        assert self.running.popen.stdout
        line = self.running.popen.stdout.readline()
        expect(line == b"locked\n", f"the lock was not to be had: {line!r}")
        self.since = time.monotonic()

    def release(self) -> None:
        assert self.running.popen.stdin
        if not self.running.popen.stdin.closed:
            self.running.popen.stdin.close()
        self.running.popen.wait(30)

    def hold(self, seconds: float = LOCKED) -> None:
        time.sleep(max(0.0, self.since + seconds - time.monotonic()))
        self.release()


def begun(world: World, script: str, *, options: Sequence[str] = ()) -> Running:
    """A task that is known to have started, by the record."""
    running = world.begin("/bin/sh", "-c", f"touch begun; {script}", options=options)
    wait_until("started", 20, lambda: (world.workspace / "begun").exists() and world.tasks()[0]["state"] == "running")
    return running


@suite.case("locked for 20 s: a new task is refused as busy, and leaves nothing")
def locked_at_enqueue(world: World) -> None:
    works(world)
    lock = Lock(world)
    began = time.monotonic()
    refusal(world.run("/bin/true"), "store.busy", {125})
    refusal(world.claudine("list"), "store.busy", {75})
    expect(time.monotonic() - began < 30, f"{time.monotonic() - began:.0f} s")
    lock.release()
    expect(len(settled(world)) == 1, "the refused task left a row")
    works(world)


@suite.case("locked against writers for 20 s: reading goes on")
def locked_against_writers(world: World) -> None:
    works(world)
    lock = Lock(world, "writers")
    expect(len(world.tasks()) == 1, "list")
    refusal(world.run("/bin/true"), "store.busy", {125})
    lock.release()
    expect(len(settled(world)) == 1, "the refused task left a row")


@suite.case("locked for 20 s while it runs: it ends in its own way (R28)")
def locked_at_finish(world: World) -> None:
    running = begun(world, "sleep 3; exit 7")
    lock = Lock(world, "writers")
    lock.hold()
    result = running.wait(60)
    expect(result.code == 7, str(result))
    record = settled(world)[0]
    expect(record["state"] == "failed" and record["exit"] == {"code": 7}, str(record))
    expect(record["wallMs"] < 10_000, f"the lock counts as its time: {record['wallMs']} ms")


@suite.case("locked at the end for as long as the user likes: two interrupts leave it to the next command")
def left_at_finish(world: World) -> None:
    running = begun(world, "sleep 1; exit 7")
    lock = Lock(world, "writers")
    time.sleep(14)
    expect(running.popen.poll() is None, "its end was forgotten")
    for _ in range(2):
        running.popen.send_signal(signal.SIGINT)
        time.sleep(0.5)
    refusal(running.wait(45), "store.busy", {125})
    lock.release()
    record = settled(world)[0]
    expect(record["state"] == "failed" and record["exit"] == {"code": 7}, str(record))


def slow_shepherd(world: World) -> Path:
    """An installation whose shepherds wait for a file before they begin: the time between claim and arming."""
    world.binaries = world.binaries.copy(world.base / "prefix")
    shepherd = world.binaries.shepherd
    real = shepherd.rename(shepherd.with_name("real"))
    go = world.base / "go"
    shepherd.write_text(f"#!/bin/sh\nwhile [ ! -e '{go}' ]; do sleep 0.02; done\nexec '{real}' \"$@\"\n")
    shepherd.chmod(0o755)
    return go


@suite.case("locked for 20 s between claim and start: it starts once")
def locked_at_arm(world: World) -> None:
    works(world)
    go = slow_shepherd(world)
    running = world.begin("/bin/sh", "-c", "echo once >> starts; exit 7")
    wait_until("claimed", 20, lambda: len(world.tasks()) == 2)
    lock = Lock(world, "writers")
    go.touch()
    lock.hold()
    result = running.wait(60)
    expect(result.code == 7, str(result))
    expect((world.workspace / "starts").read_text() == "once\n", "started more than once")
    expect(len(settled(world)) == 2, "tasks")


if __name__ == "__main__":
    suite.main()
