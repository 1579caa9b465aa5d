#!/usr/bin/python3
"""Virtual environments with pinned MCP clients that nobody here wrote, for the tests of the MCP server.

They lie in $XDG_CACHE_HOME/claudine-e2e/mcp-clients, outside the repository, and are made when first asked for, from the package
index that pip is configured for. Each client has one of its own: they need not agree on the versions of what they need.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from claude_binary import cache_directory

#: What has to be installed for each, exactly.
PACKAGES: dict[str, tuple[str, ...]] = {
    "official": ("mcp==2.3.0", "jsonschema==4.26.0"),
    "fastmcp": ("fastmcp==4.1.2", "fastmcp-tasks==4.1.2"),
    "probe": ("amagi-mcp-probe==0.1.0",),
    "rig": ("mcp-rig==0.4.1",),
    "mcpcheck": ("jbt-mcpcheck==0.1.1",),
}
INSTALL_SECONDS = 300


class Unavailable(Exception):
    """Why there is no such environment, in one sentence."""


def program(environment: str, name: str = "python") -> Path:
    """The path of a program in an environment, which is made when it is missing.

    Raises Unavailable, for example without a network.
    """
    packages = PACKAGES[environment]
    base = cache_directory() / "mcp-clients"
    base.mkdir(parents=True, exist_ok=True)
    # Its name has the versions: a change of them is another environment.
    folder = base / "+".join(packages)
    with (base / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Written last: without it, whatever is there was not finished.
        if not (folder / "complete").exists():
            make(folder, packages)
    found = folder / "bin" / name
    if not found.exists():
        raise Unavailable(f"{' and '.join(packages)} came without {name}")
    return found


def make(folder: Path, packages: tuple[str, ...]) -> None:
    """Programs in an environment know its path, so that it is made where it stays."""
    shutil.rmtree(folder, ignore_errors=True)
    wanted = " and ".join(packages)
    try:
        venv.create(folder, with_pip=True, symlinks=True)
        command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{wanted} could not be installed: {error}") from error
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise Unavailable(f"{wanted} could not be installed: {reason}")
    (folder / "complete").touch()


def main() -> int:
    for name in PACKAGES:
        try:
            print(program(name))
        except Unavailable as reason:
            print(f"mcp_environments: {reason}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
