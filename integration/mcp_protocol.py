#!/usr/bin/python3
"""The Model Context Protocol, frame by frame, in both eras: what the protocol module answers, refuses and outlives, over two pipes."""

from __future__ import annotations

import functools
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Suite, World, expect, wait_until
from harness.binaries import built, scratch
from harness.mcp import (
    ABLE, CAPABILITIES_KEY, INTERNAL, INVALID, LEGACY, LEGACY_NOTIFICATIONS, METHOD, NEWEST, NO_CAPABILITY, NO_RESOURCE, NO_VERSION, PARAMS,
    SERVER_KEY, SUBSCRIPTION_KEY, TASKS, VERSION_KEY, Client, Frame, modern)

suite = Suite("mcp-protocol", __doc__ or "")

#: The protocol does not depend on who one is.
WHO = [IDENTITIES[-1]]


@functools.cache
def fixture() -> Path:
    """A copy of the fixture that everybody may run."""
    source = built() / "mcp-fixture"
    if not source.is_file():
        raise SystemExit(f"{source} does not exist: build it (make build)")
    target = scratch("fixture") / source.name
    shutil.copy(source, target)
    target.chmod(0o755)
    return target


def case(name: str, *, alone: bool = False) -> Callable[[Callable[[World], str | None]], Callable[[World], str | None]]:
    return suite.case(name, identities=WHO, alone=alone)


def serve(world: World, *options: str, **more: Any) -> Client:
    return Client(world, [fixture(), "--harness", *options], **more)


def line(frame: Frame) -> bytes:
    return json.dumps(frame).encode() + b"\n"


# MARK: opening


@case("1, 2: discover says what there is, without a name of the client, too")
def discover(world: World) -> None:
    with serve(world) as client:
        bare = {"_meta": {VERSION_KEY: NEWEST, CAPABILITIES_KEY: {}}}
        for params in (modern(), bare):
            result = client.result("server/discover", params)
            expect(result["resultType"] == "complete" and result["supportedVersions"] == [NEWEST], str(result))
            expect(result["ttlMs"] >= 0 and result["cacheScope"] in ("public", "private"), str(result))
            expect(result["_meta"][SERVER_KEY]["name"] == "mcp-fixture", str(result))
            capabilities = result["capabilities"]
            expect({"tools", "resources", "prompts", "extensions"} <= capabilities.keys(), str(capabilities))
            expect(TASKS in capabilities["extensions"] and "tasks" not in capabilities, str(capabilities))


@case("3: an envelope that lacks something names it")
def envelope(world: World) -> None:
    with serve(world) as client:
        for key in (VERSION_KEY, CAPABILITIES_KEY):
            params = modern()
            del params["_meta"][key]
            for method in ("tools/list", "server/discover", "tools/call"):
                expect(key in client.error(PARAMS, method, params)["message"], f"{method} does not name {key}")
        for wrong in ({VERSION_KEY: 7}, {CAPABILITIES_KEY: []}, {CAPABILITIES_KEY: None}):
            params = modern()
            params["_meta"].update(wrong)
            client.error(PARAMS, "tools/list", params)
        client.error(PARAMS, "tools/list", {"_meta": 7})
        client.error(PARAMS, "tools/list", modern(level="loud"))
        expect(VERSION_KEY in client.error(PARAMS, "server/discover", {})["message"], "discover without an envelope")


@case("4, 8: a version that is not spoken is refused with those that are; initialize works on the same pipe")
def versions(world: World) -> None:
    with serve(world) as client:
        for version in ("1900-01-01", "2025-11-25", "2027-01-01", ""):
            error = client.error(NO_VERSION, "server/discover", modern(version=version))
            expect(error["data"] == {"supported": [NEWEST], "requested": version}, str(error))
        expect(client.initialize("2025-11-25")["protocolVersion"] == "2025-11-25", "initialize after a failed probe")
        expect(client.result("tools/list")["tools"], "no tools")


@case("5, 14: the four older versions are agreed upon, and no answer has what came later")
def legacy(world: World) -> None:
    for version in LEGACY:
        with serve(world) as client:
            opened = client.initialize(version)
            expect(opened["protocolVersion"] == version, f"{version}: {opened}")
            expect("extensions" not in opened["capabilities"] and "tasks" not in opened["capabilities"], str(opened))
            expect(client.result("ping") == {}, "ping")
            for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list"):
                result = client.result(method)
                expect(not {"resultType", "ttlMs", "cacheScope", "_meta"} & result.keys(), f"{version}: {method}: {result.keys()}")
            tools = {tool["name"]: tool for tool in client.result("tools/list")["tools"]}
            expect(("outputSchema" in tools["echo"]) == (version >= "2025-06-18"), f"{version}: outputSchema")
            expect(("title" in tools["echo"]) == (version >= "2025-06-18"), f"{version}: title")
            expect(("annotations" in tools["echo"]) == (version >= "2025-03-26"), f"{version}: annotations")
            called = client.result("tools/call", {"name": "echo", "arguments": {"text": "é"}})
            expect(called["content"] == [{"type": "text", "text": '{"text":"é"}'}], str(called))
            expect(("structuredContent" in called) == (version >= "2025-06-18"), f"{version}: structuredContent")
            sound = client.result("tools/call", {"name": "test_audio_content", "arguments": {}})["content"][0]["type"]
            expect((sound == "audio") == (version >= "2025-03-26"), f"{version}: {sound}")
            read = client.result("resources/read", {"uri": "test://static-text"})
            expect(read.keys() == {"contents"}, str(read))
            expect("resultType" not in json.dumps([frame for _, frame in client.frames]), f"{version}: resultType")


@case("6: any other version is answered with the newest of the old ones")
def offered(world: World) -> None:
    for version in ("2099-01-01", "", NEWEST, "x" * 5000):
        with serve(world) as client:
            expect(client.initialize(version)["protocolVersion"] == "2025-11-25", version[:20])


