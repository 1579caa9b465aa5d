"""A client of the Model Context Protocol over HTTP that sends what it is told to, header by header, and believes nothing that comes back."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .binaries import built
from .mcp import NEWEST, Frame, modern, strictly
from .suite import Skip, expect, wait_until
from .world import Result, World

#: Members of `params` that the header Mcp-Name repeats.
NAMED = {
    "tools/call": "name", "prompts/get": "name", "resources/read": "uri", "tasks/get": "taskId", "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}

Headers = Mapping[str, str | None]


def fixture(world: World) -> Path:
    """A copy of the fixture that the world's identity can run."""
    source = built() / "mcp-fixture"
    if not source.is_file():
        raise Skip(f"{source} is not built")
    target = world.base / "mcp-fixture"
    if not target.exists():
        shutil.copy(source, target)
        world.own(target, 0o755)
    return target


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def frame(self) -> Frame:
        return dict(json.loads(self.body))

    @property
    def code(self) -> int | None:
        """The code of the error that it carries."""
        return self.frame.get("error", {}).get("code") if self.body else None

    @property
    def events(self) -> list[Frame]:
        return [strictly(line[6:]) for line in self.body.splitlines() if line.startswith(b"data: ")]

    def __str__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


class Stream:
    """A response that is read as it comes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.response = http.client.HTTPResponse(connection)
        self.response.begin()

    def lines(self) -> Iterator[bytes]:
        """Lines of an event stream without their ends, empty ones left out."""
        while line := self.response.readline():
            if line := line.rstrip(b"\r\n"):
                yield line

    def frames(self) -> Iterator[Frame]:
        for line in self.lines():
            if line.startswith(b"data: "):
                yield strictly(line[6:])

    def next(self) -> Frame:
        for frame in self.frames():
            return frame
        raise EOFError("the stream has ended")

    def close(self) -> None:
        """Hangs up."""
        self.response.close()
        self.connection.close()


class Site:
    """A server over HTTP, and the token for it: the fixture, or another command that says its URL on standard error."""

    def __init__(self, world: World, *, address: str = "127.0.0.1:0", command: Sequence[str | Path] | None = None) -> None:
        self.world = world
        self.file = world.base / "token"
        words = command or [fixture(world), "--harness"]
        self.running = world.launch([*words, "--http", address, "--token-file", self.file])
        self.popen = self.running.popen
        said = self.popen.stderr if command else self.popen.stdout
        assert said
        line = said.readline().decode().strip()
        found = re.search(r"http://(\S+):(\d+)/mcp", line)
        expect(found, f"no URL but {line!r}")
        assert found
        self.host, self.port = found[1].strip("[]"), int(found[2])
        self.token = self.file.read_text().strip()

    def connect(self, seconds: float = 20) -> socket.socket:
        return socket.create_connection((self.host, self.port), seconds)

    # MARK: requests

    def head(self, method: str, headers: Headers, path: str = "/mcp") -> bytes:
        """The head of a request; a header that is None is left out."""
        all: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream", **headers,
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in all.items() if value is not None), "", ""]
        return "\r\n".join(lines).encode()

    def open(self, body: bytes | Frame | None, headers: Headers = {}, *, method: str = "POST", path: str = "/mcp") -> Stream:
        """Sends a request over a connection of its own, and reads the head of the response."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = self.connect()
        length: Headers = {"Content-Length": str(len(data))} if body is not None else {}
        connection.sendall(self.head(method, {**length, **headers}, path) + data)
        return Stream(connection)

    def send(self, body: bytes | Frame | None, headers: Headers = {}, *, method: str = "POST", path: str = "/mcp") -> Answer:
        stream = self.open(body, headers, method=method, path=path)
        try:
            return Answer(stream.response.status, stream.response.headers, stream.response.read())
        finally:
            stream.close()

    # MARK: 2026-07-28

    @staticmethod
    def routing(method: str, params: Frame) -> dict[str, str]:
        headers = {"MCP-Protocol-Version": NEWEST, "Mcp-Method": method}
        if key := NAMED.get(method):
            headers["Mcp-Name"] = params[key]
        return headers

    def modern(self, method: str, params: Frame | None = None, headers: Headers = {}, **envelope: Any) -> Answer:
        return self.send(
            request(method, modern(params, **envelope)), {**self.routing(method, params or {}), **headers})

    def stream(self, method: str, params: Frame | None = None, headers: Headers = {}, **envelope: Any) -> Stream:
        return self.open(
            request(method, modern(params, **envelope)), {**self.routing(method, params or {}), **headers})

    # MARK: before

    def initialize(self, version: str = "2025-11-25", capabilities: Frame | None = None) -> dict[str, str]:
        """Opens a session; the headers that belong to it."""
        params = {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": {"name": "harness", "version": "1"}}
        answer = self.send(request("initialize", params))
        expect(answer.status == 200 and "result" in answer.frame, str(answer))
        name = answer.headers["Mcp-Session-Id"]
        expect(re.fullmatch(r"[0-9a-f]{32}", name or ""), f"the session is called {name!r}")
        headers = {"Mcp-Session-Id": name, "MCP-Protocol-Version": answer.frame["result"]["protocolVersion"]}
        noted = self.send({"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
        expect(noted.status == 202 and not noted.body, str(noted))
        return headers

    # MARK: the end

    def errors(self) -> str:
        """What it says on standard error, once it has ended."""
        return self.close().errors

    def alive(self) -> None:
        expect(self.popen.poll() is None, "the server has ended")
        answer = self.modern("server/discover")
        expect(answer.status == 200 and NEWEST in answer.frame["result"]["supportedVersions"], str(answer))

    def close(self, within: float = 3) -> Result:
        """Ends it as its caller would; one that has nothing to put in order may die of that."""
        self.popen.terminate()
        result = self.running.wait(within)
        expect(result.code in (0, -signal.SIGTERM), str(result))
        return result

    def __enter__(self) -> Site:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.popen.poll() is None:
            if kind is None:
                self.close()
            else:
                self.popen.kill()
                self.popen.wait()


def request(method: str, params: Frame | None = None, id: str | int = 1) -> Frame:
    return {"jsonrpc": "2.0", "id": id, "method": method, **({} if params is None else {"params": params})}


def ends(connection: socket.socket, seconds: float) -> float:
    """Waits until the other side has hung up; returns how long that took."""
    began = time.monotonic()
    connection.settimeout(seconds)

    def gone() -> bool:
        try:
            return connection.recv(1 << 16) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    wait_until("the end of a connection", seconds, gone)
    return time.monotonic() - began
