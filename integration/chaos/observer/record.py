"""What the database says, read from outside and only ever read."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: What the study calls kill_wait: seconds between SIGKILL and the report that it did not suffice (docs/protocol.md, START).
KILL_WAIT = 15.0


@dataclass(frozen=True)
class Attempt:
    task: str
    number: int
    nonce: str
    instance: str
    is_ended: bool
    is_armed: bool
    #: Seconds, from its frozen policy: until it is asked to end, and from there to SIGKILL. None where there is no limit.
    wall: float | None
    grace: float
    cgroups: tuple[str, ...]


@dataclass
class Snapshot:
    """One consistent state of the tables."""

    #: State and reason of every task; the reason None for those that have none.
    tasks: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    task_ends: Counter[str] = field(default_factory=Counter)
    attempt_ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    removed: set[str] = field(default_factory=set)
    #: Sequence number to kind and task.
    events: dict[int, tuple[str, str]] = field(default_factory=dict)


class Record:
    """Reads the database of one state directory, and reads it again only when a file has changed."""

    def __init__(self, state: str) -> None:
        self._database = Path(state) / "claudine.db"
        self._signature: object = None
        self._frozen: dict[str, tuple[float | None, float, tuple[str, ...]]] = {}
        self.last = Snapshot()
        self.reads = 0

    def read(self, *, fresh: bool = False) -> Snapshot:
        """The newest state that could be read; an older one while somebody holds it exclusively or it cannot be read."""
        signature = self._stat()
        if signature is None or (signature == self._signature and not fresh):
            return self.last
        try:
            snapshot = self._query()
        except (sqlite3.Error, OSError):
            return self.last
        self._signature = signature
        self.reads += 1
        self.last = snapshot
        return snapshot

    def _stat(self) -> object:
        found = []
        for suffix in ("", "-wal"):
            try:
                status = os.stat(f"{self._database}{suffix}")
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
            except OSError:
                found.append(None)
        return tuple(found) if found[0] else None

    def _query(self) -> Snapshot:
        snapshot = Snapshot()
        with reading(self._database) as base:
            if not base.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'event'").fetchone()[0]:
                return snapshot
            for task, state, reason, ended in base.execute("SELECT id, state, reason_json, ended_at FROM task"):
                snapshot.tasks[task] = state, json.loads(reason)["code"] if reason else None
                if ended is not None:
                    snapshot.ended.add(task)
            for task, number, nonce, instance, state, armed in base.execute(
                "SELECT task_id, number, hex(nonce), instance_id, state, armed_at FROM attempt"
            ):
                nonce = nonce.lower()
                if nonce not in self._frozen:
                    frozen = base.execute("SELECT frozen_json FROM attempt WHERE task_id = ? AND number = ?", (task, number)).fetchone()
                    self._frozen[nonce] = _limits(json.loads(frozen[0]))
                snapshot.attempts[nonce] = Attempt(task, number, nonce, instance, state == "ended", armed is not None, *self._frozen[nonce])
            for seq, kind, task, attempt in base.execute("SELECT seq, kind, task_id, attempt FROM event"):
                snapshot.events[seq] = kind, task
                if kind == "task.ended":
                    snapshot.task_ends[task] += 1
                elif kind == "attempt.ended":
                    snapshot.attempt_ends[task, attempt] += 1
                elif kind == "task.removed":
                    snapshot.removed.add(task)
        return snapshot


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """One read transaction. Without a log nobody has the database open, and then a reader must not leave one behind.

    Nor may it, as root, make the shared memory before its owner has: for a moment that would be root's.
    """
    log, memory = Path(f"{database}-wal"), Path(f"{database}-shm")
    is_open = log.exists() and log.stat().st_size > 0
    if is_open and not memory.exists():
        raise sqlite3.OperationalError("somebody is just opening it")
    how = "" if is_open else "&immutable=1"
    with closing(sqlite3.connect(f"file:{database}?mode=ro{how}", uri=True, timeout=0.2, isolation_level=None)) as base:
        base.execute("BEGIN")
        yield base
    if not is_open and log.exists() and log.stat().st_size:
        raise sqlite3.OperationalError("somebody began to write meanwhile")


def _limits(frozen: dict[str, object]) -> tuple[float | None, float, tuple[str, ...]]:
    policy = json.loads(str(frozen["policyJSON"]))
    wall = policy["process"]["wall_time"]
    limits = frozen["limits"]
    assert isinstance(limits, dict)
    wall = limits.get("wallSeconds") or (wall / 1000 if isinstance(wall, (int, float)) else None)
    cgroups = frozen.get("cgroups") or []
    assert isinstance(cgroups, list)
    return wall, policy["process"]["kill_grace"] / 1000, tuple(map(str, cgroups))
