"""Cases, their report lines, and the verdict. A case passes only by returning; it fails by any exception."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from .binaries import locate
from .world import IDENTITIES, Identity, World


T = TypeVar("T")


class Failure(Exception):
    """The promise under test was broken."""


class Skip(Exception):
    """The case cannot be tried here; the text says what is missing."""


def expect(condition: object, otherwise: str) -> None:
    """Fails the case with a sentence unless the condition holds."""
    if not condition:
        raise Failure(otherwise)


def wait_until(what: str, seconds: float, probe: Callable[[], T]) -> T:
    """Polls until the probe gives something true, and returns it; fails the case after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        if value := probe():
            return value
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.005)


@dataclass(frozen=True)
class Case:
    name: str
    body: Callable[[World], str | None]
    identity: Identity
    alone: bool
    leftovers: bool


def heed_signals() -> None:
    """A shell without a terminal starts what is in its background with these ignored, and so it would stay for all that we start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


class Suite:
    """A list of cases about one promise; each runs in a fresh world of its own, as root and as an ordinary user where possible.

    After every case the world is searched for processes that carry its nonce: one left over fails the case, whatever it was about.
    """

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.cases: list[Case] = []
        self._lock = threading.Lock()

    def case(
        self, name: str, *, identities: list[Identity] | None = None, alone: bool = False, leftovers: bool = False
    ) -> Callable[[Callable[[World], str | None]], Callable[[World], str | None]]:
        """Adds a case. `alone`: times or counts something, so nothing else may run. `leftovers`: a control that is meant to leak."""

        def add(body: Callable[[World], str | None]) -> Callable[[World], str | None]:
            for identity in IDENTITIES if identities is None else identities:
                self.cases.append(Case(name, body, identity, alone, leftovers))
            return body

        return add

    def main(self) -> None:
        heed_signals()
        parser = argparse.ArgumentParser(description=self.about)
        parser.add_argument("--only", metavar="TEXT", help="cases whose name contains TEXT")
        parser.add_argument("--as", dest="identity", metavar="NAME", help="root or user only")
        parser.add_argument("--jobs", type=int, default=4, help="cases at a time (default 4; they mostly wait)")
        parser.add_argument("--list", action="store_true", help="name the cases and stop")
        arguments = parser.parse_args()
        chosen = [
            case
            for case in self.cases
            if (not arguments.only or arguments.only in case.name)
            and (not arguments.identity or arguments.identity == case.identity.name)
        ]
        if arguments.list:
            for case in chosen:
                print(f"{case.name} [{case.identity.name}]")
            return
        if not chosen:
            sys.exit(f"{self.name}: no case matches")
        sys.exit(0 if self.run(chosen, arguments.jobs) else 1)

    def run(self, cases: list[Case], jobs: int) -> bool:
        locate()
        started = time.monotonic()
        together = [case for case in cases if not case.alone]
        with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
            verdicts = list(pool.map(self._attempt, together))
        verdicts += [self._attempt(case) for case in cases if case.alone]
        passed, skipped = verdicts.count("PASS"), verdicts.count("SKIP")
        failed = len(verdicts) - passed - skipped
        seconds = time.monotonic() - started
        print(f"{self.name}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.1f} s", flush=True)
        return failed == 0

    def _attempt(self, case: Case) -> str:
        started = time.monotonic()
        verdict, note = "PASS", ""
        world = None
        try:
            world = World(case.identity)
            note = case.body(world) or ""
            if not case.leftovers and (left := world.marked()):
                raise Failure(f"left behind: {', '.join(f'{p.name}({p.pid})' for p in left)}")
        except Skip as skip:
            verdict, note = "SKIP", str(skip)
        except Failure as failure:
            verdict, note = "FAIL", str(failure)
        except Exception:
            verdict, note = "FAIL", traceback.format_exc()
        finally:
            if world is not None:
                world.close()
        milliseconds = (time.monotonic() - started) * 1000
        with self._lock:
            text = f"{verdict} {self.name}: {case.name} [{case.identity.name}] {milliseconds:.0f} ms"
            print(text + (f" — {note}" if note else ""), flush=True)
            if verdict == "FAIL" and world is not None:
                print(world.history(), flush=True)
        return verdict
