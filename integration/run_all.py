#!/usr/bin/python3
"""Runs every whole-program suite and says what came of each. What `make test` runs after the unit tests."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import built

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """One suite: its file, how it is called in a full run, and whether it can stand company on a small machine."""

    name: str
    arguments: tuple[str, ...] = ()
    alone: bool = False


#: In this order; those that measure time or memory, or bomb, come last and alone.
SUITES = [
    Entry("docs_check"),
    Entry("contract"),
    Entry("queued"),
    Entry("daemon"),
    Entry("badinput"),
    Entry("mcp_protocol"),
    Entry("database"),
    Entry("damage"),
    Entry("races"),
    Entry("ten"),
    Entry("configuration"),
    Entry("mcp_setup"),
    Entry("powerloss"),
    Entry("policies"),
    Entry("hostile"),
    Entry("policytest", ("--as", "user") if os.geteuid() == 0 else ()),
    Entry("limits"),
    Entry("workflows"),
    Entry("chaos"),
    Entry("delegation"),
    Entry("mcp_clients"),
    Entry("doctor"),
    Entry("mcp_http"),
    Entry("faults"),
    Entry("e2e_claude", ("--short",)),
    Entry("orphans", alone=True),
    Entry("leftovers", alone=True),
    Entry("shepherd_footprint", alone=True),
]


def run(entry: Entry, lock: threading.Lock) -> tuple[Entry, int, float]:
    """Runs one suite with its output held together, so that two of them do not mix."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [sys.executable, "-B", str(HERE / f"{entry.name}.py"), *entry.arguments], stdout=output, stderr=subprocess.STDOUT, check=False)
        seconds = time.monotonic() - began
        output.seek(0)
        with lock:
            print(f"\n== {entry.name} ({seconds:.0f} s)", flush=True)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    return entry, done.returncode, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="this suite only (repeatable)")
    parser.add_argument("--jobs", type=int, default=max(1, min(2, os.cpu_count() or 1)), help="suites at a time")
    arguments = parser.parse_args()
    chosen = [entry for entry in SUITES if not arguments.only or entry.name in arguments.only]
    if arguments.only and len(chosen) != len(set(arguments.only)):
        sys.exit(f"no such suite; there are {', '.join(entry.name for entry in SUITES)}")
    print(f"testing {built()}", flush=True)
    began = time.monotonic()
    lock = threading.Lock()
    with ThreadPoolExecutor(max_workers=arguments.jobs) as pool:
        results = list(pool.map(lambda entry: run(entry, lock), [entry for entry in chosen if not entry.alone]))
    results += [run(entry, lock) for entry in chosen if entry.alone]
    print(f"\n== summary ({time.monotonic() - began:.0f} s)")
    for entry, code, seconds in results:
        print(f"{'PASS' if code == 0 else 'FAIL'} {entry.name} {seconds:.0f} s")
    sys.exit(0 if results and all(code == 0 for _, code, _ in results) else 1)


if __name__ == "__main__":
    main()