@case("7: nothing but ping before initialize; initialize once, and not without what it needs")
def uninitialized(world: World) -> None:
    with serve(world) as client:
        error = client.error(INVALID, "tools/list")
        expect("initialize" in error["message"] and NEWEST in error["message"], str(error))
        expect(client.result("ping") == {}, "ping")
        for params in ({}, {"protocolVersion": "2025-11-25"}, {"protocolVersion": 1, "clientInfo": {"name": "a", "version": "1"}},
                       {"protocolVersion": "2025-11-25", "clientInfo": {"name": "a"}},
                       {"protocolVersion": "2025-11-25", "clientInfo": {"name": "a", "version": "1"}, "capabilities": []}):
            client.error(PARAMS, "initialize", params)
        client.initialize()
        client.error(INVALID, "initialize", {"protocolVersion": "2025-11-25", "clientInfo": {"name": "a", "version": "1"}})
        expect(client.result("tools/list")["tools"], "no tools")


@case("9: both eras on one connection")
def both(world: World) -> None:
    with serve(world) as client:
        client.initialize("2025-06-18")
        expect(client.result("tools/list", modern())["resultType"] == "complete", "no modern answer")
        expect("resultType" not in client.result("tools/list"), "no legacy answer")
        client.alive()


@case("11: a strict client of 2025-06-18 sees only answers and notifications that it knows")
def strict(world: World) -> None:
    with serve(world) as client:
        client.initialize("2025-06-18", {"elicitation": {}}, name="codex-mcp-client")
        client.on_request = lambda frame: {"result": {"action": "decline"}}
        for tool in client.result("tools/list")["tools"]:
            if tool["name"] in ("wait", "stubborn", "flood", "slow_compute", "test_sampling", "approve") or "elicitation" in tool["name"]:
                continue
            arguments = {name: 1 if schema.get("type") in ("number", "integer") else "x"
                         for name, schema in tool["inputSchema"].get("properties", {}).items()}
            client.ask("tools/call", {"name": tool["name"], "arguments": arguments, "_meta": {"progressToken": "t"}})
        client.result("resources/subscribe", {"uri": "test://watched-resource"})
        client.result("tools/call", {"name": "touch", "arguments": {"count": 3}})
        client.until("an update", lambda: client.notifications("notifications/resources/updated"))
        unknown = {frame["method"] for _, frame in client.frames if "method" in frame and "id" not in frame} - LEGACY_NOTIFICATIONS
        expect(not unknown, f"unknown notifications {unknown}")


@case("12: what a tool's library prints does not reach the wire, nor does the environment change it")
def noise(world: World) -> None:
    with serve(world, env={"LOG_LEVEL": "trace", "SWIFT_LOG_LEVEL": "trace"}) as client:
        client.alive()
        # Everything that the harness reads is checked line by line; here, that descriptors 0 and 1 lead elsewhere.
        links = Path(f"/proc/{client.popen.pid}/fd")
        expect((links / "0").readlink() == Path("/dev/null"), "standard input is still there")
        expect((links / "1").readlink() == (links / "2").readlink(), "standard output is still there")


# MARK: methods


@case("13: what the new era does not have")
def removed(world: World) -> None:
    with serve(world) as client:
        for method in ("ping", "initialize", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/result", "tasks/list",
                       "sampling/createMessage", "roots/list", "x", "tools", "tools/list/", "notifications/cancelled"):
            expect(method in client.error(METHOD, method, modern(capabilities=ABLE))["message"], method)
        client.initialize()
        for method in ("tasks/get", "tasks/result", "tasks/list", "x"):
            client.error(METHOD, method, {})


@case("15, 16: the list of tools is the same for everybody, and every tool is well described")
def lists(world: World) -> None:
    seen = set()
    for _ in range(2):
        with serve(world) as client:
            for params in (modern(), modern(capabilities=ABLE)):
                result = client.result("tools/list", params)
                seen.add(json.dumps(result["tools"]))
                expect(result["ttlMs"] >= 0 and result["cacheScope"] in ("public", "private") and "nextCursor" not in result, "caching")
            client.call("test_trigger_tool_change")
    expect(len(seen) == 1, "the list differs")
    tools = json.loads(seen.pop())
    expect(len({tool["name"] for tool in tools}) == len(tools), "a name twice")
    for tool in tools:
        expect(re.fullmatch(r"[A-Za-z0-9_./-]{1,64}", tool["name"]) and tool["description"], tool["name"])
        expect(tool["inputSchema"]["type"] == "object", tool["name"])
    with serve(world) as client:
        for method, member in (("resources/list", "resources"), ("resources/templates/list", "resourceTemplates"), ("prompts/list", "prompts")):
            result = client.result(method, modern())
            expect(result["ttlMs"] >= 0 and result["cacheScope"] and result["resultType"] == "complete", method)
            expect(result[member] and all(item["name"] and item["description"] for item in result[member]), method)


@case("17: a structured result is the same as its text")
def structured(world: World) -> None:
    with serve(world) as client:
        for text in ("", "é\u2028\u2029\x85", '"\\\n\t\x00\x1f\x7f', "𝕏" * 1000, "\ufeff"):
            result = client.call("echo", {"text": text})
            expect(result["structuredContent"] == {"text": text}, f"{text[:20]!r}: {result}")
            expect(json.loads(result["content"][0]["text"]) == result["structuredContent"], f"{text[:20]!r}")


