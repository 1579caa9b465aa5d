"""The observer's other end: starts it, hears what it finds, and ends it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from harness import World, compile_program

INTEGRATION = Path(__file__).resolve().parents[1]


class Watching:
    """One observer of one world; `violations` grows while it looks on."""

    def __init__(self, world: World, *, exempt: tuple[str, ...], ask: float, slots: int, period: float = 0.05) -> None:
        folder = world.base / "canaries"
        folder.mkdir(mode=0o755)
        order = {
            "state": str(world.state), "mark": world.nonce, "uid": world.identity.uid, "gid": world.identity.gid, "slots": slots,
            "claudine": str(world.binaries.claudine), "environment": world.environment(), "ask": ask, "exempt": list(exempt),
            "canary": str(compile_program("canary")), "folder": str(folder), "period": period,
        }
        self._errors = folder / "observer.log"
        with open(self._errors, "wb") as errors:
            self._popen = subprocess.Popen(
                [sys.executable, "-B", "-m", "chaos.observer", json.dumps(order)], env={"PYTHONPATH": str(INTEGRATION), "PATH": "/usr/bin:/bin"},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=INTEGRATION)
        self.violations: list[str] = []
        self.counts: dict[str, int] = {}
        self.samples = 0
        self.canaries: list[int] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()
        if not self._ready.wait(20):
            raise RuntimeError(f"the observer did not start: {self._errors.read_text()[-2000:]}")

    def _hear(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            said = json.loads(line)
            if "violation" in said:
                self.violations.append(f"{said['violation']}: {said['what']}")
            elif "counts" in said:
                self.counts, self.samples = said["counts"], said["samples"]
            else:
                self.canaries = said["canaries"]
                self._ready.set()
        self._ready.set()

    def acknowledge(self, task: str, state: str | None = None) -> None:
        """This task was acknowledged to somebody, or how it ended was."""
        self._order({"do": "acknowledge", "task": task, "state": state})

    def exempt(self, invariant: str) -> None:
        """From now on this one is broken on purpose."""
        self._order({"do": "exempt", "invariant": invariant})

    def slots(self, slots: int) -> None:
        self._order({"do": "slots", "slots": slots})

    def end(self, *, judge: bool = True) -> None:
        """Lets it look a last time, and collects its counts; without judging when the scenario has failed anyway."""
        if self._popen.poll() is None and judge:
            self._order({"do": "end"})
        with contextlib.suppress(OSError):
            assert self._popen.stdin
            self._popen.stdin.close()
        try:
            code = self._popen.wait(20)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            code = self._popen.wait()
        self._thread.join(5)
        if code != 0 or not self.samples:
            self.violations.append(f"the observer ended with {code}: {self._errors.read_text()[-1500:]}")

    def _order(self, order: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):
            assert self._popen.stdin
            self._popen.stdin.write(json.dumps(order).encode() + b"\n")
            self._popen.stdin.flush()
