#!/usr/bin/python3
"""Those of the ten issues (docs/ten-issues.md) that need processes. The others, and the naive variants of most, are unit tests."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from chaos.faults.failpoints import failpoint
from harness import Running, Suite, World, expect, wait_until
from harness.processes import NONCE, Process

suite = Suite("ten", __doc__ or "")


def policy(world: World, wall: str) -> None:
    """The policy `mine`, as it is from now on."""
    text = f'schema = 1\nname = "mine"\ndescription = "Mine."\nextends = "strict"\n[process]\nwall_time = "{wall}"\n'
    world.write(world.config / "policies" / "mine.toml", text)


def daemon(world: World, *options: str, state: str = "ready") -> Running:
    running = world.start("serve", *options)
    wait_until(f"a daemon that is {state}", 30, lambda: standing(world).get("state") == state)
    return running


def standing(world: World) -> dict[str, Any]:
    """What the daemon says of itself."""
    status = world.claudine("status", "--json")
    return dict(status.json().get("daemon") or {}) if status.code == 0 else {}


def detached(world: World, *command: str, name: str = "strict") -> str:
    result = world.run(*command, options=("--detach", "--json"), policy=name)
    expect(result.code == 0, str(result))
    return str(json.loads(result.stdout)["taskId"])


def ends(world: World, task: str) -> int:
    return [event["kind"] for event in world.events(task)].count("task.ended")


# MARK: 5


@suite.case("ten 5: configuration that changes while it runs")
def configuration(world: World) -> None:
    policy(world, "40s")
    running = daemon(world, "--max-running", "1")
    first = detached(world, "/bin/sh", "-c", "touch up; sleep 4; exit 3", name="mine")
    second = detached(world, "/bin/sh", "-c", "exec sleep 30", name="mine")
    wait_until("up", 20, (world.workspace / "up").exists)
    before = world.record(first)
    policy(world, "2s")
    expect(world.claudine("wait", first, timeout=60).code == 3, "it was ended by a limit that it never had")
    record = world.record(first)
    expect(record["limits"] == before["limits"] and record["limits"]["wallSeconds"] == 40, f"{record['limits']}")
    expect(record["policy"]["digest"] == before["policy"]["digest"], "another policy")
    # What is claimed from now on is held to what is said now.
    expect(world.claudine("wait", second, timeout=60).code == 124, "the new limit")
    record = world.record(second)
    expect(record["limits"]["wallSeconds"] == 2 and record["policy"]["digest"] != before["policy"]["digest"], f"{record}")
    running.popen.send_signal(signal.SIGTERM)
    running.wait(30)


# MARK: 7

#: Between the spawn of the shepherd and the record of a running agent.
POINTS = ("after_claim", "after_spawn", "after_hello", "after_arm", "after_start", "before_running", "after_running")


@suite.case("ten 7: a spawn that fails halfway leaks, done naively", leftovers=True)
def naive_spawn(world: World) -> None:
    """As the predecessor: spawn, then register; what the failure of the second leaves of the first is nobody's business."""
    workers: list[Running] = []

    def spawn() -> None:
        workers.append(world.launch(["/bin/sh", "-c", "sleep 300 & exec sleep 300"], env={NONCE: world.nonce}))
        wait_until("both up", 10, lambda: len(world.marked()) == 2)
        raise OSError("the worker cannot be registered")

    try:
        spawn()
    except OSError:
        # What its pool did at best: SIGTERM to the worker alone.
        workers[0].popen.terminate()
        workers[0].popen.wait()
    expect(len(world.marked()) == 1, "the naive variant is not naive")
    for process in world.marked():
        process.signal(signal.SIGKILL)


@suite.case("ten 7: a spawn that fails halfway leaves nothing")
def partial_spawn(world: World) -> None:
    for point in POINTS:
        run = world.begin("/bin/sh", "-c", "sleep 300 & exec sleep 300", env=failpoint(point, "error"))
        result = run.wait(60)
        expect(result.code not in (0, -signal.SIGKILL) and "failpoint" in result.errors, f"{point}: {result}")
        expect(not world.marked() and not world.members(), f"{point}: {world.marked()}")
        record = wait_until("recorded", 30, lambda: world.tasks()[0] if "endedAt" in world.tasks()[0] else None)
        expect(ends(world, record["taskId"]) == 1, f"{point}: {record}")
        expect(cgroups(record["taskId"]) == [], f"{point}: a cgroup is left")
    expect(len(world.tasks()) == len(POINTS), "one record each")


