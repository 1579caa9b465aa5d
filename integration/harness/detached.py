"""Tasks that are left to the daemon: making them, watching their rows from outside, and daemons that are started by hand."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .processes import Process, arguments, children, pids
from .suite import expect, wait_until
from .world import SHEPHERD_NAME, Running, World

TERMINAL = ("succeeded", "failed", "timedOut", "cancelled", "refused", "lost")
#: A command that goes on until the workspace has a file `go`.
UNTIL_GO = ("/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done")
#: Seconds for what takes a tenth of one on a machine that does nothing else.
SOON = 30.0


def configure(world: World, *, running: int = 4, queue: str = "", serve: str = "", rest: str = "") -> None:
    """A config.toml by which only the number of slots bounds what is started: other tests load this machine as they like."""
    world.write(
        world.config / "config.toml",
        f"[queue]\nmax_running = {running}\n{queue}\n[serve]\n{serve}\n{rest}\n"
        '[admission]\nmemory_reserve = "1M"\ndisk_reserve = "1M"\nmemory_pressure = "unlimited"\ncpu_pressure = "unlimited"\n'
        'io_pressure = "unlimited"\nstart_rate = "unlimited"\n',
    )


def detach(world: World, *command: str | Path, options: Sequence[str] = (), policy: str = "strict", **more: Any) -> str:
    """Leaves a caged command to the daemon; its id."""
    result = world.run(*command, options=("--detach", *options), policy=policy, **more)
    expect(result.code == 0, f"run --detach: {result}")
    return result.text.strip()


def serve(world: World, *options: str, env: dict[str, str] | None = None) -> Running:
    """Starts a daemon by hand and waits until it has recovered."""
    running = world.start("serve", *options, env=env)

    def ready() -> bool:
        expect(running.popen.poll() is None, f"the daemon ended at once: {running.wait() if running.popen.poll() is not None else ''}")
        return phase(world, running.popen.pid) == "ready"

    wait_until("daemon ready", SOON, ready)
    return running


def phase(world: World, pid: int) -> str | None:
    """What the daemon with this pid has written about itself."""
    # It has the shared memory open as long as it lives. We may be root, and must not be the ones who make that file while it opens.
    if not (world.state / "claudine.db-shm").exists():
        return None
    found = rows(world, "SELECT json_extract(status_json, '$.phase') FROM instance WHERE role = 'daemon' AND pid = ?", pid)
    return str(found[-1][0]) if found else None


def daemon(world: World) -> Process | None:
    """The daemon that `claudine status` names."""
    result = world.claudine("status", "--json")
    expect(result.code == 0, str(result))
    known = result.json().get("daemon")
    return Process.of(known["pid"]) if known else None


def kill(process: Process | None) -> None:
    """SIGKILL, and waits until it is gone."""
    expect(process, "there is no daemon to be killed")
    assert process
    process.signal(signal.SIGKILL)
    wait_until("killed process gone", SOON, lambda: not process.alive)


def rows(world: World, query: str, *arguments: Any, state: Path | None = None) -> list[tuple[Any, ...]]:
    """Reads the database, as anybody can."""
    path = (state or world.state) / "claudine.db"
    if not path.exists():
        return []
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return base.execute(query, arguments).fetchall()
    except sqlite3.OperationalError as error:
        # It is being made at this moment.
        if "no such table" in str(error):
            return []
        raise
    finally:
        base.close()


def edit(world: World, query: str, *arguments: Any) -> int:
    """Changes the database behind Claudine's back, also what is final; how many rows."""
    base = sqlite3.connect(world.state / "claudine.db", timeout=10)
    try:
        with base:
            triggers = base.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            base.execute("BEGIN IMMEDIATE")
            for name, _ in triggers:
                base.execute(f"DROP TRIGGER {name}")
            changed = base.execute(query, arguments).rowcount
            for _, text in triggers:
                base.execute(text)
            return changed
    finally:
        base.close()


def state_of(world: World, task: str) -> str:
    return str(rows(world, "SELECT state FROM task WHERE id = ?", task)[0][0])


def until(world: World, task: str, *states: str, within: float = SOON) -> str:
    """Waits for one of the states, by default for the end."""
    wanted = states or TERMINAL

    def probe() -> str:
        now = state_of(world, task)
        expect(now in wanted or now not in TERMINAL, f"{task} has ended as {now} instead of {', '.join(wanted)}")
        return now if now in wanted else ""

    return wait_until(f"{task} {' or '.join(wanted)}", within, probe)


def ended(world: World, task: str, state: str, reason: str | None = None, within: float = SOON) -> dict[str, Any]:
    """Waits for the end, which has to be this one; the record."""
    until(world, task, within=within)
    record = world.record(task)
    found = record.get("reason", {}).get("code")
    expect((record["state"], found) == (state, reason), f"{state}, {reason} expected: {record['state']}, {record.get('reason')}")
    return record


def ended_once(world: World) -> None:
    """Every task has exactly one end, and every attempt."""
    total = rows(world, "SELECT count(*) FROM task")[0][0]
    open_ = rows(world, "SELECT id, state FROM task WHERE ended_at IS NULL")
    expect(not open_, f"not ended: {open_}")
    ends = rows(world, "SELECT count(*), count(DISTINCT task_id) FROM event WHERE kind = 'task.ended'")[0]
    expect(ends == (total, total), f"{ends[0]} ends of {ends[1]} tasks, {total} recorded")
    attempts = rows(world, "SELECT count(*) FROM attempt")[0][0]
    ends = rows(world, "SELECT count(*) FROM event WHERE kind = 'attempt.ended'")[0]
    expect(ends == (attempts,), f"{ends[0]} ends of {attempts} attempts")


def shepherds(world: World) -> list[Process]:
    """Those of this world's tasks that hold a cage: their arguments name the task."""
    names = {str(row[0]).encode() for row in rows(world, "SELECT id FROM task")}
    candidates = [Process.of(pid) for pid in pids() if names & set(arguments(pid)) and children(pid)]
    return [process for process in candidates if process and process.name == SHEPHERD_NAME]
