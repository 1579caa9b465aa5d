#!/usr/bin/python3
"""A store with 100,000 ended tasks beside an empty one: what every command costs on each, in one run, interleaved; and what a durable
commit costs beside a bare one of SQLite's. Part of `make bench`."""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness import IDENTITIES, World, wait_until
from harness.record import served, standing

#: No command may take longer than this many times what it takes on an empty store.
BOUND = 2.0
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


# MARK: stores


def fill(world: World, count: int) -> None:
    """Multiplies the one real task of a store: its row, its attempt and its events, each with an id of its own."""
    base = sqlite3.connect(world.state / "claudine.db", isolation_level=None)
    dice = random.Random(1)
    ids: dict[int, str] = {}
    base.create_function("new_id", 1, lambda number: ids.setdefault(number, "task_" + "".join(dice.choices(ALPHABET, k=26))))
    base.create_function("new_nonce", 0, lambda: dice.randbytes(16))
    (first,) = base.execute("SELECT number FROM task").fetchone()
    number = f"WITH RECURSIVE copy (number) AS (SELECT {first + 1} UNION ALL SELECT number + 1 FROM copy WHERE number < {first + count})"
    common = "json_set(task.spec_json, '$.labels', json_array('common'))"
    base.execute("PRAGMA synchronous = OFF")
    base.execute("BEGIN")
    for table, changed in (
        ("task", {"number": "copy.number", "id": "new_id(copy.number)", "spec_json": common}),
        ("attempt", {"fence": None, "task_id": "new_id(copy.number)", "nonce": "new_nonce()"}),
        ("event", {"seq": None, "task_id": "new_id(copy.number)"}),
    ):
        columns = [row[1] for row in base.execute(f"PRAGMA table_info({table})") if changed.get(row[1], "") is not None]
        values = ", ".join(str(changed.get(column, f"{table}.{column}")) for column in columns)
        base.execute(f"{number} INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM copy, {table}")
    base.execute("COMMIT")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if base.execute("SELECT count(*) FROM task").fetchone() != (count + 1,):
        raise SystemExit("the store could not be filled")
    base.close()
    for file in world.state.glob("claudine.db*"):
        world.own(file)


def store(world: World, count: int) -> str:
    """A store with one real task, and `count` like it; returns the id of the real one."""
    world.run("/bin/false", options=("--label", "rare"))
    task = str(world.tasks()[0]["taskId"])
    if count:
        fill(world, count)
    return task


# MARK: measuring


def milliseconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def command(world: World, *words: str, code: int = 0) -> float:
    """Start to end of one command."""
    taken = 0.0

    def run() -> None:
        result = world.claudine(*words)
        if result.code != code:
            raise SystemExit(f"{words}: {result}")

    taken = milliseconds(run)
    return taken


def between(world: World, first: str, last: str, *words: str) -> float:
    """What lies between two marks of a command's own trace."""
    result = world.claudine(*words, env={"CLAUDINE_TRACE": "1"})
    marks = dict(re.findall(r"^trace: (\S+) (\d+)", result.errors, re.MULTILINE))
    if first not in marks or last not in marks:
        raise SystemExit(f"no marks {first} and {last}: {result}")
    return (int(marks[last]) - int(marks[first])) / 1000


def started(world: World) -> float:
    """From the start of a daemon until it takes tasks; it is ended again."""
    began = time.perf_counter()
    daemon = world.start("serve")
    wait_until("a daemon", 60, lambda: standing(world).get("state") == "ready")
    taken = (time.perf_counter() - began) * 1000
    daemon.popen.send_signal(signal.SIGTERM)
    daemon.wait(60)
    return taken


def interleaved(empty: World, full: World, rounds: int, measure: Callable[[World], float]) -> tuple[float, float]:
    """Medians on both, one after the other in each round, so that a disturbance hits both."""
    samples: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for own, world in zip(samples, (empty, full)):
            taken = measure(world)
            if number:
                own.append(taken)
    return statistics.median(samples[0]), statistics.median(samples[1])


