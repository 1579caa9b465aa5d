#!/usr/bin/python3
"""`claudine mcp` beside the smallest server on the official SDK: first answer, calls one by one and 32 at a time, memory, a line too long.

Both are asked in turns, at 2026-07-28, by the same client, and the medians of the rounds are what counts: other work on the machine
meets both. `make bench` runs it on the release build. Ends with the goals and whether they were met.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mcp_environments
from harness import IDENTITIES, World
from harness.detached import configure
from harness.mcp import modern

#: Prompts are programs of the shell.
AGENT = '[agents.script]\nargv = ["/bin/sh", "-c", "{prompt}"]\n'
#: Delegations of one client within a minute: it may have one more.
BURST = 29
ID = re.compile(rb'"id":\s*(\d+)')
LONG_LINE = 32 << 20

Figures = dict[str, Any]


class Server:
    """A process on pipes, and a client that does as little as it can: its time is in every figure."""

    def __init__(self, world: World, command: list[str]) -> None:
        self.began = time.perf_counter()
        self.process: subprocess.Popen[bytes] = world.launch(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).popen
        assert self.process.stdin and self.process.stdout
        self.input, self.output = self.process.stdin, self.process.stdout
        self.last = 0

    def frame(self, method: str, params: Figures | None = None) -> bytes:
        self.last += 1
        return json.dumps({"jsonrpc": "2.0", "id": self.last, "method": method, "params": modern(params)}).encode() + b"\n"

    def tool(self, name: str, arguments: Figures) -> bytes:
        return self.frame("tools/call", {"name": name, "arguments": arguments})

    def send(self, frame: bytes) -> None:
        self.input.write(frame)
        self.input.flush()

    def line(self) -> bytes:
        line = self.output.readline()
        if not line or b'"error":{' in line or b'"isError":true' in line:
            sys.exit(f"an answer that spoils the figures: {line[:500]!r}")
        return line

    def ask(self, frame: bytes) -> bytes:
        self.send(frame)
        return self.line()

    def memory(self) -> float:
        """Resident MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024, 1)

    def end(self) -> float:
        """Milliseconds from the end of the input to the end of the process."""
        began = time.perf_counter()
        self.input.close()
        self.process.wait(30)
        return (time.perf_counter() - began) * 1000


# MARK: measuring


def quantiles(seconds: list[float]) -> Figures:
    ordered = sorted(seconds)
    return {
        "p50Ms": round(statistics.median(ordered) * 1000, 3),
        "p99Ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 3),
    }


def one_by_one(server: Server, frames: list[bytes]) -> Figures:
    latencies = []
    start = time.perf_counter()
    for frame in frames:
        began = time.perf_counter()
        server.ask(frame)
        latencies.append(time.perf_counter() - began)
    return {**quantiles(latencies), "perSecond": round(len(frames) / (time.perf_counter() - start))}


def in_flight(server: Server, frames: list[bytes], most: int = 32) -> Figures:
    begun: dict[int, float] = {}
    latencies = []
    waiting: Iterator[bytes] = iter(frames)

    def begin() -> None:
        if (frame := next(waiting, None)) is not None:
            match = ID.search(frame)
            assert match
            begun[int(match[1])] = time.perf_counter()
            server.send(frame)

    start = time.perf_counter()
    for _ in range(most):
        begin()
    for _ in frames:
        match = ID.search(server.line())
        assert match
        latencies.append(time.perf_counter() - begun[int(match[1])])
        begin()
    return {**quantiles(latencies), "perSecond": round(len(frames) / (time.perf_counter() - start))}


def first_answers(start: Callable[[], Server], times: int) -> Figures:
    """Milliseconds from the spawn to the first answer, and from the end of the input to the exit."""
    firsts, ends = [], []
    for _ in range(times):
        server = start()
        server.ask(server.frame("server/discover"))
        firsts.append((time.perf_counter() - server.began) * 1000)
        ends.append(server.end())
    return {"firstAnswerMs": round(statistics.median(firsts), 1), "firstAnswerBestMs": round(min(firsts), 1), "exitAfterEOFMs": round(statistics.median(ends), 1)}


def calls(server: Server, frame: Callable[[], bytes], sequential: int, concurrent: int) -> Figures:
    server.ask(frame())
    return {
        "oneByOne": one_by_one(server, [frame() for _ in range(sequential)]),
        "inFlight32": in_flight(server, [frame() for _ in range(concurrent)]),
        "list": one_by_one(server, [server.frame("tools/list") for _ in range(300)]),
    }


def long_line(server: Server) -> Figures:
    """A line of 32 MiB, which is refused or not, and then an ordinary question."""
    before = server.memory()
    head = b'{"jsonrpc":"2.0","id":999999,"method":"tools/call","params":{"name":"x","arguments":{"text":"'
    began = time.perf_counter()
    server.send(head + b"x" * LONG_LINE + b'"}}}\n')
    server.send(server.frame("server/discover"))
    last = server.last
    while (match := ID.search(server.output.readline())) is None or int(match[1]) != last:
        pass
    return {"seconds": round(time.perf_counter() - began, 3), "memoryMB": server.memory(), "grownMB": round(server.memory() - before, 1)}


def memory(server: Server, frame: Callable[[], bytes]) -> Figures:
    """Resident MB after so many calls."""
    seen: Figures = {}
    done = 0
    for target in (100, 5000, 10_000):
        in_flight(server, [frame() for _ in range(target - done)])
        done = target
        seen[f"after{target}MB"] = server.memory()
    return seen


