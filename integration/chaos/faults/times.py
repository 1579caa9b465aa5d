"""Clocks that are set, and clocks that have jumped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness import Running, Skip, World, compile_program


class WallClock:
    """The wall clock of whatever is started with `environment`; it can be set while that runs."""

    def __init__(self, world: World) -> None:
        listing = subprocess.run(["ldd", str(world.binaries.claudine)], capture_output=True, text=True, check=False).stdout
        if "libc.so" not in listing:
            raise Skip("claudine is linked statically, so nothing can be preloaded")
        self._path = world.base / "clock"
        self.set(0)
        world.own(self._path, 0o644)
        self.environment = {"LD_PRELOAD": str(compile_program("clock", library=True)), "CHAOS_CLOCK": str(self._path)}

    def set(self, seconds: int) -> None:
        """Wrong by so many seconds from now on."""
        self._path.write_text(f"{seconds}\n")


def launched_as_root(world: World, prefix: Sequence[str], command: Sequence[str | bytes | Path]) -> Running:
    """Starts a program in surroundings that only root can make, but as the user of the world."""
    if os.geteuid() != 0:
        raise Skip("only root can make these surroundings")
    user = world.identity
    become = ["/usr/bin/setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"] if user.uid else []
    world.note(f"$ {' '.join(prefix)} …")
    popen = subprocess.Popen(
        [*prefix, *become, *command], env=world.environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True)
    return Running(world, popen)


def later(seconds: int) -> list[str]:
    """As if the machine had been up for so much longer: a prefix for `launched_as_root`."""
    return ["/usr/bin/unshare", "-T", "--boottime", str(seconds), "--monotonic", str(seconds), "--"]


def another_boot(identifier: Path) -> list[str]:
    """As if the machine had been restarted: the file holds its new boot's id."""
    script = f"mount --bind {identifier} /proc/sys/kernel/random/boot_id && exec \"$@\""
    return ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, "sh"]
