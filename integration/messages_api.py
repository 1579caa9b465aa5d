#!/usr/bin/python3
"""A scripted Messages API on loopback, for tests that run a real agent without a network or an account.

A scenario is JSON: {"require_key": "...", "turns": [TURN, ...]}. The n-th request to /v1/messages gets the n-th
turn, the last one for ever after. A request that repeats one already answered gets the same turn again, so that a
client's retries do not eat up the script. A turn:

    {"text": "..."}                                    an answer that ends the agent's turn
    {"tools": [{"name": "Bash", "input": {...}}]}      an answer that asks for tools (an "id" may be given)
    {"status": 529, "type": "overloaded_error"}        an error
    {"hang": "headers" | "body" | "middle"}            silence before the headers, after them, or halfway through
    {"cut": true}                                      the connection ends halfway through
    ... with "drip": SECONDS                           a pause after each event
    ... with "usage": {"input_tokens": ..., ...}       instead of the default counts
    ... with "stop_reason": "...", "model": "..."

Inputs may contain ${NAME}: values given with --set NAME=VALUE, and, for what is only known later, those of the scenario's
"find": {"NAME": "REGULAR EXPRESSION"}, which is the last match in the request that the turn answers. Every request is written to the record as one line
of JSON: {"n", "time", "method", "path", "headers", "body", "turn"}; nothing is left out, so a key that got
through is found there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import string
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

Turn = dict[str, Any]

DEFAULT_USAGE = {
    "input_tokens": 1000,
    "cache_creation_input_tokens": 200,
    "cache_read_input_tokens": 3000,
    "output_tokens": 50,
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
FOREVER = 3600


class Script:
    """Which turn a request gets, and the record of all requests."""

    def __init__(self, scenario: dict[str, Any], record: Path, values: dict[str, str]) -> None:
        self.require_key: str | None = scenario.get("require_key")
        self.find: dict[str, str] = scenario.get("find", {})
        self.turns: list[Turn] = [substituted(turn, values) for turn in scenario["turns"]]
        self.answered: dict[str, int] = {}
        self.count = 0
        self.lock = threading.Lock()
        self.file = record.open("a", encoding="utf-8")

    def turn(self, body: Any) -> int:
        key = json.dumps(body.get("messages") if isinstance(body, dict) else body, sort_keys=True)
        with self.lock:
            if key not in self.answered:
                self.answered[key] = min(len(self.answered), len(self.turns) - 1)
            return self.answered[key]

    def filled(self, index: int, body: Any) -> Turn:
        """A turn with what is only known from the request."""
        if not self.find:
            return self.turns[index]
        matches = {name: re.findall(pattern, json.dumps(body)) for name, pattern in self.find.items()}
        return dict(substituted(self.turns[index], {name: found[-1] for name, found in matches.items() if found}))

    def write(self, handler: BaseHTTPRequestHandler, body: Any, turn: int | None) -> None:
        with self.lock:
            entry = {
                "n": self.count,
                "time": time.time(),
                "method": handler.command,
                "path": handler.path,
                "headers": [[name, value] for name, value in handler.headers.items()],
                "body": body,
                "turn": turn,
            }
            self.count += 1
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()


def substituted(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, str):
        return string.Template(value).safe_substitute(values)
    if isinstance(value, list):
        return [substituted(item, values) for item in value]
    if isinstance(value, dict):
        return {key: substituted(item, values) for key, item in value.items()}
    return value


def message(turn: Turn, index: int, model: str) -> dict[str, Any]:
    """The whole answer of a turn, as it is without streaming."""
    content: list[dict[str, Any]] = []
    if "text" in turn:
        content.append({"type": "text", "text": turn["text"]})
    for position, tool in enumerate(turn.get("tools", [])):
        identity = tool.get("id", f"toolu_{index:02}_{position:02}")
        content.append({"type": "tool_use", "id": identity, "name": tool["name"], "input": tool["input"]})
    return {
        "id": f"msg_{index:04}",
        "type": "message",
        "role": "assistant",
        "model": turn.get("model", model),
        "content": content,
        "stop_reason": turn.get("stop_reason", "tool_use" if turn.get("tools") else "end_turn"),
        "stop_sequence": None,
        "usage": DEFAULT_USAGE | turn.get("usage", {}),
    }


def events(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same answer as the stream of events that the API sends."""
    usage = whole["usage"]
    start = whole | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            yield {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}
            for piece in pieces(block["text"], 24):
                yield block_delta(index, {"type": "text_delta", "text": piece})
        else:
            yield {"type": "content_block_start", "index": index, "content_block": block | {"input": {}}}
            for piece in pieces(json.dumps(block["input"]), 40):
                yield block_delta(index, {"type": "input_json_delta", "partial_json": piece})
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def block_delta(index: int, delta: dict[str, str]) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def pieces(text: str, size: int) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, format: str, *args: Any) -> None:
        """The record says more."""

    def read_body(self) -> Any:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            data = b"".join(self.read_chunks())
        else:
            data = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        try:
            return json.loads(data)
        except ValueError:
            return data.decode("utf-8", "replace")

    def read_chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def presented_key(self) -> str | None:
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return self.headers.get("x-api-key") or bearer or None

    def do_GET(self) -> None:
        self.script.write(self, None, None)
        self.send_problem(404, "no such path")

    do_HEAD = do_PUT = do_DELETE = do_GET

    def do_POST(self) -> None:
        body = self.read_body()
        path = self.path.split("?")[0]
        if self.script.require_key is not None and self.presented_key() != self.script.require_key:
            self.script.write(self, body, None)
            return self.send_problem(401, "invalid x-api-key")
        if path == "/v1/messages/count_tokens":
            self.script.write(self, body, None)
            return self.send_json(200, {"input_tokens": 1000})
        if path != "/v1/messages":
            self.script.write(self, body, None)
            return self.send_problem(404, "no such path")
        index = self.script.turn(body)
        self.script.write(self, body, index)
        try:
            self.play(self.script.filled(index, body), index, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def play(self, turn: Turn, index: int, body: Any) -> None:
        if turn.get("hang") == "headers":
            return self.hang()
        if "status" in turn:
            return self.send_problem(turn["status"], turn.get("message", "scripted"), turn.get("type"))
        whole = message(turn, index, body.get("model", "unknown") if isinstance(body, dict) else "unknown")
        if isinstance(body, dict) and body.get("stream"):
            self.stream(turn, list(events(whole)))
        elif turn.get("cut"):
            self.send_head(200, "application/json", ("content-length", "100000"))
            self.close_connection = True
        elif "hang" in turn:
            self.send_head(200, "application/json", ("content-length", "100000"))
            self.hang()
        else:
            self.send_json(200, whole)

    def stream(self, turn: Turn, all_events: list[dict[str, Any]]) -> None:
        self.send_head(200, "text/event-stream; charset=utf-8", ("transfer-encoding", "chunked"))
        if turn.get("hang") == "body":
            return self.hang()
        middle = len(all_events) // 2
        for position, event in enumerate(all_events):
            if position == middle and turn.get("hang") == "middle":
                return self.hang()
            if position == middle and turn.get("cut"):
                self.close_connection = True
                return
            self.send_chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            time.sleep(turn.get("drip", 0))
        self.wfile.write(b"0\r\n\r\n")

    def send_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def send_head(self, status: int, content_type: str, framing: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("request-id", f"req_{self.script.count:06}")
        self.send_header(*framing)
        self.end_headers()
        self.wfile.flush()

    def send_json(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_head(status, "application/json", ("content-length", str(len(data))))
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_problem(self, status: int, text: str, kind: str | None = None) -> None:
        error = {"type": kind or ERROR_TYPES.get(status, "api_error"), "message": text}
        self.send_json(status, {"type": "error", "error": error})

    def hang(self) -> None:
        """Says nothing more until the other side gives up."""
        self.connection.settimeout(FOREVER)
        try:
            self.rfile.read(1)
        except OSError:
            pass
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, script: Script) -> None:
        self.script = script
        super().__init__(("127.0.0.1", port), type("ScriptedHandler", (Handler,), {"script": script}))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the test, not an error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def serve(scenario: dict[str, Any], record: Path, values: dict[str, str] | None = None, port: int = 0) -> Server:
    """A server on loopback that runs on a thread of its own; `server_address[1]` is its port."""
    server = Server(port, Script(scenario, record, values or {}))
    threading.Thread(target=server.serve_forever, name="messages-api", daemon=True).start()
    return server


def main() -> int:
    parser = argparse.ArgumentParser(description="A scripted Messages API on loopback; prints its port.")
    parser.add_argument("scenario", type=Path, help="a JSON file, as described in this module")
    parser.add_argument("--record", type=Path, default=Path("/dev/null"), help="where requests are written")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="values")
    options = parser.parse_args()
    values = dict(value.split("=", 1) for value in options.values)
    server = serve(json.loads(options.scenario.read_text()), options.record, values, options.port)
    print(server.server_address[1], flush=True)
    # Ends with whoever started it: that is what closes standard input.
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
