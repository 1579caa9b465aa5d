#!/usr/bin/python3
"""Checks the documentation: every link leads somewhere, every path in backticks exists, and every guarantee names its tests."""

from __future__ import annotations

import re
import sys
from pathlib import Path

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


def main() -> None:
    documents = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("**/*.md"))]
    found = [problem for document in documents for problem in problems(document)]
    guarantees = (REPOSITORY / "docs" / "guarantees.md").read_text()
    for number in range(1, 13):
        if not re.search(rf"^\| G{number} \|.*`(integration|Tests)/", guarantees, re.MULTILINE):
            found.append(f"docs/guarantees.md: G{number} names no test")
    for problem in found:
        print(f"FAIL docs: {problem}")
    print(f"docs: {len(documents)} documents, {len(found)} problems")
    sys.exit(1 if found or not documents else 0)


if __name__ == "__main__":
    main()
