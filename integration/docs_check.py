#!/usr/bin/python3
"""Checks the documentation: every link leads somewhere, every path in backticks exists, every guarantee names its tests, and the
tables that the program prints are what it prints (`--write` puts them in)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from harness.binaries import built

REPOSITORY = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")
#: A path of this repository in backticks, recognised by its first folder.
PATH = re.compile(r"`((?:Sources|Tests|docs|integration|policies|\.ci)/[A-Za-z0-9_./+-]*)`")


def problems(document: Path) -> list[str]:
    text = document.read_text()
    shown = document.relative_to(REPOSITORY)
    found = []
    for match in LINK.finditer(text):
        if not (document.parent / match[1]).exists():
            found.append(f"{shown}: link to {match[1]}, which does not exist")
    for match in PATH.finditer(text):
        if not (REPOSITORY / match[1]).exists():
            found.append(f"{shown}: names {match[1]}, which does not exist")
    return found


#: A part of a page that a command prints, with its marks.
PART = re.compile(r"<!-- (\w+): begin -->\n.*?<!-- \1: end -->\n", re.S)


def generated(page: Path, command: list[str | Path], write: bool) -> list[str]:
    """The parts of a page that are not what the command prints now; with `write`, they are after that."""
    parts = {match[1]: match[0] for match in PART.finditer(subprocess.run(command, capture_output=True, text=True, check=True).stdout)}
    text = page.read_text()
    found = PART.findall(text)
    stale = [name for name, part in parts.items() if name not in found or part not in text]
    if write and stale:
        page.write_text(PART.sub(lambda match: parts.get(match[1], match[0]), text))
        stale = [name for name in stale if name not in found]
    return [f"{page.relative_to(REPOSITORY)}: the part '{name}' is stale; {Path(__file__).name} --write" for name in stale]


def main() -> None:
    documents = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("**/*.md"))]
    found = [problem for document in documents for problem in problems(document)]
    guarantees = (REPOSITORY / "docs" / "guarantees.md").read_text()
    for number in range(1, 13):
        if not re.search(rf"^\| G{number} \|.*`(integration|Tests)/", guarantees, re.MULTILINE):
            found.append(f"docs/guarantees.md: G{number} names no test")
    for page, command in (("policies.md", "policy"), ("configuration.md", "config")):
        found += generated(REPOSITORY / "docs" / page, [built() / "claudine", command, "reference"], "--write" in sys.argv[1:])
    for problem in found:
        print(f"FAIL docs: {problem}")
    print(f"docs: {len(documents)} documents, {len(found)} problems")
    sys.exit(1 if found or not documents else 0)


if __name__ == "__main__":
    main()
