"""What is in /proc: who carries a nonce in the environment, and who descends from whom."""

from __future__ import annotations

import os
import time
from typing import Callable, Iterator


def pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def read(pid: int, name: str) -> bytes:
    """Empty for a process that is gone, has nothing there, or may not be looked at."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def with_environment(text: str) -> list[int]:
    """The living processes whose initial environment contains `text`."""
    return [pid for pid in pids() if text.encode() in read(pid, "environ")]


def command_line(pid: int) -> str:
    return read(pid, "cmdline").replace(b"\0", b" ").decode("utf-8", "replace").strip()


def descendants(ancestor: int) -> list[int]:
    parents: dict[int, int] = {}
    for pid in pids():
        fields = read(pid, "stat").rpartition(b")")[2].split()
        if len(fields) > 1:
            parents[pid] = int(fields[1])
    found: list[int] = []
    layer = {ancestor}
    while layer:
        layer = {pid for pid, parent in parents.items() if parent in layer}
        found.extend(layer)
    return found


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(every)
    return condition()
