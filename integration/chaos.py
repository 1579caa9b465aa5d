#!/usr/bin/python3
"""Faults of every kind against every promise, with an observer outside that never stops looking.

The scenarios are those of the study (supervision, F.3), by its numbers. Classes: `smoke` is part of `make test`, `full` is `make chaos`. Each
says one JSON line; `--seed` repeats a run.
"""

from __future__ import annotations

import argparse
import random
import sys

from chaos.register import FULL, SCENARIOS, SMOKE, Scenario
from chaos.runner import Runner, Turn
from chaos.scenarios import MODULES


def is_meant(text: str, scenario: Scenario) -> bool:
    """By a number of the study, or by a part of its name."""
    return int(text) in scenario.numbers if text.isdigit() else text in scenario.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--class", dest="kind", choices=(SMOKE, FULL), default=SMOKE, help="which scenarios (default smoke); full has those of smoke, too")
    parser.add_argument("--seed", help="the seed of an earlier run")
    parser.add_argument("--only", metavar="TEXT", help="a number of the study, or a part of a name")
    parser.add_argument("--as", dest="identity", metavar="NAME", help="root or user only")
    parser.add_argument("--way", help="foreground or daemon only")
    parser.add_argument("--jobs", type=int, default=3, help="scenarios at a time (default 3; they mostly wait)")
    parser.add_argument("--list", action="store_true", help="name the scenarios and stop")
    arguments = parser.parse_args()
    assert MODULES
    if arguments.list:
        for scenario in SCENARIOS:
            print(f"{scenario.kind:5} {','.join(map(str, scenario.numbers)):12} {scenario.name} [{', '.join(scenario.ways)}]")
        return
    seed = arguments.seed or str(random.SystemRandom().randrange(2**32))
    turns = [
        Turn(scenario, identity, way, seed)
        for scenario in SCENARIOS
        if scenario.kind in ((SMOKE, FULL) if arguments.kind == FULL or arguments.only else (SMOKE,))
        and (not arguments.only or is_meant(arguments.only, scenario))
        for identity in scenario.identities
        if not arguments.identity or arguments.identity == identity.name
        for way in scenario.ways
        if not arguments.way or arguments.way == way
    ]
    if not turns:
        sys.exit("chaos: no scenario matches")
    runner = Runner(arguments.jobs)
    passed = runner.run(turns)
    print(f"chaos: {runner.verdicts['pass']} passed, {runner.verdicts['fail']} failed, {runner.verdicts['skip']} skipped; seed {seed}", flush=True)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
