"""Runs scenarios, each in every way and as everybody it is meant for, and says a JSON line about each."""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness import Failure, Identity, Skip, locate

from .ground import Ground
from .register import Scenario


@dataclass(frozen=True)
class Turn:
    """One scenario, as somebody, in one way, with one seed."""

    scenario: Scenario
    identity: Identity
    way: str
    seed: str


class Runner:
    def __init__(self, jobs: int) -> None:
        self._jobs = max(1, jobs)
        self._lock = threading.Lock()
        self.verdicts: Counter[str] = Counter()

    def run(self, turns: list[Turn], *, on_failure: Callable[[Turn, str], None] | None = None) -> bool:
        """True when nothing failed. What counts or times something comes last, and alone.

        - on_failure: told of each turn that failed, and why.
        """
        locate()

        def take(turn: Turn) -> None:
            verdict, note = self._attempt(turn)
            if verdict == "fail" and on_failure:
                with self._lock:
                    on_failure(turn, note)

        with ThreadPoolExecutor(max_workers=self._jobs) as pool:
            list(pool.map(take, [turn for turn in turns if not turn.scenario.alone]))
        for turn in turns:
            if turn.scenario.alone:
                take(turn)
        return self.verdicts["fail"] == 0

    def _attempt(self, turn: Turn) -> tuple[str, str]:
        began = time.monotonic()
        verdict, note, ground = "pass", "", None
        try:
            ground = Ground(turn.scenario, turn.identity, turn.way, turn.seed)
            note = turn.scenario.body(ground) or ""
            ground.settle()
        except Skip as skip:
            verdict, note = "skip", str(skip)
        except Failure as failure:
            verdict, note = "fail", str(failure)
        except Exception:
            verdict, note = "fail", traceback.format_exc()
        counts: Counter[str] = Counter()
        history = ""
        if ground is not None:
            ground.watching.end(judge=verdict == "pass")
            counts = Counter(ground.watching.counts) + ground.checked
            if ground.watching.violations and verdict != "skip":
                verdict, note = "fail", "; ".join([note, *ground.watching.violations] if note else ground.watching.violations)
            history = "\n".join(line[:400] for line in ground.world.history().splitlines())
            ground.close()
        line = {
            "scenario": list(turn.scenario.numbers), "name": turn.scenario.name, "class": turn.scenario.kind, "way": turn.way,
            "identity": turn.identity.name, "seed": turn.seed, "verdict": verdict,
            "invariants": dict(sorted(counts.items(), key=lambda item: int(item[0][1:]))),
            "ms": round((time.monotonic() - began) * 1000), "note": note,
        }
        with self._lock:
            self.verdicts[verdict] += 1
            print(json.dumps(line, ensure_ascii=False), flush=True)
            if verdict == "fail":
                print(history, flush=True)
        return verdict, note
