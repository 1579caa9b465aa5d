"""The invariants I1 to I11 of the study (supervision, F.1), judged at every look. I12 and the bytes of I9 only a scenario can judge."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .processes import Cage, Seen, Table
from .record import KILL_WAIT, Attempt, Record, Snapshot

#: Seconds a tree may live although neither its supervisor nor its shepherd does: both the cage's init and its kernel know at once.
ORPHANED = 3.0
#: The same while the shepherd still holds its lock: its grace when orphaned (5 s), what the init adds (2 s), and time on a busy machine.
ABANDONED = 15.0
#: Seconds a dead child may wait for its parent to look (I7).
ZOMBIE = 1.0


@dataclass(frozen=True)
class Violation:
    invariant: str
    what: str


class Judge:
    """Remembers what it has seen, so that what was true once and must stay true is noticed when it is not."""

    def __init__(self, state: str, record: Record, table: Table, slots: int) -> None:
        self._state = Path(state)
        self._record = record
        self._table = table
        self.slots = slots
        self.counts: Counter[str] = Counter()
        self._before = Snapshot()
        self._acknowledged: dict[str, str | None] = {}
        self._known: dict[str, Attempt] = {}
        self._cages: dict[str, set[Cage]] = {}
        self._first: dict[str, float] = {}
        self._abandoned: dict[tuple[str, bool], float] = {}
        self._zombies: dict[tuple[int, int], float] = {}

    def acknowledge(self, task: str, state: str | None) -> None:
        """Somebody was told that this task exists, or how it ended."""
        self._acknowledged[task] = state

    def look(self, now: float, slack: float) -> list[Violation]:
        """One look. The record first, then the processes: what is over in the record must have been empty before."""
        snapshot = self._record.read()
        processes = self._table.scan()
        found = [*self._record_holds(snapshot), *self._processes_hold(snapshot, processes, now, slack), *self._reaps(processes, now, slack)]
        self._before = snapshot
        return found

    def end(self) -> list[Violation]:
        """After everything: nothing is left running, in the record or in a cgroup."""
        snapshot = self._record.read(fresh=True)
        found = self._record_holds(snapshot)
        live = [attempt for attempt in snapshot.attempts.values() if not attempt.is_ended]
        found += [Violation("I6", f"{attempt.task} still has a live attempt at the end") for attempt in live]
        self.counts["I6"] += 1
        for task, (state, _) in snapshot.tasks.items():
            self.counts["I4"] += 1
            if task not in snapshot.ended and state not in ("queued", "blocked"):
                found.append(Violation("I4", f"{task} is left {state}"))
        for attempt in snapshot.attempts.values():
            for path in attempt.cgroups:
                self.counts["I1"] += 1
                if _members(path):
                    found.append(Violation("I1", f"processes are left in {path}"))
        return found

    # MARK: the record alone

    def _record_holds(self, snapshot: Snapshot) -> list[Violation]:
        if snapshot is self._before:
            return []
        before = self._before
        found = []
        for task, (state, reason) in snapshot.tasks.items():
            self.counts["I2"] += 1
            if snapshot.task_ends[task] != (1 if task in snapshot.ended else 0):
                found.append(Violation("I2", f"{task} is {state} and has {snapshot.task_ends[task]} task.ended"))
            if task in before.ended and before.tasks[task] != (state, reason):
                found.append(Violation("I2", f"{task} had ended as {before.tasks[task]} and is {state} {reason} now"))
        for attempt in snapshot.attempts.values():
            ends = snapshot.attempt_ends[attempt.task, attempt.number]
            if ends != (1 if attempt.is_ended else 0):
                found.append(Violation("I2", f"attempt {attempt.number} of {attempt.task} has {ends} attempt.ended"))
        for task in [*before.tasks, *self._acknowledged]:
            self.counts["I3"] += 1
            if task not in snapshot.tasks and task not in snapshot.removed:
                found.append(Violation("I3", f"{task} has vanished"))
        for task, acknowledged in self._acknowledged.items():
            if acknowledged and task in snapshot.tasks and snapshot.tasks[task][0] != acknowledged:
                found.append(Violation("I3", f"{task} was told to be {acknowledged} and is {snapshot.tasks[task][0]}"))
        for seq, event in before.events.items():
            if snapshot.events.get(seq, event) != event:
                found.append(Violation("I3", f"event {seq} was {event} and is {snapshot.events[seq]}"))
        if before.events and max(snapshot.events, default=0) < max(before.events):
            found.append(Violation("I3", "the event log has become shorter"))
        alive = Counter(attempt.task for attempt in snapshot.attempts.values() if not attempt.is_ended)
        for task, number in alive.items():
            self.counts["I5"] += 1
            if number > 1:
                found.append(Violation("I5", f"{task} has {number} live attempts"))
        self.counts["I6"] += 1
        if alive.total() > self.slots:
            found.append(Violation("I6", f"{alive.total()} live attempts with {self.slots} slots"))
        return found

    # MARK: the record and the processes

    def _processes_hold(self, snapshot: Snapshot, processes: list[Seen], now: float, slack: float) -> list[Violation]:
        found = []
        trees: dict[str, list[Seen]] = {}
        for seen in processes:
            if seen.is_alive and (nonce := self._table.attempt(seen)) and (seen.is_marked or nonce in snapshot.attempts):
                trees.setdefault(nonce, []).append(seen)
        later = snapshot
        if any(nonce not in snapshot.attempts or not snapshot.attempts[nonce].is_armed for nonce in trees):
            # It may have been claimed or armed since; now that its processes were seen, the record must know.
            later = self._record.read(fresh=True)
        self._known |= later.attempts
        self.counts["I1"] += sum(attempt.is_ended for attempt in snapshot.attempts.values())
        for nonce, tree in trees.items():
            names = ", ".join(f"{seen.name}({seen.pid})" for seen in tree[:5])
            attempt = later.attempts.get(nonce)
            self.counts["I5"] += 1
            if attempt is None and (known := self._known.get(nonce)):
                found.append(Violation("I1", f"attempt {known.number} of {known.task} was removed, {names} live"))
                continue
            if attempt is None:
                found.append(Violation("I5", f"{names} run for an attempt that nobody claimed"))
                continue
            if nonce in snapshot.attempts and snapshot.attempts[nonce].is_ended:
                found.append(Violation("I1", f"attempt {attempt.number} of {attempt.task} has ended, {names} live"))
            if not attempt.is_armed:
                found.append(Violation("I5", f"{names} run although attempt {attempt.number} of {attempt.task} was not authorised"))
            cages = self._cages.setdefault(nonce, set())
            cages |= {seen.cage for seen in tree if seen.cage and seen.cage.init}
            if len(cages) > 1:
                found.append(Violation("I5", f"attempt {attempt.number} of {attempt.task} has had {len(cages)} cages"))
            found += self._in_time(attempt, names, now, slack)
        by_task = Counter(later.attempts[nonce].task for nonce in trees if nonce in later.attempts)
        found += [Violation("I5", f"{task} has {number} live trees") for task, number in by_task.items() if number > 1]
        self.counts["I6"] += 1
        if len(trees) > self.slots:
            found.append(Violation("I6", f"{len(trees)} live trees with {self.slots} slots"))
        self._abandoned = {key: since for key, since in self._abandoned.items() if key[0] in trees}
        return found

    def _in_time(self, attempt: Attempt, names: str, now: float, slack: float) -> list[Violation]:
        """I10, and the bound of I1 for a tree that nobody supervises any more."""
        found = []
        first = self._first.setdefault(attempt.nonce, now)
        self.counts["I10"] += 1
        if attempt.wall is not None and now - first > attempt.wall + attempt.grace + KILL_WAIT + 1 + slack:
            found.append(Violation("I10", f"{names} of {attempt.task} live {now - first:.0f} s, the limit was {attempt.wall:g} s"))
        if not attempt.is_ended and not held(self._state / "instances" / f"{attempt.instance}.lock"):
            guarded = held(self._state / "attempts" / attempt.task / str(attempt.number) / "alive.lock")
            since = self._abandoned.setdefault((attempt.nonce, guarded), now)
            self.counts["I1"] += 1
            if now - since > (ABANDONED if guarded else ORPHANED) + slack:
                who = "supervisor is dead" if guarded else "supervisor and shepherd are dead"
                found.append(Violation("I1", f"{names} of {attempt.task} live {now - since:.1f} s although its {who}"))
        return found

    def _reaps(self, processes: list[Seen], now: float, slack: float) -> list[Violation]:
        parents = {seen.pid: seen for seen in processes if seen.is_ours and seen.name == "claudine" and seen.state not in "TtZX"}
        found = []
        zombies = {seen.key: seen for seen in processes if seen.state == "Z" and seen.parent in parents}
        self._zombies = {key: self._zombies.get(key, now) for key in zombies}
        self.counts["I7"] += len(parents)
        for key, since in self._zombies.items():
            if now - since > ZOMBIE + slack:
                found.append(Violation("I7", f"{zombies[key].name}({key[0]}) is dead for {now - since:.1f} s and not reaped"))
        return found


def held(path: Path) -> bool:
    """Whether somebody holds this lock; asked as Claudine does, with a shared lock for an instant."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(file)


def _members(cgroup: str) -> list[str]:
    try:
        return Path(cgroup, "cgroup.procs").read_text().split()
    except OSError:
        return []
