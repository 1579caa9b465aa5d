#!/usr/bin/python3
"""Fuzzes both decoders of the shepherd's protocol with libFuzzer and the address sanitizer, for a bounded time.

`--seconds N` (default 60). The corpus is kept in `.build/fuzz`, so a later run goes on where this one stopped.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    folder = REPOSITORY / ".build" / "fuzz"
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    program = folder / "decoders"
    sources = [*sorted((REPOSITORY / "Sources" / "ShepherdProtocol").glob("*.swift")), REPOSITORY / "integration" / "fuzz" / "Decoders.swift"]
    compiled = subprocess.run(
        ["swiftc", "-O", "-parse-as-library", "-swift-version", "6", "-package-name", "claudine", "-module-name", "DecoderFuzzer",
         "-sanitize=fuzzer,address", "-o", str(program), *map(str, sources)],
        capture_output=True, text=True, check=False, cwd=folder)
    if compiled.returncode != 0:
        sys.exit(f"FAIL fuzz: does not compile\n{compiled.stdout}{compiled.stderr}")
    log = folder / "log"
    # Its output goes to a file: the symboliser of the sanitizer can outlive it and would keep a pipe open.
    with open(log, "wb") as output:
        done = subprocess.run(
            [str(program), f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024",
             f"-artifact_prefix={folder}/", str(corpus)],
            stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=seconds + 120, check=False,
            env={**os.environ, "ASAN_OPTIONS": "symbolize=0"})
    text = log.read_text(errors="replace")
    tries = re.findall(r"^#(\d+)", text, re.MULTILINE)
    if done.returncode != 0 or not tries:
        print(text[-4000:])
        sys.exit(f"FAIL fuzz: exit {done.returncode}; what did it lies in {folder}")
    print(f"PASS fuzz: {tries[-1]} inputs in {seconds} s, {len(list(corpus.iterdir()))} kept")


if __name__ == "__main__":
    main()
