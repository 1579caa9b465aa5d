#!/usr/bin/python3
"""A thousand queued `true` under strict: tasks a second, slots at every sample, and what the daemon takes of memory and descriptors.

They wait for one task that holds the gate; the clock starts when that one ends. `make bench` runs it on the release build.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import statistics
import sys
import time
from pathlib import Path

from harness import IDENTITIES, World

CONFIGURATION = """
[queue]
max_running = {slots}
max_length = {most}
[admission]
memory_pressure = "unlimited"
cpu_pressure = "unlimited"
io_pressure = "unlimited"
start_rate = "unlimited"
[serve]
log_level = "warning"
"""


def memory(pid: int) -> int:
    """Resident KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--as", dest="identity", default=IDENTITIES[-1].name)
    arguments = parser.parse_args()
    world = World(next(identity for identity in IDENTITIES if identity.name == arguments.identity))
    try:
        print(json.dumps(measure(world, arguments.tasks, arguments.slots), indent=2))
    finally:
        world.close()


def measure(world: World, tasks: int, slots: int) -> dict[str, object]:
    world.write(world.config / "config.toml", CONFIGURATION.format(slots=slots, most=tasks + 10))
    world.claudine("policy", "check", "strict")
    gate = world.workspace / "gate"
    opened = ["/bin/sh", "-c", f"until [ -e {gate} ]; do sleep 0.05; done"]
    first = world.claudine(*world.caged(*opened, options=["--detach"])).text.strip()
    latencies = []
    for _ in range(tasks):
        began = time.perf_counter()
        result = world.claudine(*world.caged("/bin/true", options=["--detach", "--after", first]))
        latencies.append((time.perf_counter() - began) * 1000)
        if result.code != 0:
            sys.exit(f"not enqueued: {result}")
    daemon = int(world.claudine("status", "--json").json()["daemon"]["pid"])
    base = sqlite3.connect(f"file:{world.state / 'claudine.db'}?mode=ro", uri=True)
    before = {"rssKiB": memory(daemon), "descriptors": descriptors(daemon)}
    world.write(gate, "")
    while base.execute("SELECT ended_at FROM task WHERE id = ?", (first,)).fetchone()[0] is None:
        time.sleep(0.001)
    began = time.perf_counter()
    used, rss, fds = [], [], []
    while base.execute("SELECT count(*) FROM task WHERE ended_at IS NULL").fetchone()[0] > 0:
        used.append(base.execute("SELECT count(*) FROM attempt WHERE ended_at IS NULL").fetchone()[0])
        rss.append(memory(daemon))
        fds.append(descriptors(daemon))
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    states = dict(base.execute("SELECT state, count(*) FROM task GROUP BY state"))
    if max(used) > slots:
        sys.exit(f"{max(used)} attempts at a time, {slots} slots")
    os.kill(daemon, signal.SIGTERM)
    half = len(rss) // 2
    return {
        "identity": world.identity.name, "tasks": tasks, "slots": slots, "seconds": round(seconds, 2),
        "tasksPerSecond": round(tasks / seconds, 1), "states": states, "samples": len(used), "mostSlotsUsed": max(used),
        "meanSlotsUsed": round(statistics.mean(used), 2), "enqueueMedianMs": round(statistics.median(latencies), 1),
        "daemon": {
            "before": before, "rssKiBFirstHalf": max(rss[:half] or rss), "rssKiBSecondHalf": max(rss[half:]),
            "descriptorsMost": max(fds), "descriptorsLast": fds[-1],
        },
    }


if __name__ == "__main__":
    main()
