"""27, 90 to 95: much at a time, and what a daemon is told while it has much to do."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import Process, Result, expect, wait_until

from ..faults.times import WallClock
from ..ground import TERMINAL, Ground, Task
from ..register import DAEMON, FULL, SMOKE, scenario
from .supervisor import LOST, recovered

SLOTS = 4


def detach(ground: Ground, number: int, *words: str | int, options: tuple[str, ...] = (), jobs: int = 4) -> list[str]:
    """So many tasks, asked for by several at a time; their ids in no order."""
    program = ground.world.program("agent")

    def one(index: int) -> str:
        command = ground.world.caged(program, *map(str, words), options=["--detach", "--name", f"many-{index}", *options])
        result = ground.world.claudine(*command)
        expect(result.code == 0, str(result))
        ground.watching.acknowledge(result.text.strip())
        return result.text.strip()

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        return list(pool.map(one, range(number)))


def all_ended(ground: Ground, seconds: float) -> Counter[str]:
    """Waits until nothing is open; the states they ended in."""
    wait_until("all ended", seconds, lambda: not ground.query("SELECT 1 FROM task WHERE ended_at IS NULL LIMIT 1"))
    return Counter(dict(ground.query("SELECT state, count(*) FROM task GROUP BY state")))


def weight(process: Process) -> tuple[int, int, int]:
    """Descriptors, threads, KiB resident."""
    threads, resident = process.status("Threads"), process.status("VmRSS")
    return len(os.listdir(f"/proc/{process.pid}/fd")), int(threads or 0), int((resident or "0").split()[0])


def thousand(ground: Ground, number: int) -> str:
    ground.serve()
    daemon = ground.daemon_process()
    assert daemon
    # What it keeps of the first ones it has from then on.
    detach(ground, SLOTS * 3, "exit", 0)
    all_ended(ground, 60)
    time.sleep(1)
    before = weight(daemon)
    began = time.monotonic()
    detach(ground, number, "exit", 0)
    states = all_ended(ground, 30 + number)
    seconds = time.monotonic() - began
    expect(states == {"succeeded": number + SLOTS * 3}, f"{states}")
    time.sleep(1)
    after = weight(daemon)
    expect(after[0] <= before[0], f"{before[0]} descriptors before, {after[0]} after")
    expect(after[1] <= before[1] + 4, f"{before[1]} threads before, {after[1]} after")
    # A twentieth more, and what the allocator does not give back at once.
    expect(after[2] <= before[2] * 1.05 + 8192, f"{before[2]} KiB before, {after[2]} after")
    ground.checked["I7"] += 3
    return f"{number / seconds:.1f} a second with {SLOTS} slots; descriptors, threads, KiB before {before}, after {after}"


@scenario(90, name="forty queued tasks with four slots", kind=SMOKE, ways=(DAEMON,), slots=SLOTS)
def forty(ground: Ground) -> str:
    return thousand(ground, 40)


@scenario(90, name="a thousand queued tasks with four slots", kind=FULL, ways=(DAEMON,), slots=SLOTS, alone=True, ask=5)
def whole_thousand(ground: Ground) -> str:
    return thousand(ground, 1000)


@scenario(91, name="everything is cancelled while the queue drains", kind=SMOKE, ways=(DAEMON,), slots=SLOTS)
def cancel_all(ground: Ground) -> str:
    detach(ground, 24, "sleep", 1000)
    result = ground.world.claudine("cancel", "--all", "--json", timeout=60)
    expect(result.code == 0, str(result))
    states = all_ended(ground, 60)
    expect(set(states) <= {"succeeded", "cancelled"} and states["cancelled"] > 0 and states.total() == 24, f"{states}")
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


@scenario(92, name="ten ask at once to kill all that runs", kind=SMOKE, ways=(DAEMON,), slots=16)
def kill_storm(ground: Ground) -> str:
    tasks = detach(ground, 16, "deaf", "spawn", "daemon", "sleep", 50000)
    wait_until("all run", 60, lambda: ground.query("SELECT count(*) FROM task WHERE state = 'running'") == [(16,)])
    clients = [ground.world.start("cancel", "--all", "--force") for _ in range(10)]
    results: list[Result] = [client.wait(60) for client in clients]
    expect(all(result.code in (0, 5) for result in results), f"{results}")
    states = all_ended(ground, 60)
    expect(states == {"cancelled": 16}, f"{states}")
    asked = ground.query("SELECT task_id, count(*) FROM event WHERE kind = 'task.stopRequested' GROUP BY task_id")
    # The first reason is a latch, and force is added once.
    expect(len(asked) == len(tasks) and all(count <= 2 for _, count in asked), f"{asked}")
    return f"{states['cancelled']} cancelled by {len(clients)}"


@scenario(93, name="twenty follow the events of many tasks", kind=SMOKE, ways=(DAEMON,), slots=SLOTS)
def followers(ground: Ground) -> str:
    ground.serve()
    files: list[Path] = []
    running = []
    for number in range(20):
        files.append(ground.world.base / f"events-{number}")
        running.append(ground.world.start("events", "-f", "--since", "0", stdout=open(files[-1], "wb")))
    detach(ground, 25, "exit", 0)
    all_ended(ground, 60)
    wanted = [seq for (seq,) in ground.query("SELECT seq FROM event ORDER BY seq")]

    def has_all(file: Path) -> bool:
        return file.read_bytes().count(b"\n") >= len(wanted)

    wait_until("everybody has heard of everything", 30, lambda: all(map(has_all, files)))
    for process in running:
        process.popen.send_signal(signal.SIGTERM)
        process.wait(10)
    for file in files:
        heard = [json.loads(line)["seq"] for line in file.read_bytes().splitlines()]
        expect(heard == wanted, f"{len(heard)} events heard of {len(wanted)}, or not in their order")
    ground.checked["I9"] += len(files)
    return f"{len(wanted)} events, {len(files)} times"


@scenario(94, name="cancelled as soon as it is asked for, again and again", kind=SMOKE, ways=(DAEMON,))
def start_and_kill(ground: Ground) -> str:
    outcomes: Counter[str] = Counter()
    for _ in range(20):
        task = ground.agent("sleep", 50000)
        time.sleep(ground.chance.choice([0, ground.chance.uniform(0, 0.15)]))
        ground.world.claudine("cancel", *([] if ground.chance.random() < 0.5 else ["--force"]), task.id)
        expect(task.end(30).code == 143, "the task")
        outcomes[ground.expect_one_of(task, "cancelled cancelled.user")] += 1
        expect(task.starts() <= 1, "it began twice")
    return ", ".join(f"{count} × {outcome}" for outcome, count in outcomes.items())


@scenario(95, name="the lowest class waits its time and no longer", kind=SMOKE, ways=(DAEMON,), slots=1)
def ageing(ground: Ground) -> str:
    clock = WallClock(ground.world)
    ground.serve(env=clock.environment)
    gate = ground.world.workspace / "gate"
    ground.agent("await", gate)

    def enqueue(priority: str, name: str) -> str:
        command = ground.world.caged("/bin/true", options=["--detach", "--priority", priority, "--name", name])
        result = ground.world.claudine(*command, env=clock.environment)
        expect(result.code == 0, str(result))
        return result.text.strip()

    enqueue("P2", "early-P2")
    enqueue("P0", "early-P0")
    # P2 stands twenty minutes behind P0.
    clock.set(19 * 60)
    enqueue("P0", "soon-P0")
    clock.set(21 * 60)
    enqueue("P0", "late-P0")
    enqueue("P1", "late-P1")
    ground.world.write(gate, "")
    all_ended(ground, 60)
    order = [name for (name,) in ground.query(
        "SELECT spec_json ->> 'name' FROM task JOIN attempt ON attempt.task_id = task.id WHERE spec_json ->> 'name' != 'chaos-0' ORDER BY fence")]
    expect(order == ["early-P0", "soon-P0", "early-P2", "late-P0", "late-P1"], f"{order}")
    return ", ".join(order)


@scenario(27, name="the daemon dies while it stops", kind=SMOKE, ways=(DAEMON,))
def while_stopping(ground: Ground) -> str:
    return stop_and_die(ground, [ground.chance.choice(("stop", "drain", "requeue"))])


@scenario(27, name="the daemon dies while it stops, drains and requeues", kind=FULL, ways=(DAEMON,))
def while_leaving(ground: Ground) -> str:
    return stop_and_die(ground, ["stop", "drain", "requeue"] * 3)


def stop_and_die(ground: Ground, ways: list[str]) -> str:
    outcomes: Counter[str] = Counter()
    for turn, way in enumerate(ways):
        ground.serve("--on-stop", way)
        tasks = [ground.agent("deaf", "ready", f"up-{turn}-{number}", "sleep", 3000, "exit", 0) for number in range(3)]
        for number, task in enumerate(tasks):
            task.until(f"up-{turn}-{number}")
        daemon = ground.daemon
        assert daemon
        daemon.popen.send_signal(signal.SIGTERM)
        time.sleep(ground.chance.uniform(0, 0.4))
        daemon.popen.kill()
        daemon.wait()
        for task in tasks:
            outcome = again(ground, task) if way == "requeue" else recovered(ground, task, LOST, {DAEMON: ("succeeded", "cancelled cancelled.shutdown")})
            outcomes[f"{way}: {outcome}"] += 1
            task.running.wait(30)
        ground.dismiss()
    return ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


def again(ground: Ground, task: Task) -> str:
    """One that was to be given back may have been stopped for that already: then it runs again from the start."""
    ground.revive()
    wait_until("it ends", 40, lambda: task.outcome().split()[0] in TERMINAL)
    expect(task.outcome() in ("succeeded", "lost lost.supervisor"), task.outcome())
    expect(task.starts() <= 2, f"it began {task.starts()} times")
    return task.outcome()
