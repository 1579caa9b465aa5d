"""Where a scenario happens: a world of its own, an observer of it, tasks whose agent does exactly what it is told."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import Identity, Process, Result, Running, World, expect, wait_until
from harness.processes import pids
from harness.world import SHEPHERD_NAME

from .observer.invariants import held
from .observer.record import reading
from .register import DAEMON, Scenario
from .watching import Watching

TERMINAL = {"succeeded", "failed", "timedOut", "cancelled", "refused", "lost"}
#: Seconds after which even a tree whose shepherd is stopped has to be gone.
GONE = 15.0
#: Seconds within which recovery has to have ended what it can end.
SETTLED = 40.0


class Task:
    """A task that was asked for, from its row to its end."""

    def __init__(self, ground: Ground, name: str, running: Running, started: Path) -> None:
        self._ground = ground
        self.name = name
        #: The `claudine run` in the foreground; for a detached task, the `claudine wait` that waits for it.
        self.running = running
        self._started = started
        self._id: str | None = None

    @property
    def id(self) -> str:
        """Waits until the row is there."""
        if self._id is None:
            self._id = wait_until(f"a row of {self.name}", 20, self.find)
        return self._id

    def find(self) -> str | None:
        rows = self._ground.query("SELECT id FROM task WHERE spec_json ->> 'name' = ?", self.name)
        return str(rows[0][0]) if rows else None

    def supervisor(self) -> Process:
        """Whoever holds the claim."""
        process = self._ground.daemon_process() if self._ground.daemon else self.running.process
        expect(process, f"{self.name} has no supervisor")
        assert process
        return process

    def shepherd(self, seconds: float = 20) -> Process:
        """Its shepherd, as soon as there is one; found by its arguments, so that a daemon's are told apart."""

        def find() -> Process | None:
            task = self.find()
            return next((process for pid in pids() if task and _argument(pid) == task and (process := Process.of(pid)) and process.name == SHEPHERD_NAME), None)

        return self._ground.world.watch(wait_until(f"a shepherd of {self.name}", seconds, find))

    def starts(self) -> int:
        """How often its agent has begun."""
        try:
            return len(self._started.read_text().splitlines())
        except FileNotFoundError:
            return 0

    def until(self, file: str, seconds: float = 30) -> None:
        """Waits for a `ready FILE` of the agent."""
        path = self._ground.world.workspace / file

        def there() -> bool:
            if self.running.popen.poll() is not None and not path.exists():
                raise RuntimeError(f"{self.name} ended before {file} was there: {self.running.wait()}")
            return path.exists()

        wait_until(f"{self.name} to make {file}", seconds, there)

    def end(self, seconds: float = 60) -> Result:
        """Waits for whoever waits for it."""
        return self.running.wait(seconds)

    def outcome(self) -> str:
        """State and reason as the database has them, "none" without a row."""
        task = self._id or self.find()
        rows = self._ground.query("SELECT state, reason_json ->> 'code' FROM task WHERE id = ?", task) if task else []
        return f"{rows[0][0]} {rows[0][1] or ''}".strip() if rows else "none"


