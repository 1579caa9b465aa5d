"""116 to 123: output. Bytes that are no characters, caps and their edges are in `integration/contract.py`; here is what those leave out."""

from __future__ import annotations

import json

from harness import expect

from ..agent import RUBBISH, pattern
from ..ground import Ground
from ..register import DAEMON, FOREGROUND, FULL, SMOKE, scenario
from .shepherd import LINGERING


@scenario(116, 117, name="what is no text, to the byte", kind=SMOKE, ways=(FOREGROUND, DAEMON))
def rubbish(ground: Ground) -> str:
    task = ground.agent("rubbish", "emoji", 1000, "rubbish", "complain", 5000, "exit", 0, options=["--json"])
    expect(task.end(30).code == 0, "the run")
    ground.expect_output(task, RUBBISH + "🦊".encode() * 1000 + RUBBISH)
    ground.expect_output(task, pattern(5000), "stderr")
    return ground.expect_one_of(task, "succeeded")


@scenario(118, name="a line of two gibibytes", kind=FULL)
def long_line(ground: Ground) -> str:
    size = 2 << 30
    running = ground.world.begin("/usr/bin/head", "-c", str(size), "/dev/zero", options=["--json"])
    result = running.wait(120)
    expect(result.code == 0, str(result)[:500])
    record = json.loads(result.stdout)
    output = record["output"]
    # strict keeps a head of 1 MiB and a tail of 9.
    expect(output["stdoutBytes"] == size and output["stdoutDropped"] == size - (10 << 20), f"{output}")
    logs = ground.world.claudine("logs", "--raw", "--stream", "stdout", str(record["taskId"]))
    expect(logs.code == 0 and logs.stdout == bytes(10 << 20), f"{len(logs.stdout)} bytes")
    ground.checked["I9"] += 1
    return f"{size / result.seconds / (1 << 20):.0f} MiB/s"


@scenario(122, name="output after the leader's end", kind=SMOKE)
def afterwards(ground: Ground) -> str:
    ground.world.write(ground.world.config / "policies" / "lingering.toml", LINGERING)
    script = "(sleep 0.5; echo late; exec sleep 60) & echo early; exit 6"
    result = ground.world.run("/bin/sh", "-c", script, policy="lingering")
    expect(result.code == 6 and result.stdout == b"early\nlate\n", str(result))
    expect(result.seconds < 12, f"it took {result.seconds:.1f} s")
    return "the outcome is the leader's, the output everybody's"


@scenario(123, name="both streams closed early, and the work goes on", kind=SMOKE, ways=(FOREGROUND, DAEMON))
def closed(ground: Ground) -> str:
    task = ground.agent("print", 1000, "close", 1, "close", 2, "close", 0, "sleep", 500, "ready", "done", "exit", 9)
    expect(task.end(30).code == 9, "the run")
    expect((ground.world.workspace / "done").exists(), "it did not go on")
    ground.expect_output(task, pattern(1000))
    return ground.expect_one_of(task, "failed exit.nonzero")
