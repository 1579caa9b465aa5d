"""The real Claude Code as a client of `claudine mcp`: outside of any cage, with a script for its model and a second one for whom it delegates to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claude_scene import Scene, Turn, claude, tool
from harness import Running, World
from harness.detached import configure

SERVER = "claudine"
TASK = r"task_[a-z2-7]{26}"


def delegation(name: str, **arguments: Any) -> Turn:
    """A turn that asks for a tool of the server."""
    return tool(f"mcp__{SERVER}__{name}", **arguments)


class Delegating:
    """Use as a context manager. What the model outside says is `outer`, to whoever does the work `inner`; ${TASK} is the last task's id."""

    def __init__(self, world: World, outer: list[Turn], inner: list[Turn]) -> None:
        self.world = world
        self.outer = Scene(world, *outer, find={"TASK": TASK})
        self.inner = Scene(world, *inner)
        configure(world)
        path = world.config / "config.toml"
        world.write(path, path.read_text() + f'[gateway]\nupstream = "{self.inner.url}"\n')
        self.log = world.write(world.base / "messages.jsonl", "")
        tap = world.write(world.base / "tap.py", (Path(__file__).parent / "clients" / "tap.py").read_text())
        server = [
            str(tap), str(self.log), str(world.binaries.claudine), "mcp", "--max-policy", "strict", "--root", str(world.workspace)]
        self.servers = world.write(
            world.base / "servers.json", json.dumps({"mcpServers": {SERVER: {"command": "/usr/bin/python3", "args": server}}}))

    def __enter__(self) -> Delegating:
        return self

    def __exit__(self, *_: object) -> None:
        self.outer.__exit__()
        self.inner.__exit__()

    def begin(self, prompt: str, *tools: str) -> Running:
        allowed = ",".join(f"mcp__{SERVER}__{name}" for name in tools)
        environment = {
            **self.outer.environment, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "0", "ENABLE_TOOL_SEARCH": "false",
        }
        command = [
            claude(), "-p", "--mcp-config", self.servers, "--strict-mcp-config", "--allowedTools", allowed,
            "--output-format", "stream-json", "--verbose", prompt]
        return self.world.launch([str(word) for word in command], env=environment)

    def sent(self, source: str = "client") -> list[dict[str, Any]]:
        """The messages that passed, oldest first."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [json.loads(line["line"]) for line in lines if line["from"] == source]
