#!/usr/bin/python3
"""Power loss: what was acknowledged is still known, what had ended has ended in the same way, and nothing runs again.

Real commands are recorded by strace; then, for every moment at which the power may go, the state directory is rebuilt as the disk may
have it, and the next boot is imitated on it. `--cuts N` tries more moments, `--seed S` the same ones again.
"""

from __future__ import annotations

import argparse
import atexit
import functools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Failure, Process, Running, Skip, Suite, World, children, expect, wait_until
from harness import disk as disks
from harness import writetrace
from harness.disk import Disk, Sync
from harness.record import TERMINAL, UNLIMITED_ADMISSION

suite = Suite("powerloss", __doc__ or "")

CUTS = int(os.environ.get("CLAUDINE_POWERLOSS_CUTS", "150"))
#: Moments after which a daemon is started.
BOOTS = 8
SEED = int(os.environ.get("CLAUDINE_POWERLOSS_SEED", random.SystemRandom().randrange(2**32)))
#: The smallest step between two moments: strace tells nanoseconds, a float of today's seconds keeps a quarter of a microsecond.
INSTANT = 5e-7


# MARK: recording


@dataclass(frozen=True)
class Acknowledged:
    """Something a user was told at a moment, by which they may rely on it."""

    at: float
    #: `known`: there is such a task. `ran`: it has begun. `stopped`: it was asked to stop. `ended`: it has ended. `removed`: it is gone.
    what: str
    name: str


@dataclass
class Recording:
    disk: Disk
    state: Path
    workspace: Path = Path()
    acknowledged: list[Acknowledged] = field(default_factory=list)
    #: Events as they were printed: (when, the event).
    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    #: Names and final states.
    ends: dict[str, str] = field(default_factory=dict)
    #: When somebody began to remove a task.
    removals: dict[str, float] = field(default_factory=dict)
    #: When a task wrote that it ran, by its own account.
    ran: dict[str, list[float]] = field(default_factory=dict)
    last: float = 0.0