# MARK: the two


def merged(rounds: list[Figures]) -> Figures:
    """The median of each figure over the rounds."""
    first = rounds[0]
    return {
        key: merged([one[key] for one in rounds]) if isinstance(first[key], dict) else round(statistics.median(one[key] for one in rounds), 3)
        for key in first
    }


class Ours:
    """`claudine mcp` in a world with a store and a daemon that has one slot, which is taken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients = 0
        configure(world, running=1, queue="max_length = 5000")
        path = world.config / "config.toml"
        world.write(path, path.read_text() + AGENT)
        # So that the store is there before anything is measured; and what comes later waits in the queue, as one task has the slot.
        first = self.start("first")
        self.delegated(first, "until [ -e go ]; do sleep 0.1; done")
        first.end()
        first = self.start()
        self.task = self.delegated(first, "true")
        first.end()

    def start(self, client: str = "bench") -> Server:
        return Server(self.world, [
            str(self.world.binaries.claudine), "mcp", "--root", str(self.world.workspace), "--max-policy", "strict", "--client", client])

    def delegated(self, server: Server, prompt: str) -> str:
        answer = json.loads(server.ask(server.tool("DelegateTask", {"prompt": prompt, "agent": "script"})))
        return str(answer["result"]["structuredContent"]["taskId"])

    def round(self, sequential: int, concurrent: int) -> Figures:
        server = self.start()
        found = calls(server, lambda: server.tool("TaskStatus", {"taskId": self.task}), sequential, concurrent)
        found["delegate"] = self.delegations()
        server.end()
        return found

    def delegations(self) -> Figures:
        """Durable: the answer comes after the commit. One by one by one client, and as many at a time by another."""
        found = {}
        for name, measure in (("oneByOne", one_by_one), ("inFlight", lambda server, frames: in_flight(server, frames, BURST))):
            self.clients += 1
            server = self.start(f"bench-{self.clients}")
            server.ask(server.tool("TaskStatus", {}))
            frames = [server.tool("DelegateTask", {"prompt": f"true {self.clients} {number}", "agent": "script"}) for number in range(BURST)]
            found[name] = measure(server, frames)
            server.end()
        return found


def measure(world: World, rounds: int, sequential: int, concurrent: int) -> Figures:
    ours = Ours(world)
    try:
        python: Path | None = mcp_environments.program("official")
    except mcp_environments.Unavailable as reason:
        print(f"mcp-bench: without the official SDK: {reason}", file=sys.stderr)
        python = None
    echo = [str(python), "-B", str(Path(__file__).resolve().parent / "clients" / "echo_server.py")]
    found: list[Figures] = []
    beside: list[Figures] = []
    for _ in range(rounds):
        found.append({**first_answers(ours.start, 10), **ours.round(sequential, concurrent)})
        if python:
            beside.append(first_answers(lambda: Server(world, echo), 2))
            server = Server(world, echo)
            beside[-1].update(calls(server, lambda: server.tool("echo", {"text": "hello"}), sequential // 4, concurrent // 4))
            server.end()
    server = ours.start()
    result: Figures = {"load": round(os.getloadavg()[0], 1), "claudine": merged(found)}
    result["claudine"]["memory"] = memory(server, lambda: server.tool("TaskStatus", {"taskId": ours.task}))
    result["claudine"]["line32MiB"] = long_line(server)
    server.end()
    if python:
        server = Server(world, echo)
        result["sdk"] = merged(beside)
        result["sdk"]["memory"] = {"afterStartMB": (server.ask(server.frame("server/discover")), server.memory())[1]}
        result["sdk"]["line32MiB"] = long_line(server)
        server.end()
    result["goals"] = goals(result)
    return result


def goals(result: Figures) -> list[str]:
    """What was wanted of the release build on a quiet machine of two cores."""
    ours, sdk = result["claudine"], result.get("sdk")
    ram = ours["memory"]
    found = [
        ("first answer after the spawn, ms", ours["firstAnswerMs"], "<=", 25),
        ("TaskStatus p50, ms", ours["oneByOne"]["p50Ms"], "<=", 0.5),
        ("DelegateTask p50, ms", ours["delegate"]["oneByOne"]["p50Ms"], "<=", 8),
        ("memory after 10,000 calls, MB", ram["after10000MB"], "<=", 40),
        ("memory gained by the last 5,000, MB", round(ram["after10000MB"] - ram["after5000MB"], 1), "<=", 1),
    ]
    if sdk:
        found += [
            ("TaskStatus a second, by the SDK's echo, 32 in flight", round(ours["inFlight32"]["perSecond"] / sdk["inFlight32"]["perSecond"], 1), ">=", 10),
        ]
    return [f"{'met' if (value <= bound if sign == '<=' else value >= bound) else 'MISSED'}: {name}: {value} ({sign} {bound})" for name, value, sign, bound in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequential", type=int, default=2000)
    parser.add_argument("--concurrent", type=int, default=4000)
    arguments = parser.parse_args()
    # Not any other user: the SDK's environment is readable by whoever runs this only.
    world = World(IDENTITIES[0])
    try:
        result = measure(world, arguments.rounds, arguments.sequential, arguments.concurrent)
    finally:
        world.close()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
