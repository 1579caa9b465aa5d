#!/usr/bin/python3
"""The database under bad conditions: locked, full, damaged, gone. The record stays true, nothing runs on, and the reason is said."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
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


def settled(world: World, state: Path | None = None) -> list[dict[str, Any]]:
    """The database is whole, every task has ended, and each exactly once. Returns the records, newest first.

    `state` is the way to the state directory from here, where that is another than the world's.
    """
    tasks = world.tasks()
    # A copy, because SQLite asks for a file's real name, and one of another mount namespace has none here.
    copy = Path(tempfile.mkdtemp(dir=world.base))
    for file in (state or world.state).glob("claudine.db*"):
        shutil.copy(file, copy)
    base = sqlite3.connect(copy / "claudine.db")
    try:
        expect(base.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity_check")
        ends = dict(base.execute("SELECT task_id, count(*) FROM event WHERE kind = 'task.ended' GROUP BY task_id"))
        attempts = dict(base.execute("SELECT task_id, count(*) FROM attempt GROUP BY task_id"))
    finally:
        base.close()
        shutil.rmtree(copy)
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


# MARK: full


class SmallDisk:
    """The world's state directory on a file system of its own, which everything the world starts from now on sees."""

    def __init__(self, world: World, kibibytes: int) -> None:
        if os.geteuid() != 0:
            raise Skip("only root may mount a file system that others use")
        self.world = world
        user = world.identity
        options = f"size={kibibytes}k,mode=700,uid={user.uid},gid={user.gid}"
        script = f"mount -t tmpfs -o {options} none '{world.state}' && echo ready && exec cat"
        self.holder = subprocess.Popen(
            ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout
        expect(self.holder.stdout.readline() == b"ready\n", "no file system")
        self.state = Path(f"/proc/{self.holder.pid}/root{world.state}")
        self.filler = self.state / "filler"
        world.launch = self.launch  # type: ignore[method-assign]

    def launch(self, command: Sequence[str | bytes | Path], **more: Any) -> Running:
        """Like the world's own, inside."""
        user = self.world.identity
        become = ["/usr/bin/setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"] if user.uid else []
        script = f"cd '{self.world.workspace}' && exec \"$@\""
        prefix = ["/usr/bin/nsenter", "-t", str(self.holder.pid), "-m", *become, "/bin/sh", "-c", script, "sh"]
        popen = subprocess.Popen(
            [*prefix, *command], env=self.world.environment(more.get("env")), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        running = Running(self.world, popen)
        self.world._started.append(running)
        return running

    def fill(self) -> None:
        with self.filler.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self.filler.unlink()

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(self, *error: object) -> None:
        del self.world.launch
        for running in self.world._started:
            if running.popen.poll() is None:
                running.popen.kill()
                running.popen.wait()
        assert self.holder.stdin
        self.holder.stdin.close()
        self.holder.wait(30)


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


# MARK: damage


def filled(world: World, *, checkpointed: bool) -> Path:
    """A state directory with some tasks, of which the log holds everything or nothing."""
    for code in (0, 3, 7):
        expect(world.run("/bin/sh", "-c", f"exit {code}").code == code, "a task")
    if checkpointed:
        base = sqlite3.connect(world.state / "claudine.db")
        expect(base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "checkpoint")
        base.close()
        for file in world.state.glob("claudine.db-*"):
            file.unlink()
    return world.state


def like(world: World, state: Path, number: int) -> Path:
    """A copy of a state directory, by which the world goes on."""
    copy = world.base / f"state{number}"
    shutil.copytree(state, copy, ignore=shutil.ignore_patterns("*.bell"), copy_function=shutil.copy)
    for path in [copy, *copy.rglob("*")]:
        world.own(path)
    copy.chmod(0o700)
    world.state = copy
    return copy


def looked_at(world: World, where: str) -> str | None:
    """Whatever is asked of a damaged database, the answer is one or a sentence; returns the code of the first refusal."""
    first = None
    for words in (["list"], ["events"], ["status", "nothing"], [*map(str, world.caged("/bin/sh", "-c", "exit 3"))]):
        result = world.claudine(*words, timeout=40)
        answers = {"status": {4}, "run": {3}}.get(words[0], {0})
        if result.code not in answers:
            try:
                code = refusal(result, r"(store|task|spawn|lost|refused)\.[a-zA-Z]+", {1, 4, 64, 75, 125})
            except Exception as failure:
                raise type(failure)(f"{where}, {words[0]}: {failure}") from None
            first = first or code
    return first


@suite.case("flipped bytes: an answer or a sentence, never a crash")
def flipped_bytes(world: World) -> str:
    dice = random.Random(7)
    found: dict[str | None, int] = {}
    number = 0
    for checkpointed, name in ((True, "claudine.db"), (False, "claudine.db-wal")):
        world.state = world.base / f"state-of-{name}"
        world.state.mkdir(mode=0o700)
        world.own(world.state)
        state = filled(world, checkpointed=checkpointed)
        size = (state / name).stat().st_size
        # The header field by field, the beginnings of pages, and anywhere.
        places = [*range(0, 40, 3), 44, 60, 68, 100, 103, 105, *(page * 4096 + 24 * (name != "claudine.db") for page in range(1, size // 4096))]
        places = dice.sample(places, 22) + [dice.randrange(size) for _ in range(8)]
        for place in places:
            number += 1
            copy = like(world, state, number)
            with (copy / name).open("r+b") as file:
                file.seek(place)
                byte = file.read(1)[0]
                file.seek(place)
                file.write(bytes([byte ^ (1 << dice.randrange(8))]))
            code = looked_at(world, f"{name}, byte {place}")
            found[code] = found.get(code, 0) + 1
            shutil.rmtree(copy)
    expect(found.get(None) and found.get("store.corrupt") and found.get("store.notADatabase"), f"too tame: {found}")
    return ", ".join(f"{count} × {code or 'no harm'}" for code, count in sorted(found.items(), key=str))


@suite.case("a log cut off at every 4 KiB: it opens, with a beginning of what was recorded")
def truncated_log(world: World) -> str:
    state = filled(world, checkpointed=False)
    size = (state / "claudine.db-wal").stat().st_size
    like(world, state, size)
    known = [task["taskId"] for task in settled(world)][::-1]
    for number, length in enumerate(range(0, size, 4096)):
        copy = like(world, state, number)
        os.truncate(copy / "claudine.db-wal", length)
        left = [task["taskId"] for task in settled(world)][::-1]
        expect(left == known[: len(left)], f"{length}: {left} of {known}")
        if number % 20 == 0:
            works(world)
        shutil.rmtree(copy)
    return f"{size // 4096} lengths"


@suite.case("a log of another database, shared memory that is missing or garbage")
def foreign_log(world: World) -> str:
    state = filled(world, checkpointed=False)
    (copy := like(world, state, 1)).joinpath("claudine.db-shm").unlink()
    expect(len(settled(world)) == 3, "without -shm")
    world.write((copy := like(world, state, 2)) / "claudine.db-shm", random.Random(1).randbytes(32768))
    expect(len(settled(world)) == 3, "with garbage for -shm")
    # Nothing in a log says whose it is, so what comes of it is anything but a crash.
    world.state = world.base / "other"
    world.state.mkdir(mode=0o700)
    world.own(world.state)
    works(world)
    log = (world.state / "claudine.db-wal").read_bytes()
    checkpointed = filled(world, checkpointed=True)
    for number, name in enumerate((state, checkpointed), start=3):
        copy = like(world, name, number)
        for file in copy.glob("claudine.db-*"):
            file.unlink()
        world.write(copy / "claudine.db-wal", log)
        code = looked_at(world, "another's log")
    return f"another's log: {code or 'no harm'}"


# MARK: gone


def another(world: World, path: Path) -> None:
    """A Claudine database of another state directory, at `path`."""
    mine = world.state
    world.state = world.base / "elsewhere"
    world.state.mkdir(mode=0o700)
    world.own(world.state)
    filled(world, checkpointed=True)
    shutil.copy(world.state / "claudine.db", path)
    world.own(path, 0o600)
    world.state = mine


def foreign(world: World, path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE mine (x)")
    base.commit()
    base.close()
    world.own(path, 0o600)


def directory(world: World, path: Path) -> None:
    path.mkdir()
    world.own(path)


def fifo(world: World, path: Path) -> None:
    os.mkfifo(path, 0o600)
    world.own(path)


REPLACEMENTS: dict[str, Callable[[World, Path], None]] = {
    "deleted": lambda world, path: None,
    "another Claudine database": another,
    "another program's database": foreign,
    "a directory": directory,
    "a FIFO": fifo,
    "an empty file": lambda world, path: path.touch(0o600),
}


def replaced(world: World, kind: str) -> None:
    running = begun(world, "sleep 60")
    path = world.state / "claudine.db"
    aside = world.base / "aside"
    REPLACEMENTS[kind](world, new := world.base / "new")
    path.rename(aside)
    before = new.read_bytes() if new.is_file() else None
    if new.exists():
        new.rename(path)
    began = time.monotonic()
    refusal(running.wait(60), "store.moved", {125})
    expect(time.monotonic() - began < 20, f"after {time.monotonic() - began:.0f} s")
    expect(before is None or path.read_bytes() == before, "what is there now was written to")
    expect(not world.marked(), "it runs on")
    # What was asked for before must not be taken for an answer, nor a new task for impossible for ever.
    result = world.claudine("list", timeout=20)
    expect(result.code == 0 or refusal(result, r"store\.[a-zA-Z]+", {1}), str(result))
    # Brought back, it says what it knew.
    if path.is_dir():
        path.rmdir()
    for file in world.state.glob("claudine.db*"):
        file.unlink()
    aside.rename(path)
    expect(len(settled(world)) <= 1, "more tasks than there were")


for replacement in REPLACEMENTS:
    suite.case(f"replaced while it runs: {replacement}")(lambda world, kind=replacement: replaced(world, kind))


@suite.case("the state directory is moved while it runs: nothing runs on unrecorded, and the record goes with it")
def moved(world: World) -> None:
    running = begun(world, "sleep 60")
    world.state = world.state.rename(world.base / "moved")
    refusal(running.wait(60), "store.moved", {125})
    expect(not world.marked(), "it runs on")
    record = settled(world)[0]
    expect(record["state"] == "lost", str(record))


@suite.case("whoever follows or waits is told when the database is gone")
def followers(world: World) -> None:
    running = begun(world, "sleep 60")
    task = world.tasks()[0]["taskId"]
    waiting = [world.start("events", "-f"), world.start("wait", task), world.start("logs", "-f", task)]
    time.sleep(1)
    world.state = world.state.rename(world.base / "moved")
    for command in (running, *waiting[:2]):
        refusal(command.wait(30), r"store\.moved", {1, 125})
    # It has the output open, wherever that lies now, and leaves when the streams are closed.
    expect(waiting[2].wait(30).code in (0, 1, 125), "logs -f")


# MARK: names


@suite.case("a state path of 200 bytes")
def long_path(world: World) -> None:
    state = world.base
    while len(os.fsencode(state)) < 200:
        state = state / ("n" * max(1, min(60, 199 - len(os.fsencode(state)))))
    world.state = state
    works(world)
    result = world.claudine("run", "--policy", "standard", "-C", world.workspace, "--agent", "demo", "hello", timeout=120)
    expect(result.code == 0, str(result))
    expect(len(settled(world)) == 2, "tasks")


#: What nobody may take for the name of a task.
NO_TASKS = [
    "", "task_", "nothing", "task_" + "a" * 26, "task_" + "a" * 27, "TASK_AAAA", "task_1", "..", "../..", ".", "/", "/etc/passwd",
    "attempts", "attempts/{task}", "attempts/{task}/1", "../state/attempts/{task}", "{task}/1", "{task}/", "{task}/../{task}", "{task}\n",
    " {task}", "{task} ", "*", "task_*", "%", "task_%", "task_' OR 1=1 --", "-1", "inst_" + "a" * 26, "claudine.db", "é", "x" * 5000,
]


@suite.case("ids that do not exist, are ambiguous, or are file names")
def names(world: World) -> None:
    for code in (3, 4):
        expect(world.run("/bin/sh", "-c", f"exit {code}").code == code, "a task")
    task = str(world.tasks()[0]["taskId"])
    files = sorted(str(path) for path in (world.state / "attempts").rglob("*"))
    for name in (text.replace("{task}", task) for text in NO_TASKS):
        for command in ("status", "logs", "wait", "cancel", "rm", "resume"):
            result = world.claudine(command, "--", name, timeout=30)
            codes = r"task\.unknown|usage" if name not in ("task_", "task") else r"task\.ambiguous|usage"
            refusal(result, codes, {4, 64} if name not in ("task_",) else {64})
    expect(len(settled(world)) == 2, "a task is gone")
    expect(files == sorted(str(path) for path in (world.state / "attempts").rglob("*")), "files are gone")


if __name__ == "__main__":
    suite.main()
