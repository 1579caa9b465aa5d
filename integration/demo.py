#!/usr/bin/python3
"""What `make demo` shows: the bundled agent in a strict cage, what it was allowed, what was blocked, and that nothing is left.

`--readme` puts what it just printed into README.md, between the markers there.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import textwrap
from pathlib import Path

from harness import IDENTITIES, NONCE, World, expect, marked
from harness.binaries import REPOSITORY

PROMPT = "improve this project"
WIDTH = 80
BEGIN, END = "<!-- demo: begin -->", "<!-- demo: end -->"


class Show:
    """Prints at most 80 columns, and remembers it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str = "", indent: str = "") -> None:
        for line in text.splitlines() or [""]:
            follow = indent + re.match(r"\s*", line)[0] + ("  " if line.strip() else "")  # type: ignore[index]
            for part in textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=follow, drop_whitespace=True, replace_whitespace=False) or [""]:
                self.lines.append(part)
                print(part, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", action="store_true", help="also put the output into README.md")
    arguments = parser.parse_args()
    show = Show()
    world = World(IDENTITIES[0], parent=place())
    try:
        passed = perform(world, show)
    finally:
        world.close()
    if arguments.readme:
        readme = REPOSITORY / "README.md"
        text = readme.read_text()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        readme.write_text(f"{head}{BEGIN}\n```\n" + "\n".join(show.lines) + f"\n```\n{END}{tail}")
    return 0 if passed else 1


def place() -> Path:
    """Where the demo's project lies: not below /tmp, which is private and writable in the cage, so that "outside" means outside."""
    candidates = [REPOSITORY / ".build", Path.home()]
    return next((path for path in candidates if path.is_dir() and not str(path).startswith(("/tmp/", "/var/tmp/"))), candidates[0])


def perform(world: World, show: Show) -> bool:
    project = world.workspace
    world.write(project / "README.md", "# A small project\n", mode=0o644)
    show.say(f"$ claudine run --policy strict --agent demo {shlex.quote(PROMPT)}")
    run = world.start(
        "run", "--policy", "strict", "--agent", "demo", "-C", project, "--env", f"{NONCE}={world.nonce}", PROMPT)
    seen: set[int] = set()
    most = 0
    while run.popen.poll() is None:
        tree = marked(world.nonce)
        most = max(most, len(tree))
        seen.update(process.pid for process in tree)
    result = run.wait(60)
    left = marked(world.nonce)
    show.say(result.text.rstrip())
    show.say(result.errors.rstrip())
    expect(result.code == 0, f"the run failed: {result}")
    record = world.record()
    show.say()
    show.say("What is recorded (claudine status --json):")
    policy, facts = record["policy"], record.get("receipt", {})
    show.say(f"state {record['state']}, exit {record['exit'].get('code')}, {record['wallMs']} ms, policy {policy['name']}, containment {policy['containment']}", "  ")
    show.say(f"layers: {', '.join(policy['layers'])}", "  ")
    show.say(f"read back before exec: capEff {facts.get('capEff')}, seccomp {facts.get('seccomp')}, noNewPrivs {facts.get('noNewPrivs')}", "  ")
    show.say(f"{record.get('stragglers', 0)} processes outlived the agent; Claudine ended them", "  ")
    show.say()
    show.say("What is in the workspace now:")
    for path in sorted(project.iterdir()):
        show.say(path.name, "  ")
    show.say()
    show.say("Proof from outside, by a nonce in the environment of everything it started:")
    show.say(f"while it ran: {len(seen)} different processes seen, at most {most} at a time", "  ")
    show.say(f"now: {len(left)} left", "  ")
    refused = len(re.findall(r"^\s+blocked  ", result.text, re.MULTILINE))
    succeeded = re.findall(r"^\s+NOT BLOCKED  .*", result.text, re.MULTILINE)
    good = not left and bool(seen) and refused >= 8 and not succeeded
    show.say()
    show.say("Nothing is left running, and nothing forbidden succeeded." if good else "THE DEMO FAILED: see above.")
    return good


if __name__ == "__main__":
    sys.exit(main())
