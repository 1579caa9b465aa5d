"""File systems that are soon full, in a mount namespace of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .suite import Skip, expect
from .world import Running, World


class SmallDisk:
    """A directory of the world, its state if none is named, on a small file system that everything the world starts from now on sees."""

    def __init__(self, world: World, kibibytes: int, *, place: Path | None = None, inodes: int | None = None) -> None:
        if os.geteuid() != 0:
            raise Skip("only root may mount a file system that others use")
        self.world = world
        user = world.identity
        place = place or world.state
        options = f"size={kibibytes}k,mode=700,uid={user.uid},gid={user.gid}" + (f",nr_inodes={inodes}" if inodes else "")
        script = f"mount -t tmpfs -o {options} none '{place}' && echo ready && exec cat"
        self.holder = subprocess.Popen(
            ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout
        expect(self.holder.stdout.readline() == b"ready\n", "no file system")
        self.state = Path(f"/proc/{self.holder.pid}/root{world.state}")
        self.filler = Path(f"/proc/{self.holder.pid}/root{place}") / "filler"
        world.launch = self.launch  # type: ignore[method-assign]

    def launch(self, command: Sequence[str | bytes | Path], **more: Any) -> Running:
        """Like the world's own, inside."""
        user = self.world.identity
        become = ["/usr/bin/setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"] if user.uid else []
        script = f"cd '{self.world.workspace}' && exec \"$@\""
        prefix = ["/usr/bin/nsenter", "-t", str(self.holder.pid), "-m", *become, "/bin/sh", "-c", script, "sh"]
        popen = subprocess.Popen(
            [*prefix, *command], env=self.world.environment(more.get("env")), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        running = Running(self.world, popen)
        self.world._started.append(running)
        return running

    def fill(self) -> None:
        with self.filler.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        self.filler.unlink()

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(self, *error: object) -> None:
        del self.world.launch
        for running in self.world._started:
            if running.popen.poll() is None:
                running.popen.kill()
                running.popen.wait()
        assert self.holder.stdin
        self.holder.stdin.close()
        self.holder.wait(30)