@case("18, 19, 21: a bad cursor, an unknown tool, calls of the wrong shape")
def shapes(world: World) -> None:
    with serve(world) as client:
        for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list"):
            for cursor in ("x", "", 7, {}):
                client.error(PARAMS, method, modern({"cursor": cursor}))
        expect("no-such" in client.error(PARAMS, "tools/call", modern({"name": "no-such"}))["message"], "not named")
        for params in ({"name": "echo", "arguments": [1]}, {"name": "echo", "arguments": None}, {}, {"name": 7}, {"arguments": {}}):
            client.error(PARAMS, "tools/call", modern(params))
        for params in ({"name": "no-such"}, {"name": "test_prompt_with_arguments"}, {"name": "test_simple_prompt", "arguments": {"x": "y"}},
                       {"name": "test_prompt_with_arguments", "arguments": {"arg1": "x", "arg2": 7}}, {}):
            client.error(PARAMS, "prompts/get", modern(params))
        for params in ({}, {"ref": {"type": "ref/tool"}, "argument": {"name": "a", "value": ""}}, {"ref": {"type": "ref/prompt", "name": "x"}}):
            client.error(PARAMS, "completion/complete", modern(params))
        client.alive()


@case("20: bad arguments are the tool's answer, name the argument, and leak nothing")
def arguments(world: World) -> None:
    with serve(world) as client:
        for given, word in (({}, "text"), ({"text": 7}, "text"), ({"text": "x" * (1 << 20 | 1)}, "1048576"), ({"text": "x", "txet": 1}, "txet")):
            result = client.call("echo", given)
            expect(result.get("isError") is True and word in result["content"][0]["text"], str(result)[:300])
        crashed = client.call("crash")
        text = crashed["content"][0]["text"]
        found = re.search(r"reference (\w+)", text)
        expect(crashed["isError"] is True and found and "/etc/shadow" not in text and "Crash" not in text, text)
        assert found
        wait_until("the reference on standard error", 5, lambda: found[1].encode() in client.stderr and b"/etc/shadow" in client.stderr)


# MARK: frames


@case("22: an id comes back exactly as it was")
def ids(world: World) -> None:
    with serve(world) as client:
        for number in ("x", "", "é\n", "1", -7, 0, 1 << 60, -(1 << 63), (1 << 63) - 1, "y" * 1000):
            client.begin("server/discover", modern(), number)
            client.answer(number)