class Recorder:
    """Runs `claudine` commands on a state directory that does not exist yet, each with a trace of what it writes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.root = world.base / "disk"
        self.root.mkdir()
        world.own(self.root)
        # Two levels of it are Claudine's to make.
        self.state = self.root / "new" / "state"
        self.traces: list[tuple[Path, Sequence[str], str | None]] = []
        #: Of tasks that something was done to: name by id.
        self.names: dict[str, str] = {}

    def start(self, *words: str, name: str | None = None) -> Running:
        trace = self.world.base / f"trace{len(self.traces)}"
        self.traces.append((trace, words, name))
        return self.world.launch(
            [*writetrace.command(trace), self.world.binaries.claudine, *words], env={"CLAUDINE_STATE_DIR": str(self.state)})

    def begin(self, name: str, script: str, *options: str) -> Running:
        words = self.world.caged("/bin/sh", "-c", script, options=["--name", name, *options])
        return self.start(*map(str, words), name=name)

    def run(self, name: str, script: str, *options: str, code: int = 0) -> None:
        result = self.begin(name, script, *options).wait(120)
        expect(result.code == code, f"{name}: {result}")

    def do(self, *words: str) -> None:
        result = self.start(*words).wait(60)
        expect(result.code == 0, f"{words}: {result}")

    def tasks(self) -> dict[str, dict[str, str]]:
        """What is in the database, read without a trace and so without a chance to write: by name, id and state."""
        base = sqlite3.connect(f"file:{self.state / 'claudine.db'}?mode=ro", uri=True)
        try:
            rows = base.execute("SELECT json_extract(spec_json, '$.name'), id, state FROM task").fetchall()
        finally:
            base.close()
        return {name: {"taskId": task, "state": state} for name, task, state in rows}

    def detach(self, name: str, script: str, *options: str) -> str:
        """Queues a task that writes down when it ran; returns its id."""
        self.run(name, f"date +%s.%N >> ran-{name}; {script}", "--detach", *options)
        task = self.tasks()[name]["taskId"]
        self.names[task] = name
        return task

    def wait_for(self, name: str, state: str) -> str:
        """The id of a task, once it is in this state."""
        found = wait_until(
            f"{name} {state}", 30, lambda: (task := self.tasks().get(name)) and task["state"] == state and task)
        return found["taskId"]

    def finish(self) -> Recording:
        recording = Recording(Disk(self.root, followed), self.state)
        recording.ends = {name: task["state"] for name, task in self.tasks().items()}
        for file in self.world.workspace.glob("ran-*"):
            name = file.name.removeprefix("ran-")
            recording.ran[name] = [float(line) for line in file.read_text().split()]
            recording.acknowledged += [Acknowledged(at, "ran", name) for at in recording.ran[name][:1]]
        calls = []
        for trace, words, name in self.traces:
            own = list(writetrace.read(trace))
            calls += own
            self._read(recording, own, words, name)
        recording.disk.record(calls)
        recording.last = max(call.start for call in calls)
        return recording

    def _read(self, recording: Recording, calls: list[writetrace.Call], words: Sequence[str], name: str | None) -> None:
        """What its user was told by one command, and when."""
        shown = [(call.start, call.strings()[0]) for call in calls if call.name == "write" and call.arguments.startswith("1<")]
        left = next((call.start for call in calls if call.name == "exit_group"), None)
        if name is not None:
            if shown:
                recording.acknowledged.append(Acknowledged(shown[0][0], "known", name))
            if left is not None and "--detach" not in words:
                recording.acknowledged.append(Acknowledged(left, "ended", name))
        elif words[0] == "list":
            for task in json.loads(b"".join(text for _, text in shown))["tasks"]:
                what = "ended" if task["state"] in TERMINAL else "known"
                recording.acknowledged.append(Acknowledged(shown[-1][0], what, task["name"]))
        elif words[0] == "events":
            rest = b""
            for at, text in shown:
                *lines, rest = (rest + text).split(b"\n")
                recording.seen += [(at, json.loads(line)) for line in lines]
        elif words[0] == "wait" and left is not None:
            recording.acknowledged.append(Acknowledged(left, "ended", self.names[words[1]]))
        elif words[0] == "cancel" and left is not None:
            recording.acknowledged.append(Acknowledged(left, "stopped", self.names[words[1]]))
        elif words[0] == "rm" and left is not None:
            gone = self.names[words[1]]
            recording.removals[gone] = min(call.start for call in calls)
            recording.acknowledged.append(Acknowledged(left, "removed", gone))


def followed(path: Path) -> bool:
    """The database's files, and what an attempt finds in its directory; shared memory is worth nothing after a loss of power."""
    name = path.name
    return name.startswith("claudine.db") and not name.endswith("-shm") or name in ("receipt", "environment", "stdin")


def in_the_foreground(recorder: Recorder) -> None:
    recorder.run("first", "echo here")
    recorder.run("fails", "exit 7", code=7)
    others = [recorder.begin(f"beside{number}", "echo here; sleep 0.4; exit 3") for number in range(3)]
    cancelled = recorder.begin("cancelled", "echo here; sleep 60")
    task = recorder.wait_for("cancelled", "running")
    recorder.names[task] = "cancelled"
    recorder.do("cancel", task)
    for run in [*others, cancelled]:
        run.wait(60)
    # A supervisor that is killed: whoever comes next says what became of its task.
    killed = recorder.begin("killed", "echo here; sleep 60")
    recorder.wait_for("killed", "running")
    inside(killed).signal(signal.SIGKILL)
    killed.wait(30)
    while recorder.tasks()["killed"]["state"] not in TERMINAL:
        recorder.do("list", "--json")
    # Enough for the log to be folded into the database, while somebody else has it open.
    for number in range(8):
        recorder.run(f"one{number}", f"echo here; exit {number}", code=number)
    gone = recorder.tasks()["one3"]["taskId"]
    recorder.names[gone] = "one3"
    recorder.do("rm", gone)


#: Lasts until it is stopped, but not at the next boot.
WAITS = "test -e booted || sleep 60"


