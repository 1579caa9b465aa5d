#!/usr/bin/python3
"""Checks the documentation: every link leads somewhere, every path in backticks exists, every guarantee names its tests, and the
tables that the program prints are what it prints (`--write` puts them in). The systemd unit says what it has to, and systemd agrees."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tempfile
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


def race_rules() -> list[str]:
    """Each of the rules R1 to R34 (studies of supervision, A.7) has one test that is named after it; a case that its comment names exists."""
    folder = REPOSITORY / "Tests" / "SupervisionTests" / "RaceRules"
    text = "".join(path.read_text() for path in sorted(folder.glob("*.swift")))
    tests = re.findall(r"@Test[^\n]*\s+func r(\d+)[A-Z]\w+\(", text)
    found = [f"{folder.name}: {tests.count(str(rule))} tests named after R{rule}" for rule in range(1, 35) if tests.count(str(rule)) != 1]
    for suite, case in re.findall(r"(integration/\w+\.py), \"([^\"]+)\"", text):
        path = REPOSITORY / suite
        if not path.exists() or case not in path.read_text():
            found.append(f"{folder.name}: {suite} has no case '{case}'")
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


UNIT = REPOSITORY / "docs" / "claudine.service"
#: What the daemon relies on.
UNIT_SAYS = {
    "Type": "exec", "ExecStart": "%h/.local/bin/claudine serve", "KillMode": "mixed", "Delegate": "yes", "OOMPolicy": "continue",
    "Restart": "on-failure", "RestartPreventExitStatus": "75 78", "TimeoutStopSec": "11min",
}


def unit_problems() -> list[str]:
    """What is wrong with the unit: by our own reading, and by that of systemd where there is one."""
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = lambda name: name  # type: ignore[assignment,method-assign]
    parsed.read_string(UNIT.read_text())
    service = dict(parsed["Service"])
    found = [f"docs/{UNIT.name}: {key}={service.get(key)}, not {value}" for key, value in UNIT_SAYS.items() if service.get(key) != value]
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return found
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / UNIT.name
        copy.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={built() / 'claudine'}", UNIT.read_text(), flags=re.MULTILINE))
        done = subprocess.run(
            [analyze, "verify", "--user", str(copy)], env={"HOME": place, "XDG_RUNTIME_DIR": place}, capture_output=True, text=True, check=False)
    # A machine that systemd cannot look at, as some containers are, tells nothing about the unit.
    if "Failed to initialize manager" in done.stderr:
        return found
    return found + [f"docs/{UNIT.name}: systemd says: {line}" for line in (done.stderr.splitlines() or [f"exit {done.returncode}"] * bool(done.returncode))]


def main() -> None:
    documents = [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").glob("**/*.md"))]
    found = [problem for document in documents for problem in problems(document)]
    guarantees = (REPOSITORY / "docs" / "guarantees.md").read_text()
    for number in range(1, 13):
        if not re.search(rf"^\| G{number} \|.*`(integration|Tests)/", guarantees, re.MULTILINE):
            found.append(f"docs/guarantees.md: G{number} names no test")
    for page, command in (("policies.md", "policy"), ("configuration.md", "config"), ("mcp.md", "mcp")):
        found += generated(REPOSITORY / "docs" / page, [built() / "claudine", command, "reference"], "--write" in sys.argv[1:])
    found += unit_problems()
    found += race_rules()
    for problem in found:
        print(f"FAIL docs: {problem}")
    print(f"docs: {len(documents)} documents, {len(found)} problems")
    sys.exit(1 if found or not documents else 0)


if __name__ == "__main__":
    main()
