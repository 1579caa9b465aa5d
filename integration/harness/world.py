"""One isolated place to run Claudine in: an identity, a home, a state directory, a workspace, and a nonce."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import processes
from .binaries import Binaries, compile_program, locate
from .processes import NONCE, Process, kill_all

#: The beginning of the shepherd's name as /proc shows it (15 characters at most).
SHEPHERD_NAME = "claudine-shephe"


@dataclass(frozen=True)
class Identity:
    name: str
    uid: int
    gid: int


#: Who the tests run as: root and a throw-away ordinary user, or, when started by an ordinary user, that one only.
IDENTITIES = (
    [Identity("root", 0, 0), Identity("user", 41234, 41234)]
    if os.geteuid() == 0
    else [Identity("user", os.geteuid(), os.getegid())]
)


@dataclass(frozen=True)
class Result:
    """What a finished program left: its exit code (negative: the signal), both streams, and how long it took."""

    code: int
    stdout: bytes
    stderr: bytes
    seconds: float

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")

    @property
    def errors(self) -> str:
        return self.stderr.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.stdout)

    def __str__(self) -> str:
        return f"exit {self.code}, stdout {self.stdout[:2000]!r}, stderr {self.stderr[:2000]!r}"


@dataclass
class Running:
    """A `claudine` that was started and not yet awaited."""

    world: World
    popen: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)

    @property
    def process(self) -> Process | None:
        return Process.of(self.popen.pid)

    def shepherd(self) -> Process | None:
        """The shepherd of a foreground run: its direct child of that name."""
        for pid in processes.children(self.popen.pid):
            process = Process.of(pid)
            if process and process.name == SHEPHERD_NAME:
                return self.world.watch(process)
        return None

    def wait(self, seconds: float = 60) -> Result:
        """Waits for the end and collects the output; a run that does not end is killed and fails the case."""
        try:
            stdout, stderr = self.popen.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            stdout, stderr = self.popen.communicate()
            errors = (stderr or b"")[-2000:]
            raise TimeoutError(f"still running after {seconds:g} s; stderr so far {errors!r}") from None
        result = Result(self.popen.returncode, stdout or b"", stderr or b"", time.monotonic() - self.began)
        self.world.note(f"→ {result}")
        return result


class World:
    """Directories below one temporary base, all owned by the identity; everything in it is gone after `close`."""

    def __init__(self, identity: Identity, binaries: Binaries | None = None, parent: Path | None = None) -> None:
        self.identity = identity
        self.binaries = binaries or locate()
        self.nonce = uuid.uuid4().hex
        self.base = Path(tempfile.mkdtemp(prefix="claudine-world-", dir=parent))
        self.base.chmod(0o755)
        self.home = self._directory("home", 0o700)
        self.state = self._directory("state", 0o700)
        self.config = self._directory("config", 0o700)
        self.workspace = self._directory("workspace", 0o700)
        os.chown(self.base, identity.uid, identity.gid)
        self._started: list[Running] = []
        self._watched: list[Process] = []
        self._history: list[str] = []

    def _directory(self, name: str, mode: int) -> Path:
        path = self.base / name
        path.mkdir(mode=mode)
        os.chown(path, self.identity.uid, self.identity.gid)
        return path

    # MARK: files

    def own(self, path: Path, mode: int | None = None) -> Path:
        """Gives a file the test made to the identity."""
        os.chown(path, self.identity.uid, self.identity.gid, follow_symlinks=False)
        if mode is not None:
            path.chmod(mode)
        return path

    def write(self, path: Path, content: str | bytes, mode: int = 0o600) -> Path:
        """Writes a file below the base as the identity would, making missing folders."""
        for folder in reversed(path.relative_to(self.base).parents):
            if not (self.base / folder).exists():
                (self.base / folder).mkdir(mode=0o700)
                self.own(self.base / folder)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.own(path, mode)

    def program(self, name: str) -> Path:
        """Puts a compiled test program into the workspace, where the cage sees it."""
        target = self.workspace / name
        if not target.exists():
            shutil.copy(compile_program(name), target)
            self.own(target, 0o755)
        return target

    # MARK: running

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """What Claudine itself is started with: nothing of the caller's environment."""
        values = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "CLAUDINE_STATE_DIR": str(self.state),
            "CLAUDINE_CONFIG_DIR": str(self.config),
        }
        if self.binaries.libraries:
            values["LD_LIBRARY_PATH"] = str(self.binaries.libraries)
        values.update(extra or {})
        return values

    def launch(
        self, command: Sequence[str | bytes | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None,
        stdin: Any = subprocess.DEVNULL, stdout: Any = subprocess.PIPE, stderr: Any = subprocess.PIPE,
    ) -> Running:
        """Starts any program as the identity, in a session of its own."""
        self.note("$ " + " ".join(shlex.quote(os.fsdecode(word))[:300] for word in command))
        switch: dict[str, Any] = {}
        if self.identity.uid != os.geteuid():
            switch = {"user": self.identity.uid, "group": self.identity.gid, "extra_groups": []}
        popen = started(
            command, env=self.environment(env), cwd=cwd or self.workspace, stdin=stdin, stdout=stdout, stderr=stderr,
            start_new_session=True, **switch,
        )
        running = Running(self, popen)
        self._started.append(running)
        return running

    def start(self, *arguments: str | bytes | Path, **options: Any) -> Running:
        """Starts `claudine ARGUMENTS…`."""
        return self.launch([self.binaries.claudine, *arguments], **options)

    def claudine(self, *arguments: str | bytes | Path, timeout: float = 60, **options: Any) -> Result:
        """Runs `claudine ARGUMENTS…` to its end."""
        return self.start(*arguments, **options).wait(timeout)

    def caged(self, *command: str | bytes | Path, options: Sequence[str] = (), policy: str = "strict") -> list[str | bytes | Path]:
        """The arguments that run a command under a policy in the workspace, marked with the nonce."""
        return ["run", "--policy", policy, "-C", self.workspace, "--env", f"{NONCE}={self.nonce}", *options, "--", *command]

    def run(self, *command: str | bytes | Path, options: Sequence[str] = (), timeout: float = 60, policy: str = "strict", **more: Any) -> Result:
        """Runs a caged command to its end."""
        return self.claudine(*self.caged(*command, options=options, policy=policy), timeout=timeout, **more)

    def begin(self, *command: str | bytes | Path, options: Sequence[str] = (), policy: str = "strict", **more: Any) -> Running:
        """Starts a caged command."""
        return self.start(*self.caged(*command, options=options, policy=policy), **more)

    # MARK: the record

    def tasks(self) -> list[dict[str, Any]]:
        """All task records, newest first."""
        result = self.claudine("list", "--json")
        if result.code != 0:
            raise RuntimeError(f"claudine list failed: {result}")
        return list(result.json()["tasks"])

    def record(self, task: str | None = None) -> dict[str, Any]:
        """One record; without an id, that of the only task."""
        if task is None:
            records = self.tasks()
            if len(records) != 1:
                raise RuntimeError(f"one task expected, {len(records)} found")
            task = str(records[0]["taskId"])
        result = self.claudine("status", task, "--json")
        if result.code != 0:
            raise RuntimeError(f"claudine status failed: {result}")
        return dict(result.json())

    def events(self, task: str | None = None) -> list[dict[str, Any]]:
        """The event log, of one task if given."""
        result = self.claudine("events")
        if result.code != 0:
            raise RuntimeError(f"claudine events failed: {result}")
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return [line for line in lines if task is None or line.get("taskId") == task]

    # MARK: what is left

    def marked(self) -> list[Process]:
        return processes.marked(self.nonce)

    def members(self) -> list[Process]:
        return processes.members(self.nonce)

    def watch(self, process: Process) -> Process:
        """Remembers a process that has to be gone when the world closes, whatever becomes of the test."""
        self._watched.append(process)
        return process

    def note(self, line: str) -> None:
        self._history.append(line)

    def history(self) -> str:
        """The last commands and their results, for a failed case."""
        return "\n".join("    " + line[:1500] for line in self._history[-12:])

    def daemons(self) -> list[Process]:
        """Those that commands of this world have started on demand: their arguments name a state directory below the base."""
        below = os.fsencode(self.base) + b"/"
        found = []
        for pid in processes.pids():
            words = processes.arguments(pid)
            if words[1:2] == [b"serve"] and any(word.startswith(below) for word in words) and (process := Process.of(pid)):
                found.append(process)
        return found

    def _end_daemons(self) -> None:
        """Tells them to leave, at once, and waits; what they run goes with them."""
        found = self.daemons()
        below = [process for daemon in found for process in processes.descendants(daemon.pid)]
        # The first signal stops what runs, the second one kills it; sent at once, the two would be one.
        for daemon in found:
            daemon.signal(signal.SIGTERM)
        if found:
            time.sleep(0.05)
        for daemon in found:
            daemon.signal(signal.SIGTERM)
        for _ in range(500):
            if not any(daemon.alive for daemon in found):
                return
            time.sleep(0.02)
        kill_all(found + below)

    def close(self) -> None:
        """Ends every process this world started, by pid, and removes its directories."""
        self._end_daemons()
        for running in self._started:
            if running.popen.poll() is None:
                below = processes.descendants(running.popen.pid)
                running.popen.send_signal(signal.SIGKILL)
                kill_all(below)
                running.popen.wait()
            for stream in (running.popen.stdin, running.popen.stdout, running.popen.stderr):
                if stream:
                    stream.close()
        kill_all(self._watched)
        for _ in range(20):
            if not kill_all(self.marked()):
                break
            time.sleep(0.05)
        shutil.rmtree(self.base, ignore_errors=True)


def started(command: Sequence[str | bytes | Path], **options: Any) -> subprocess.Popen[bytes]:
    """Popen; a program that was copied a moment ago may be open for writing in a child that another thread has just forked."""
    for _ in range(100):
        try:
            return subprocess.Popen(command, **options)
        except OSError as error:
            if error.errno != errno.ETXTBSY:
                raise
            time.sleep(0.02)
    return subprocess.Popen(command, **options)
