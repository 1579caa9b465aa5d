"""Asks `claudine` itself now and then: it has to answer, in time, with something that can be understood."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence

#: Seconds an answer may take (I8), and after which the command is ended because it hangs.
IN_TIME, HANGS = 2.0, 20.0


class Asking:
    """One question at a time, never waited for."""

    def __init__(self, claudine: str, environment: Mapping[str, str], uid: int, gid: int, every: float) -> None:
        self._claudine = claudine
        self._environment = dict(environment)
        self._switch = {} if uid == os.geteuid() else {"user": uid, "group": gid, "extra_groups": []}
        self._every = every
        self._next = time.monotonic() + every
        self._running: subprocess.Popen[bytes] | None = None
        self._question: Sequence[str] = ()
        self._began = 0.0
        self.answers = 0

    def look(self, task: str | None, slack: float) -> str | None:
        """Asks if it is time to, and judges an answer that has come; says what was wrong with it.

        - slack: seconds by which this process was itself late: what slows us down slows everybody.
        """
        now = time.monotonic()
        if self._running is None:
            if self._every and now >= self._next:
                # Every other question is about one task, the others about all.
                self._question = ["status", task, "--json"] if task and self.answers % 2 else ["list", "--json", "--limit", "50"]
                self._running = subprocess.Popen(
                    [self._claudine, *self._question], env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL, cwd="/", **self._switch)  # type: ignore[call-overload]
                assert self._running.stdout
                os.set_blocking(self._running.stdout.fileno(), False)
                self._output = b""
                self._began, self._waited = now, 0.0
            return None
        assert self._running.stdout
        self._output += self._running.stdout.read() or b""
        self._waited = max(self._waited, _waited(self._running.pid))
        # What it waited for a processor is not its fault.
        seconds = now - self._began - self._waited
        if self._running.poll() is None:
            if seconds < HANGS + slack:
                return None
            self._running.kill()
        code = self._running.wait()
        self._output += self._running.stdout.read() or b""
        self._running.stdout.close()
        self._running = None
        self._next = now + self._every
        self.answers += 1
        return self._judge(code, seconds, slack)

    def _judge(self, code: int, seconds: float, slack: float) -> str | None:
        question = " ".join(self._question)
        if seconds > IN_TIME + slack:
            return f"`{question}` took {seconds:.1f} s"
        if code < 0:
            return f"`{question}` died of signal {-code}"
        try:
            answer = json.loads(self._output)
        except ValueError:
            return f"`{question}` (exit {code}) did not answer with JSON: {self._output[:200]!r}"
        if code and not answer.get("error", {}).get("code"):
            return f"`{question}` failed with {code} and gave no reason: {self._output[:200]!r}"
        return None

    def close(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()


def _waited(pid: int) -> float:
    """Seconds that the one of its threads that waited longest was ready to run and did not (proc(5), schedstat)."""
    longest = 0
    with contextlib.suppress(OSError, ValueError, IndexError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                longest = max(longest, int(file.read().split()[1]))
    return longest / 1e9
