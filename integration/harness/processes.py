"""What /proc says about processes, read from outside the cage. Nothing is ever signalled by name, only by pid and start time."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

#: The variable that marks everything a task started: given to it by `--env`, never part of Claudine's own environment. Names that
#: begin with CLAUDINE_ belong to Claudine.
NONCE = "CAGE_TEST_NONCE"


@dataclass(frozen=True)
class Process:
    """One process, safe against a pid being used again: the start time belongs to the identity."""

    pid: int
    started: int
    name: str

    @staticmethod
    def of(pid: int) -> Process | None:
        """The process `pid` names now; None when there is none or only a zombie is left of it."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        if fields[0] in "ZX":
            return None
        return Process(pid, int(fields[19]), name)

    @property
    def alive(self) -> bool:
        return Process.of(self.pid) == self

    @property
    def state(self) -> str:
        """The one-letter state of proc(5), "X" when it is gone."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return "X"
        return text[text.rindex(")") + 2]

    def signal(self, number: int) -> bool:
        """Sends a signal to exactly this process; False when it was gone already."""
        if not self.alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def status(self, key: str) -> str | None:
        """One value of /proc/PID/status."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text(errors="replace").splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(key + ":")), None)


def pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def arguments(pid: int) -> list[bytes]:
    """The words a process was started with; none when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def marked(nonce: str) -> list[Process]:
    """Every living process whose environment carries the nonce."""
    needle = f"{NONCE}={nonce}".encode()
    found = []
    for pid in pids():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = file.read()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if needle in environment and (process := Process.of(pid)):
            found.append(process)
    return found


def pid_namespace(pid: int | str) -> str | None:
    """The PID namespace of a process as the kernel names it; None when it cannot be seen."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def members(nonce: str) -> list[Process]:
    """The marked processes and all that share a PID namespace with one, but never ours: it finds those without a nonce too."""
    direct = marked(nonce)
    own = pid_namespace("self")
    spaces = {space for process in direct if (space := pid_namespace(process.pid)) and space != own}
    shared = [process for pid in pids() if pid_namespace(pid) in spaces and (process := Process.of(pid))]
    return list({process.pid: process for process in direct + shared}.values())


def children(pid: int) -> list[int]:
    """The direct children of every thread of `pid`."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(child) for child in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def descendants(pid: int) -> list[Process]:
    """Everything below `pid`, parents first."""
    found: list[Process] = []
    for child in children(pid):
        if process := Process.of(child):
            found.append(process)
        found += descendants(child)
    return found


def kill_all(processes: list[Process]) -> int:
    """Kills exactly these, stopped ones too; returns how many were still there."""
    return sum(process.signal(signal.SIGKILL) for process in processes)
