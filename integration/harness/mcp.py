"""A client of the Model Context Protocol that sends what it is told to, byte for byte, and believes nothing that comes back.

It speaks no era of itself: `modern(…)` puts the envelope of 2026-07-28 around parameters, `initialize` opens a connection as it was before.
Named so, and not `mcp`, because a package of that name may be installed.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .suite import Failure, expect
from .world import Running, World

NEWEST = "2026-07-28"
LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
TASKS = "io.modelcontextprotocol/tasks"
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
CLIENT_KEY = "io.modelcontextprotocol/clientInfo"
SERVER_KEY = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_KEY = "io.modelcontextprotocol/subscriptionId"
LEVEL_KEY = "io.modelcontextprotocol/logLevel"
#: What a client says of itself that can do everything.
ABLE: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}, "extensions": {TASKS: {}}}

PARSE, INVALID, METHOD, PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
NO_RESOURCE, NO_CAPABILITY, NO_VERSION = -32002, -32021, -32022

#: What a server of before 2026-07-28 may say unasked; a strict client ends the connection at anything else.
LEGACY_NOTIFICATIONS = frozenset(
    f"notifications/{name}" for name in (
        "progress", "message", "cancelled", "tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated"))

Frame = dict[str, Any]


def modern(
    params: Frame | None = None, *, capabilities: Frame | None = None, version: str | None = NEWEST, level: str | None = None,
    token: str | int | None = None, client: Frame | None = None,
) -> Frame:
    """Parameters in the envelope that 2026-07-28 requires of every request."""
    meta: Frame = {CAPABILITIES_KEY: capabilities or {}, CLIENT_KEY: client or {"name": "harness", "version": "1"}}
    if version is not None:
        meta[VERSION_KEY] = version
    if level is not None:
        meta[LEVEL_KEY] = level
    if token is not None:
        meta["progressToken"] = token
    return {**(params or {}), "_meta": {**meta, **(params or {}).get("_meta", {})}}


def strictly(line: bytes) -> Frame:
    """Reads one line as a wary client would: UTF-8, one object, no name twice, version 2.0, a result or an error but not both."""

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in members]
        expect(len(names) == len(set(names)), f"a name twice in one object: {line[:300]!r}")
        return dict(members)

    try:
        frame = json.loads(line.decode("utf-8"), object_pairs_hook=pairs)
    except ValueError as error:
        raise Failure(f"not JSON ({error}): {line[:300]!r}") from None
    expect(isinstance(frame, dict) and frame.get("jsonrpc") == "2.0", f"no message: {line[:300]!r}")
    if "method" in frame:
        expect(isinstance(frame["method"], str) and "result" not in frame and "error" not in frame, f"no message: {line[:300]!r}")
        expect(isinstance(frame.get("params", {}), dict), f"params: {line[:300]!r}")
    else:
        expect(("result" in frame) != ("error" in frame), f"result or error: {line[:300]!r}")
        expect(type(frame.get("id")) in (str, int), f"no id: {line[:300]!r}")
        error = frame.get("error")
        if error is not None:
            expect(type(error.get("code")) is int and isinstance(error.get("message"), str) and error["message"], f"error: {line[:300]!r}")
    return dict(frame)


class Client:
    """One server process and what passed between it and us. Threads of its own read, so that no pipe ever fills unless it is meant to."""

    def __init__(self, world: World, command: Sequence[str | bytes | Path], *, reading: bool = True, **options: Any) -> None:
        self.running: Running = world.launch(command, stdin=-1, stdout=-1, stderr=-1, **options)
        self.popen = self.running.popen
        self.world = world
        #: Everything that came, in order: when, and what.
        self.frames: list[tuple[float, Frame]] = []
        self.stderr = b""
        #: Answers the server's own requests, as was usual before 2026-07-28; None leaves them unanswered.
        self.on_request: Callable[[Frame], Frame | None] | None = None
        self._ids = itertools.count(1)
        self._asked: dict[str | int, int] = {}
        self._faults: list[str] = []
        self._changed = threading.Condition()
        self._reading = threading.Event()
        if reading:
            self._reading.set()
        threads = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._drain, daemon=True)]
        for thread in threads:
            thread.start()
        self._reader = threads[0]

    # MARK: what comes

    def resume(self) -> None:
        """Begins to read, for a client that was started with `reading=False`."""
        self._reading.set()

    def _read(self) -> None:
        self._reading.wait()
        assert self.popen.stdout
        for line in self.popen.stdout:
            try:
                expect(line.endswith(b"\n"), f"half a line: {line[:300]!r}")
                frame = strictly(line)
                self._check(frame)
            except Failure as failure:
                with self._changed:
                    self._faults.append(str(failure))
                    self._changed.notify_all()
                continue
            with self._changed:
                self.frames.append((time.monotonic(), frame))
                self._changed.notify_all()
            if "method" in frame and "id" in frame and self.on_request and (answer := self.on_request(frame)) is not None:
                self.send({"jsonrpc": "2.0", "id": frame["id"], **answer})

    def _check(self, frame: Frame) -> None:
        if "method" in frame:
            return
        left = self._asked.get(frame["id"], 0)
        expect(left > 0, f"an answer that nobody asked for: {json.dumps(frame)[:300]}")
        self._asked[frame["id"]] = left - 1

    def _drain(self) -> None:
        assert self.popen.stderr
        for line in self.popen.stderr:
            self.stderr += line

    def until(self, what: str, probe: Callable[[], Any], seconds: float = 20) -> Any:
        """Waits for frames until the probe gives something true; fails on anything malformed that came meanwhile."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                if self._faults:
                    raise Failure(self._faults[0])
                if value := probe():
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failure(f"{what}: not within {seconds:g} s; last came {[frame for _, frame in self.frames[-3:]]}; stderr {self.stderr[-500:]!r}")
                self._changed.wait(min(left, 0.5))

    def notifications(self, method: str | None = None) -> list[Frame]:
        """The parameters of the notifications that came, in order."""
        return [
            frame.get("params", {}) for _, frame in list(self.frames)
            if "id" not in frame and (method is None or frame["method"] == method)
        ]

    def requests(self) -> list[Frame]:
        """What the server asked of us."""
        return [frame for _, frame in list(self.frames) if "method" in frame and "id" in frame]

    def answers(self, request: str | int) -> list[Frame]:
        return [frame for _, frame in list(self.frames) if "method" not in frame and same(frame["id"], request)]

    # MARK: what is sent

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        assert self.popen.stdin
        self.popen.stdin.write(data)
        self.popen.stdin.flush()

    def send(self, frame: Frame) -> None:
        if "method" in frame and type(frame.get("id")) in (str, int):
            self.expecting(frame["id"])
        self.write(json.dumps(frame).encode() + b"\n")

    def expecting(self, request: str | int, answers: int = 1) -> None:
        """Says that answers with this id are due, for frames that `write` sends."""
        self._asked[request] = self._asked.get(request, 0) + answers

    def fresh(self) -> int:
        return next(self._ids)

    def begin(self, method: str, params: Frame | None = None, request: str | int | None = None) -> str | int:
        """Sends a request and does not wait for its answer; returns its id."""
        request = self.fresh() if request is None else request
        self.send({"jsonrpc": "2.0", "id": request, "method": method, **({} if params is None else {"params": params})})
        return request

    def notify(self, method: str, params: Frame | None = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, **({} if params is None else {"params": params})})

    def cancel(self, request: Any) -> None:
        self.notify("notifications/cancelled", {"requestId": request, "reason": "test"})

    def answer(self, request: str | int, seconds: float = 20) -> Frame:
        """The answer to a request."""
        return dict(self.until(f"an answer to {request!r}", lambda: self.answers(request), seconds)[0])

    def ask(self, method: str, params: Frame | None = None, seconds: float = 20) -> Frame:
        """Sends a request and waits for its answer: the whole frame."""
        return self.answer(self.begin(method, params), seconds)

    def result(self, method: str, params: Frame | None = None, seconds: float = 20) -> Frame:
        """The result of a request that has to succeed."""
        frame = self.ask(method, params, seconds)
        expect("result" in frame, f"{method}: {frame.get('error')}")
        return dict(frame["result"])

    def error(self, code: int, method: str, params: Frame | None = None, seconds: float = 20) -> Frame:
        """The error of a request that has to fail with this code."""
        frame = self.ask(method, params, seconds)
        expect("error" in frame, f"{method}: no error but {frame.get('result')}")
        expect(frame["error"]["code"] == code, f"{method}: {code} expected, got {frame['error']}")
        return dict(frame["error"])

    def call(self, tool: str, arguments: Frame | None = None, *, seconds: float = 20, more: Frame | None = None, **envelope: Any) -> Frame:
        """The result of a call in the newest era."""
        return self.result("tools/call", modern({"name": tool, "arguments": arguments or {}, **(more or {})}, **envelope), seconds)

    def initialize(self, version: str = "2025-11-25", capabilities: Frame | None = None, name: str = "harness") -> Frame:
        """Opens the connection as before 2026-07-28."""
        result = self.result(
            "initialize", {"protocolVersion": version, "capabilities": capabilities or {}, "clientInfo": {"name": name, "version": "1"}})
        self.notify("notifications/initialized")
        return result

    def alive(self) -> None:
        """Both eras are still answered."""
        expect(self.result("ping") == {}, "ping")
        self.result("server/discover", modern())

    # MARK: the end

    def memory(self) -> int:
        """Bytes that are resident now; 0 once it has ended."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.popen.pid}/status").read_text())
        return int(found[1]) << 10 if found else 0

    def close(self, seconds: float = 10, code: int | None = 0) -> float:
        """Ends the input and waits for the end of the server; returns how many seconds that took. Fails on anything malformed."""
        self.resume()
        began = time.monotonic()
        assert self.popen.stdin
        if not self.popen.stdin.closed:
            self.popen.stdin.close()
        try:
            ended = self.popen.wait(seconds)
        except Exception:
            self.popen.kill()
            raise Failure(f"still there {seconds:g} s after the end of its input") from None
        took = time.monotonic() - began
        self._reader.join(5)
        if self._faults:
            raise Failure(self._faults[0])
        expect(code is None or ended == code, f"exit {ended}; stderr {self.stderr[-1000:]!r}")
        return took

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.popen.kill()
            self.popen.wait()


def same(one: Any, other: Any) -> bool:
    """Equal, and of one type: 1 is not "1", and not True."""
    return type(one) is type(other) and one == other
