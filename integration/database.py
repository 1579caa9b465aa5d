#!/usr/bin/python3
"""A database that is locked, full or on a failing disk: the record stays true, nothing runs twice, and the reason is said."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from harness import IDENTITIES, Running, Skip, Suite, World, expect, wait_until
from harness.record import begun, refusal, served, settled, works
from harness.smalldisk import SmallDisk

suite = Suite("database", __doc__ or "")

#: Seconds that another process holds the lock; twice what a single call waits for it (Store.busySeconds).
LOCKED = 20.0


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


# MARK: full


@suite.case("full: a new task is refused, and runs when there is space again")
def full_at_enqueue(world: World) -> None:
    with SmallDisk(world, 2048) as disk:
        works(world)
        disk.fill()
        refusal(world.run("/bin/touch", "ran"), r"store\.(full|io)", {125})
        expect(not (world.workspace / "ran").exists(), "it ran all the same")
        disk.free()
        works(world)
        expect(len(settled(world, disk.state)) == 2, "the refused task left a row")


@suite.case("full when it ends: its end is written when there is space again (R28)")
def full_at_finish(world: World) -> None:
    with SmallDisk(world, 2048) as disk:
        running = begun(world, "sleep 2; exit 7")
        disk.fill()
        time.sleep(5)
        expect(running.popen.poll() is None, "its end was forgotten")
        disk.free()
        result = running.wait(30)
        expect(result.code == 7 and b"cannot be written down yet" in result.stderr, str(result))
        record = settled(world, disk.state)[0]
        expect(record["state"] == "failed" and record["exit"] == {"code": 7}, str(record))


@suite.case("full when it ends, and nobody waits: the next command finds out by the receipt")
def full_and_left(world: World) -> None:
    with SmallDisk(world, 2048) as disk:
        running = begun(world, "sleep 1; exit 7")
        disk.fill()
        time.sleep(4)
        for _ in range(2):
            running.popen.send_signal(signal.SIGINT)
            time.sleep(0.5)
        refusal(running.wait(30), r"store\.full", {125})
        disk.free()
        record = settled(world, disk.state)[0]
        expect(record["state"] == "failed" and record["exit"] == {"code": 7}, str(record))


# MARK: read-only, and disks that fail


@suite.case("a database file that cannot be written: said so, nothing runs", identities=[one for one in IDENTITIES if one.uid])
def read_only_file(world: World) -> None:
    works(world)
    for file in world.state.glob("claudine.db*"):
        file.chmod(0o400)
    refusal(world.run("/bin/touch", "ran"), r"store\.readOnly", {125})
    expect(not (world.workspace / "ran").exists(), "it ran all the same")
    for file in world.state.glob("claudine.db*"):
        file.chmod(0o600)
    works(world)
    expect(len(settled(world)) == 2, "the refused task left a row")


@suite.case("a sync that fails once: refused without a trace, or written all the same")
def failing_sync(world: World) -> str:
    if not Path("/usr/bin/strace").exists():
        raise Skip("strace is not installed")
    works(world)
    tasks, refused = 1, 0
    for number in range(1, 6):
        marker = world.workspace / "ran"
        marker.unlink(missing_ok=True)
        words = world.caged("/bin/sh", "-c", "echo once >> ran; exit 7")
        strace = ["/usr/bin/strace", "-f", "-b", "execve", "-o", "/dev/null", "-e", "trace=fdatasync"]
        result = world.launch([*strace, "-e", f"inject=fdatasync:error=EIO:when={number}", world.binaries.claudine, *words]).wait(60)
        if result.code == 7:
            tasks += 1
            expect(marker.read_text() == "once\n", f"sync {number}: it ran more than once")
        else:
            refused += 1
            refusal(result, "store.io", {125})
            expect(not marker.exists(), f"sync {number}: refused, but it ran")
        expect(len(settled(world)) == tasks, f"sync {number}: {result.code}, and {len(settled(world))} tasks instead of {tasks}")
    expect(0 < refused < 5, f"{refused} of 5 were refused: nothing was tried")
    return f"{refused} refused, {5 - refused} written all the same"


# MARK: the daemon


@suite.case("the daemon, locked out for 20 s: what ends has ended, what waits is started once")
def locked_daemon(world: World) -> None:
    daemon = served(world, "--max-running", "1")
    first = detached(world, "echo once >> first; sleep 2; exit 7")
    second = detached(world, "echo once >> second; exit 3")
    wait_until("started", 20, (world.workspace / "first").exists)
    lock = Lock(world, "writers")
    refusal(world.claudine(*world.caged("/bin/true", options=["--detach"])), r"store\.busy", {75, 125})
    lock.hold()
    for task, code in ((first, 7), (second, 3)):
        result = world.claudine("wait", task)
        expect(result.code == code, f"{code} expected: {result}")
    for name in ("first", "second"):
        expect((world.workspace / name).read_text() == "once\n", f"{name} ran more than once")
    expect(len(settled(world)) == 2, "the refused task left a row")
    ended(daemon)


@suite.case("the daemon, on a full disk: what ends has ended, what waits is started once")
def full_daemon(world: World) -> None:
    with SmallDisk(world, 8192) as disk:
        daemon = served(world, "--max-running", "1")
        first = detached(world, "echo once >> first; sleep 2; exit 7")
        second = detached(world, "echo once >> second; exit 3")
        wait_until("started", 20, (world.workspace / "first").exists)
        disk.fill()
        refusal(world.claudine(*world.caged("/bin/true", options=["--detach"])), r"store\.full|spawn\.[a-zA-Z]+", {125})
        time.sleep(5)
        expect(daemon.popen.poll() is None, "the daemon is gone")
        expect(not (world.workspace / "second").exists(), "the end of the first was taken for written")
        disk.free()
        for task, code in ((first, 7), (second, 3)):
            result = world.claudine("wait", task)
            expect(result.code == code, f"{code} expected: {result}")
        for name in ("first", "second"):
            expect((world.workspace / name).read_text() == "once\n", f"{name} ran more than once")
        expect(len(settled(world, disk.state)) == 2, "the refused task left a row")
        ended(daemon)


def detached(world: World, script: str) -> str:
    result = world.claudine(*world.caged("/bin/sh", "-c", script, options=["--detach"]))
    expect(result.code == 0, str(result))
    return result.text.strip()


def ended(daemon: Running) -> None:
    daemon.popen.send_signal(signal.SIGTERM)
    expect(daemon.wait(30).code == 0, "the daemon did not leave")


if __name__ == "__main__":
    suite.main()
