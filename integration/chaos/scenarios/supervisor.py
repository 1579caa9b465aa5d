"""15 to 29: the supervisor dies, between any two of its steps and at every write of its database. Nobody is there to tell; the next command
has to find out from receipts, locks and what was committed."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from harness import Running, expect, wait_until

from ..faults.failpoints import failpoint
from ..faults.tracing import Aim, supervisor_prefix
from ..ground import GONE, TERMINAL, Ground, Task
from ..register import DAEMON, FOREGROUND, FULL, SMOKE, scenario

SCHEMA_2 = Path(__file__).resolve().parents[1] / "fixtures" / "schema-2.sql"

#: What may have run when its supervisor died.
LOST = {FOREGROUND: ("lost lost.supervisor",), DAEMON: ("lost lost.supervisor",)}
#: What certainly has not: the next daemon starts it, but nobody else would start what somebody ran for themselves.
NEVER_RAN = {FOREGROUND: ("lost lost.supervisor",), DAEMON: ("succeeded",)}
NATURAL = {FOREGROUND: ("succeeded",), DAEMON: ("succeeded",)}
NOTHING = {FOREGROUND: ("none",), DAEMON: ("none",)}
BOTH = (FOREGROUND, DAEMON)


def recovered(ground: Ground, task: Task, *expected: dict[str, tuple[str, ...]]) -> str:
    """After the death of its supervisor nothing of the task is left, and the next command or daemon ends it as it ended."""
    if not ground.daemon:
        wait_until("nothing left", GONE, lambda: not ground.world.marked())

    def is_over() -> bool:
        ground.revive()
        ground.world.tasks()
        return task.outcome() == "none" or task.outcome().split()[0] in TERMINAL

    wait_until("recovery", GONE, is_over)
    return ground.expect_one_of(task, *(outcome for outcomes in expected for outcome in outcomes[ground.way]))


def killed_at(ground: Ground, point: str, *expected: dict[str, tuple[str, ...]]) -> str:
    task = ground.agent("print", 2000, "spawn", "daemon", "sleep", 50, env=failpoint(point, "kill"))
    result = ground.supervisor_end(task)
    expect(result.code == -signal.SIGKILL, f"{point} was not reached: {result}")
    note = f"{point}: {recovered(ground, task, *expected)}"
    # The next one is to be struck again.
    ground.dismiss()
    return note


@scenario(17, name="the supervisor dies after T1, before there is a shepherd", kind=SMOKE, ways=BOTH)
def after_claim(ground: Ground) -> str:
    note = killed_at(ground, "after_claim", NEVER_RAN)
    expect(not ground.query("SELECT 1 FROM attempt WHERE armed_at IS NOT NULL AND number = 1"), "armed although it had no shepherd")
    return note


@scenario(18, name="the supervisor dies with a shepherd, before T2", kind=SMOKE, ways=BOTH)
def before_arm(ground: Ground) -> str:
    return ", ".join(killed_at(ground, point, NEVER_RAN) for point in ("after_spawn", "after_hello"))


@scenario(19, name="the supervisor dies after T2, before START", kind=SMOKE, ways=BOTH)
def before_start(ground: Ground) -> str:
    return killed_at(ground, "after_arm", NEVER_RAN)


@scenario(20, name="the supervisor dies after START, before T3", kind=SMOKE, ways=BOTH)
def before_running(ground: Ground) -> str:
    return ", ".join(killed_at(ground, point, LOST, NATURAL) for point in ("after_start", "before_running", "after_running"))


@scenario(23, name="the supervisor dies between EXIT and T4b", kind=SMOKE, ways=BOTH)
def before_end(ground: Ground) -> str:
    return ", ".join(killed_at(ground, point, NATURAL) for point in ("after_exit", "after_exited", "after_tree_empty"))


@scenario(24, name="the supervisor dies after T4b, before and after ACK", kind=SMOKE, ways=BOTH)
def after_end(ground: Ground) -> str:
    return ", ".join(killed_at(ground, point, NATURAL) for point in ("after_end", "after_acknowledge"))


def sweep(ground: Ground, call: str, numbers: Iterator[int] | range | list[int]) -> str:
    """Kills one supervisor after the other at the nth of its calls about the write-ahead log, until there are not that many."""
    path = str(ground.world.state / "claudine.db-wal")
    ground.agent("exit", 0).end()
    outcomes: Counter[str] = Counter()
    for number in numbers:
        aim = Aim(call, number, path=path)
        task = ground.agent("print", 100, "exit", 0, prefix=supervisor_prefix(aim))
        result = task.end()
        if result.code != -signal.SIGKILL:
            expect(result.code == 0, f"{aim}: {result}")
            outcomes["not met"] += 1
            break
        outcomes[recovered(ground, task, NOTHING, LOST, NATURAL)] += 1
    expect(outcomes.total() > outcomes["not met"], f"no {call} was met")
    return f"{call}: " + ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


@scenario(15, 16, name="the supervisor dies at some writes and syncs of its database", kind=SMOKE)
def at_some_writes(ground: Ground) -> str:
    return ", ".join(sweep(ground, call, sorted(ground.chance.sample(range(1, most), 3))) for call, most in (("pwrite64", 12), ("fdatasync", 4)))


@scenario(15, 16, name="the supervisor dies at every write of its database", kind=FULL)
def at_every_write(ground: Ground) -> str:
    return sweep(ground, "pwrite64", range(1, 200))


@scenario(15, 16, name="the supervisor dies at every sync of its database", kind=FULL)
def at_every_sync(ground: Ground) -> str:
    return sweep(ground, "fdatasync", range(1, 50))


@scenario(15, name="an enqueue dies at some writes and syncs", kind=SMOKE, ways=(DAEMON,))
def enqueue_at_some(ground: Ground) -> str:
    return enqueues(ground, [(call, ground.chance.randint(1, most)) for call, most in (("pwrite64", 12), ("pwrite64", 30), ("fdatasync", 3), ("write", 4))])


@scenario(15, name="an enqueue dies at every write and sync", kind=FULL, ways=(DAEMON,))
def enqueue_at_each(ground: Ground) -> str:
    return enqueues(ground, [(call, number) for call, most in (("pwrite64", 30), ("fdatasync", 4), ("write", 4)) for number in range(1, most + 1)])


def enqueues(ground: Ground, aims: list[tuple[str, int]]) -> str:
    """What was acknowledged is there and runs; what was not runs once or never was."""
    ground.serve()
    counts: Counter[str] = Counter()
    program = ground.world.program("agent")
    for index, (call, number) in enumerate(aims):
        started = ground.world.workspace / f"enqueue-{index}"
        path = None if call == "write" else str(ground.world.state / "claudine.db-wal")
        command = ground.world.caged(program, "begin", started, "exit", "0", options=["--detach", "--name", f"enqueue-{index}"])
        result = ground.world.launch([*supervisor_prefix(Aim(call, number, path=path)), ground.world.binaries.claudine, *command]).wait(30)
        expect(result.code in (0, -signal.SIGKILL), f"{call} {number}: {result}")
        if printed := result.text.strip():
            # Whether it lived on or not: the id was told.
            ground.watching.acknowledge(printed)
        wait_until("all ended", 30, lambda: not ground.query("SELECT 1 FROM task WHERE ended_at IS NULL"))
        rows = ground.query("SELECT state FROM task WHERE spec_json ->> 'name' = ?", f"enqueue-{index}")
        expect(rows in ([], [("succeeded",)]), f"{call} {number}: {rows}")
        expect(rows or not printed, f"{call} {number}: acknowledged and not there")
        expect(not started.exists() or len(started.read_text().splitlines()) == 1, f"{call} {number}: it began more than once")
        counts["acknowledged" if printed else "there" if rows else "never was"] += 1
    return ", ".join(f"{count} × {what}" for what, count in sorted(counts.items()))


def daemon_sweep(ground: Ground, aims: list[tuple[str, int]]) -> str:
    """Kills one daemon after the other at the nth of its calls about the write-ahead log, while there is something to do."""
    path = str(ground.world.state / "claudine.db-wal")
    ground.agent("exit", 0).end()
    ground.dismiss()
    outcomes: Counter[str] = Counter()
    for call, number in aims:
        task = ground.agent("print", 100, "exit", 0, prefix=supervisor_prefix(Aim(call, number, path=path)))
        wait_until("it ends, or its daemon", 30, lambda: not ground.has_daemon or task.outcome().split()[0] in TERMINAL)  # noqa: B023
        outcomes[recovered(ground, task, LOST, NATURAL)] += 1
        ground.dismiss()
    return ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


@scenario(16, name="the daemon dies at some writes and syncs", kind=SMOKE, ways=(DAEMON,))
def daemon_at_some(ground: Ground) -> str:
    return daemon_sweep(ground, [(call, ground.chance.randint(1, most)) for call, most in (("pwrite64", 12), ("pwrite64", 40), ("fdatasync", 6))])


@scenario(16, name="the daemon dies at many writes and syncs", kind=FULL, ways=(DAEMON,))
def daemon_at_many(ground: Ground) -> str:
    numbers = sorted(ground.chance.sample(range(1, 60), 25))
    return daemon_sweep(ground, [("pwrite64", number) for number in numbers] + [("fdatasync", number) for number in range(1, 9)])


@scenario(22, name="many tasks lose their supervisors at once", kind=SMOKE, ways=BOTH)
def twenty(ground: Ground) -> str:
    # Who waits for a detached task recovers it, too: eight of them are crowd enough.
    number = 20 if ground.way == FOREGROUND else 8
    tasks = [ground.agent("deaf", "ready", f"up-{index}", "spawn", "daemon", "sleep", 50000) for index in range(number)]
    for index, task in enumerate(tasks):
        task.until(f"up-{index}", 60)
    began = time.monotonic()
    for supervisor in {task.supervisor() for task in tasks}:
        supervisor.signal(signal.SIGKILL)
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    seconds = time.monotonic() - began
    for task in tasks:
        recovered(ground, task, LOST)
    return f"all gone after {seconds:.1f} s"


def unfinished(ground: Ground, number: int) -> list[Task]:
    """Tasks whose supervisors were killed, and that nobody has ended yet."""
    tasks = [ground.agent("ready", f"up-{index}", "sleep", 50000) for index in range(number)]
    for index, task in enumerate(tasks):
        task.until(f"up-{index}")
    for supervisor in {task.supervisor() for task in tasks}:
        supervisor.signal(signal.SIGKILL)
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    return tasks


#: What a recovery does besides reading: sweeps, looks at locks and receipts, writes, syncs.
STEPS = ("flock", "getdents64", "openat", "pwrite64", "fdatasync", "unlink", "pidfd_open")


@scenario(25, name="recovery dies at each step, five times in a row", kind=SMOKE, ways=BOTH, ask=0)
def during_recovery(ground: Ground) -> str:
    # The observer asks nothing, for its question would recover in peace.
    return recoveries(ground, rounds=1)


@scenario(25, name="recovery dies at each step, five times in a row, again and again", kind=FULL, ways=BOTH, ask=0)
def during_recoveries(ground: Ground) -> str:
    return recoveries(ground, rounds=8)


def recoveries(ground: Ground, rounds: int) -> str:
    killed = survived = 0
    for _ in range(rounds):
        tasks = unfinished(ground, 3)
        for _ in range(5):
            aim = Aim(ground.chance.choice(STEPS), ground.chance.randint(1, 10))
            code = recovery(ground, aim)
            expect(code in (0, -signal.SIGKILL), f"{aim}: {code}")
            killed += code != 0
            survived += code == 0
        for task in tasks:
            recovered(ground, task, LOST)
        for path in ground.world.workspace.glob("up-*"):
            path.unlink()
    return f"{killed} killed, {survived} came through"


def recovery(ground: Ground, aim: Aim) -> int:
    """One that is struck: of a command, or of a daemon, which is killed once it has come through."""
    claudine = ground.world.binaries.claudine
    if ground.way == FOREGROUND:
        return ground.world.launch([*supervisor_prefix(aim), claudine, "list", "--json"]).wait(60).code
    daemon = ground.world.launch([*supervisor_prefix(aim), claudine, "serve"])
    wait_until("it dies, or has recovered", 30, lambda: daemon.popen.poll() is not None or _is_ready(ground, daemon))
    code = daemon.popen.poll() or 0
    daemon.popen.kill()
    daemon.wait()
    return code


def _is_ready(ground: Ground, daemon: Running) -> bool:
    rows = ground.query("SELECT status_json ->> 'phase' FROM instance WHERE role = 'daemon' AND pid = ?", daemon.popen.pid)
    return bool(rows) and rows[0][0] == "ready"


@scenario(26, name="the first command dies while it makes the database", kind=SMOKE, ask=0, exempt=("I3",))
def while_creating(ground: Ground) -> str:
    # I3: the database is taken away on purpose, so that it is made anew.
    database = ground.world.state / "claudine.db"
    killed = 0
    calls = [(call, number) for call, most in (("pwrite64", 40), ("fdatasync", 8), ("ftruncate", 3), ("fchmod", 3)) for number in range(1, most)]
    for call, number in sorted(ground.chance.sample(calls, 8)):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        result = ground.world.launch([*supervisor_prefix(Aim(call, number)), ground.world.binaries.claudine, "list"]).wait(30)
        expect(result.code in (0, -signal.SIGKILL), f"{call} {number}: {result}")
        killed += result.code != 0
        after = ground.world.claudine("list", "--json")
        expect(after.code == 0 and after.json() == {"tasks": []}, f"after {call} {number}: {after}")
    expect(killed, "nothing was killed")
    task = ground.agent("exit", 0)
    expect(task.end().code == 0, "the last of them cannot be used")
    return f"{killed} killed"


@scenario(26, name="a command dies while it brings an older database up to date", kind=SMOKE, ask=0, exempt=("I3",))
def while_migrating(ground: Ground) -> str:
    # I3: another database is put in its place.
    database = ground.world.state / "claudine.db"
    outcomes: Counter[str] = Counter()
    calls = [(call, number) for call, most in (("pwrite64", 30), ("fdatasync", 6)) for number in range(1, most)]
    for call, number in sorted(ground.chance.sample(calls, 6)):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        with closing(sqlite3.connect(database)) as base:
            base.executescript("PRAGMA journal_mode = WAL;" + SCHEMA_2.read_text())
            before = base.execute("SELECT id, state, ended_at FROM task ORDER BY number").fetchall()
        for path in database.parent.glob("claudine.db*"):
            ground.world.own(path, 0o600)
        result = ground.world.launch([*supervisor_prefix(Aim(call, number)), ground.world.binaries.claudine, "list"]).wait(30)
        expect(result.code in (0, -signal.SIGKILL), f"{call} {number}: {result}")
        outcomes["killed" if result.code else "came through"] += 1
        expect(ground.world.claudine("list").code == 0, f"after {call} {number} the database cannot be opened")
        after = ground.query("SELECT id, state, ended_at FROM task ORDER BY number")
        expect(after == before, f"{call} {number}: {after}, expected {before}")
        expect(ground.query("PRAGMA user_version")[0][0] > 2, f"{call} {number}: not brought up to date")
    expect(outcomes["killed"], "nothing was killed")
    task = ground.agent("exit", 0)
    expect(task.end().code == 0, "it cannot be used afterwards")
    return ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())


@scenario(28, name="supervisor and all shepherds die in one call", kind=SMOKE, ways=BOTH)
def double_fault(ground: Ground) -> str:
    tasks = [ground.agent("deaf", "ready", f"up-{number}", "spawn", "clean", "flood", options=["--json"]) for number in range(4)]
    for number, task in enumerate(tasks):
        task.until(f"up-{number}")
    victims = [process for task in tasks for process in (task.supervisor(), task.shepherd())]
    ground.chance.shuffle(victims)
    members = ground.world.members()
    began = time.monotonic()
    for victim in victims:
        victim.signal(signal.SIGKILL)
    # Under strict the kernel keeps the promise, so nobody has to come first.
    wait_until("nothing left", 3, lambda: not any(process.alive for process in members))
    seconds = time.monotonic() - began
    for task in tasks:
        # A supervisor may have seen its shepherd's end before its own.
        recovered(ground, task, LOST, {way: ("lost lost.shepherd",) for way in BOTH})
    return f"{len(members)} processes gone after {seconds * 1000:.0f} ms"


@scenario(29, name="everything of the session dies but the agent's tree", kind=SMOKE, ways=BOTH)
def all_but_the_tree(ground: Ground) -> str:
    task = ground.agent("deaf", "ready", "up", "spawn", "session", "sleep", 50000)
    task.until("up")
    watchers = [ground.world.start("wait", task.id), ground.world.start("logs", "-f", task.id), ground.world.start("events", "-f")]
    time.sleep(0.2)
    tree = ground.world.members()
    shepherd, supervisor = task.shepherd(), task.supervisor()
    for running in watchers:
        running.popen.kill()
    supervisor.signal(signal.SIGKILL)
    shepherd.signal(signal.SIGKILL)
    wait_until("nothing left", 3, lambda: not any(process.alive for process in tree))
    for running in watchers:
        running.wait()
    return recovered(ground, task, LOST)
