"""Processes that look like what Claudine might mistake for its own, and that it must never signal."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness import Process


class Canaries:
    """A copy of the canary under each of the names, as the user of the world."""

    #: Called as a shepherd, its supervisor and an agent are; the last one carries another attempt's nonce.
    NAMES = ("claudine-shepherd", "claudine", "claude", "sleep")

    def __init__(self, program: Path, folder: Path, uid: int, gid: int) -> None:
        switch = {} if uid == os.geteuid() else {"user": uid, "group": gid, "extra_groups": []}
        self._processes: list[tuple[subprocess.Popen[bytes], Process]] = []
        for name in self.NAMES:
            path = folder / name
            path.write_bytes(program.read_bytes())
            path.chmod(0o755)
            environment = {"CLAUDINE_NONCE": "0" * 32} if name == "sleep" else {}
            popen = subprocess.Popen(
                [path, "task_" + "a" * 26], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True, **switch)  # type: ignore[call-overload]
            assert popen.stdout
            if popen.stdout.read(1) != b"\0":
                raise RuntimeError(f"the canary {name} did not start")
            os.set_blocking(popen.stdout.fileno(), False)
            process = Process.of(popen.pid)
            assert process
            self._processes.append((popen, process))

    @property
    def pids(self) -> list[int]:
        return [process.pid for _, process in self._processes]

    def complaints(self) -> list[str]:
        """What happened to them since the last look."""
        found = []
        for popen, process in self._processes:
            assert popen.stdout
            for number in popen.stdout.read() or b"":
                found.append(f"the canary {process.name} was sent signal {number}")
            if not process.alive:
                found.append(f"the canary {process.name} was killed")
            elif process.state in "Tt":
                found.append(f"the canary {process.name} was stopped")
        return found

    def close(self) -> None:
        for popen, _ in self._processes:
            popen.kill()
            popen.wait()
            if popen.stdout:
                popen.stdout.close()