def in_the_queue(recorder: Recorder) -> None:
    """The same for tasks that are left to a daemon; one is killed, and another takes over."""
    first = recorder.start("serve", "--max-running", "2")
    tasks = [recorder.detach(f"queued{number}", f"sleep 0.{number}; exit {number}") for number in range(4)]
    recorder.detach("behind", "exit 0", "--after-any", tasks[3])
    stopped = recorder.detach("stopped", WAITS)
    never = recorder.detach("never", "exit 0", "--after", stopped)
    for task in tasks:
        recorder.start("wait", task).wait(60)
    recorder.wait_for("stopped", "running")
    recorder.do("cancel", stopped)
    recorder.start("wait", never).wait(60)
    recorder.detach("lost", WAITS)
    recorder.wait_for("lost", "running")
    inside(first).signal(signal.SIGKILL)
    first.wait(30)
    second = recorder.start("serve", "--max-running", "2")
    tries = recorder.detach("tries", "test $(wc -l < ran-tries) -ge 2", "--retries", "3")
    recorder.start("wait", tries).wait(60)
    recorder.detach("interrupted", WAITS)
    recorder.wait_for("interrupted", "running")
    inside(second).signal(signal.SIGTERM)
    second.wait(60)


def inside(running: Running) -> Process:
    """What strace runs."""
    return wait_until("a traced program", 10, lambda: next(filter(None, map(Process.of, children(running.popen.pid))), None))


@functools.cache
def recording() -> Recording:
    """A day in the life of a state directory, from its first command."""
    world = World(IDENTITIES[0])
    # Its workspace is that of the tasks that the next boot may run.
    atexit.register(world.close)
    world.write(world.config / "config.toml", UNLIMITED_ADMISSION)
    recorder = Recorder(world)
    recorder.do("list", "--json")
    follower = recorder.start("events", "-f")
    in_the_foreground(recorder)
    in_the_queue(recorder)
    recorder.run("last", "echo here")
    recorder.do("list", "--json")
    inside(follower).signal(signal.SIGTERM)
    follower.wait(30)
    recorded = recorder.finish()
    world.write(world.workspace / "booted", "")
    recorded.workspace = world.workspace
    return recorded


# MARK: the next boot


