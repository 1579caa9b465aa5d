"""Points between the steps of an attempt at which a debug build of `claudine` can be struck (Sources/Supervision/Failpoint.swift)."""

from __future__ import annotations

import functools
import mmap

from harness import Process, Skip, locate, wait_until

VARIABLE = "CLAUDINE_FAILPOINT"


@functools.cache
def _are_compiled_in() -> bool:
    with open(locate().claudine, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return text.find(VARIABLE.encode()) >= 0


def failpoint(point: str, action: str, turn: int = 1) -> dict[str, str]:
    """The environment with which `claudine` kills itself, stops itself or fails at a point."""
    if not _are_compiled_in():
        raise Skip("this build has no failpoints; a debug build has")
    return {VARIABLE: f"{point}:{action}:{turn}"}


def await_stop(process: Process, what: str) -> None:
    """Waits until a process has stopped itself at its failpoint."""
    wait_until(f"{what} to be reached", 20, lambda: process.state == "T" or not process.alive)
    if process.state != "T":
        raise RuntimeError(f"the process ended before {what}")
