"""What the record owes whoever asks: refusals that say why, and tasks that have ended exactly once."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .suite import expect, wait_until
from .world import Result, Running, World

TERMINAL = {"succeeded", "failed", "timedOut", "cancelled", "refused", "lost"}
SENTENCE = re.compile(r"^claudine: error: \[([a-zA-Z.]+)\] (.+)$", re.MULTILINE)

#: For daemons: the machine of a test is busy, and how much it bears is tried elsewhere.
UNLIMITED_ADMISSION = """
[admission]
memory_pressure = "unlimited"
cpu_pressure = "unlimited"
io_pressure = "unlimited"
start_rate = "unlimited"
disk_reserve = "1M"
"""


def refusal(result: Result, codes: str, exits: set[int]) -> str:
    """A refusal as the contract has it: code, sentence, exit code, and never the trace of a crash."""
    found = SENTENCE.search(result.errors)
    expect(found, f"no error line: {result}")
    assert found
    expect(re.fullmatch(codes, found[1]), f"code {codes} expected: {result}")
    expect(result.code in exits, f"exit {sorted(exits)} expected: {result}")
    expect("Fatal error" not in result.errors and ".swift" not in result.errors, f"a trace: {result}")
    return found[1]


def settled(world: World, state: Path | None = None) -> list[dict[str, Any]]:
    """The database is whole, every task has ended, and each exactly once. Returns the records, newest first.

    `state` is the way to the state directory from here, where that is another than the world's.
    """
    tasks = world.tasks()
    # A copy, because SQLite asks for a file's real name, and one of another mount namespace has none here.
    copy = Path(tempfile.mkdtemp(dir=world.base))
    for file in (state or world.state).glob("claudine.db*"):
        shutil.copy(file, copy)
    base = sqlite3.connect(copy / "claudine.db")
    try:
        expect(base.execute("PRAGMA integrity_check").fetchone() == ("ok",), "integrity_check")
        ends = dict(base.execute("SELECT task_id, count(*) FROM event WHERE kind = 'task.ended' GROUP BY task_id"))
        attempts = dict(base.execute("SELECT task_id, count(*) FROM attempt GROUP BY task_id"))
    finally:
        base.close()
        shutil.rmtree(copy)
    for task in tasks:
        expect(task["state"] in TERMINAL, f"state {task['state']}")
        expect(ends.get(task["taskId"]) == 1, f"{ends.get(task['taskId'])} ends of one task")
        expect(attempts.get(task["taskId"], 0) <= 1, f"{attempts.get(task['taskId'])} attempts of one task")
    return tasks


def works(world: World) -> None:
    """Another task runs as if nothing had been."""
    result = world.run("/bin/sh", "-c", "exit 3")
    expect(result.code == 3, f"afterwards: {result}")


def begun(world: World, script: str, *, options: Sequence[str] = ()) -> Running:
    """A task that is known to have started, by the record."""
    running = world.begin("/bin/sh", "-c", f"touch begun; {script}", options=options)
    wait_until("started", 20, lambda: (world.workspace / "begun").exists() and world.tasks()[0]["state"] == "running")
    return running


def served(world: World, *options: str) -> Running:
    """A daemon that was started by hand and is ready."""
    world.write(world.config / "config.toml", UNLIMITED_ADMISSION)
    daemon = world.start("serve", *options)
    wait_until("a daemon", 30, lambda: standing(world).get("state") == "ready")
    return daemon


def standing(world: World) -> dict[str, Any]:
    """What `status` says of the daemon."""
    result = world.claudine("status", "--json")
    return dict(result.json().get("daemon") or {}) if result.code == 0 else {}