class Replay:
    """State directories as the disk may have them, and the next boot on each of them."""

    def __init__(self, world: World, recorded: Recording) -> None:
        self.world = world
        self.recorded = recorded
        world.write(world.config / "config.toml", UNLIMITED_ADMISSION)
        self.boot = world.write(world.base / "boot_id", f"{uuid.uuid4()}\n", mode=0o644)

    def check(self, name: str, at: float, loss: Callable[..., Any], seed: int, works: Callable[[Sync], bool] = lambda sync: True) -> None:
        """Fails when a loss of power at `at` that leaves what `loss` picks has broken a promise."""
        certain, possible = self.recorded.disk.lasting(at, works)
        kept = loss(possible, random.Random(seed))
        base = Path(tempfile.mkdtemp(dir=self.world.base, prefix=f"{name}-"))
        try:
            self.recorded.disk.build(base / "disk", certain, kept)
            state = base / "disk" / self.recorded.state.relative_to(self.recorded.disk.path)
            tasks, events = self._boot(state)
            self._compare(at, state, tasks, events)
        except Failure as failure:
            where = f"power lost {at - self.recorded.last:+.6f} s from the end, {loss.__name__}, seed {seed}"
            raise Failure(f"{where}: {failure}") from None
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def _boot(self, state: Path) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
        """What `list` and `events` say after a reboot."""
        script = f"mount --bind '{self.boot}' /proc/sys/kernel/random/boot_id && exec \"$@\""
        spaces = ["/usr/bin/unshare", "-m"] if os.geteuid() == 0 else ["/usr/bin/unshare", "-Urm"]
        outputs = []
        for words in (["list", "--json"], ["events"]):
            done = subprocess.run(
                [*spaces, "/bin/sh", "-c", script, "sh", str(self.world.binaries.claudine), *words],
                env=self.world.environment({"CLAUDINE_STATE_DIR": str(state)}), capture_output=True, timeout=60, check=False)
            expect(done.returncode == 0, f"{words[0]}: exit {done.returncode}, {done.stderr[-500:]!r}")
            outputs.append(done.stdout)
        tasks = {task["name"]: task for task in json.loads(outputs[0])["tasks"]}
        return tasks, [json.loads(line) for line in outputs[1].splitlines()]

    def serve(self, name: str, at: float, dice: random.Random) -> int:
        """Lets a daemon work on what a loss of power has left, until nothing waits any more; says how many tasks it has run."""
        certain, possible = self.recorded.disk.lasting(at)
        base = Path(tempfile.mkdtemp(dir=self.world.base, prefix=f"{name}-"))
        self.recorded.disk.build(base / "disk", certain, dice.choice(disks.LOSSES)(possible, dice))
        state = base / "disk" / self.recorded.state.relative_to(self.recorded.disk.path)
        for path in [base, *base.rglob("*")]:
            self.world.own(path)
        before = self._lines()
        ended = {said.name for said in self.recorded.acknowledged if said.at <= at and said.what in ("ended", "stopped")}
        begun = {said.name for said in self.recorded.acknowledged if said.at <= at and said.what == "ran"}
        # Recovery in the new boot; the daemon beside it, because no cage can be built where something is mounted over /proc.
        self._boot(state)
        environment = {"CLAUDINE_STATE_DIR": str(state)}
        daemon = self.world.start("serve", env=environment)
        waiting = ["list", "-q", "--state", "queued,blocked,starting,running,stopping"]
        wait_until(f"{name}: an empty queue", 60, lambda: not self.world.claudine(*waiting, env=environment).stdout)
        daemon.popen.terminate()
        # Where there was nothing to do it may not have come to listening for signals.
        expect(daemon.wait(30).code in (0, -signal.SIGTERM), f"{name}: the daemon")
        again = {name for name, lines in self._lines().items() if lines > before.get(name, 0)}
        expect(not again & ended, f"seed {SEED}, {name}: had ended, and ran again: {again & ended}")
        # Those with retries may be tried again after a failure that was written down.
        once = {name for name in begun if len(self.recorded.ran[name]) == 1}
        expect(not again & once, f"seed {SEED}, {name}: had begun, and ran again: {again & once}")
        shutil.rmtree(base, ignore_errors=True)
        return len(again)

    def _lines(self) -> dict[str, int]:
        return {file.name.removeprefix("ran-"): file.read_text().count("\n") for file in self.recorded.workspace.glob("ran-*")}

    def _compare(self, at: float, state: Path, tasks: dict[str, dict[str, Any]], events: list[dict[str, Any]]) -> None:
        base = sqlite3.connect(f"file:{state / 'claudine.db'}?mode=ro", uri=True)
        try:
            expect(base.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity_check")
            attempts = dict(base.execute("SELECT task_id, count(*) FROM attempt GROUP BY task_id"))
        finally:
            base.close()
        for said in self.recorded.acknowledged:
            if said.at > at:
                continue
            task = tasks.get(said.name)
            if said.what == "removed":
                expect(task is None, f"{said.name} was removed and is back")
                continue
            if self.recorded.removals.get(said.name, at) < at:
                continue
            expect(task is not None, f"{said.name} was acknowledged ({said.what}) and is lost")
            assert task is not None
            if said.what == "ended":
                end = self.recorded.ends.get(said.name, task["state"])
                expect(task["state"] == end and end in TERMINAL, f"{said.name} ended as {end}, now it is {task['state']}")
            elif said.what == "stopped" or said.what == "ran" and len(self.recorded.ran[said.name]) == 1:
                expect(task["state"] in TERMINAL, f"{said.name} had been acknowledged ({said.what}) and is {task['state']}")
        for name, task in tasks.items():
            expect(task["state"] in TERMINAL | {"queued", "blocked"}, f"{name} is {task['state']} after a reboot")
            ends = sum(event["kind"] == "task.ended" and event["taskId"] == task["taskId"] for event in events)
            expect(ends == (task["state"] in TERMINAL), f"{name} is {task['state']} and has ended {ends} times")
            ran = self.recorded.ran.get(name, [])
            if attempts.get(task["taskId"], 0) > max(1, len(ran)):
                raise Failure(f"{name} has {attempts[task['taskId']]} attempts")
        self._compare_events(at, events)

    def _compare_events(self, at: float, events: list[dict[str, Any]]) -> None:
        numbers = [event["seq"] for event in events]
        expect(numbers == sorted(set(numbers)), "seq does not increase")
        seen = {event["seq"]: event for when, event in self.recorded.seen if when <= at}
        last = max(seen, default=0)
        for event in events:
            if event["seq"] in seen:
                told = seen[event["seq"]]
                expect(event == told, f"seq {event['seq']} was {told['kind']} of {told['taskId']}, now it is {event['kind']} of {event['taskId']}")
            elif event["seq"] <= last:
                raise Failure(f"a follower that has seen {last} never gets {event['seq']} ({event['kind']})")


def moments(recorded: Recording, count: int, dice: random.Random) -> list[float]:
    """Right before and after every sync and every acknowledgement, and anywhere between: `count` of them."""
    edges = [sync.end for sync in recorded.disk.syncs] + [said.at for said in recorded.acknowledged]
    near = [edge + step for edge in edges for step in (-INSTANT, INSTANT)]
    near += [when + INSTANT for when, _ in recorded.seen]
    anywhere = [change.start + INSTANT for change in recorded.disk.changes if change.start < recorded.last]
    dice.shuffle(near)
    return near[: count * 2 // 3] + dice.choices(anywhere, k=count - min(len(near), count * 2 // 3))


def recorded_here() -> Recording:
    if not Path("/usr/bin/strace").exists():
        raise Skip("strace is not installed")
    return recording()


@suite.case("everything acknowledged is there after a loss of power at any moment", identities=IDENTITIES[:1])
def replayed(world: World) -> str:
    dice = random.Random(SEED)
    recorded = recorded_here()
    replay = Replay(world, recorded)
    cuts = moments(recorded, CUTS, dice)
    jobs = [(f"cut{index}", at, disks.LOSSES[index % len(disks.LOSSES)], dice.randrange(2**32)) for index, at in enumerate(cuts)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        failures = [failure for failure in pool.map(lambda job: attempt(replay, *job), jobs) if failure]
    expect(not failures, f"seed {SEED}: {len(failures)} of {len(cuts)} broke a promise:\n      " + "\n      ".join(failures[:10]))
    return f"seed {SEED}, {len(cuts)} cuts in {len(recorded.disk.syncs)} syncs and {len(recorded.disk.changes)} writes"


@suite.case("after a loss of power a daemon runs what waits, and nothing that has run", identities=IDENTITIES[:1])
def served(world: World) -> str:
    recorded = recorded_here()
    replay = Replay(world, recorded)
    dice = random.Random(SEED)
    told = [said for said in recorded.acknowledged if said.name in recorded.ran]
    # Every other time somebody has just queued something.
    queued = [said for said in told if said.what == "known"]
    cuts = [dice.choice(told if index % 2 else queued).at + INSTANT for index in range(BOOTS)]
    ran = sum(replay.serve(f"boot{index}", at, dice) for index, at in enumerate(cuts))
    expect(ran, f"seed {SEED}: nothing was left to run in {BOOTS} boots")
    return f"seed {SEED}, {BOOTS} boots, {ran} tasks run"


def attempt(replay: Replay, *job: Any, **more: Any) -> str | None:
    try:
        replay.check(*job, **more)
        return None
    except Failure as failure:
        return str(failure)


def control(world: World, loss: Callable[..., Any], works: Callable[[Sync], bool]) -> str:
    recorded = recorded_here()
    replay = Replay(world, recorded)
    dice = random.Random(SEED)
    told = [said.at + INSTANT for said in recorded.acknowledged]
    found = [attempt(replay, f"control{index}", dice.choice(told), loss, dice.randrange(2**32), works=works) for index in range(12)]
    lost = [failure for failure in found if failure and "is lost" in failure]
    expect(lost, f"nothing acknowledged was lost: {found}")
    return f"{len(lost)} of {len(found)} lose something"


@suite.case("control: where a sync does nothing, acknowledged tasks are lost", identities=IDENTITIES[:1])
def without_syncs(world: World) -> str:
    return control(world, disks.the_first, lambda sync: False)


@suite.case("control: where a directory's sync does nothing, acknowledged tasks are lost", identities=IDENTITIES[:1])
def without_names(world: World) -> str:
    return control(world, disks.nothing, lambda sync: not sync.node.is_directory)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--cuts", type=int)
    parser.add_argument("--seed", type=int)
    own, rest = parser.parse_known_args()
    CUTS = own.cuts if own.cuts is not None else CUTS
    SEED = own.seed if own.seed is not None else SEED
    sys.argv[1:] = rest
    suite.main()
