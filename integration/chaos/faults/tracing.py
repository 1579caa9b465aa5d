"""Faults at an exact system call, with strace(1): the process dies, is stopped, or the call fails."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass

from harness import Skip, World

_STRACE = shutil.which("strace")


def need_strace() -> str:
    """Its path; skips the scenario without it."""
    if not _STRACE:
        raise Skip("strace is not installed (apt-get install strace)")
    return _STRACE


@dataclass(frozen=True)
class Aim:
    """What happens at which call: `what` as strace's --inject has it, `signal=SIGKILL` or `error=ENOSPC`; `when` likewise.

    With a path only calls that are about that file count; TASK in it stands for the task's id where that is known.
    """

    call: str
    when: int | str = 1
    what: str = "signal=SIGKILL"
    path: str | None = None

    @property
    def options(self) -> list[str]:
        about = [f"--trace-path={self.path}"] if self.path else []
        return [f"--trace={self.call}", f"--inject={self.call}:{self.what}:when={self.when}", *about]

    def __str__(self) -> str:
        return f"{self.what} at {self.call} {self.when}" + (f" of {os.path.basename(self.path)}" if self.path else "")


def supervisor_prefix(aim: Aim) -> list[str]:
    """Starts `claudine` so that this happens to any of its threads, and to no shepherd: it is let go of when it executes.

    The tracer is nobody's parent here (-D), so the pid is that of `claudine`.
    """
    return [need_strace(), "-D", "-f", "--detach-on=execve", "-qq", "-o", os.devnull, *aim.options]


@dataclass(frozen=True)
class Call:
    """One system call of a recorded life: the how-manieth of its name, and what it was given."""

    name: str
    number: int
    text: str

    @property
    def sent(self) -> bytes:
        """The first string among its arguments; recordings show every byte as \\xNN."""
        found = re.search(r'"((?:\\x[0-9a-f]{2})*)"', self.text)
        return bytes.fromhex(found[1].replace("\\x", "")) if found else b""


class TracedShepherd:
    """An installation of this world's own whose shepherds run under strace."""

    def __init__(self, world: World) -> None:
        self._strace = need_strace()
        self._world = world
        prefix = world.base / "install"
        world.binaries = world.binaries.copy(prefix, linked=True)
        self._folder = world.base / "tracing"
        self._folder.mkdir()
        world.own(self._folder, 0o700)
        # Under its own name, because a shepherd is known by it.
        real = world.binaries.shepherd.parent / "real" / world.binaries.shepherd.name
        real.parent.mkdir(mode=0o755)
        world.binaries.shepherd.rename(real)
        world.binaries.shepherd.write_text(
            "#!/bin/sh\n"
            f'if mv {self._folder}/options {self._folder}/options.$$ 2> /dev/null; then\n'
            f'    exec {self._strace} -D -qq $(sed "s/TASK/$1/" {self._folder}/options.$$) {real} "$@"\n'
            "fi\n"
            f'exec {real} "$@"\n')
        world.binaries.shepherd.chmod(0o755)
        # Another installation is another machine: the shepherds that find out about it are no task's.
        world.claudine("policy", "check", "strict")

    def aim(self, aim: Aim) -> None:
        """This happens to the next shepherd that is started, and to no other."""
        self._options(f"-o {self._folder}/struck {' '.join(aim.options)}")

    @property
    def has_struck(self) -> bool:
        """Whether what was aimed at last has come to pass."""
        log = self._folder / "struck"
        return log.exists() and re.search(r"killed by SIG|INJECTED|stopped by SIG", log.read_text(errors="replace")) is not None

    def record(self) -> None:
        """The calls of the next shepherd are written down."""
        self._options(f"-xx -s 64 -o {self._folder}/calls")

    def calls(self) -> list[Call]:
        """What was written down."""
        counts: Counter[str] = Counter()
        found: list[Call] = []
        for line in (self._folder / "calls").read_text(errors="replace").splitlines():
            if name := re.match(r"(\w+)\(", line):
                counts[name[1]] += 1
                found.append(Call(name[1], counts[name[1]], line))
        return found

    def _options(self, text: str) -> None:
        (self._folder / "struck").unlink(missing_ok=True)
        path = self._folder / "options"
        path.write_text(text + "\n")
        self._world.own(path, 0o600)
