#!/usr/bin/python3
"""`claudine mcp` with clients that nobody here wrote: the official SDK, a client of the Tasks extension, and three testers of servers.

They are pinned and lie outside the repository; a case says so and is skipped where they cannot be had.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mcp_environments
from harness import IDENTITIES, Result, Skip, Suite, World, expect, wait_until
from harness.detached import configure
from harness.mcp import Client

suite = Suite("mcp-clients", __doc__ or "")

#: The environments are readable by whoever runs the tests only.
ONCE = IDENTITIES[:1]
PROGRAMS = Path(__file__).resolve().parent / "clients"
#: An agent that does what its prompt says: prompts are programs of the shell.
AGENT = '[agents.script]\nargv = ["/bin/sh", "-c", "{prompt}"]\n'


def program(environment: str, name: str = "python") -> Path:
    try:
        return mcp_environments.program(environment, name)
    except mcp_environments.Unavailable as reason:
        raise Skip(str(reason)) from None


def server(world: World, *options: str) -> list[str]:
    """The command of the server, in a world where two agents need no model."""
    if not (world.config / "config.toml").exists():
        configure(world, running=4)
        path = world.config / "config.toml"
        world.write(path, path.read_text() + AGENT)
    return [str(world.binaries.claudine), "mcp", "--root", str(world.workspace), "--max-policy", "strict", *options]


def run(world: World, *command: str | Path, seconds: float = 240) -> Result:
    return world.launch(list(command)).wait(seconds)


def found(result: Result) -> dict[str, Any]:
    expect(result.code == 0, f"exit {result.code}: {result.errors[-3000:]}")
    return dict(json.loads(result.stdout))


# MARK: clients


def official(world: World, mode: str, version: str) -> str:
    seen = found(run(world, program("official"), "-B", PROGRAMS / "official.py", mode, *server(world)))
    expect((seen["version"], seen["server"], seen["state"]) == (version, seen["server"], "succeeded"), f"{seen}")
    expect(seen["tools"] == 9 and seen["prompts"] == 4 and seen["resources"] >= 5, f"{seen}")
    return f"{seen['calls']} calls, {seen['resources']} resources, {seen['prompts']} prompts at {seen['version']}"


@suite.case("the official SDK's client finds out the version by itself", identities=ONCE)
def official_auto(world: World) -> str:
    return official(world, "auto", "2026-07-28")


@suite.case("the official SDK's client, as before 2026-07-28", identities=ONCE)
def official_legacy(world: World) -> str:
    return official(world, "legacy", "2025-11-25")


@suite.case("the official SDK's client, at 2026-07-28 without asking", identities=ONCE)
def official_modern(world: World) -> str:
    return official(world, "2026-07-28", "2026-07-28")


@suite.case("a client of the Tasks extension follows, cancels, and is told of a failure", identities=ONCE)
def tasks(world: World) -> None:
    seen = found(run(world, program("fastmcp"), "-B", PROGRAMS / "tasks.py", *server(world)))
    wanted = {
        "finished": {"first": "working", "last": "completed", "state": "succeeded"}, "cancelled": {"last": "cancelled"},
        "failed": {"last": "completed", "isError": True}, "unaware": {"state": "succeeded"},
    }
    expect(seen == wanted, f"{seen}")


# MARK: testers


@suite.case("amagi-mcp-probe: every tool, with arguments that make sense", identities=ONCE)
def probe(world: World) -> str:
    command = server(world)
    with Client(world, command) as client:
        handle = client.call("DelegateTask", {"prompt": "Say hello.", "agent": "demo"})["structuredContent"]
        task = handle["taskId"]
        while client.call("WaitTask", {"taskIds": [task]}, seconds=60)["structuredContent"]["timedOut"]:
            pass
    given: dict[str, Any] = {name: {"taskId": task} for name in ("TaskStatus", "TaskLogs", "TaskResult", "CancelTask", "RetryTask")}
    given["DelegateTask"] = {"prompt": "Say hello again.", "agent": "demo"}
    given["ResumeTask"] = {"taskId": task, "prompt": "Go on."}
    given["WaitTask"] = {"taskIds": [task], "timeoutSeconds": 1}
    arguments = world.write(world.base / "arguments.json", json.dumps(given))
    result = run(
        world, program("probe", "amagi-mcp-probe"), "--strict", "--allow-destructive", "--format", "json",
        "--args", arguments, "--", *command)
    expect(result.code == 0, f"exit {result.code}: {result.text[-3000:]} {result.errors[-1000:]}")
    return f"{len(result.json()['servers'][0]['tools'])} tools"


@suite.case("mcp-rig: bad arguments, and what it makes of the tools' descriptions", identities=ONCE)
def rig(world: World) -> str:
    command = " ".join(server(world))
    # It hands on what it is told to, and nothing else.
    names = [word for name in world.environment() for word in ("--env", name)]
    result = run(world, program("rig", "mcp-rig"), "check", "--strict", "--probe-invalid-args", *names, command)
    expect(result.code == 0, f"exit {result.code}: {result.text[-3000:]} {result.errors[-1000:]}")
    return result.text.strip().splitlines()[-1]


# MARK: over HTTP


def listening(world: World) -> tuple[str, str]:
    """A server's address, and the token that it wants."""
    program = server(world, "--http", "0")
    log = world.write(world.base / "server.log", "")
    with log.open("wb") as errors:
        world.launch(program, stderr=errors)
    url = wait_until("an address", 20, lambda: re.search(r"serving (http://\S+?);", log.read_text()))
    return url[1], (world.state / "mcp-token").read_text().strip()


@suite.case("jbt-mcpcheck: the newest revision over HTTP", identities=ONCE)
def mcpcheck(world: World) -> str:
    checker = program("mcpcheck", "jbt-mcpcheck")
    url, token = listening(world)
    result = run(world, checker, "--probe", "safe", "--strict", "--json", "--token", token, url)
    expect(result.code == 0, f"exit {result.code}: {result.text[-3000:]} {result.errors[-1000:]}")
    return f"{len(result.json()['checks'])} checks"


@suite.case("the official SDK's client over HTTP, at both ends of the versions", identities=ONCE)
def official_http(world: World) -> str:
    python = program("official")
    url, token = listening(world)
    seen = [found(run(world, python, "-B", PROGRAMS / "official.py", mode, url, token)) for mode in ("auto", "legacy")]
    expect([one["version"] for one in seen] == ["2026-07-28", "2025-11-25"], f"{seen}")
    expect(all(one["state"] == "succeeded" for one in seen), f"{seen}")
    return " and ".join(f"{one['calls']} calls at {one['version']}" for one in seen)


def main() -> None:
    suite.main()


if __name__ == "__main__":
    main()
