"""The loop: a look every `period`, violations as they are found, the counts at the end. Orders come as JSON lines on stdin."""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

from .asking import Asking
from .canaries import Canaries
from .invariants import Judge, Violation
from .processes import Table
from .record import Record

#: A look may take this share of the observer's time; it comes less often where looking takes longer.
SHARE = 0.3
#: Seconds for which a delay of the observer's own excuses others: what slows it down slows everybody.
MEMORY = 5.0



def queueing() -> float:
    """Seconds more that an answer may take where others want the processors, too: two for each that waits for one of them."""
    return 2.0 * max(0.0, os.getloadavg()[0] / (os.cpu_count() or 1) - 1)


class Observer:
    def __init__(self, order: dict[str, Any]) -> None:
        record = Record(order["state"])
        table = Table(order["mark"], order["state"])
        self._record = record
        self._judge = Judge(order["state"], record, table, order["slots"])
        self._asking = Asking(order["claudine"], order["environment"], order["uid"], order["gid"], order["ask"])
        self._canaries = Canaries(Path(order["canary"]), Path(order["folder"]), order["uid"], order["gid"])
        self._period: float = order["period"]
        self._exempt: set[str] = set(order["exempt"])
        self._said: set[tuple[str, str]] = set()
        self._delays: list[tuple[float, float]] = []
        self.violations: list[Violation] = []
        self.samples = 0
        self._rest = b""

    def run(self) -> None:
        _say({"ready": True, "canaries": self._canaries.pids})
        next_look = time.monotonic()
        while True:
            wait = max(0.0, next_look - time.monotonic())
            readable, _, _ = select.select([0], [], [], wait)
            if readable:
                if not self._listen():
                    break
                continue
            began = time.monotonic()
            self._delays = [(at, delay) for at, delay in self._delays if began - at < MEMORY] + [(began, began - next_look)]
            slack = max(delay for _, delay in self._delays)
            self._note(self._judge.look(began, slack))
            newest = next(reversed(self._record.last.tasks), None)
            if complaint := self._asking.look(newest, slack + queueing()):
                self._note([Violation("I8", complaint)])
            self._note([Violation("I11", complaint) for complaint in self._canaries.complaints()])
            self._judge.counts["I11"] += len(Canaries.NAMES)
            self.samples += 1
            cost = time.monotonic() - began
            next_look = time.monotonic() + max(self._period, cost / SHARE - cost)
        self._end()

    def _listen(self) -> bool:
        """Obeys what has arrived; false at the end of it."""
        received = os.read(0, 1 << 16)
        *lines, self._rest = (self._rest + received).split(b"\n")
        return bool(received) and all([self._obey(json.loads(line)) for line in lines])

    def _obey(self, order: dict[str, Any]) -> bool:
        """False when it shall end."""
        match order["do"]:
            case "acknowledge":
                self._judge.acknowledge(order["task"], order["state"])
            case "exempt":
                self._exempt.add(order["invariant"])
            case "slots":
                self._judge.slots = order["slots"]
            case "end":
                self._note(self._judge.end())
                return False
        return True

    def _note(self, violations: list[Violation]) -> None:
        for violation in violations:
            key = violation.invariant, "".join(letter for letter in violation.what if not letter.isdigit())
            if violation.invariant not in self._exempt and key not in self._said:
                self._said.add(key)
                self.violations.append(violation)
                _say({"violation": violation.invariant, "what": violation.what})

    def _end(self) -> None:
        self._asking.close()
        self._canaries.close()
        counts = self._judge.counts
        counts["I8"] += self._asking.answers
        for invariant in self._exempt:
            counts.pop(invariant, None)
        _say({"samples": self.samples, "counts": dict(counts)})


def _say(line: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    Observer(json.loads(sys.argv[1])).run()
