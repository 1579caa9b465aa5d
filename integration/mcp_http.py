#!/usr/bin/python3
"""The Model Context Protocol over Streamable HTTP and over a unix socket: who gets in, what each era is owed, and what no client can do."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import socket
import stat
import struct
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Skip, Suite, World, expect, wait_until
from harness.detached import configure
from harness.mcp import INVALID, LEGACY, METHOD, NEWEST, NO_VERSION, PARAMS, PARSE, SUBSCRIPTION_KEY, modern, strictly
from harness.mcp_http import Answer, Headers, Site, ends, fixture, request

suite = Suite("mcp-http", __doc__ or "")

HEADER = -32020
ONE = [IDENTITIES[0]]
LISTEN = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["test://watched-resource"]}}


def told(answer: Answer, status: int, code: int | None = None) -> None:
    """An error answer as it should be, and never with a session."""
    expect(answer.status == status, f"{status} expected: {answer}")
    expect(code is None or answer.code == code, f"{code} expected: {answer}")
    expect("Mcp-Session-Id" not in answer.headers, f"a session on an error: {answer}")


# MARK: - Who gets in


@suite.case("73: nobody gets in without the token, or from a foreign page, or by a foreign name")
def strangers(world: World) -> str:
    with Site(world) as site:
        beginning = request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
        call = request("tools/call", modern({"name": "echo", "arguments": {"text": "in"}}))
        routing = site.routing("tools/call", {"name": "echo"})
        wrong = site.token[:-1] + ("0" if site.token[-1] != "0" else "1")
        basic = base64.b64encode(f"x:{site.token}".encode()).decode()
        kinds: dict[int, list[Headers]] = {
            401: [
                {"Authorization": value}
                for value in (None, "", "Bearer", "Bearer ", f"Bearer {wrong}", f"Bearer {site.token}0", f"Bearer {site.token[:-1]}",
                              f"Basic {basic}", site.token, f"Bearer {site.token} {site.token}")
            ],
            403: [
                *({"Origin": value} for value in (
                    "null", "http://evil.test", "https://127.0.0.1", f"https://localhost:{site.port}", "http://localhost:1", "file://",
                    f"http://localhost:{site.port}.evil.test", "http://localhost")),
                *({"Host": value} for value in (
                    "evil.test", f"evil.test:{site.port}", "127.0.0.1.evil.test", "", "localhost.", "169.254.169.254", "[::2]")),
            ],
        }
        count = 0
        for status, several in kinds.items():
            for headers in several:
                for body, extra in ((beginning, {}), (call, routing)):
                    answer = site.send(body, {**extra, **headers})
                    told(answer, status)
                    expect(b'"in"' not in answer.body, f"executed: {answer}")
                    if status == 401:
                        expect((answer.headers["WWW-Authenticate"] or "").startswith("Bearer "), str(answer))
                    count += 1
        told(site.send(None, {"Authorization": None}, method="GET"), 401)
        told(site.send(None, {"Authorization": None}, method="DELETE"), 401)
        told(site.send(b"x" * (5 << 20), {"Authorization": None}), 401)
        expect(site.token not in str(site.send(call, {"Authorization": f"Bearer {wrong}"})), "the token is told")
        site.alive()
    return f"{count} strangers"


@suite.case("friends get in by every name of this machine, and from the server's own origin", identities=ONE)
def friends(world: World) -> None:
    with Site(world) as site:
        for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
            for name in (host, f"{host}:{site.port}", f"{host}:9"):
                expect(site.modern("server/discover", headers={"Host": name}).status == 200, name)
        for origin in (f"http://localhost:{site.port}", f"http://127.0.0.1:{site.port}", f"http://[::1]:{site.port}"):
            expect(site.modern("server/discover", headers={"Origin": origin}).status == 200, origin)
        expect(site.modern("server/discover", headers={"Authorization": f"bearer {site.token}"}).status == 200, "bearer")


@suite.case("79: only loopback is listened to, and the token's file is for its owner alone")
def addresses(world: World) -> None:
    program = fixture(world)
    token = world.base / "token"
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "127.0.0.1.evil.test:0", "", "x", "127.0.0.1:65536"):
        result = world.launch([program, "--http", address, "--token-file", token]).wait(10)
        expect(result.code in (1, 64) and result.stderr.count(b"\n") == 1, f"{address!r}: {result}")
    with Site(world) as site:
        facts = token.stat()
        expect(stat.S_IMODE(facts.st_mode) == 0o600 and facts.st_uid == world.identity.uid, oct(facts.st_mode))
        expect(len(site.token) == 64, "256 bits")
        listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=False)
        if listening.returncode == 0:
            bound = [line.split()[3] for line in listening.stdout.splitlines() if line.split()[3].endswith(f":{site.port}")]
            expect(bound == [f"127.0.0.1:{site.port}"], f"listens to {bound}")
        taken = world.launch([program, "--http", str(site.port), "--token-file", token]).wait(10)
        expect(taken.code == 1 and b"in use" in taken.stderr, str(taken))
    kept = token.read_text()
    with Site(world) as again:
        expect(again.token == kept.strip(), "another token")

    def refused(what: str) -> None:
        result = world.launch([program, "--http", "0", "--token-file", token]).wait(10)
        expect(result.code == 1 and b"is not used" in result.stderr and kept.strip().encode() not in result.stderr, f"{what}: {result}")

    for mode in (0o640, 0o604, 0o660):
        token.chmod(mode)
        refused(oct(mode))
    token.unlink()
    token.symlink_to(world.write(world.base / "elsewhere", kept))
    refused("a symbolic link")
    token.unlink()
    world.write(token, "short\n")
    refused("no token")
    if os.geteuid() == 0 and world.identity.uid != 0:
        token.chmod(0o600)
        os.chown(token, 0, 0)
        refused("somebody else's")


@suite.case("::1 is served, too", identities=ONE)
def sixth(world: World) -> None:
    try:
        socket.socket(socket.AF_INET6).bind(("::1", 0))
    except OSError as error:
        raise Skip(f"no IPv6 here: {error}") from None
    with Site(world, address="[::1]:0") as site:
        site.alive()


# MARK: - 2026-07-28


@suite.case("74: headers say what the body says", identities=ONE)
def headers(world: World) -> None:
    with Site(world) as site:
        name = {"name": "echo", "arguments": {"text": "x"}}
        for wrong in (
            {"MCP-Protocol-Version": None}, {"MCP-Protocol-Version": "2025-11-25"}, {"Mcp-Method": None}, {"Mcp-Method": "tools/list"},
            {"Mcp-Method": "TOOLS/CALL"}, {"Mcp-Name": None}, {"Mcp-Name": "wait"}, {"Mcp-Name": "ECHO"}, {"Mcp-Name": "=?base64?d2FpdA==?="},
            {"Mcp-Name": "=?base64?ZWNobw?="}, {"Mcp-Name": "echo\r\nMcp-Name: echo"}, {"Mcp-Method": "tools/call\r\nmcp-method: tools/list"},
        ):
            told(site.modern("tools/call", name, wrong), 400, HEADER)
        for right in (
            {"Mcp-Name": "=?base64?ZWNobw==?="}, {"Mcp-Name": "  echo\t "}, {"Mcp-Name": None, "mcp-name": "echo"},
            {"MCP-PROTOCOL-VERSION": NEWEST, "MCP-Protocol-Version": None}, {"Mcp-Session-Id": "0" * 32}, {"Last-Event-ID": "7"},
            {"Accept": "*/*"}, {"Accept": "text/event-stream;q=0.1,application/*"}, {"Content-Type": "application/json; charset=utf-8"},
        ):
            answer = site.modern("tools/call", name, right)
            expect(answer.status == 200 and answer.frame["result"]["structuredContent"] == {"text": "x"}, f"{right}: {answer}")
            expect("Mcp-Session-Id" not in answer.headers, str(answer))
        told(site.modern("resources/read", {"uri": "test://static-text"}, {"Mcp-Name": "test://other"}), 400, HEADER)
        told(site.modern("prompts/get", {"name": "test_simple_prompt"}, {"Mcp-Name": "other"}), 400, HEADER)
        told(site.modern("tasks/get", {"taskId": "x"}, {"Mcp-Name": "y"}, capabilities={}), 400, HEADER)
        expect(site.modern("resources/read", {"uri": "test://static-text"}).status == 200, "resources/read")
        spoken = site.modern("tools/list", headers={"MCP-Protocol-Version": "1900-01-01", "Mcp-Method": None}, version="1900-01-01")
        told(spoken, 400, NO_VERSION)
        expect(spoken.frame["error"]["data"] == {"supported": [NEWEST], "requested": "1900-01-01"}, str(spoken))


@suite.case("75: what is no request gets the status that it should", identities=ONE)
def nonsense(world: World) -> None:
    with Site(world) as site:
        listing = request("tools/list", modern())
        for method in ("ping", "initialize2", "logging/setLevel", "resources/subscribe", "tasks/list", "tasks/result", "x" * 5000):
            told(site.modern(method, headers={"Mcp-Method": method}), 404, METHOD)
        for other in ("GET", "DELETE", "PUT", "PATCH", "OPTIONS"):
            answer = site.send(None, {"MCP-Protocol-Version": NEWEST}, method=other)
            told(answer, 405)
            expect(answer.headers["Allow"] == "POST", str(answer))
        told(site.send(None, {"MCP-Protocol-Version": NEWEST, "Mcp-Session-Id": "0" * 32}, method="GET"), 405)
        for body, code in (
            ([listing], INVALID), ([], INVALID), (42, INVALID), ({}, INVALID), ("x", INVALID), (None, INVALID),
            ({"jsonrpc": "1.0", "id": 1, "method": "tools/list"}, INVALID), ({**listing, "id": None}, INVALID), ({**listing, "id": 1.5}, INVALID),
            ({"jsonrpc": "2.0", "id": 1, "result": {}}, INVALID),
        ):
            told(site.send(json.dumps(body).encode(), site.routing("tools/list", {})), 400, code)
        for garbage in (b"{", b"", b"\xff", b'{"jsonrpc":"2.0","id":1,"method":"a\xff"}', b"[" * 100_000, b"\xef\xbb\xbf{}"):
            told(site.send(garbage, site.routing("tools/list", {})), 400, PARSE)
        answer = site.send(garbage, site.routing("tools/list", {}))
        expect("id" not in answer.frame, f"a guessed id: {answer}")
        told(site.send(request("tools/list", {}, 7), site.routing("tools/list", {})), 400, PARAMS)
        expect(site.send({"jsonrpc": "2.0", "method": "notifications/x"}, {"MCP-Protocol-Version": NEWEST}).status == 202, "a notification")
        told(site.modern("tools/list", headers={"Accept": "application/json"}), 406)
        told(site.modern("tools/list", headers={"Accept": None}), 406)
        told(site.modern("tools/list", headers={"Content-Type": "text/plain"}), 415)
        told(site.modern("tools/list", headers={"Content-Type": None}), 415)
        for path in ("/", "/mcp/", "/mcpx", "/.well-known/oauth-protected-resource", "//mcp", "/mcp%2f", "http://127.0.0.1/"):
            told(site.send(listing, site.routing("tools/list", {}), path=path), 404)
        for path in ("/mcp?x=1", f"http://127.0.0.1:{site.port}/mcp"):
            expect(site.send(listing, site.routing("tools/list", {}), path=path).status == 200, path)
        before = memory(site)
        for size in (5 << 20, (4 << 20) + 1):
            told(site.send(b" " * size), 413)
        told(site.send(b" " * 100, {"Expect": "100-continue", "Content-Length": str(5 << 20)}), 413)
        expect(memory(site) - before < 16 << 20, f"{(memory(site) - before) >> 20} MiB more")
        padded = json.dumps(listing).encode()
        expect(site.send(padded + b" " * ((4 << 20) - len(padded)), site.routing("tools/list", {})).status == 200, "4 MiB")
        site.alive()


def memory(site: Site) -> int:
    return int((Path(f"/proc/{site.popen.pid}/statm")).read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@suite.case("what comes before the answer makes it a stream; an answer alone is JSON", identities=ONE)
def answers(world: World) -> str:
    with Site(world) as site:
        alone = site.modern("tools/call", {"name": "wait", "arguments": {"seconds": 0.1}})
        expect(alone.headers["Content-Type"] == "application/json" and alone.frame["id"] == 1, str(alone))
        told_of = site.modern("tools/call", {"name": "test_tool_with_progress", "arguments": {}}, token="t")
        expect(told_of.headers["Content-Type"] == "text/event-stream" and told_of.headers["X-Accel-Buffering"] == "no", str(told_of))
        *notices, last = told_of.events
        expect([notice["params"]["progress"] for notice in notices] == [0, 50, 100] and "result" in last, str(told_of))
        began = time.monotonic()
        stream = site.stream("tools/call", {"name": "wait", "arguments": {"seconds": 2.5}})
        took = time.monotonic() - began
        expect(stream.response.headers["Content-Type"] == "text/event-stream" and took < 2, f"silent for {took:.1f} s")
        first, *_ = lines = list(stream.lines())
        expect(first.startswith(b":") and b'"result"' in lines[-1], str(lines))
        with ThreadPoolExecutor(20) as pool:
            several = list(pool.map(lambda _: site.modern("tools/call", {"name": "wait", "arguments": {"seconds": 0.3}}), range(20)))
        expect(all("result" in answer.frame for answer in several), "one id for twenty clients")
    return f"a stream begins after {took:.1f} s of silence"


@suite.case("76: to hang up is to cancel, from 2026-07-28 on", identities=ONE)
def hangup(world: World) -> None:
    with Site(world) as site:
        for token in ("t", None):
            stream = site.stream("tools/call", {"name": "wait", "arguments": {"seconds": 30}}, token=token)
            next(stream.lines())
            stream.close()
        for _ in range(20):
            connection = site.connect()
            data = json.dumps(request("tools/call", modern({"name": "wait", "arguments": {"seconds": 30}}))).encode()
            routing = site.routing("tools/call", {"name": "wait"})
            connection.sendall(site.head("POST", {"Content-Length": str(len(data)), **routing}) + data)
            connection.close()
        time.sleep(1.5)
        site.alive()
        stopped = site.errors().count("stopped waiting")
    expect(stopped == 22, f"{stopped} of 22 were stopped before the end of the server")


@suite.case("76: a wait over HTTP is cancelled by hanging up, and the task that it waits for goes on")
def waiting(world: World) -> None:
    configure(world)
    path = world.config / "config.toml"
    world.write(path, path.read_text() + '[agents.script]\nargv = ["/bin/sh", "-c", "{prompt}"]\n')
    command = [world.binaries.claudine, "mcp", "--max-policy", "strict", "--root", world.workspace]
    with Site(world, command=command) as site:

        def call(tool: str, **arguments: Any) -> dict[str, Any]:
            answer = site.modern("tools/call", {"name": tool, "arguments": arguments})
            frame = answer.events[-1] if answer.headers["Content-Type"] == "text/event-stream" else answer.frame
            expect(not frame["result"].get("isError"), str(frame))
            return dict(frame["result"]["structuredContent"])

        told(site.send(request("tools/call", modern({"name": "DelegateTask"})), {"Authorization": None}), 401)
        task = call("DelegateTask", prompt="until [ -e go ]; do sleep 0.1; done", agent="script")["taskId"]
        wait = {"name": "WaitTask", "arguments": {"taskIds": [task], "timeoutSeconds": 50}}
        for _ in range(3):
            stream = site.stream("tools/call", wait, token="w")
            next(stream.lines())
            stream.close()
        world.write(world.workspace / "go", "")
        ended = call("WaitTask", taskIds=[task], timeoutSeconds=50)
        expect(not ended["timedOut"] and call("TaskResult", taskId=task)["state"] == "succeeded", str(ended))
        session = site.initialize("2025-06-18")
        listed = site.send(request("tools/list", {}), session).frame["result"]["tools"]
        expect(listed == site.modern("tools/list").frame["result"]["tools"], "the eras differ")


@suite.case("77: a subscription is acknowledged, kept alive, told, and ended by hanging up", identities=ONE)
def listening(world: World) -> str:
    with Site(world) as site:
        stream = site.stream("subscriptions/listen", LISTEN)
        expect(stream.response.status == 200 and stream.response.headers["X-Accel-Buffering"] == "no", str(stream.response.headers))
        first = stream.next()
        expect(first["method"] == "notifications/subscriptions/acknowledged" and first["params"]["_meta"][SUBSCRIPTION_KEY] == 1, str(first))
        lines = stream.lines()
        began = time.monotonic()
        comments = [next(lines) for _ in range(2)]
        took = time.monotonic() - began
        expect(all(comment.startswith(b":") for comment in comments) and took < 30, f"{comments} in {took:.0f} s")
        expect(site.modern("tools/call", {"name": "touch", "arguments": {"count": 1}}).status == 200, "touch")
        while (line := next(lines)).startswith((b":", b"event:")):
            pass
        notice = strictly(line[6:])
        expect(notice["method"] == "notifications/resources/updated" and notice["params"]["_meta"][SUBSCRIPTION_KEY] == 1, str(notice))
        stream.close()
        site.alive()
    return f"two signs of life in {took:.0f} s"


# MARK: - Before


@suite.case("78: the life of a session, in each version that has them", identities=ONE)
def sessions(world: World) -> None:
    with Site(world) as site:
        for version in LEGACY:
            session = site.initialize(version)
            expect(session["MCP-Protocol-Version"] == version, f"{version}: {session}")
            answer = site.send(request("tools/list", {}), session)
            expect(answer.status == 200 and "resultType" not in answer.frame["result"], str(answer))
            expect(site.send(request("tools/list", {}), {**session, "MCP-Protocol-Version": None}).status == 200, "no version")
            again = site.send(request("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}), session)
            expect(again.code == INVALID and "Mcp-Session-Id" not in again.headers, str(again))
            unknown = site.send(request("no/such"), session)
            expect(unknown.status == 200 and unknown.code == METHOD, str(unknown))
            told(site.send(request("tools/list", {}), {**session, "Mcp-Session-Id": None}), 400)
            told(site.send(request("tools/list", {}), {**session, "Mcp-Session-Id": "0" * 32}), 404)
            for wrong in ("2099-01-01", "2000-01-01", "nonsense"):
                told(site.send(request("tools/list", {}), {**session, "MCP-Protocol-Version": wrong}), 400)
            newer = site.send(request("tools/list", modern()), {**session, **site.routing("tools/list", {})})
            expect(newer.frame["result"]["resultType"] == "complete", str(newer))
            gone = site.send(None, session, method="DELETE")
            expect(gone.status == 204 and not gone.body, str(gone))
            for method, body in (("POST", request("tools/list", {})), ("GET", None), ("DELETE", None)):
                told(site.send(body, session, method=method), 404)
        told(site.send(request("tools/list", {})), 400, INVALID)
        told(site.send({"jsonrpc": "2.0", "method": "notifications/initialized"}), 400)
        told(site.send({"jsonrpc": "2.0", "id": 1, "result": {}}), 400)
        failed = site.send(request("initialize", {"protocolVersion": "2025-11-25"}))
        expect(failed.code == PARAMS and "Mcp-Session-Id" not in failed.headers, str(failed))
        told(site.send(None, method="GET"), 405)
        told(site.send(None, method="DELETE"), 405)


@suite.case("a session is told what belongs to no request over a GET, and keeps it for one that comes later", identities=ONE)
def push(world: World) -> None:
    with Site(world) as site:
        session, other = site.initialize(), site.initialize()
        told(site.send(None, {**session, "Accept": "application/json"}, method="GET"), 406)
        expect("result" in site.send(request("resources/subscribe", {"uri": "test://watched-resource"}), session).frame, "subscribe")

        def touch() -> None:
            site.send(request("tools/call", {"name": "touch", "arguments": {"count": 1}}), other)

        def updated(stream: Any) -> None:
            for frame in stream.frames():
                if frame["method"] == "notifications/resources/updated":
                    return
            raise EOFError("the stream has ended")

        stream = site.open(None, session, method="GET")
        expect(stream.response.headers["Content-Type"] == "text/event-stream", str(stream.response.headers))
        touch()
        updated(stream)
        stream.close()
        time.sleep(0.2)
        touch()
        later = site.open(None, session, method="GET")
        updated(later)
        second = site.open(None, session, method="GET")
        expect(list(later.frames()) == [], "the former stream goes on")
        site.send(None, session, method="DELETE")
        expect(list(second.frames()) == [], "the stream outlives its session")


@suite.case("a session's client is asked over the stream of its request, and answers by POST", identities=ONE)
def questions(world: World) -> None:
    with Site(world) as site:
        session = site.initialize(capabilities={"elicitation": {}})
        for approve, text in ((True, "did it"), (False, "refused")):
            stream = site.open(request("tools/call", {"name": "approve", "arguments": {"thing": "it"}}, "q"), session)
            question = stream.next()
            expect(question["method"] == "elicitation/create", str(question))
            reply = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"approve": approve}}}
            for stranger in (site.initialize(), {**session, "Authorization": None}):
                expect(site.send({**reply, "result": {"action": "cancel"}}, stranger).status in (202, 401), "a stranger's answer")
            expect(site.send(reply, session).status == 202, "an answer")
            result = stream.next()
            expect(result["id"] == "q" and text in json.dumps(result["result"]), str(result))


@suite.case("a session's request is cancelled by a message, and not by hanging up", identities=ONE)
def cancelled(world: World) -> None:
    with Site(world) as site:
        session = site.initialize()
        stream = site.open(request("tools/call", {"name": "wait", "arguments": {"seconds": 30}, "_meta": {"progressToken": 1}}, "c"), session)
        stream.next()
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c"}}
        expect(site.send(note, session).status == 202, "cancelled")
        expect(all("method" in frame for frame in stream.frames()), "a cancelled request was answered")
        left = site.open(request("tools/call", {"name": "wait", "arguments": {"seconds": 2}, "_meta": {"progressToken": 2}}, "l"), session)
        left.next()
        left.close()
        time.sleep(0.5)
        same = site.send(request("tools/list", {}, "l"), session)
        expect(same.code == INVALID, f"a request whose client has hung up is over: {same}")
        time.sleep(2.5)
        expect("result" in site.send(request("tools/list", {}, "l"), session).frame, "the id is not free")
        stopped = site.errors().count("stopped waiting")
    expect(stopped == 1, f"{stopped} were stopped instead of one")


# MARK: - Bad wire


@suite.case("who sends nothing, or too slowly, is hung up on; others do not notice", identities=ONE)
def slow(world: World) -> str:
    with Site(world) as site:
        silent, heads, bodies = site.connect(), site.connect(), site.connect()
        head = site.head("POST", {"Content-Length": "1000", **site.routing("server/discover", {})})
        bodies.sendall(head)
        heads.setblocking(False)

        def trickle() -> float:
            began = time.monotonic()
            position = 0
            while time.monotonic() - began < 45:
                try:
                    heads.send(head[position % len(head):][:1] if position < 100 else b"x")
                    if heads.recv(100) == b"":
                        break
                except BlockingIOError:
                    pass
                except OSError:
                    break
                position += 1
                time.sleep(0.5)
            return time.monotonic() - began

        with ThreadPoolExecutor(4) as pool:
            kinds: dict[str, Callable[[], float]] = {
                "silence": lambda: ends(silent, 45), "a head": trickle, "a body": lambda: ends(bodies, 45),
            }
            taken = {kind: pool.submit(wait) for kind, wait in kinds.items()}
            while not all(future.done() for future in taken.values()):
                site.alive()
                time.sleep(1)
        seconds = {kind: future.result() for kind, future in taken.items()}
        expect(all(25 < value < 40 for value in seconds.values()), str(seconds))
    return ", ".join(f"{kind} {value:.0f} s" for kind, value in seconds.items())


@suite.case("what is no HTTP, or ambiguous, is refused", identities=ONE)
def ambiguous(world: World) -> None:
    with Site(world) as site:
        body = json.dumps(request("tools/list", modern())).encode()
        routing = site.routing("tools/list", {})
        smuggled = site.head("POST", {**routing, "Transfer-Encoding": "chunked", "Content-Length": str(len(body))})
        for data in (
            b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST /mcp HTTP/9.9\r\n\r\n", smuggled + body,
            site.head("POST", {**routing, "Content-Length": "-1"}), site.head("POST", {**routing, "Content-Length": "1, 2"}),
            site.head("POST", {**routing, "X": "y" * 200_000}), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"POST /mcp HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n", site.head("POST", {**routing, "Content-Length": "5"})[:-2],
        ):
            connection = site.connect(5)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            said = b""
            try:
                while part := connection.recv(1 << 16):
                    said += part
            except ConnectionResetError:
                pass
            expect(b" 200 " not in said[:20] and b'"result"' not in said, f"{data[:80]!r}: {said[:300]!r}")
            connection.close()
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
        connection = site.connect(5)
        connection.sendall(site.head("POST", {**routing, "Transfer-Encoding": "chunked"}) + chunked)
        expect(b" 200 " in connection.recv(1 << 16)[:20], "a chunked body")
        # Three requests at once over one connection are answered in their order.
        ones = [json.dumps(request("tools/list", modern(), id)).encode() for id in (1, 2, 3)]
        connection.sendall(b"".join(site.head("POST", {**routing, "Content-Length": str(len(one))}) + one for one in ones))
        said = b""
        while said.count(b'"jsonrpc"') < 3:
            said += connection.recv(1 << 16)
        expect(said.index(b'"id":1') < said.index(b'"id":2') < said.index(b'"id":3'), "out of order")
        site.alive()


@suite.case("connections that break off anywhere, by whatever end, harm no other", identities=ONE)
def broken(world: World) -> str:
    with Site(world) as site:
        calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("tools/call", {"name": "echo", "arguments": {"text": "x"}}, {}),
            ("tools/call", {"name": "wait", "arguments": {"seconds": 1.2}}, {"token": 1}),
            ("tools/call", {"name": "flood", "arguments": {"count": 2000}}, {"level": "info"}),
            ("tools/call", {"name": "touch", "arguments": {"count": 50}}, {}),
            ("subscriptions/listen", LISTEN, {}),
        ]
        requests = []
        for method, params, envelope in calls:
            body = json.dumps(request(method, modern(params, **envelope))).encode()
            requests.append(site.head("POST", {"Content-Length": str(len(body)), **site.routing(method, params)}) + body)

        def visit(number: int) -> None:
            chance = random.Random(number)
            data = b"".join(chance.choice(requests) for _ in range(chance.choice((1, 1, 2, 4))))
            if chance.random() < 0.5:
                data = data[:chance.randrange(len(data))]
            connection = site.connect()
            connection.settimeout(chance.random() * 1.5 + 0.01)
            try:
                connection.sendall(data)
                while chance.random() < 0.9 and connection.recv(chance.choice((100, 1 << 16))):
                    pass
                if chance.random() < 0.5:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            if chance.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        site.alive()
        descriptors = Path(f"/proc/{site.popen.pid}/fd")
        before = len(list(descriptors.iterdir()))
        with ThreadPoolExecutor(16) as pool:
            count = len(list(pool.map(visit, range(400))))
        site.alive()
        wait_until("their descriptors are closed", 10, lambda: len(list(descriptors.iterdir())) <= before)
    return f"{count} connections"


@suite.case("a client that does not read its stream holds up nobody, and fills no memory", identities=ONE)
def deaf(world: World) -> str:
    with Site(world) as site:
        before = memory(site)
        stream = site.stream("tools/call", {"name": "flood", "arguments": {"count": 200_000}}, level="info")
        began = time.monotonic()
        while time.monotonic() - began < 5:
            site.alive()
        grown = memory(site) - before
        expect(grown < 32 << 20, f"{grown >> 20} MiB more")
        stream.close()
        site.alive()
    return f"{grown >> 20} MiB more"


@suite.case("SIGTERM ends it with streams open, and those whole", identities=ONE)
def terminated(world: World) -> str:
    with Site(world) as site:
        session = site.initialize()
        streams = [
            site.open(None, session, method="GET"), site.stream("subscriptions/listen", LISTEN),
            site.stream("tools/call", {"name": "wait", "arguments": {"seconds": 30}}, token=1),
        ]
        deaf = site.stream("tools/call", {"name": "flood", "arguments": {"count": 50_000}}, level="info")
        time.sleep(0.5)
        began = time.monotonic()
        site.close(10)
        took = time.monotonic() - began
        expect(took < 4, f"{took:.1f} s")
        deaf.close()
        for stream in streams:
            try:
                expect(all("result" not in frame for frame in stream.frames()), "an answer")
            except (ConnectionResetError, http.client.IncompleteRead):
                pass
    return f"{took:.1f} s"


# MARK: - Over a socket


class Line:
    """A client of the unix socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rwb")

    def send(self, frame: Any) -> None:
        self.file.write(json.dumps(frame).encode() + b"\n")
        self.file.flush()

    def ask(self, method: str, params: dict[str, Any] | None = None, id: str | int = 1) -> dict[str, Any]:
        self.send(request(method, params, id))
        return strictly(self.file.readline())