class Ground:
    def __init__(self, scenario: Scenario, identity: Identity, way: str, seed: str) -> None:
        self.world = World(identity)
        self.way = way
        self.chance = random.Random(f"{seed} {scenario.label} {identity.name} {way}")
        self.daemon: Running | None = None
        self.checked: Counter[str] = Counter()
        self._tasks: list[Task] = []
        self.configure(scenario.slots)
        # The first to ask what this machine can do builds cages to find out; those shepherds are no task's.
        self.world.claudine("policy", "check", "strict")
        self.watching = Watching(self.world, exempt=scenario.exempt, ask=scenario.ask, slots=scenario.slots)

    def configure(self, slots: int) -> None:
        """What a test must not depend on is switched off: how busy this machine is."""
        text = f'[queue]\nmax_running = {slots}\n[admission]\nmemory_reserve = "1M"\ndisk_reserve = "1M"\n'
        text += "".join(f'{key} = "unlimited"\n' for key in ("memory_pressure", "cpu_pressure", "io_pressure", "start_rate"))
        self.world.write(self.world.config / "config.toml", text)

    # MARK: tasks

    def agent(self, *words: str | int, options: Sequence[str] = (), policy: str = "strict", env: Mapping[str, str] | None = None,
              prefix: Sequence[str | Path] = (), **more: Any) -> Task:
        """Starts an agent that does what the words say (integration/programs/agent.c), as the scenario's tasks are run.

        - prefix: a program that starts `claudine` in its turn: strace, prlimit.
        """
        name = f"chaos-{len(self._tasks)}"
        started = self.world.workspace / f"{name}.started"
        command = [self.world.program("agent"), "begin", started, *map(str, words)]
        arguments = self.world.caged(*command, options=["--name", name, *options], policy=policy)
        if self.way == DAEMON:
            running = self._detached(arguments, env, prefix)
        else:
            running = self.world.launch([*prefix, self.world.binaries.claudine, *arguments], env=env, **more)
        task = Task(self, name, running, started)
        self._tasks.append(task)
        return task

    def _detached(self, arguments: list[str | bytes | Path], env: Mapping[str, str] | None, prefix: Sequence[str | Path]) -> Running:
        if self.daemon is None or (self.daemon.popen.poll() is not None and not self.has_daemon):
            self.serve(env=env, prefix=prefix)
        answer = self.world.claudine("run", "--detach", *[word for word in arguments[1:] if word != "--json"])
        expect(answer.code == 0, f"run --detach: {answer}")
        task = answer.text.strip()
        self.watching.acknowledge(task)
        return self.world.start("wait", task)

    def serve(self, *options: str, env: Mapping[str, str] | None = None, prefix: Sequence[str | Path] = ()) -> Running:
        """Starts the daemon of this world, and waits until it, or another, holds the lock."""
        daemon = self.world.launch([*prefix, self.world.binaries.claudine, "serve", *options], env=env)
        self.daemon = daemon
        wait_until("a daemon", 20, lambda: daemon.popen.poll() is not None or self.has_daemon)
        return daemon

    @property
    def has_daemon(self) -> bool:
        return held(self.world.state / "lock")

    def daemon_process(self) -> Process | None:
        """Whoever holds the daemon's lock; after a death it may be one that `run --detach` has started."""
        rows = self.query("SELECT pid, start_time FROM instance WHERE role = 'daemon' ORDER BY number DESC LIMIT 1")
        process = Process.of(int(rows[0][0])) if rows else None
        if process and process.started == rows[0][1] and self.has_daemon:
            return self.world.watch(process)
        return self.daemon.process if self.daemon else None

    def supervisor_end(self, task: Task) -> Result:
        """Waits for the end of whoever supervises the task."""
        return self.daemon.wait(60) if self.daemon else task.end()

    def revive(self) -> None:
        """Where there was a daemon that died, another one comes."""
        if self.daemon and self.daemon.popen.poll() is not None and not self.has_daemon:
            self.serve()

    # MARK: the record

    def query(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows of the database, read from outside; none while there is none."""
        for _ in range(100):
            try:
                with reading(self.world.state / "claudine.db") as base:
                    return base.execute(sql, arguments).fetchall()
            except (sqlite3.Error, OSError) as error:
                if "no such table" in str(error) or "unable to open" in str(error):
                    return []
                time.sleep(0.02)
        raise RuntimeError(f"the database cannot be read: {sql}")

    def expect_one_of(self, task: Task, *outcomes: str) -> str:
        """The task ended in one of these ways, and what is known of its starts agrees with it."""
        outcome = task.outcome()
        expect(outcome in outcomes, f"{task.name}: {outcome}, expected {' or '.join(outcomes)}")
        starts = task.starts()
        expect(outcome != "failed spawn.failed" or starts == 0, f"{task.name}: recorded as never started, but it began {starts} times")
        expect(outcome != "succeeded" or starts == 1, f"{task.name}: succeeded, and began {starts} times")
        self.checked["I5"] += 1
        return outcome

    def expect_output(self, task: Task, stdout: bytes, stream: str = "stdout") -> None:
        """The log holds exactly these bytes."""
        result = self.world.claudine("logs", "--raw", "--stream", stream, task.id)
        expect(result.code == 0, str(result))
        if result.stdout != stdout:
            place = next((place for place, (a, b) in enumerate(zip(result.stdout, stdout, strict=False)) if a != b), min(len(result.stdout), len(stdout)))
            expect(False, f"{stream} of {task.name}: {len(result.stdout)} bytes, expected {len(stdout)}; they differ from byte {place} on")
        self.checked["I9"] += 1

    # MARK: the end

    def settle(self) -> None:
        """Whatever happened: nothing is left, recovery ends what was left behind, the database is whole, every log can be read."""
        wait_until("nothing left", GONE, lambda: not self.world.marked())
        self.revive()
        deadline = time.monotonic() + SETTLED
        while True:
            tasks = self.world.tasks()
            open_ones = [task for task in tasks if task["state"] not in TERMINAL]
            if not open_ones:
                break
            expect(time.monotonic() < deadline, f"not ended after {SETTLED:g} s: {[(task['taskId'], task['state']) for task in open_ones]}")
            time.sleep(0.1)
        self.dismiss()
        expect(self.query("PRAGMA integrity_check") == [("ok",)], "the database is damaged")
        for task in tasks[:20]:
            self._expect_readable(str(task["taskId"]))

    def dismiss(self) -> None:
        """Asks the daemon to leave, if there is one, and sees that it does."""
        process = self.daemon_process() if self.daemon else None
        if process:
            process.signal(signal.SIGTERM)
            wait_until("the daemon to leave", 30, lambda: not process.alive)
        if self.daemon and self.daemon.process is None:
            code = self.daemon.wait(5).code
            # 75: another was there already. What was killed, or had not begun to listen for signals, died of one.
            expect(code in (0, 75, -signal.SIGKILL, -signal.SIGTERM), f"the daemon left with {code}")
        self.daemon = None

    def _expect_readable(self, task: str) -> None:
        result = self.world.claudine("logs", "--json", task)
        expect(result.code in (0, 5), f"logs of {task}: {result}")
        ends: dict[str, int] = {}
        for line in result.stdout.decode("utf-8", errors="strict").splitlines():
            piece = json.loads(line)
            stream = piece["stream"]
            start, end = (piece["gap"]["from"], piece["gap"]["to"]) if "gap" in piece else (piece["offset"], piece["offset"] + piece["bytes"])
            expect(start == ends.get(stream, 0), f"logs of {task}: {stream} goes on at {start} after {ends.get(stream, 0)}")
            ends[stream] = end
        self.checked["I9"] += 1

    def close(self) -> None:
        self.world.close()


def _argument(pid: int) -> str | None:
    """The first argument of a process, which for a shepherd is its task."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return None
    return words[1].decode(errors="replace") if len(words) > 1 else None