BROKEN = [
    b'{"jsonrpc":"2.0","id":null,"method":"ping"}', b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":{},"method":"ping"}', b'{"jsonrpc":"2.0","id":1e3,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}', b'{"jsonrpc":"2.0","id":"' + b"x" * 1025 + b'","method":"ping"}',
    b"{}", b"42", b"null", b"[]", b'"x"', b"true", b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', b"garbage", b"{", b'{"jsonrpc":"2.0","id":1,',
    b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}', b"[" * 100_000, b'{"a":' * 100_000,
    b'{"jsonrpc":"2.0","id":1,"method":"pi\xff\xfeng"}', b'{"jsonrpc":"2.0","id":"\xc0\xaf","method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', b'{"jsonrpc":"2.0","id":1,"\\u0069d":2,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', b'{"jsonrpc":"2.0","id":01,"method":"ping"}',
    b'{"jsonrpc":"2.0","id":1,"method":"ping"} {}', b"{'jsonrpc':'2.0'}", b'{"jsonrpc":"2.0","result":{}}',
    b'{"jsonrpc":"2.0","id":"server-1","result":{}}', b'{"jsonrpc":"2.0","id":1,"error":{}}', b'{"jsonrpc":"1.0","result":{},"id":1}',
]


@case("23: what is no message is not answered, and the next one is")
def broken(world: World) -> None:
    with serve(world) as client:
        for data in BROKEN:
            client.write(data + b"\n")
            client.alive()


#: Frames that are wrong, but say whom to tell; and how.
WRONG = [
    (b'{"id":%d,"method":"ping"}', INVALID), (b'{"jsonrpc":"1.0","id":%d,"method":"ping"}', INVALID), (b'{"jsonrpc":"2.0","id":%d}', INVALID),
    (b'{"jsonrpc":"2.0","id":%d,"method":7}', INVALID), (b'{"jsonrpc":"2.0","id":%d,"method":""}', INVALID),
    (b'{"jsonrpc":"2.0","id":%d,"method":"tools/list","params":[]}', INVALID), (b'{"jsonrpc":"2.0","id":%d,"method":"ping","params":7}', INVALID),
    (b'{"jsonrpc":"2.0","id":%d,"method":"ping","method":"tools/call"}', INVALID),
    (b'{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"a":{"b":1,"b":2}}}', INVALID),
    (b'{"jsonrpc":"2.0","id":%d,"method":"ping","params":{"a":"\\udc00"}}', INVALID),
]


@case("24: what is wrong, but has an id, is answered with it")
def wrong(world: World) -> None:
    with serve(world) as client:
        for frame, code in WRONG:
            number = client.fresh()
            client.expecting(number)
            client.write(frame % number + b"\n")
            answer = client.answer(number)
            expect(answer["error"]["code"] == code, f"{frame!r}: {answer}")
        client.alive()


@case("23: a hundred lines of nonsense in a row end the connection, ninety-nine do not")
def nonsense(world: World) -> None:
    with serve(world) as client:
        client.write(b"nonsense\n" * 99)
        client.alive()
        client.write(b"nonsense\n" * 99)
        client.alive()
        client.write(b"nonsense\n" * 100)
        wait_until("the end", 5, lambda: client.popen.poll() is not None)


@case("25: lines that end with CRLF, empty ones, single bytes, many at once, one without its end")
def lines(world: World) -> None:
    with serve(world) as client:
        numbers = [client.fresh() for _ in range(60)]
        frames = [{"jsonrpc": "2.0", "id": number, "method": "server/discover", "params": modern()} for number in numbers]
        for number in numbers:
            client.expecting(number)
        client.write(b"\r\n\n\r\n")
        for frame in frames[:20]:
            client.write(json.dumps(frame).encode() + b"\r\n")
        for byte in line(frames[20]):
            client.write(bytes([byte]))
        client.write(b"\n".join(json.dumps(frame).encode() for frame in frames[21:50]) + b"\n")
        # A separator that some readers take for the end of a line is a character like any other.
        client.write(line({**frames[50], "params": {**modern(), "x": "a\u2028b\u2029c\x85d"}}).replace(b"\\u2028", "\u2028".encode()))
        for number in numbers[:51]:
            client.answer(number)
        client.write(line(frames[51]).rstrip(b"\n"))
        assert client.popen.stdin
        client.popen.stdin.close()
        client.answer(numbers[51])


@case("25: initialize and what depends on it in one write")
def pipelined(world: World) -> None:
    for _ in range(20):
        with serve(world) as client:
            frames = [
                {"jsonrpc": "2.0", "id": 1, "method": "initialize",
                 "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}},
                {"jsonrpc": "2.0", "method": "notifications/initialized"}]
            frames += [{"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "greet", "arguments": {"name": "you"}}}
                       for number in range(2, 52)]
            for number in range(1, 52):
                client.expecting(number)
            client.write(b"".join(map(line, frames)))
            for number in range(1, 52):
                expect("result" in client.answer(number), f"{client.answer(number)}")


@case("26: a line that is too long is refused without being kept", alone=True)
def long_line(world: World) -> None:
    with serve(world) as client:
        client.alive()
        before = client.memory()
        for size in (5 << 20, 32 << 20):
            client.write(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * size + b'"}\n')
            client.alive()
            grown = client.memory() - before
            expect(grown < 16 << 20, f"{size} bytes made it {grown} bytes bigger")
        # Just short enough is read.
        text = "x" * (1 << 20)
        expect(client.call("echo", {"text": text})["structuredContent"]["text"] == text, "a long text")


# MARK: many at once


@case("27: two requests in flight with one id: the second is refused")
def twins(world: World) -> None:
    with serve(world) as client:
        params = modern({"name": "wait", "arguments": {"seconds": 0.5}})
        client.begin("tools/call", params, "twin")
        client.begin("tools/call", params, "twin")
        client.until("both answers", lambda: len(client.answers("twin")) == 2)
        kinds = sorted("result" if "result" in frame else str(frame["error"]["code"]) for frame in client.answers("twin"))
        expect(kinds == [str(INVALID), "result"], str(kinds))
        client.begin("tools/call", params, "twin")
        client.until("a third one, of an id that is free again", lambda: len(client.answers("twin")) == 3)


@case("28: sixty calls are answered while others wait; more than may be are told to come again", alone=True)
def crowd(world: World) -> None:
    with serve(world) as client:
        waiting = [client.begin("tools/call", modern({"name": "wait", "arguments": {"seconds": 5}})) for _ in range(4)]
        began = time.monotonic()
        calls = [client.begin("tools/call", modern({"name": "greet", "arguments": {"name": str(i)}})) for i in range(60)]
        for number in calls:
            expect("result" in client.answer(number), "an answer")
        took = time.monotonic() - began
        expect(took < 1, f"{took:.2f} s for 60 calls")
        more = [client.begin("tools/call", modern({"name": "wait", "arguments": {"seconds": 5}})) for _ in range(61)]
        refused = client.answer(more[-1])
        expect(refused["error"]["code"] == INTERNAL and refused["error"]["data"]["retryAfterMs"] > 0, str(refused))
        for number in waiting + more[:-1]:
            client.cancel(number)
        client.alive()


@case("28: what does not heed its cancellation still counts")
def stubborn(world: World) -> None:
    with serve(world) as client:
        for _ in range(64):
            client.cancel(client.begin("tools/call", modern({"name": "stubborn", "arguments": {"seconds": 2}})))
        client.error(INTERNAL, "tools/list", modern())
        wait_until("room", 10, lambda: "result" in client.ask("tools/list", modern()))


@case("29, 30: a cancelled request is never answered; cancelling anything else does nothing")
def cancelled(world: World) -> None:
    with serve(world) as client:
        slow = client.begin("tools/call", modern({"name": "wait", "arguments": {"seconds": 0.3}}, token="t"))
        client.until("progress", lambda: client.notifications("notifications/progress"))
        client.cancel(slow)
        done = client.begin("server/discover", modern())
        client.answer(done)
        for request in (done, slow, "no such", -1, None, 1.5, {}, [], True):
            client.cancel(request)
        client.notify("notifications/cancelled")
        client.notify("notifications/no-such", {"x": 1})
        # Its time passes, and others come and go.
        time.sleep(0.5)
        told = len(client.notifications("notifications/progress"))
        client.alive()
        expect(not client.answers(slow), f"answered: {client.answers(slow)}")
        expect(len(client.notifications("notifications/progress")) == told, "progress after the end")
        # Raced against its end, there is one answer or none.
        for index in range(200):
            request = client.begin("tools/call", modern({"name": "greet", "arguments": {"name": str(index)}}))
            client.cancel(request)
        client.alive()


@case("31: the end of the input ends it, whatever is being done; what is done already is still answered")
def end(world: World) -> None:
    client = serve(world)
    client.begin("tools/call", modern({"name": "wait", "arguments": {"seconds": 30}}))
    client.begin("subscriptions/listen", modern({"notifications": {"toolsListChanged": True}}))
    client.until("the acknowledgement", lambda: client.notifications("notifications/subscriptions/acknowledged"))
    last = client.begin("tools/call", modern({"name": "greet", "arguments": {"name": "you"}}))
    took = client.close()
    expect("result" in client.answer(last), "the last call")
    expect(took < 1, f"{took:.2f} s")
    client = serve(world)
    client.alive()
    took = client.close()
    expect(took < 0.5, f"{took:.2f} s")


@case("33: a client that does not read", alone=True)
def deaf(world: World) -> None:
    with serve(world, reading=False) as client:
        client.begin("tools/call", modern({"name": "flood", "arguments": {"count": 20_000}}, level="debug"))
        time.sleep(1)
        before = client.memory()
        client.begin("tools/call", modern({"name": "flood", "arguments": {"count": 50_000}}, level="debug"))
        last = client.begin("server/discover", modern())
        time.sleep(2)
        grown = client.memory() - before
        expect(grown < 16 << 20, f"70 MB of notifications made it {grown} bytes bigger")
        client.resume()
        client.answer(last)
    # One that asks and never reads the answers does not fill the memory either.
    client = serve(world, reading=False)
    text = "x" * (1 << 20)
    request = line({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": modern({"name": "echo", "arguments": {"text": text}})})
    try:
        for number in range(200):
            client.write(request.replace(b'"id": 1', b'"id": %d' % number))
    except BrokenPipeError:
        pass
    wait_until("the end of it", 20, lambda: client.popen.poll() is not None or client.memory() > 300 << 20)
    expect(client.popen.poll() is not None, "it keeps more than 300 MiB")
    client.popen.kill()


# MARK: tasks


@case("34-39: a call becomes a task and comes to its end, is cancelled, fails as its tool does, or as the protocol does")
def tasks(world: World) -> None:
    with serve(world) as client:
        def begin(name: str, arguments: Frame | None = None) -> Frame:
            return client.call(name, arguments, capabilities=ABLE)

        def get(task: str) -> Frame:
            result = client.result("tasks/get", modern({"taskId": task}, capabilities=ABLE))
            expect(result["resultType"] == "complete" and "requestState" not in result, str(result))
            return result

        def ended(task: str, status: str) -> Frame:
            return dict(wait_until(status, 10, lambda: (found := get(task))["status"] == status and found))

        made = begin("slow_compute", {"seconds": 0.3, "label": "x"})
        expect(made["resultType"] == "task" and made["status"] == "working" and type(made["taskId"]) is str, str(made))
        expect(type(made["ttlMs"]) is int and type(made["pollIntervalMs"]) is int, str(made))
        expect(not {"task", "result", "error", "requestState", "inputRequests", "content"} & made.keys(), str(made))
        for key in ("createdAt", "lastUpdatedAt"):
            expect(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made[key]), key)
        expect(get(made["taskId"])["status"] == "working", "not there at once")
        expect(ended(made["taskId"], "completed")["result"]["content"][0]["type"] == "text", "no result")

        failed = ended(begin("failing_job")["taskId"], "completed")
        expect(failed["result"]["isError"] is True and "error" not in failed, str(failed))
        broken = ended(begin("protocol_error_job")["taskId"], "failed")
        expect(broken["error"]["code"] == INTERNAL and "result" not in broken, str(broken))

        long = begin("slow_compute", {"seconds": 600, "label": "x"})["taskId"]
        for _ in range(2):
            acknowledged = client.result("tasks/cancel", modern({"taskId": long}, capabilities=ABLE))
            expect(acknowledged.keys() == {"resultType", "_meta"} and acknowledged["resultType"] == "complete", str(acknowledged))
        ended(long, "cancelled")
        client.result("tasks/cancel", modern({"taskId": made["taskId"]}, capabilities=ABLE))
        expect(get(made["taskId"])["status"] == "completed", "the end is not final")


@case("40, 41, 42: tasks of nobody, without the extension, and with the parameter of another era")
def refused_tasks(world: World) -> None:
    with serve(world) as client:
        messages = set()
        for method in ("tasks/get", "tasks/cancel", "tasks/update"):
            for task in ("no-such", "", "../../etc/passwd", "x" * 5000):
                params = {"taskId": task, "inputResponses": {}}
                messages.add(client.error(PARAMS, method, modern(params, capabilities=ABLE))["message"])
                error = client.error(NO_CAPABILITY, method, modern(params))
                expect(TASKS in error["data"]["requiredCapabilities"]["extensions"], str(error))
            client.error(PARAMS, method, modern({"taskId": 7, "inputResponses": {}}, capabilities=ABLE))
            client.error(PARAMS, method, modern(capabilities=ABLE))
        expect(len(messages) == 1, f"{messages}")
        error = client.error(NO_CAPABILITY, "tools/call", modern({"name": "failing_job", "arguments": {}}))
        expect(TASKS in error["data"]["requiredCapabilities"]["extensions"], str(error))
        error = client.error(
            NO_CAPABILITY, "subscriptions/listen", modern({"notifications": {"taskIds": ["x"]}}))
        expect(TASKS in error["data"]["requiredCapabilities"]["extensions"], str(error))
        plain = client.call("slow_compute", {"seconds": 0, "label": "x"}, more={"task": {"ttl": 1}})
        expect(plain["resultType"] == "complete" and plain["content"], str(plain))
        made = client.call("slow_compute", {"seconds": 0, "label": "x"}, capabilities=ABLE, more={"task": {"ttl": 1}})
        expect(made["resultType"] == "task" and made["ttlMs"] > 1, str(made))


@case("43: a task that asks, all at once or one after the other")
def asking_tasks(world: World) -> None:
    with serve(world) as client:
        def get(task: str, status: str) -> Frame:
            def probe() -> Frame | None:
                found = client.result("tasks/get", modern({"taskId": task}, capabilities=ABLE))
                return found if found["status"] == status else None
            return dict(wait_until(status, 10, probe))

        def update(task: str, answers: Frame) -> None:
            done = client.result("tasks/update", modern({"taskId": task, "inputResponses": answers}, capabilities=ABLE))
            expect(done.keys() == {"resultType", "_meta"}, str(done))

        task = client.call("confirm_delete", {"filename": "a.txt"}, capabilities=ABLE)["taskId"]
        asked = get(task, "input_required")["inputRequests"]
        expect(asked["confirm"]["method"] == "elicitation/create" and asked["confirm"]["params"]["mode"] == "form", str(asked))
        update(task, {"no-such": {"action": "accept"}})
        get(task, "input_required")
        update(task, {"confirm": {"action": "accept", "content": {"confirm": True}}})
        expect("deleted" in get(task, "completed")["result"]["content"][0]["text"], "not done")

        task = client.call("multi_input", capabilities=ABLE)["taskId"]
        expect(get(task, "input_required")["inputRequests"].keys() == {"first", "second"}, "not both")
        update(task, {"first": {"action": "accept", "content": {"name": "A"}}})
        expect(get(task, "input_required")["inputRequests"].keys() == {"second"}, "not the other")
        update(task, {"first": {"action": "accept", "content": {"name": "Z"}}, "second": {"action": "accept", "content": {"name": "B"}}})
        expect(get(task, "completed")["result"]["content"][0]["text"] == "A and B", "not the first answers")

        first = client.call("test_tool_with_task", capabilities=ABLE)
        expect(first["resultType"] == "input_required" and "taskId" not in first, str(first))
        again = {"inputResponses": {"user_name": {"action": "accept", "content": {"name": "A"}}}, "requestState": first["requestState"]}
        made = client.call("test_tool_with_task", capabilities=ABLE, more=again)
        expect(made["resultType"] == "task" and "requestState" not in made, str(made))
        expect(get(made["taskId"], "completed")["result"]["content"][0]["text"] == "Hello, A!", "no greeting")


# MARK: subscriptions


@case("45: a subscription tells what was asked for and granted, under its own id, until it is cancelled")
def listen(world: World) -> None:
    with serve(world) as client:
        task = client.call("slow_compute", {"seconds": 0.5, "label": "x"}, capabilities=ABLE)["taskId"]
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["test://watched-resource", "test://no-such"], "taskIds": [task, "x"]}
        first = client.begin("subscriptions/listen", modern({"notifications": wanted}, capabilities=ABLE), "first")
        second = client.begin("subscriptions/listen", modern({"notifications": {"promptsListChanged": True}}), "second")
        third = client.begin("subscriptions/listen", modern({"notifications": {}}), "third")
        name = "notifications/subscriptions/acknowledged"
        client.until("three acknowledgements", lambda: len(client.notifications(name)) == 3)
        granted = {frame["_meta"][SUBSCRIPTION_KEY]: frame["notifications"] for frame in client.notifications(name)}
        expect(granted == {
            "first": {"toolsListChanged": True, "resourceSubscriptions": ["test://watched-resource"], "taskIds": [task]},
            "second": {"promptsListChanged": True}, "third": {}}, str(granted))
        for tool in ("test_trigger_tool_change", "test_trigger_prompt_change"):
            client.call(tool)
        client.call("touch", {"count": 1})
        client.until("the end of the task", lambda: [n for n in client.notifications("notifications/tasks") if n["status"] == "completed"])
        client.until("the resource", lambda: client.notifications("notifications/resources/updated"))
        told, got = client.notifications("notifications/tasks")[-1], client.result("tasks/get", modern({"taskId": task}, capabilities=ABLE))
        final, now = ({key: value for key, value in frame.items() if key not in ("_meta", "resultType")} for frame in (told, got))
        expect(final == now, f"{final} is not {now}")
        by: dict[str, set[str]] = {}
        for _, frame in client.frames:
            if "id" not in frame:
                by.setdefault(frame["params"]["_meta"][SUBSCRIPTION_KEY], set()).add(frame["method"].removeprefix("notifications/"))
        expect(by == {
            "first": {"subscriptions/acknowledged", "tools/list_changed", "resources/updated", "tasks"},
            "second": {"subscriptions/acknowledged", "prompts/list_changed"}, "third": {"subscriptions/acknowledged"}}, str(by))
        for request in (first, second, third):
            client.cancel(request)
        client.alive()
        count = len(client.frames)
        client.call("test_trigger_tool_change")
        time.sleep(0.2)
        expect(len(client.frames) == count + 1, "told after the end")
        expect(not client.answers(first), "a cancelled subscription was answered")
        for params in ({}, {"notifications": []}, {"notifications": {"taskIds": "x"}}, {"notifications": {"resourceSubscriptions": [7]}}):
            client.error(PARAMS, "subscriptions/listen", modern(params, capabilities=ABLE))


@case("45: no more subscriptions than may be")
def many_subscriptions(world: World) -> None:
    with serve(world) as client:
        for _ in range(32):
            client.begin("subscriptions/listen", modern({"notifications": {}}))
        client.error(INTERNAL, "subscriptions/listen", modern({"notifications": {}}))
        client.alive()


@case("46: a resource that changes all the time is told of once a second, its last change included", alone=True)
def updates(world: World) -> str:
    with serve(world) as client:
        client.initialize()
        name = "notifications/resources/updated"
        client.error(NO_RESOURCE, "resources/subscribe", {"uri": "test://no-such"})
        client.result("resources/subscribe", {"uri": "test://watched-resource"})
        client.result("resources/subscribe", {"uri": "test://watched-resource"})
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            client.result("tools/call", {"name": "touch", "arguments": {"count": 100}})
        time.sleep(1.3)
        times = [at for at, frame in client.frames if frame.get("method") == name]
        expect(3 <= len(times) <= 5, f"{len(times)} in 3.8 s")
        expect(all(frame == {"uri": "test://watched-resource"} for frame in client.notifications(name)), "something else")
        expect(min(b - a for a, b in zip(times, times[1:])) > 0.8, "too often")
        client.result("resources/unsubscribe", {"uri": "test://watched-resource"})
        count = len(client.notifications(name))
        client.result("tools/call", {"name": "touch", "arguments": {"count": 10}})
        time.sleep(1.2)
        expect(len(client.notifications(name)) == count, "told after the end")
        return f"{count} updates"


# MARK: progress and logs


@case("48: a resource that there is not, in every spelling")
def no_resource(world: World) -> None:
    with serve(world) as client:
        client.initialize()
        for uri in ("test://no-such", "test://template/../../etc/passwd/data", "test://template/%2e%2e/data", "test://template//data",
                    "file:///etc/passwd", "", "x" * 5000):
            error = client.error(PARAMS, "resources/read", modern({"uri": uri}))
            expect(error["data"]["uri"] == uri[:1000], str(error)[:300])
            expect(client.error(NO_RESOURCE, "resources/read", {"uri": uri})["data"]["uri"] == uri[:1000], uri[:100])
        read = client.result("resources/read", modern({"uri": "test://template/123/data"}))
        expect(json.loads(read["contents"][0]["text"])["id"] == "123" and read["ttlMs"] == 0 and read["cacheScope"], str(read))


@case("51: progress increases, is not too frequent, and ends with the answer; none without a token")
def progress(world: World) -> None:
    with serve(world) as client:
        for token in ("x", 0, "", 7):
            before = len(client.notifications())
            request = client.begin("tools/call", modern({"name": "wait", "arguments": {"seconds": 1.2}}, token=token))
            client.answer(request)
            frames = client.notifications("notifications/progress")[before:]
            expect(2 <= len(frames) <= 8, f"{len(frames)} in 1.2 s")
            expect(all(frame["progressToken"] == token and type(frame["progressToken"]) is type(token) for frame in frames), str(frames[:2]))
            values = [frame["progress"] for frame in frames]
            expect(all(a < b for a, b in zip(values, values[1:])), str(values))
            kinds = ["id" in frame for _, frame in client.frames]
            expect(kinds[-1], "progress after the answer")
        count = len(client.frames)
        for token in (None, 1.5, True, {}):
            params = modern({"name": "wait", "arguments": {"seconds": 0.05}})
            params["_meta"]["progressToken"] = token
            client.result("tools/call", params)
        expect(len(client.frames) == count + 4, "progress without a token")
        three = client.call("test_tool_with_progress", token="p")
        expect(three["content"], "no answer")
        told = [frame["progress"] for frame in client.notifications("notifications/progress") if frame["progressToken"] == "p"]
        expect(told == [0, 50, 100], str(told))


@case("52: log messages only of the level that is wanted, and in the new era only where it is")
def logs(world: World) -> None:
    with serve(world) as client:
        name = "notifications/message"
        client.call("test_tool_with_logging")
        client.call("test_tool_with_logging", level="error")
        expect(not client.notifications(name), "a message that nobody wanted")
        client.call("test_tool_with_logging", level="info")
        expect([frame["level"] for frame in client.notifications(name)] == ["info"] * 3, str(client.notifications(name)))
        client.initialize()
        client.error(PARAMS, "logging/setLevel", {"level": "loud"})
        client.result("logging/setLevel", {"level": "error"})
        client.result("tools/call", {"name": "test_logging_tool"})
        expect(len(client.notifications(name)) == 3, "below the level")
        client.result("logging/setLevel", {"level": "debug"})
        client.result("tools/call", {"name": "test_logging_tool"})
        expect(len(client.notifications(name)) == 4, "no message")


# MARK: questions

YES: Frame = {"approval": {"action": "accept", "content": {"approve": True}}}


@case("53, 55: what a person has to approve is done once he has, and not otherwise")
def approval(world: World) -> None:
    with serve(world) as client:
        def asked() -> str:
            result = client.call("approve", {"thing": "x"}, capabilities=ABLE)
            expect(result["resultType"] == "input_required" and "content" not in result, str(result))
            question = result["inputRequests"]["approval"]
            expect(question["method"] == "elicitation/create" and question["params"]["mode"] == "form", str(question))
            return str(result["requestState"])

        def answered(answers: Frame, state: str) -> Frame:
            return client.call("approve", {"thing": "x"}, capabilities=ABLE, more={"inputResponses": answers, "requestState": state})

        expect(answered(YES, asked())["content"][0]["text"] == "did x", "not done")
        for answer in ({"action": "accept", "content": {"approve": False}}, {"action": "accept"}, {"action": "decline"}, {"action": "cancel"},
                       {"action": "ACCEPT", "content": {"approve": True}}, {"action": "accept", "content": {"approve": "true"}}, 7, None):
            expect(answered({"approval": answer}, asked()).get("isError") is True, f"done after {answer}")
        # Nothing but a state makes an answer out of it: without one, or of another key, the question is asked again.
        again = client.call("approve", {"thing": "x"}, capabilities=ABLE, more={"inputResponses": YES})
        expect(again["resultType"] == "input_required", str(again))
        other = answered({"other": YES["approval"]}, asked())
        expect(other["resultType"] == "input_required", str(other))
        for capabilities in ({}, {"elicitation": {"url": {}}}, {"elicitation": None}):
            refused = client.call("approve", {"thing": "x"}, capabilities=capabilities)
            expect(refused["isError"] is True and "terminal" in refused["content"][0]["text"], str(refused))
        expect(client.call("approve", {"thing": "x"}, capabilities={"elicitation": {}})["resultType"] == "input_required", "forms by default")
        for capabilities, need in (({}, "sampling"), ({"elicitation": {}}, "sampling")):
            error = client.error(NO_CAPABILITY, "tools/call", modern({"name": "test_missing_capability"}, capabilities=capabilities))
            expect(error["data"] == {"requiredCapabilities": {need: {}}}, str(error))


@case("54: a state that was changed, used, or is of another call is refused")
def states(world: World) -> None:
    with serve(world) as client:
        def asked(thing: str = "x") -> str:
            return str(client.call("approve", {"thing": thing}, capabilities=ABLE)["requestState"])

        def refused(state: Any, thing: str = "x", tool: str = "approve", method: str = "tools/call") -> None:
            params = {"name": tool, "arguments": {"thing": thing}, "inputResponses": YES, "requestState": state}
            client.error(PARAMS, method, modern(params, capabilities=ABLE))

        state = asked()
        refused(state + "-TAMPERED")
        refused(state[:-1])
        refused(state.upper() + " ")
        refused("")
        refused(7)
        more = {"inputResponses": YES, "requestState": state}
        expect(client.call("approve", {"thing": "x"}, capabilities=ABLE, more=more)["content"][0]["text"] == "did x", "its own call")
        refused(state)
        refused(asked(), thing="y")
        refused(asked(), tool="echo")
        spent = asked()
        refused(spent, thing="y")
        refused(spent)
        refused(asked(), tool="test_simple_prompt", method="prompts/get")
        for broken in (7, [], None, "x"):
            client.error(PARAMS, "tools/call", modern({"name": "approve", "arguments": {"thing": "x"}, "inputResponses": broken}, capabilities=ABLE))


@case("53: several questions, at once and one after the other, in both eras")
def rounds(world: World) -> None:
    answers = {
        "elicitation/create": {"action": "accept", "content": {"name": "A", "color": "blue", "ok": True, "response": "r"}},
        "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}},
        "roots/list": {"roots": [{"uri": "file:///tmp"}]},
    }
    wanted = {
        "test_input_required_result_elicitation": "Hello, A!", "test_input_required_result_sampling": "Paris",
        "test_input_required_result_list_roots": "file:///tmp", "test_input_required_result_request_state": "state-ok",
        "test_input_required_result_multiple_inputs": "All three", "test_input_required_result_multi_round": "A likes blue",
        "test_input_required_result_tampered_state": "integrity-ok", "test_input_required_result_capabilities": "Answered",
        "test_sampling": "LLM response: Paris", "test_elicitation": "action=accept", "test_elicitation_sep1034_defaults": "action=accept",
        "test_elicitation_sep1330_enums": "action=accept", "test_streaming_elicitation": "action=accept",
    }
    with serve(world) as client:
        def params(tool: str) -> Frame:
            arguments = {"test_sampling": {"prompt": "p"}, "test_elicitation": {"message": "m"}}
            return {"name": tool, "arguments": arguments.get(tool, {})}

        for tool, text in wanted.items():
            result = client.result("tools/call", modern(params(tool), capabilities=ABLE))
            for _ in range(3):
                if result["resultType"] != "input_required":
                    break
                responses = {key: answers[question["method"]] for key, question in result["inputRequests"].items()}
                more = {"inputResponses": responses, "requestState": result["requestState"]}
                result = client.result("tools/call", modern({**params(tool), **more}, capabilities=ABLE))
            expect(text in result["content"][0]["text"], f"{tool}: {result}")
        expect(not client.requests(), "a request of the server's own in the new era")
        prompt = {"name": "test_input_required_result_prompt"}
        asked = client.result("prompts/get", modern(prompt, capabilities=ABLE))
        more = {"inputResponses": {"user_context": {"action": "accept", "content": {"context": "c"}}}, "requestState": asked["requestState"]}
        got = client.result("prompts/get", modern({**prompt, **more}, capabilities=ABLE))
        expect(got["messages"][0]["content"]["text"] == "Context: c", str(got))
        # Only what this client can answer is asked of it.
        only = client.call("test_input_required_result_capabilities", capabilities={"sampling": {}})
        expect({q["method"] for q in only["inputRequests"].values()} == {"sampling/createMessage"}, str(only))
        # Before 2026-07-28 the server sends requests of its own.
        client.on_request = lambda frame: {"result": answers[frame["method"]]}
        client.initialize("2025-06-18", ABLE)
        for tool, text in wanted.items():
            expect(text in client.result("tools/call", params(tool))["content"][0]["text"], f"{tool} before")
        forms = [frame["params"] for frame in client.requests() if frame["method"] == "elicitation/create"]
        expect(forms and all("mode" not in form for form in forms), "a mode before 2025-11-25")


@case("56: an elicitation that is not answered, answered with an error, or not declared is no consent")
def unanswered(world: World) -> None:
    with serve(world, "--patience", "300") as client:
        client.initialize("2025-11-25", {"elicitation": {}})
        began = time.monotonic()
        result = client.result("tools/call", {"name": "approve", "arguments": {"thing": "x"}})
        took = time.monotonic() - began
        expect(result["isError"] is True and 0.25 < took < 5, f"{took:.2f} s: {result}")
        question = client.requests()[0]
        expect(question["params"]["mode"] == "form" and question["params"]["message"] == "Do x?", str(question))
        expect(client.notifications("notifications/cancelled")[0]["requestId"] == question["id"], "the question was not withdrawn")
        # Too late, and to what nobody asked.
        client.send({"jsonrpc": "2.0", "id": question["id"], "result": YES["approval"]})
        client.send({"jsonrpc": "2.0", "id": "server-99", "result": YES["approval"]})
        client.alive()
        client.on_request = lambda frame: {"error": {"code": -1, "message": "no"}}
        expect(client.result("tools/call", {"name": "approve", "arguments": {"thing": "x"}})["isError"] is True, "an error is no consent")
        client.on_request = lambda frame: {"result": {"action": "accept", "content": {"approve": True}}}
        expect(client.result("tools/call", {"name": "approve", "arguments": {"thing": "x"}})["content"][0]["text"] == "did x", "not done")
        # One that is cancelled meanwhile is answered no more.
        client.on_request = None
        request = client.begin("tools/call", {"name": "approve", "arguments": {"thing": "x"}})
        client.until("the question", lambda: len(client.requests()) == 4)
        client.cancel(request)
        client.until("its withdrawal", lambda: len(client.notifications("notifications/cancelled")) == 2)
        client.alive()
        expect(not client.answers(request), "answered")
    with serve(world) as client:
        client.initialize("2025-11-25")
        client.error(INVALID, "tools/call", {"name": "test_elicitation", "arguments": {"message": "m"}})
        expect(not client.requests(), "asked all the same")


@case("how fast a call is", alone=True)
def speed(world: World) -> str:
    with serve(world) as client:
        times = []
        for _ in range(1000):
            began = time.perf_counter()
            client.call("echo", {"text": "hello"})
            times.append(time.perf_counter() - began)
        times.sort()
        expect(times[500] < 0.01, f"{times[500] * 1000:.2f} ms")
        return f"p50 {times[500] * 1000:.3f} ms, p99 {times[990] * 1000:.3f} ms"


if __name__ == "__main__":
    suite.main()
