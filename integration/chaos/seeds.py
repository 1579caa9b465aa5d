"""Seeds that once failed: kept, and tried again in every full run."""

from __future__ import annotations

import json
from pathlib import Path

from harness import IDENTITIES

from .register import SCENARIOS
from .runner import Turn

FILE = Path(__file__).with_name("seeds.json")


def kept() -> list[Turn]:
    """The turns of the file, those that this user can take."""
    turns = []
    for entry in json.loads(FILE.read_text()):
        scenario = next(scenario for scenario in SCENARIOS if scenario.name == entry["name"])
        identity = next((identity for identity in IDENTITIES if identity.name == entry["identity"]), None)
        if identity in scenario.identities:
            turns.append(Turn(scenario, identity, entry["way"], entry["seed"]))
    return turns


def keep(turn: Turn, why: str) -> None:
    """Adds one to the file, where it is to be looked at and committed."""
    entries = json.loads(FILE.read_text())
    entries.append({"name": turn.scenario.name, "identity": turn.identity.name, "way": turn.way, "seed": turn.seed, "why": why[:300]})
    FILE.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