def cgroups(task: str) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if task in Path(folder).name]


# MARK: 8


@suite.case("ten 8: many recover at once")
def recovered_once(world: World) -> str:
    first = daemon(world, "--max-running", "3")
    # Those that the first daemon runs are still running when it dies, however slow the machine is.
    script = 'echo started >> "runs-$0"; exec sleep "$1"'
    tasks = [detached(world, "/bin/sh", "-c", script, str(number), "1" if number > 2 else "60") for number in range(12)]
    wait_until("three of them run", 30, lambda: len(list(world.workspace.glob("runs-*"))) >= 3)
    first.popen.kill()
    first.popen.wait()
    daemons = [world.start("serve", "--max-running", "3") for _ in range(3)]
    readers = [world.start("list", "--json") for _ in range(6)]
    for reader in readers:
        expect(reader.wait(60).code == 0, "list")
    for task in tasks:
        world.claudine("wait", task, timeout=120)
    states = [world.record(task)["state"] for task in tasks]
    for number, task in enumerate(tasks):
        runs = world.workspace / f"runs-{number}"
        # What was lost while it ran is not run again, because its policy does not say so; all others have run.
        expect(runs.exists() and runs.read_text() == "started\n", f"task {number}, {states[number]}: {runs.exists() and runs.read_text()!r}")
        expect(ends(world, task) == 1, f"{ends(world, task)} ends")
    expect(states == ["lost"] * 3 + ["succeeded"] * 9, f"{states}")
    alive = [one for one in daemons if one.popen.poll() is None]
    expect(len(alive) == 1, f"{len(alive)} daemons")
    expect(all(one.wait().code == 75 for one in daemons if one not in alive), "a second daemon")
    alive[0].popen.send_signal(signal.SIGTERM)
    expect(alive[0].wait(30).code == 0, "SIGTERM")
    return "3 of 12 were running and are lost"


# MARK: 9


@suite.case("ten 9: a daemon that cannot recover")
def degraded(world: World) -> None:
    run = world.begin("/bin/sh", "-c", "exec sleep 300", env=failpoint("after_running", "kill"))
    run.wait()
    wait_until("its shepherd is gone", 40, lambda: not world.members() and not shepherds(world))
    # Nobody can find out whether its lock is held: not even root can look through a name that leads round in a circle.
    (lock,) = world.state.glob("attempts/task_*/1/alive.lock")
    lost = lock.parent.parent.name
    lock.unlink()
    lock.symlink_to("alive.lock")
    running = daemon(world, state="degraded")
    queued = detached(world, "/bin/sh", "-c", "touch ran")
    time.sleep(3)
    expect(not (world.workspace / "ran").exists() and world.record(queued)["state"] == "queued", "it was dispatched")
    admission = world.claudine("status", "--json").json()["admission"]
    expect(not admission["ok"] and [blocker["code"] for blocker in admission["blockedBy"]] == ["recovery"], f"{admission}")
    expect(lost in admission["blockedBy"][0]["message"], f"it does not say what is in the way: {admission}")
    running.popen.send_signal(signal.SIGTERM)
    expect(running.wait(30).code == 0, "SIGTERM")
    insisting = world.claudine("serve", "--no-degraded")
    expect(insisting.code == 78 and "daemon.recovery" in insisting.errors and lost in insisting.errors, str(insisting))
    expect(not (world.workspace / "ran").exists(), "it was dispatched before the daemon gave up")
    # What was in the way is gone: it goes on by itself.
    running = daemon(world, state="degraded")
    lock.unlink()
    expect(world.claudine("wait", queued, timeout=60).code == 0, "it does not go on")
    expect(world.record(lost)["state"] == "lost" and ends(world, lost) == 1, "the lost one")
    running.popen.send_signal(signal.SIGTERM)
    expect(running.wait(30).code == 0, "SIGTERM")


def shepherds(world: World) -> list[Process]:
    """Those that hold a lock of this world's: their working directory or title cannot be seen from outside, their open files can."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            opened = [os.readlink(file) for file in folder.iterdir()]
        except OSError:
            continue
        if any(name.startswith(f"{world.state}/attempts/") for name in opened):
            process = Process.of(int(folder.parent.name))
            found += [process] if process else []
    return found


if __name__ == "__main__":
    suite.main()
