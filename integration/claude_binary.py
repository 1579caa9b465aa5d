#!/usr/bin/python3
"""Finds the real Claude Code for the end-to-end tests: a pinned version, the same on every machine.

Looked for in this order: the path in CLAUDINE_E2E_CLAUDE; the cache, $XDG_CACHE_HOME/claudine-e2e; the wheel of
the Python SDK, which carries the binary, from the package index that pip is configured for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "claude-agent-sdk"
VERSION = "0.2.187"
MEMBER = "claude_agent_sdk/_bundled/claude"
DOWNLOAD_SECONDS = 600


class Unavailable(Exception):
    """Why there is no binary, in one sentence."""


def cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "claudine-e2e"


def find() -> Path:
    named = os.environ.get("CLAUDINE_E2E_CLAUDE")
    if named:
        path = Path(named).resolve()
        if not os.access(path, os.X_OK):
            raise Unavailable(f"CLAUDINE_E2E_CLAUDE names {named}, which is not an executable file")
        return path
    cached = cache_directory() / VERSION / "claude"
    if not os.access(cached, os.X_OK):
        fetch(cached)
    return cached


def fetch(target: Path) -> None:
    """Downloads the wheel and puts its binary at `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch]
        try:
            result = subprocess.run(
                command + [f"{PACKAGE}=={VERSION}"], capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"the wheel {PACKAGE}=={VERSION} could not be downloaded: {error}") from error
        if result.returncode != 0:
            reason = (result.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise Unavailable(f"the wheel {PACKAGE}=={VERSION} could not be downloaded: {reason}")
        for wheel in Path(scratch).glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                if MEMBER not in archive.namelist():
                    raise Unavailable(f"{wheel.name} carries no Claude Code for this machine")
                extracted = Path(archive.extract(MEMBER, scratch))
            extracted.chmod(0o755)
            extracted.rename(target)


def main() -> int:
    try:
        print(find())
    except Unavailable as reason:
        print(f"claude_binary: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
