"""The stage of one end-to-end check: a caller's home, a workspace, a state directory, a scripted API, `claudine`."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import messages_api

# Only ever seen on loopback, and long and odd enough to be found wherever it might leak to.
KEY = "sk-ant-e2e00-" + "Zq7Xw2Lk9Vb4Nm1Rt6Yh3Uj8"
RUN_SECONDS = 120


@dataclass
class Outcome:
    """How a `claudine run` ended."""

    code: int
    stdout: str
    stderr: str
    record: dict[str, Any]

    def __str__(self) -> str:
        shown = {name: self.record.get(name) for name in ("state", "reason", "result")}
        return f"exit {self.code}, {shown}, stderr: …{self.stderr[-600:]}"

    @property
    def reason(self) -> str | None:
        return (self.record.get("reason") or {}).get("code")


class Stage:
    """Use as a context manager; everything on it is gone afterwards, unless CLAUDINE_E2E_KEEP is set."""

    def __init__(self, claudine: Path, claude: Path, turns: list[dict[str, Any]]) -> None:
        self.claudine = claudine
        self.root = Path(tempfile.mkdtemp(prefix="claudine-e2e-"))
        self.home = self.directory("home")
        self.workspace = self.directory("workspace")
        self.state = self.directory("state")
        self.requests_file = self.root / "requests.jsonl"
        self.nonce = "e2e" + secrets.token_hex(12)
        binaries = self.directory("bin")
        (binaries / "claude").symlink_to(claude)
        self.server = messages_api.serve(
            {"turns": turns, "require_key": KEY}, self.requests_file, {"WORKSPACE": str(self.workspace)}
        )
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "CLAUDINE_STATE_DIR": str(self.state),
            "CLAUDINE_CONFIG_DIR": str(self.directory("config")),
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.server.server_address[1]}",
            "ANTHROPIC_API_KEY": KEY,
        }

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        if "CLAUDINE_E2E_KEEP" in os.environ:
            print(f"     kept: {self.root}")
        else:
            shutil.rmtree(self.root, ignore_errors=True)

    def directory(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(mode=0o700)
        return path

    @property
    def requests(self) -> list[dict[str, Any]]:
        with self.requests_file.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def command(self, *arguments: str) -> list[str]:
        return [str(self.claudine), *arguments]

    def start(self, *options: str, prompt: str = "Do it.") -> subprocess.Popen[str]:
        """Begins a run in the background; the nonce is in the agent's environment and in that of all its children."""
        return subprocess.Popen(
            self.command("run", "--policy", "strict", "-C", str(self.workspace))
            + ["--env", f"CLAUDINE_E2E_NONCE={self.nonce}", "--env", "CLAUDE_CODE_MAX_RETRIES=0"]
            + [*options, prompt],
            env=self.environment,
            cwd=self.workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], seconds: float = RUN_SECONDS) -> Outcome:
        try:
            stdout, stderr = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            stderr += f"\n(still running after {seconds} s)"
        return Outcome(process.returncode, stdout, stderr, record_in(stdout))

    def run(self, *options: str, prompt: str = "Do it.") -> Outcome:
        return self.finish(self.start("--json", *options, prompt=prompt))

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Any other command of claudine's, to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )

    def tool_results(self) -> list[dict[str, Any]]:
        """What the agent told the model about its tools' work, from the last request."""
        found: list[dict[str, Any]] = []
        for message in self.requests[-1]["body"]["messages"]:
            if isinstance(message["content"], list):
                found += [block for block in message["content"] if block.get("type") == "tool_result"]
        return found

    def files_with(self, text: str, *directories: Path) -> list[Path]:
        """Which files under `directories` contain `text`."""
        found: list[Path] = []
        for directory in directories:
            for path in directory.rglob("*"):
                if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes():
                    found.append(path)
        return found


def record_in(stdout: str) -> dict[str, Any]:
    try:
        value = json.loads(stdout)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
