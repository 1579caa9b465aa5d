"""The processes of one world, look after look, at the price of one read for each that was seen before."""

from __future__ import annotations

import os
from dataclasses import dataclass

from harness import NONCE

#: What Claudine gives every worker; the value is the attempt's nonce in hexadecimal.
ATTEMPT_NONCE = b"CLAUDINE_NONCE="


@dataclass(frozen=True)
class Cage:
    """One PID namespace. Its number is given again, so its init belongs to its identity."""

    namespace: str
    init: tuple[int, int] | None


@dataclass
class Seen:
    """A process as of the last look."""

    pid: int
    started: int
    name: str
    parent: int
    state: str
    #: Of the attempt, from its environment; None where it has none or cleared it.
    nonce: str | None
    #: It carries the nonce that the test gave to all tasks of this world.
    is_marked: bool
    #: It was started with this world's state directory: a `claudine` of ours.
    is_ours: bool
    cage: Cage | None

    @property
    def is_alive(self) -> bool:
        return self.state not in "ZX"

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.started


class Table:
    """Reads `stat` of everything, and the environment only of what is new or has executed another program."""

    def __init__(self, mark: str, state: str) -> None:
        self._mark = f"{NONCE}={mark}".encode()
        self._state = f"CLAUDINE_STATE_DIR={state}".encode()
        self._own = _link("self")
        self._scans = 0
        self._kernel: set[int] = set()
        self._environments: dict[tuple[int, int, str], tuple[str | None, bool, bool]] = {}
        self._cages: dict[tuple[int, int], Cage | None] = {}
        self._inits: dict[str, tuple[int, int]] = {}
        #: Which attempt a cage belongs to; learned from whatever in it carries a nonce.
        self.owners: dict[Cage, str] = {}

    def scan(self) -> list[Seen]:
        self._scans += 1
        if self._scans % 20 == 0:
            # Kernel threads come and go, and their numbers are given to others.
            self._kernel.clear()
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) not in self._kernel and (seen := self._look(int(entry))):
                found.append(seen)
        alive = {seen.key for seen in found}
        self._cages = {key: cage for key, cage in self._cages.items() if key in alive}
        # All inits first: pids go round, so an init need not have the lowest of its cage.
        spaces = {seen.key: self._space(seen) for seen in found if seen.key not in self._cages}
        # Nobody of a cage outlives its init, and the cage's number is given again: until its init was seen, it is nobody's.
        self._inits = {space: key for space, key in self._inits.items() if key in alive}
        for key, space in spaces.items():
            if space is None or space in self._inits:
                self._cages[key] = Cage(space, self._inits[space]) if space else None
        for seen in found:
            seen.cage = self._cages.get(seen.key)
        self._environments = {key: marks for key, marks in self._environments.items() if key[:2] in alive}
        for seen in found:
            if seen.cage and seen.nonce:
                self.owners[seen.cage] = seen.nonce
        return found

    def attempt(self, seen: Seen) -> str | None:
        """The nonce of the attempt that a process belongs to."""
        return seen.nonce or (self.owners.get(seen.cage) if seen.cage else None)

    def _look(self, pid: int) -> Seen | None:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                text = file.read().decode(errors="replace")
        except OSError:
            return None
        name, _, rest = text.partition("(")[2].rpartition(")")
        fields = rest.split()
        # Fields 3, 4, 22 and 50 of proc(5), counted behind the name: state, parent, start time, where the environment begins.
        state, parent, started, environment = fields[0], int(fields[1]), int(fields[19]), fields[47]
        if pid == 2 or parent == 2:
            self._kernel.add(pid)
            return None
        key = (pid, started, environment)
        if key not in self._environments or state == "Z":
            self._environments[key] = self._read_environment(pid) if state != "Z" else self._environments.get(key, (None, False, False))
        nonce, is_marked, is_ours = self._environments[key]
        return Seen(pid, started, name, parent, state, nonce, is_marked, is_ours, None)

    def _read_environment(self, pid: int) -> tuple[str | None, bool, bool]:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                variables = file.read().split(b"\0")
        except OSError:
            return None, False, False
        nonce = next((value[len(ATTEMPT_NONCE) :].decode() for value in variables if value.startswith(ATTEMPT_NONCE)), None)
        return nonce, self._mark in variables, self._state in variables

    def _space(self, seen: Seen) -> str | None:
        """Its PID namespace where that is another than ours; notes an init."""
        namespace = _link(str(seen.pid))
        if namespace is None or namespace == self._own:
            return None
        try:
            with open(f"/proc/{seen.pid}/status", "rb") as file:
                numbers = next((line.split()[1:] for line in file if line.startswith(b"NSpid:")), [])
        except OSError:
            numbers = []
        if numbers and numbers[-1] == b"1":
            self._inits[namespace] = seen.key
        return namespace


def _link(pid: str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None
