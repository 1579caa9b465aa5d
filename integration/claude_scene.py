"""The real Claude Code in a world of the harness: a scripted API, a caller's environment, and runs of an agent."""

from __future__ import annotations

import functools
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import claude_binary
import messages_api
from harness import NONCE, Failure, Result, Running, Skip, World
from harness.binaries import readable_by_all, scratch

#: Only ever seen on loopback, and odd enough to be found wherever it might leak to.
KEY = "sk-ant-e2e00-Zq7Xw2Lk9Vb4Nm1Rt6Yh3Uj8"

Turn = dict[str, Any]


@functools.cache
def claude() -> Path | str:
    """The binary, where an ordinary user can run it; or why there is none."""
    try:
        found = claude_binary.find()
    except claude_binary.Unavailable as reason:
        return str(reason)
    if readable_by_all(found):
        return found
    copy = scratch("claude") / "claude"
    shutil.copy(found, copy)
    copy.chmod(0o755)
    return copy


@dataclass(frozen=True)
class Ending:
    """How an agent's run ended."""

    result: Result
    record: dict[str, Any]

    @property
    def reason(self) -> str | None:
        return (self.record.get("reason") or {}).get("code")

    def expect(self, code: int, state: str, reason: str | None = None) -> Ending:
        if (self.result.code, self.record.get("state"), self.reason) != (code, state, reason):
            seen = {name: self.record.get(name) for name in ("state", "reason", "result")}
            raise Failure(f"exit {code}, {state}, {reason} expected: {seen} {self.result}")
        return self


class Scene:
    """Use as a context manager: the API ends with it."""

    def __init__(self, world: World, *turns: Turn, find: dict[str, str] | None = None) -> None:
        binary = claude()
        if isinstance(binary, str):
            raise Skip(f"the real Claude Code is not here: {binary}")
        self.world = world
        # Not in the world: what the API saw is no business of the user whose agent is tested.
        self._record = tempfile.NamedTemporaryFile(prefix="claudine-api-", suffix=".jsonl")
        self.server = messages_api.serve(
            {"turns": list(turns), "require_key": KEY, "find": find or {}}, Path(self._record.name), {"WORKSPACE": str(world.workspace)}
        )
        folder = world.base / "bin"
        folder.mkdir(mode=0o755, exist_ok=True)
        if not (folder / "claude").exists():
            (folder / "claude").symlink_to(binary)
        self.environment = {
            "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": KEY,
        }

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._record.close()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Every request the API got, oldest first."""
        with open(self._record.name, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def begin(self, *options: str, prompt: str = "Do it.", policy: str = "strict") -> Running:
        """Starts an agent whose whole offspring carries the nonce; it does not repeat failed calls."""
        marks = ["--env", f"{NONCE}={self.world.nonce}", "--env", "CLAUDE_CODE_MAX_RETRIES=0"]
        arguments = ["run", "--policy", policy, "-C", str(self.world.workspace), *marks, *options, prompt]
        return self.world.start(*arguments, env=self.environment)

    def run(self, *options: str, prompt: str = "Do it.", policy: str = "strict") -> Ending:
        """An agent to its end, with its record."""
        return self.ending(self.begin("--json", *options, prompt=prompt, policy=policy))

    def ending(self, running: Running) -> Ending:
        result = running.wait(120)
        try:
            return Ending(result, dict(result.json()))
        except ValueError:
            raise Failure(f"no record on stdout: {result}") from None

    def call(self, *arguments: str) -> Result:
        """Another command of claudine's, with the caller's environment."""
        return self.world.claudine(*arguments, env=self.environment, timeout=120)

    def tool_results(self) -> list[dict[str, Any]]:
        """What the agent told the model of its tools' work, from the last request."""
        requests = self.requests
        if not requests:
            raise Failure("the API was never asked")
        contents = [message["content"] for message in requests[-1]["body"]["messages"]]
        blocks = [block for content in contents if isinstance(content, list) for block in content]
        return [block for block in blocks if block.get("type") == "tool_result"]


def bash(command: str) -> Turn:
    """A turn that asks for a Bash command."""
    return {"tools": [{"name": "Bash", "input": {"command": command}}]}


def tool(name: str, **arguments: str) -> Turn:
    """A turn that asks for another tool."""
    return {"tools": [{"name": name, "input": arguments}]}


def files_with(text: str, *folders: Path) -> list[Path]:
    """The files below `folders` that contain `text`."""
    paths = [Path(parent) / name for folder in folders for parent, _, names in os.walk(folder) for name in names]
    return [path for path in paths if path.is_file() and text.encode() in path.read_bytes()]
