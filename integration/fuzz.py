#!/usr/bin/python3
"""Fuzzes whatever decodes bytes from elsewhere with libFuzzer and the address sanitizer, each for a bounded time.

`--seconds N` (default 60) each. The corpora are kept in `.build/fuzz`, so a later run goes on where this one stopped.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import built

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Fuzzer:
    """One program: what it is made of, which of the package's other modules it needs, and what it begins with."""

    name: str
    entry: str
    folders: tuple[str, ...]
    modules: tuple[str, ...] = ()
    seeds: tuple[bytes, ...] = ()


ENVELOPE = b'"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'

FUZZERS = [
    Fuzzer("decoders", "Decoders.swift", ("ShepherdProtocol",)),
    Fuzzer(
        "frames", "Frames.swift", ("MCP/JSON", "MCP/JSONRPC"), ("OrderedCollections", "InternalCollectionsUtilities"),
        (
            b'\x07{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x",' + ENVELOPE + b"}}\r\n\n",
            b'\x01{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\\u00e9\\ud835\\udd4f"}}\n{"a":1,"a":[1.5e3,-0]}',
            b'\xff{"jsonrpc":"2.0","id":"s","result":{}}\n{"jsonrpc":"2.0","id":-1,"error":{"code":-32600,"message":"m","data":null}}\n',
        )),
]


def compiled(fuzzer: Fuzzer, folder: Path) -> Path:
    program = folder / fuzzer.name
    sources = [path for name in fuzzer.folders for path in sorted((REPOSITORY / "Sources" / name).glob("*.swift"))]
    modules: list[str] = []
    if fuzzer.modules:
        products = built()
        modules = ["-I", str(products / "Modules"), *(str(path) for name in fuzzer.modules for path in sorted((products / f"{name}.build").glob("*.o")))]
    done = subprocess.run(
        ["swiftc", "-O", "-parse-as-library", "-swift-version", "6", "-package-name", "claudine", "-module-name", f"{fuzzer.name.capitalize()}Fuzzer",
         "-sanitize=fuzzer,address", "-o", str(program), *map(str, sources), str(REPOSITORY / "integration" / "fuzz" / fuzzer.entry), *modules],
        capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        sys.exit(f"FAIL fuzz: {fuzzer.name} does not compile\n{done.stdout}{done.stderr}")
    return program


def run(fuzzer: Fuzzer, seconds: int) -> None:
    folder = REPOSITORY / ".build" / "fuzz" / f"{fuzzer.name}.d"
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(fuzzer.seeds):
        (corpus / f"seed{number}").write_bytes(seed)
    program = compiled(fuzzer, folder)
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
        sys.exit(f"FAIL fuzz: {fuzzer.name}: exit {done.returncode}; what did it lies in {folder}")
    print(f"PASS fuzz: {fuzzer.name}: {tries[-1]} inputs in {seconds} s, {len(list(corpus.iterdir()))} kept", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", choices=[fuzzer.name for fuzzer in FUZZERS])
    arguments = parser.parse_args()
    for fuzzer in FUZZERS:
        if arguments.only in (None, fuzzer.name):
            run(fuzzer, arguments.seconds)


if __name__ == "__main__":
    main()