def bare_commits(folder: Path, rounds: int) -> float:
    """The median of a commit of one row to a database of nobody's, with synchronous = FULL, on an open connection."""
    base = sqlite3.connect(folder / "bare.db", isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = FULL")
    base.execute("CREATE TABLE task (number INTEGER PRIMARY KEY, text TEXT)")

    def commit() -> None:
        base.execute("BEGIN IMMEDIATE")
        base.execute("INSERT INTO task (text) VALUES (?)", ("x" * 1000,))
        base.execute("COMMIT")

    samples = [milliseconds(commit) for _ in range(rounds)]
    base.close()
    return statistics.median(samples)


# MARK: the table


def measured(count: int, rounds: int) -> bool:
    empty, full = World(IDENTITIES[-1]), World(IDENTITIES[-1])
    try:
        ids = {id(empty): store(empty, 0), id(full): store(full, count)}
        last = {}
        for world in (empty, full):
            base = sqlite3.connect(f"file:{world.state / 'claudine.db'}?mode=ro", uri=True)
            last[id(world)] = str(base.execute("SELECT max(seq) FROM event").fetchone()[0])
            base.close()
        size = (full.state / "claudine.db").stat().st_size / (1 << 20)
        print(f"{count} ended tasks, {size:.0f} MiB; medians of {rounds}, milliseconds")
        def run(world: World) -> list[str]:
            return [str(word) for word in world.caged("/bin/true")]

        rows: dict[str, Callable[[World], float]] = {
            "version (no store)": lambda world: command(world, "version"),
            "status": lambda world: command(world, "status"),
            "status ID": lambda world: command(world, "status", ids[id(world)]),
            "list --limit 20": lambda world: command(world, "list", "--limit", "20"),
            "list --state failed --limit 20": lambda world: command(world, "list", "--state", "failed", "--limit", "20"),
            "list --label rare --limit 20": lambda world: command(world, "list", "--label", "rare", "--limit", "20"),
            "list --label common --limit 20": lambda world: command(world, "list", "--label", "common", "--limit", "20"),
            "list --state running": lambda world: command(world, "list", "--state", "running"),
            "list --state succeeded --since 1m": lambda world: command(world, "list", "--state", "succeeded", "--since", "1m"),
            "list --since 1ms": lambda world: command(world, "list", "--since", "1ms"),
            "events --since LAST --task ID": lambda world: command(world, "events", "--since", last[id(world)], "--task", ids[id(world)]),
            "events --task ID": lambda world: command(world, "events", "--task", ids[id(world)]),
            "wait ID": lambda world: command(world, "wait", ids[id(world)], code=1),
            "logs ID": lambda world: command(world, "logs", ids[id(world)]),
            "run -- true": lambda world: command(world, *run(world)),
            "  of which: claimed, durably": lambda world: between(world, "prepared", "store.claim", *run(world)),
            "serve, until it takes tasks": started,
        }
        fine = True
        print(f"{'':42}{'empty':>9}{'full':>9}{'ratio':>8}")
        for name, measure in rows.items():
            first, second = interleaved(empty, full, rounds if name != "serve, until it takes tasks" else max(3, rounds // 5), measure)
            ratio = second / first
            fine = fine and ratio <= BOUND
            print(f"{name:42}{first:9.1f}{second:9.1f}{ratio:8.2f}{'' if ratio <= BOUND else '  too slow'}", flush=True)
        fine = queued(empty, full, rounds) and fine
        return fine
    finally:
        empty.close()
        full.close()


def queued(empty: World, full: World, rounds: int) -> bool:
    """Enqueueing for a daemon that is up, and a bare commit beside it."""
    daemons = [served(world) for world in (empty, full)]
    bare: list[float] = []

    def enqueue(world: World) -> float:
        if world is empty:
            bare.append(bare_commits(Path(os.path.dirname(world.state)), 20))
            for file in Path(os.path.dirname(world.state)).glob("bare.db*"):
                file.unlink()
        return between(world, "input.kept", "store.submit", *map(str, world.caged("/bin/true", options=["--detach"])))

    first, second = interleaved(empty, full, rounds, enqueue)
    commit = statistics.median(bare)
    print(f"{'enqueue, durably':42}{first:9.2f}{second:9.2f}{second / first:8.2f}{'' if second / first <= BOUND else '  too slow'}")
    print(f"{'  beside a bare commit of SQLite':42}{commit:9.2f}{commit:9.2f}")
    for daemon in daemons:
        daemon.popen.send_signal(signal.SIGTERM)
        daemon.wait(60)
    return second / first <= BOUND


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000, help="how many have ended (default 100000)")
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    sys.exit(0 if measured(arguments.tasks, arguments.rounds) else 1)


if __name__ == "__main__":
    main()