def socketed(world: World, path: Path) -> Any:
    running = world.launch([fixture(world), "--harness", "--socket", path])
    assert running.popen.stdout
    expect(running.popen.stdout.readline().decode().strip() == str(path), "the socket is not served")
    return running


def leave(running: Any) -> None:
    running.popen.terminate()
    result = running.wait(5)
    expect(result.code == 0, str(result))


@suite.case("several clients share a socket, in both eras, and none is another's business")
def shared(world: World) -> str:
    path = world.base / "run" / "mcp.sock"
    running = socketed(world, path)
    expect(stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700, "modes")
    lines = [Line(path) for _ in range(8)]
    for line in lines[:4]:
        answer = line.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
        expect(answer["result"]["protocolVersion"] == "2025-11-25", str(answer))
    for line in lines[4:]:
        expect(NEWEST in line.ask("server/discover", modern())["result"]["supportedVersions"], "discover")
        expect(line.ask("tools/list", {})["error"]["code"] == INVALID, "what another has agreed upon counts")
    lines[0].send(request("tools/call", modern({"name": "wait", "arguments": {"seconds": 30}}), "w"))
    time.sleep(0.3)
    lines[0].file.close()
    lines[0].socket.close()
    began = time.monotonic()
    for number in range(200):
        lines[5].ask("tools/call", modern({"name": "echo", "arguments": {"text": "x"}}), number)
    each = (time.monotonic() - began) * 5
    descriptors = Path(f"/proc/{running.popen.pid}/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(100):
        line = Line(path)
        line.ask("server/discover", modern())
        line.file.close()
        line.socket.close()
    wait_until("the descriptors of clients that are gone are closed", 5, lambda: len(list(descriptors.iterdir())) <= before)
    leave(running)
    expect(lines[5].file.readline() == b"", "the connection outlives the server")
    expect(not path.exists(), "the socket is left behind")
    return f"{each:.2f} ms a call"


@suite.case("a socket that was left behind is replaced; one that is served, or is something else, is not")
def stale(world: World) -> None:
    path = world.base / "run" / "mcp.sock"
    first = socketed(world, path)
    second = world.launch([fixture(world), "--socket", path]).wait(10)
    expect(second.code == 1 and b"serves there already" in second.stderr, str(second))
    expect("result" in Line(path).ask("server/discover", modern()), "the first is gone")
    first.popen.kill()
    first.popen.wait()
    expect(path.exists(), "nothing was left behind")
    third = socketed(world, path)
    expect("result" in Line(path).ask("server/discover", modern()), "the third does not serve")
    leave(third)
    world.write(path, "mine")
    for where, what in (
        (path, b"something else"), (world.base / "run" / ("x" * 200), b"107 bytes"), (world.base / "no" / "such" / "s", b"cannot be made"),
        (world.base / "s", b"chmod 700"),
    ):
        result = world.launch([fixture(world), "--socket", where]).wait(10)
        expect(result.code == 1 and what in result.stderr and result.stderr.count(b"\n") == 1, f"{where}: {result}")
    expect(path.read_text() == "mine", "a file was taken away")
    longest = world.base / "run" / "x"
    longest = longest.with_name("x" * (107 - len(str(longest)) + 1))
    leave(socketed(world, longest))


@suite.case("claudine serves a socket, too")
def delegating(world: World) -> None:
    configure(world)
    path = world.base / "run" / "mcp.sock"
    running = world.launch(
        [world.binaries.claudine, "mcp", "--max-policy", "strict", "--root", world.workspace, "--socket", path])
    assert running.popen.stderr
    expect(str(path) in running.popen.stderr.readline().decode(), "the socket is not served")
    one, other = Line(path), Line(path)
    arguments = {"prompt": "Say hello.", "agent": "demo"}
    task = one.ask("tools/call", modern({"name": "DelegateTask", "arguments": arguments}))["result"]["structuredContent"]["taskId"]
    found = other.ask("tools/call", modern({"name": "TaskStatus", "arguments": {"taskId": task}}))
    expect(found["result"]["structuredContent"]["tasks"][0]["taskId"] == task, str(found))
    again = world.claudine("mcp", "--socket", path)
    expect(again.code == 1 and "[mcp.socket]" in again.errors and "serves there already" in again.errors, str(again))
    both = world.claudine("mcp", "--socket", path, "--http", "0")
    expect(both.code == 64, str(both))
    running.popen.terminate()
    running.wait(10)


@suite.case("another user is hung up on, whatever the modes have become", identities=[one for one in IDENTITIES if one.uid != 0][:1])
def foreign(world: World) -> None:
    if os.geteuid() != 0:
        raise Skip("needs root")
    path = world.base / "run" / "mcp.sock"
    running = socketed(world, path)
    path.parent.chmod(0o755)
    path.chmod(0o666)
    script = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(5); print(s.recv(10))"
    stranger = subprocess.run(
        ["/usr/bin/python3", "-c", script, str(path)], user=65534, group=65534, extra_groups=[], capture_output=True, text=True, check=False)
    expect(stranger.stdout == "b''\n" or "ConnectionResetError" in stranger.stderr, str(stranger))
    expect("result" in Line(path).ask("server/discover", modern()), "root is hung up on")
    leave(running)


if __name__ == "__main__":
    suite.main()
