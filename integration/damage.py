#!/usr/bin/python3
"""A database that is damaged, replaced, moved or gone, and names that are none: an answer or a sentence, and nothing runs on unrecorded."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from harness import IDENTITIES, Suite, World, expect, wait_until
from harness.record import begun, refusal, served, settled, works

suite = Suite("damage", __doc__ or "")


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


@suite.case("flipped bytes: an answer or a sentence, never a crash", identities=IDENTITIES[-1:])
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


@suite.case("a log cut off at every 4 KiB: it opens, with a beginning of what was recorded", identities=IDENTITIES[-1:])
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


@suite.case("a log of another database, shared memory that is missing or garbage", identities=IDENTITIES[-1:])
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


@suite.case("the daemon, when its database is gone or damaged: it leaves, and says why")
def daemons(world: World) -> None:
    daemon = served(world)
    result = world.claudine(*world.caged("/bin/sh", "-c", "touch begun; sleep 60", options=["--detach"]))
    expect(result.code == 0, str(result))
    wait_until("started", 20, (world.workspace / "begun").exists)
    world.state = world.state.rename(world.base / "moved")
    refusal(daemon.wait(60), r"store\.moved", {1})
    expect(not world.marked(), "it runs on")
    expect(settled(world)[0]["state"] == "lost", "the record")
    base = sqlite3.connect(world.state / "claudine.db")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    with (world.state / "claudine.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(random.Random(5).randbytes(4 * 4096))
    refusal(world.start("serve").wait(60), r"store\.corrupt", {1})


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


@suite.case("ids that do not exist, are ambiguous, or are file names", identities=IDENTITIES[-1:])
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
