#!/usr/bin/python3
"""Faults of every kind against every promise, with an observer outside that never stops looking.

The scenarios are those of the study (supervision, F.3), by its numbers; `--list` shows where each is tried, or why not. Classes: `smoke` is
part of `make test`, `full` is `make chaos`, `soak` composes faults at random until `--until SECONDS`. Each turn says one JSON line; `--seed`
repeats it, and the seeds that failed in a soak are kept in `chaos/seeds.json` and replayed by `full`.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time

from chaos import seeds, study
from chaos.register import FULL, SCENARIOS, SMOKE, SOAK, Scenario
from chaos.runner import Runner, Turn
from chaos.scenarios import MODULES
from harness import heed_signals

KINDS = {SMOKE: {SMOKE}, FULL: {SMOKE, FULL}, SOAK: {SOAK}}


def is_meant(text: str, scenario: Scenario) -> bool:
    """By a number of the study, or by a part of its name."""
    return int(text) in scenario.numbers if text.isdigit() else text in scenario.name


def chosen(arguments: argparse.Namespace, seed: str) -> list[Turn]:
    kinds = KINDS[arguments.kind or (FULL if arguments.only else SMOKE)]
    turns = [Turn(scenario, identity, way, seed) for scenario in SCENARIOS if scenario.kind in kinds for identity in scenario.identities for way in scenario.ways]
    if not arguments.kind and not arguments.only and not arguments.identity:
        turns = alternating(turns, seed)
    if FULL in kinds and not arguments.seed:
        turns += seeds.kept()
    return [
        turn
        for turn in turns
        if (not arguments.only or is_meant(arguments.only, turn.scenario))
        and arguments.identity in (None, turn.identity.name)
        and arguments.way in (None, turn.way)
    ]


def alternating(turns: list[Turn], seed: str) -> list[Turn]:
    """Of each scenario in each way one: as one of those it is meant for, in turn, beginning with whom the seed says."""
    groups: dict[tuple[Scenario, str], list[Turn]] = {}
    for turn in turns:
        groups.setdefault((turn.scenario, turn.way), []).append(turn)
    first = random.Random(seed).randrange(2)
    return [group[(first + place) % len(group)] for place, group in enumerate(groups.values())]


def soak(runner: Runner, turns: list[Turn], seconds: float) -> bool:
    """The turns in a circle, each time with another seed, until the time is over."""
    until = time.monotonic() + seconds
    for round_ in itertools.count():
        if time.monotonic() > until:
            return runner.verdicts["fail"] == 0
        fresh = [Turn(turn.scenario, turn.identity, turn.way, f"{turn.seed}.{round_}") for turn in turns]
        runner.run(fresh, on_failure=seeds.keep)
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--class", dest="kind", choices=tuple(KINDS), help="which scenarios; full has those of smoke, too. Default: smoke, each scenario in each way once, as root or as the user in turn")
    parser.add_argument("--seed", help="the seed of an earlier run")
    parser.add_argument("--only", metavar="TEXT", help="a number of the study, or a part of a name")
    parser.add_argument("--as", dest="identity", metavar="NAME", help="root or user only")
    parser.add_argument("--way", help="foreground or daemon only")
    parser.add_argument("--until", type=float, default=600, metavar="SECONDS", help="how long a soak lasts (default 600)")
    parser.add_argument("--jobs", type=int, default=4, help="scenarios at a time (default 4; they mostly wait)")
    parser.add_argument("--list", action="store_true", help="what becomes of each number of the study, and stop")
    arguments = parser.parse_args()
    assert MODULES
    heed_signals()
    if arguments.list:
        study.show()
        return
    if gaps := study.gaps():
        sys.exit("chaos: the list of scenarios is not whole:\n" + "\n".join(gaps))
    seed = arguments.seed or str(random.SystemRandom().randrange(2**32))
    turns = chosen(arguments, seed)
    if not turns:
        sys.exit("chaos: no scenario matches")
    runner = Runner(arguments.jobs)
    began = time.monotonic()
    passed = soak(runner, turns, arguments.until) if arguments.kind == SOAK else runner.run(turns)
    counts = ", ".join(f"{runner.verdicts[verdict]} {word}" for verdict, word in (("pass", "passed"), ("fail", "failed"), ("skip", "skipped")))
    print(f"chaos: {counts} in {time.monotonic() - began:.0f} s; seed {seed}", flush=True)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
