#!/usr/bin/python3
"""`claudine mcp`: what a client can have done through it, what it cannot, and that nothing depends on its process.

The numbers are those of the acceptance checks for the protocol; what only the protocol module has to do is tried in mcp_protocol.py.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Failure, Suite, World, expect, processes, wait_until
from harness.detached import configure, rows
from harness.mcp import ABLE, LEGACY, NO_CAPABILITY, PARAMS, SUBSCRIPTION_KEY, TASKS, Client, modern

suite = Suite("delegation", __doc__ or "")

ONCE = IDENTITIES[-1:]
TOOLS = ["DelegateTask", "TaskStatus", "WaitTask", "TaskLogs", "TaskResult", "CancelTask", "RetryTask", "ResumeTask", "PolicyInfo"]
UNKNOWN = "task_" + "a" * 26
FOLLOWS = {"extensions": {TASKS: {}}}
#: An agent that does what its prompt says: prompts are programs of the shell.
AGENT = '[agents.script]\nargv = ["/bin/sh", "-c", "{prompt}"]\n'

Frame = dict[str, Any]


def door(world: World, *options: str, roots: list[Path] | None = None, running: int = 8, policy: str = "strict", **more: Any) -> Client:
    """`claudine mcp` with the agent `script` as the default one."""
    if not (world.config / "config.toml").exists():
        configure(world, running=running)
        path = world.config / "config.toml"
        world.write(path, path.read_text() + AGENT)
    places = [word for root in roots or [world.workspace] for word in ("--root", str(root))]
    return Client(world, [world.binaries.claudine, "mcp", "--max-policy", policy, *places, *options], **more)


def delegate(client: Client, prompt: str, **arguments: Any) -> str:
    """The id of a new task."""
    result = client.call("DelegateTask", {"prompt": prompt, "agent": "script", **arguments})
    expect(not result.get("isError"), f"{result}")
    return str(result["structuredContent"]["taskId"])


def refused(client: Client, tool: str, arguments: Frame, *words: str, **more: Any) -> str:
    """A call that has to fail, with a sentence that has these words; that sentence."""
    result = client.call(tool, arguments, **more)
    expect(result.get("isError") is True, f"{tool} {str(arguments)[:200]}: {str(result)[:500]}")
    text = str(result["content"][0]["text"])
    for word in words:
        expect(word in text, f"{tool}: {word!r} is not in {text!r}")
    expect(not re.search(r"Sources/|\.swift|SQLite|/claudine\.db", text), text)
    return text


def ended(client: Client, *tasks: str, seconds: float = 60) -> list[Frame]:
    """Waits for the tasks as a client without tasks of its own does."""
    deadline = time.monotonic() + seconds
    while True:
        answer = client.call("WaitTask", {"taskIds": list(tasks), "timeoutSeconds": 20}, seconds=60)["structuredContent"]
        if not answer["timedOut"]:
            return list(answer["tasks"])
        expect(time.monotonic() < deadline, f"{answer}")


def result(client: Client, task: str, **arguments: Any) -> Frame:
    return dict(client.call("TaskResult", {"taskId": task, **arguments})["structuredContent"])


def valid(value: Any, schema: Frame, where: str = "") -> None:
    """As much of JSON Schema as the tools use."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if "type" in schema:
        kind = kinds[schema["type"]]
        expect(isinstance(value, kind) and not (schema["type"] in ("integer", "number") and isinstance(value, bool)), f"{where}: {value!r} is no {schema['type']}")  # type: ignore[arg-type]
    if "enum" in schema:
        expect(value in schema["enum"], f"{where}: {value!r} is not in {schema['enum']}")
    for name in schema.get("required", []):
        expect(name in value, f"{where}: {name} is missing in {value}")
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            valid(value[name], inner, f"{where}.{name}")
    if schema.get("additionalProperties") is False:
        expect(set(value) <= set(schema["properties"]), f"{where}: {set(value)}")
    if "items" in schema and isinstance(value, list):
        for index, element in enumerate(value):
            valid(element, schema["items"], f"{where}[{index}]")


# MARK: what there is


@suite.case("1, 15, 16: discovery, and a small catalogue that every client takes", identities=ONCE)
def catalogue(world: World) -> str:
    lists = []
    for _ in range(2):
        with door(world) as client:
            found = client.result("server/discover", modern())
            expect("2026-07-28" in found["supportedVersions"] and TASKS in found["capabilities"]["extensions"], f"{found}")
            expect("tasks" not in found["capabilities"] and "completions" not in found["capabilities"], f"{found}")
            expect(0 < len(found["instructions"].encode()) <= 1800, f"instructions: {len(found['instructions'].encode())} bytes")
            lists.append(client.result("tools/list", modern())["tools"])
            delegate(client, "true")
            expect(client.result("tools/list", modern())["tools"] == lists[-1], "the list depends on what was done")
    expect(lists[0] == lists[1], "two processes, two lists")
    size = len(json.dumps(lists[0], separators=(",", ":")).encode())
    expect(size <= 16384, f"{size} bytes")
    expect([tool["name"] for tool in lists[0]] == TOOLS, f"{[tool['name'] for tool in lists[0]]}")
    for tool in lists[0]:
        expect(40 <= len(tool["description"]) <= 1000, f"{tool['name']}: {len(tool['description'])} characters")
        expect(set(tool["annotations"]) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}, f"{tool['annotations']}")
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            expect(schema["type"] == "object" and not {"oneOf", "anyOf", "allOf", "not", "if", "$ref"} & set(schema), f"{tool['name']}: {schema}")
        for name, parameter in tool["inputSchema"]["properties"].items():
            expect(parameter.get("description"), f"{tool['name']}.{name} is not described")
    return f"{size} bytes"


@suite.case("5, 9: the older versions see the same tools, and both eras live on one connection", identities=ONCE)
def eras(world: World) -> None:
    for version in LEGACY:
        with door(world) as client:
            expect(client.initialize(version)["protocolVersion"] == version, version)
            tools = client.result("tools/list", {})
            expect([tool["name"] for tool in tools["tools"]] == TOOLS and "resultType" not in tools, f"{version}: {tools}")
            answer = client.result("tools/call", {"name": "TaskStatus", "arguments": {}})
            expect(json.loads(answer["content"][0]["text"]) == {"tasks": []}, f"{answer}")
            expect(client.result("tools/list", modern())["resultType"] == "complete", "the newer era")


@suite.case("12, 17: what every tool says fits its schema, and is the same as text")
def schemas(world: World) -> None:
    with door(world) as client:
        tools = {tool["name"]: tool for tool in client.result("tools/list", modern())["tools"]}
        task = delegate(client, "echo out; echo err >&2; exit 3", name="one", labels=["a"])
        ended(client, task)
        for name, arguments in (
            ("DelegateTask", {"prompt": "true", "agent": "script"}), ("DelegateTask", {"prompt": "exit 1", "agent": "script", "dryRun": True}),
            ("TaskStatus", {"taskId": task}), ("TaskStatus", {"limit": 1}), ("TaskStatus", {"state": ["failed"], "label": "a"}),
            ("WaitTask", {"taskIds": [task]}), ("TaskLogs", {"taskId": task}), ("TaskResult", {"taskId": task}),
            ("CancelTask", {"taskId": task}), ("RetryTask", {"taskId": task}), ("PolicyInfo", {}), ("PolicyInfo", {"policy": "strict"}),
        ):
            answer = client.call(name, arguments)
            expect(not answer.get("isError") or name == "TaskResult", f"{name}: {answer}")
            expect(json.loads(answer["content"][0]["text"]) == answer["structuredContent"], f"{name}: the text is another")
            valid(answer["structuredContent"], tools[name]["outputSchema"], name)
        record = world.record(task)
        expect((record["client"], record["state"], record["name"]) == ("mcp", "failed", "one"), f"{record}")
        told = result(client, task)
        expect((told["state"], told["reason"]["code"], told["exit"]) == ("failed", "exit.nonzero", {"code": 3}), f"{told}")
        expect(told["text"] == "out" and told["isError"] is True, f"{told}")


# MARK: bad input


@suite.case("18, 20, 21: a wrong argument is named with its bound, and has no effect", identities=ONCE)
def arguments(world: World) -> None:
    with door(world) as client:
        for arguments, words in (
            ({}, ["prompt"]), ({"prompt": 1}, ["prompt", "string"]), ({"prompt": ""}, ["prompt"]),
            ({"prompt": "x" * 400_001}, ["prompt", "400000"]), ({"prompt": "x", "timeoutSeconds": 0}, ["timeoutSeconds", "86400"]),
            ({"prompt": "x", "timeoutSeconds": 1.5}, ["timeoutSeconds", "integer"]), ({"prompt": "x", "timeoutSeconds": True}, ["timeoutSeconds"]),
            ({"prompt": "x", "maxBudgetUsd": -1}, ["maxBudgetUsd"]), ({"prompt": "x", "priority": "P3"}, ["priority", "P0, P1, P2"]),
            ({"prompt": "x", "labels": "a"}, ["labels", "array"]), ({"prompt": "x", "labels": [1]}, ["labels"]),
            ({"prompt": "x", "timeotSeconds": 5}, ["timeotSeconds", "timeoutSeconds"]), ({"prompt": "a\0b"}, ["NUL"]),
            ({"prompt": "x", "agent": "nobody"}, ["nobody"]), ({"prompt": "x", "policy": "nothing"}, ["nothing"]),
            ({"prompt": "x", "policy": "/tmp/evil.toml"}, ["policy", "name"]), ({"prompt": "x", "workspace": "relative"}, ["workspace", "absolute"]),
            ({"prompt": "x", "workspace": "/nowhere"}, ["/nowhere"]), ({"prompt": "x", "idempotencyKey": "short"}, ["idempotencyKey", "8"]),
            ({"prompt": "x", "dependsOn": [UNKNOWN]}, ["no such task"]), ({"prompt": "x", "dependsOn": ["1"]}, ["no such task"]),
            ({"prompt": "x", "continueFrom": UNKNOWN}, ["no such task"]), ({"prompt": "x", "mode": "later"}, ["mode", "auto, detach"]),
        ):
            refused(client, "DelegateTask", {"agent": "script", **arguments}, *words)
        for tool in ("TaskLogs", "TaskResult", "CancelTask", "RetryTask"):
            texts = {refused(client, tool, {"taskId": task}, "no such task") for task in (UNKNOWN, "x", "../../etc/passwd", "task_%")}
            expect(len(texts) == 1, f"{tool} tells them apart: {texts}")
        refused(client, "WaitTask", {"taskIds": []}, "taskIds")
        refused(client, "WaitTask", {"taskIds": [UNKNOWN], "timeoutSeconds": 51}, "timeoutSeconds", "50")
        refused(client, "TaskStatus", {"state": ["done"]}, "done")
        refused(client, "TaskStatus", {"cursor": "x"}, "cursor")
        expect(not client.call("TaskStatus", {"limit": 5.0}).get("isError"), "5.0 is an integer")
        refused(client, "TaskStatus", {"limit": 1e300}, "limit", "integer")
        refused(client, "TaskLogs", {"taskId": delegate(client, "true"), "cursor": "9.9"}, "cursor")
        client.error(PARAMS, "tools/call", modern({"name": "Nothing"}))
        client.error(PARAMS, "tools/call", modern({"name": "TaskStatus", "arguments": [1]}))
        client.error(PARAMS, "tools/list", modern({"cursor": "x"}))
    expect(len(world.tasks()) == 1, f"{len(world.tasks())} tasks")


@suite.case("what users of the predecessor would write is understood", identities=ONCE)
def predecessor(world: World) -> None:
    with door(world) as client:
        task = delegate(client, "pwd", workingDirectory=str(world.workspace))
        expect(ended(client, task)[0]["state"] == "succeeded", "workingDirectory")
        logs = client.call("TaskLogs", {"taskId": task, "tail": 5})["structuredContent"]
        expect(logs["lines"][0]["text"] == str(world.workspace), f"{logs}")
        refused(client, "DelegateTask", {"prompt": "x", "agent": "script", "timeout": 5000}, "timeoutSeconds")


# MARK: nothing depends on the process


@suite.case("28, 29, 51: waiting holds nobody up, can be cancelled, and shows that it is alive", alone=True)
def waiting(world: World) -> str:
    with door(world) as client:
        task = delegate(client, "sleep 60")
        client.call("TaskStatus", {})
        wait = client.begin("tools/call", modern({"name": "WaitTask", "arguments": {"taskIds": [task], "timeoutSeconds": 20}}, token=0))
        times = []
        for _ in range(64):
            began = time.monotonic()
            client.call("TaskStatus", {"taskId": task})
            times.append(time.monotonic() - began)
        expect(sorted(times)[32] < 0.1, f"median {sorted(times)[32] * 1000:.0f} ms")
        client.until("progress", lambda: len(client.notifications("notifications/progress")) >= 2, 15)
        steps = [note["progress"] for note in client.notifications("notifications/progress")]
        expect(steps == sorted(set(steps)) and all(note["progressToken"] == 0 for note in client.notifications("notifications/progress")), f"{steps}")
        client.cancel(wait)
        time.sleep(1)
        expect(not client.answers(wait), "the cancelled call was answered")
        expect(world.record(task)["state"] in ("running", "starting", "queued"), "the task was cancelled with the call")
        client.call("CancelTask", {"taskId": task})
        expect(ended(client, task)[0]["state"] == "cancelled", "CancelTask")
        expect(world.record(task)["reason"]["code"] == "cancelled.client", f"{world.record(task)['reason']}")
    return f"median of a status beside it {sorted(times)[32] * 1000:.1f} ms"


@suite.case("31, 32: tasks go on when the process ends, however it does, and a new one knows them")
def process_ends(world: World) -> str:
    client = door(world)
    tasks = [delegate(client, f"sleep 2; echo {number}") for number in range(3)]
    client.begin("tools/call", modern({"name": "WaitTask", "arguments": {"taskIds": tasks}}))
    time.sleep(0.3)
    took = client.close()
    expect(took < 1, f"{took:.2f} s")
    for ending in (signal.SIGTERM, signal.SIGKILL):
        client = door(world)
        tasks.append(delegate(client, f"sleep 1; echo {ending}"))
        client.popen.send_signal(ending)
        client.popen.wait(10)
    with door(world) as client:
        states = [task["state"] for task in ended(client, *tasks)]
        expect(states == ["succeeded"] * 5, f"{states}")
        expect(client.result("tasks/get", modern({"taskId": tasks[0]}, capabilities=FOLLOWS))["status"] == "completed", "tasks/get")
    return f"gone {took * 1000:.0f} ms after the end of its input"


@suite.case("32: killed in the middle of delegating, a task is there once or not at all", identities=ONCE)
def killed_delegating(world: World) -> str:
    stored = 0
    for number in range(12):
        client = door(world)
        client.call("TaskStatus", {})
        client.begin("tools/call", modern({"name": "DelegateTask", "arguments": {"prompt": f"echo {number}", "agent": "script"}}))
        time.sleep(number * 0.01)
        client.popen.kill()
        client.popen.wait()
    with door(world) as client:
        page = client.call("TaskStatus", {"limit": 100})["structuredContent"]["tasks"]
        titles = [task["title"] for task in page]
        expect(len(titles) == len(set(titles)), f"{titles}")
        stored = len(titles)
        counted = rows(world, "SELECT count(*) FROM audit WHERE decision = 'accepted'")
        expect(counted == [(stored,)], f"{stored} tasks, {counted} rows")
        if page:
            ended(client, *[task["taskId"] for task in page][:16])
    return f"{stored} of 12 were stored"


@suite.case("69: two processes on one store, many calls at a time", identities=ONCE)
def two_processes(world: World) -> None:
    clients = [door(world), door(world)]
    faults: list[str] = []

    def work(client: Client, which: int) -> None:
        try:
            for number in range(12):
                task = delegate(client, f"echo {which}.{number}")
                for name, arguments in (("TaskStatus", {"taskId": task}), ("TaskStatus", {}), ("TaskResult", {"taskId": task}), ("TaskLogs", {"taskId": task})):
                    expect(not client.call(name, arguments).get("isError"), name)
        except Failure as failure:
            faults.append(str(failure))

    threads = [threading.Thread(target=work, args=(client, number)) for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not faults, faults[0] if faults else "")
    found = clients[0].call("TaskStatus", {"limit": 100})["structuredContent"]["tasks"]
    expect(len({task["title"] for task in found}) == len(found) == 24, f"{len(found)} tasks")
    for start in range(0, 24, 12):
        ended(clients[1], *[task["taskId"] for task in found[start:start + 12]], seconds=120)
    for client in clients:
        client.close()


# MARK: tasks of the protocol


@suite.case("34-38, 42: a delegation is a task to clients that follow tasks, and ends as what it came to")
def protocol_tasks(world: World) -> None:
    with door(world) as client:
        for script, state in (("echo well", False), ("exit 4", True)):
            made = client.result("tools/call", modern({"name": "DelegateTask", "arguments": {"prompt": script, "agent": "script"}, "task": {"ttl": 1}}, capabilities=FOLLOWS))
            expect(made["resultType"] == "task" and "task" not in made and "requestState" not in made and made["status"] == "working", f"{made}")
            expect(isinstance(made["pollIntervalMs"], int) and (made["ttlMs"] is None or isinstance(made["ttlMs"], int)), f"{made}")
            task = made["taskId"]
            expect(client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS))["status"] in ("working", "completed"), "tasks/get at once")
            wait_until("it ends", 40, lambda task=task: client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS))["status"] == "completed")
            done = client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS))
            expect(done["resultType"] == "complete" and bool(done["result"].get("isError")) is state, f"{done}")
            told = client.call("TaskResult", {"taskId": task})
            expect(done["result"]["structuredContent"] == told["structuredContent"], f"{done['result']} is not {told}")
        for more, envelope in (({}, {}), ({"mode": "detach"}, {"capabilities": FOLLOWS})):
            handle = client.call("DelegateTask", {"prompt": "true", "agent": "script", "name": f"h{len(more)}", **more}, **envelope)
            expect(handle["resultType"] == "complete" and handle["structuredContent"]["state"] == "queued", f"{handle}")


@suite.case("39-41: tasks/cancel ends everything the task has started; unknown and undeclared are refused")
def cancel_task(world: World) -> str:
    with door(world) as client:
        made = client.call("DelegateTask", {"prompt": "setsid sleep 300 & sleep 300", "agent": "script"}, capabilities=FOLLOWS)
        task = made["taskId"]
        wait_until("it runs", 40, lambda: world.record(task)["state"] == "running")
        began = time.monotonic()
        for _ in range(2):
            answer = client.result("tasks/cancel", modern({"taskId": task}, capabilities=FOLLOWS))
            expect(set(answer) <= {"resultType", "_meta"} and answer["resultType"] == "complete", f"{answer}")
        wait_until("it is cancelled", 20, lambda: client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS))["status"] == "cancelled")
        took = time.monotonic() - began
        client.result("tasks/cancel", modern({"taskId": task}, capabilities=FOLLOWS))
        expect(client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS))["status"] == "cancelled", "it changed")
        own = world.run("/bin/true")
        expect(own.code == 0, str(own))
        foreign = next(record["taskId"] for record in world.tasks() if "client" not in record)
        messages = set()
        for unknown in (UNKNOWN, foreign, "x", "task_../../etc"):
            for method in ("tasks/get", "tasks/cancel"):
                messages.add(client.error(PARAMS, method, modern({"taskId": unknown}, capabilities=FOLLOWS))["message"])
        expect(len(messages) == 1, f"{messages}")
        for method in ("tasks/get", "tasks/cancel", "tasks/update"):
            error = client.error(NO_CAPABILITY, method, modern({"taskId": task, "inputResponses": {}}))
            expect(TASKS in error["data"]["requiredCapabilities"]["extensions"], f"{error}")
    return f"cancelled in {took:.1f} s"


@suite.case("45, 46: subscribers are told of a task's end and of its log, and of nothing else")
def subscriptions(world: World) -> None:
    with door(world) as client:
        task = delegate(client, "for i in 1 2 3 4; do echo $i; sleep 1; done")
        other = delegate(client, "echo other")
        log = f"claudine://task/{task}/log"
        listen = client.begin("subscriptions/listen", modern(
            {"notifications": {"taskIds": [task, UNKNOWN], "resourceSubscriptions": [log, f"claudine://task/{UNKNOWN}/log"], "toolsListChanged": True}},
            capabilities=FOLLOWS))
        client.until("acknowledged", lambda: client.notifications("notifications/subscriptions/acknowledged"))
        granted = client.notifications("notifications/subscriptions/acknowledged")[0]
        expect(granted["notifications"] == {"taskIds": [task], "resourceSubscriptions": [log]}, f"{granted}")
        client.until("the end is told", lambda: [note for note in client.notifications("notifications/tasks") if note["status"] == "completed"], 60)
        updates = client.notifications("notifications/resources/updated")
        expect(updates and all(note["uri"] == log for note in updates) and len(updates) <= 12, f"{updates}")
        told = client.notifications("notifications/tasks")
        expect(all(note["taskId"] == task and note["_meta"][SUBSCRIPTION_KEY] == listen for note in told), f"{told}")
        expect(told[-1]["result"]["structuredContent"]["state"] == "succeeded", f"{told[-1]}")
        client.cancel(listen)
        ended(client, other)
        late = client.begin("subscriptions/listen", modern({"notifications": {"taskIds": [task]}}, capabilities=FOLLOWS))
        client.until("an end that was before", lambda: [note for note in client.notifications("notifications/tasks") if note["_meta"][SUBSCRIPTION_KEY] == late])
        many = {"notifications": {"taskIds": [task] * 257}}
        expect("256" in client.error(PARAMS, "subscriptions/listen", modern(many, capabilities=FOLLOWS))["message"], "more than anybody can follow")
    with door(world) as client:
        client.initialize("2025-06-18")
        answer = client.result("tools/call", {"name": "DelegateTask", "arguments": {"prompt": "for i in 1 2 3; do echo $i; sleep 1; done", "agent": "script"}})
        uri = answer["structuredContent"]["resources"]["log"]
        client.result("resources/subscribe", {"uri": uri})
        client.until("an update", lambda: client.notifications("notifications/resources/updated"), 40)
        client.result("resources/unsubscribe", {"uri": uri})


# MARK: what is read


@suite.case("47, 49, 50: pages of a log lose nothing, say nothing twice, and stay small")
def logs(world: World) -> str:
    with door(world) as client:
        script = "i=0; while [ $i -lt 3000 ]; do echo \"line $i ünï\"; i=$((i+1)); done"
        task = delegate(client, script)
        ended(client, task)
        whole = world.claudine("logs", task, "--raw", "--stream", "stdout").stdout.decode()
        cursor, text, pages = "start", "", 0
        while True:
            with door(world) as other:
                page = other.call("TaskLogs", {"taskId": task, "stream": "stdout", "cursor": cursor, "maxBytes": 16384})["structuredContent"]
            expect(sum(len(line["text"].encode()) + 1 for line in page["lines"]) <= 16384 + 8192, "a page is too long")
            text += "".join(line["text"] + "\n" for line in page["lines"])
            cursor, pages = page["nextCursor"], pages + 1
            if page["eof"]:
                break
        expect(text == whole, "the pages are not the log")
        uri, text = f"claudine://task/{task}/log?stream=stdout", ""
        contents = client.result("resources/read", modern({"uri": uri}))["contents"][0]["text"]
        expect(contents == whole, "the resource is not the log")
        tail = client.call("TaskLogs", {"taskId": task})["structuredContent"]["lines"]
        expect(len(tail) == 100 and tail[-1]["text"] == "line 2999 ünï", f"{tail[-1]}")
        found = client.call("TaskLogs", {"taskId": task, "cursor": "start", "pattern": "line 77 "})["structuredContent"]["lines"]
        expect([line["text"] for line in found] == ["line 77 ünï"], f"{found}")
        empty = delegate(client, "yes '' | head -n 1000000; i=0; while [ $i -lt 300 ]; do printf '%500s' $i; echo; i=$((i+1)); done; echo the end")
        ended(client, empty)
        for arguments in ({"cursor": "start"}, {"tailLines": 2000}, {"cursor": "start", "pattern": "nowhere"}):
            began = time.monotonic()
            answer = client.call("TaskLogs", {"taskId": empty, **arguments})
            expect(len(json.dumps(answer)) < 80 << 10 and time.monotonic() - began < 10, f"{arguments}: {len(json.dumps(answer))} bytes, {time.monotonic() - began:.1f} s")
        told = result(client, empty)
        expect(told["text"].endswith("the end") and told["textIsCut"] and len(told["text"]) <= 8192, f"{told['text'][-100:]!r}")
        expect(client.call("TaskLogs", {"taskId": empty})["structuredContent"]["lines"][-1]["text"] == "the end", "the tail has no end")
        one = delegate(client, "head -c 50000 /dev/zero | tr '\\0' x; printf 'ü at the end'")
        ended(client, one)
        expect(result(client, one)["text"].endswith("xü at the end") and "\ufffd" not in result(client, one)["text"], "one line")
        big = delegate(client, "head -c 30000000 /dev/zero | tr '\\0' x; yes line | head -n 200000")
        ended(client, big)
        answer = client.call("TaskLogs", {"taskId": big})
        expect(len(json.dumps(answer)) < 64 << 10, f"{len(json.dumps(answer))} bytes")
        return f"{pages} pages"


@suite.case("62, 63: control characters, direction marks and secrets do not reach a client")
def cleaned(world: World) -> None:
    secret = "sk-ant-" + "a1B2" * 8
    script = (
        "printf '\\033[31mred\\033[0m\\n\\342\\200\\256evil\\n'; echo token " + secret + "; echo own-secret-value-12345; "
        "echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}'; head -c 1000000 /dev/zero | tr '\\0' y; echo"
    )
    with door(world, env={"MY_API_KEY": "own-secret-value-12345"}) as client:
        task = delegate(client, script)
        ended(client, task)
        for text in (
            json.dumps(client.call("TaskLogs", {"taskId": task, "cursor": "start"}), ensure_ascii=False),
            json.dumps(client.call("TaskResult", {"taskId": task}), ensure_ascii=False),
            json.dumps(client.result("resources/read", modern({"uri": f"claudine://task/{task}/log"})), ensure_ascii=False),
            json.dumps(client.result("resources/read", modern({"uri": f"claudine://task/{task}/prompt"})), ensure_ascii=False),
            json.dumps(client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS)), ensure_ascii=False),
        ):
            expect(secret not in text and "own-secret-value" not in text, "a secret is told")
            expect("\\u001b" not in text and "\u202e" not in text, "a control character is told")
        told = client.call("TaskLogs", {"taskId": task, "cursor": "start"})["structuredContent"]["lines"]
        expect(any("[redacted:key]" in line["text"] for line in told) and any("[redacted:MY_API_KEY]" in line["text"] for line in told), f"{told[:5]}")
        expect(max(len(line["text"]) for line in told) <= 8192, "a line is too long")
        client.alive() if client.popen.poll() is None else None


@suite.case("48, 67: resources and prompts by their exact names only", identities=ONCE)
def names(world: World) -> None:
    world.write(world.workspace / "canary", "canary")
    with door(world) as client:
        task = delegate(client, "echo done")
        ended(client, task)
        for uri in (
            "claudine://task/../../etc/passwd/log", f"claudine://task/{task}/../{task}/log", f"claudine://task/{task}/log/../..",
            f"claudine://task/{task}%2f..%2flog", f"claudine://task/{UNKNOWN}", f"claudine://task/{task}/", f"claudine://task/{task}/nothing",
            f"claudine://task/{task}/log?cursor=../1", f"claudine://task/{task}/log/../../../../workspace/can%61ry", f"claudine://task/{task}?x=1", "file:///etc/passwd", "", "claudine://",
        ):
            error = client.error(PARAMS, "resources/read", modern({"uri": uri}))
            expect("canary" not in json.dumps(error) and "root:" not in json.dumps(error), f"{error}")
        expect("done" in client.result("resources/read", modern({"uri": f"claudine://task/{task}/log"}))["contents"][0]["text"], "the log")
        for name, arguments in (("delegate", {"goal": "g"}), ("review-task", {"taskId": task}), ("fix-failure", {"taskId": task}), ("split-work", {"goal": "g", "parts": "3"})):
            expect(client.result("prompts/get", modern({"name": name, "arguments": arguments}))["messages"], name)
            client.error(PARAMS, "prompts/get", modern({"name": name, "arguments": {}}))
            client.error(PARAMS, "prompts/get", modern({"name": name, "arguments": {**arguments, "x": "y"}}))
        client.error(PARAMS, "prompts/get", modern({"name": "nothing"}))


# MARK: what a client may have


@suite.case("57: nothing in a request is wider than the ceiling, in the cage that is built, either")
def ceiling(world: World) -> None:
    world.write(world.config / "policies" / "longer.toml", 'schema = 1\nname = "longer"\ndescription = "x"\nextends = "strict"\n[process]\nwall_time = "2h"\n')
    with door(world, env={"CLAUDINE_POLICY": "permissive"}) as client:
        refused(client, "DelegateTask", {"prompt": "x", "agent": "script", "policy": "permissive"}, "refused.ceiling", "permissive", "strict", "network.mode")
        refused(client, "DelegateTask", {"prompt": "x", "agent": "script", "policy": "longer"}, "refused.ceiling", "process.wall_time")
        refused(client, "DelegateTask", {"prompt": "x", "agent": "script", "timeoutSeconds": 86_400}, "refused.ceiling", "30m")
        task = delegate(client, "true", policy="longer", timeoutSeconds=60)
        ended(client, task)
        expect(world.record(task)["limits"]["wallSeconds"] == 60, f"{world.record(task)['limits']}")
        client.call("PolicyInfo", {})
        info = client.call("PolicyInfo", {})["structuredContent"]
        allowed = {policy["name"]: policy["allowed"] for policy in info["policies"]}
        expect(allowed["strict"] and not allowed["permissive"] and not allowed["longer"] and info["ceiling"] == "strict", f"{allowed}")
    # Between the request and the claim the policy's file says something else.
    with door(world, running=1) as client:
        first = delegate(client, "sleep 4", name="first")
        waiting_task = delegate(client, "echo ran > ran", policy="longer", timeoutSeconds=60, dependsOn=[first])
        world.write(world.config / "policies" / "longer.toml", 'schema = 1\nname = "longer"\ndescription = "x"\nextends = "permissive"\n')
        state = ended(client, waiting_task)[0]
        expect(state["state"] == "refused" and state["reason"]["code"] == "refused.ceiling", f"{state}")
        expect(not (world.workspace / "ran").exists(), "it ran")


@suite.case("58, 59: a workspace lies within the roots, when it is asked for and when it is used")
def roots(world: World) -> None:
    project, other = world.workspace / "project", world.base / "other"
    for place in (project, project / "inner", other):
        place.mkdir()
        world.own(place)
    (project / "link").symlink_to(other)
    world.own(project / "link")
    with door(world, roots=[project]) as client:
        client.on_request = lambda _: {"result": {"roots": [{"uri": "file:///"}]}}
        for place, word in (
            (world.workspace, "none of the directories"), (other, "none of the directories"), (project / "link", "none of the directories"),
            (project / ".." / "..", "refused.workspace"), (Path("/"), "whole file system"), (world.home, "home"), (world.state, "state"),
        ):
            refused(client, "DelegateTask", {"prompt": "x", "agent": "script", "workspace": str(place)}, word, capabilities=ABLE)
        refused(client, "DelegateTask", {"prompt": "x", "agent": "script", "workspace": "/" + "x" * 5000}, "workspace")
        first = delegate(client, "sleep 3; pwd", workspace=str(project))
        swapped = delegate(client, "echo ran > ran", workspace=str(project / "inner"), dependsOn=[first])
        (project / "inner").rmdir()
        (project / "inner").symlink_to(other)
        world.own(project / "inner")
        state = ended(client, swapped)[0]
        expect(state["state"] == "refused" and state["reason"]["code"] == "refused.workspace", f"{state}")
        expect(not (other / "ran").exists(), "it ran outside")
    # Another root sees nothing of it.
    with door(world, roots=[other]) as client:
        expect(client.call("TaskStatus", {})["structuredContent"]["tasks"] == [], "tasks of another root")
        refused(client, "TaskLogs", {"taskId": first}, "no such task")


@suite.case("tasks of the command line and of other clients are nobody's here", identities=ONCE)
def foreign(world: World) -> None:
    world.run("/bin/echo", "private")
    own = str(world.tasks()[0]["taskId"])
    with door(world, "--client", "one") as one:
        task = delegate(one, "echo one")
        ended(one, task)
        with door(world, "--client", "two") as two:
            for foreign_task in (own, task):
                for tool in ("TaskStatus", "TaskLogs", "TaskResult", "CancelTask", "RetryTask"):
                    refused(two, tool, {"taskId": foreign_task}, "no such task")
                two.error(PARAMS, "resources/read", modern({"uri": f"claudine://task/{foreign_task}/log"}))
            expect(two.call("TaskStatus", {})["structuredContent"]["tasks"] == [], "a list")


@suite.case("60: the same request is the same task, by its key or for half a minute")
def idempotency(world: World) -> None:
    with door(world) as client:
        first = client.call("DelegateTask", {"prompt": "true", "agent": "script"})["structuredContent"]
        again = client.call("DelegateTask", {"prompt": "true", "agent": "script"})["structuredContent"]
        expect(again["taskId"] == first["taskId"] and again["deduplicated"] and not first["deduplicated"], f"{again}")
        keyed = {"prompt": "echo 1", "agent": "script", "idempotencyKey": "a-key-of-mine"}
        tasks = {client.call("DelegateTask", keyed)["structuredContent"]["taskId"] for _ in range(3)}
        expect(len(tasks) == 1 and first["taskId"] not in tasks, f"{tasks}")
        refused(client, "DelegateTask", {**keyed, "prompt": "echo 2"}, "idempotency.conflict")
        with door(world, "--client", "two") as other:
            expect(other.call("DelegateTask", keyed)["structuredContent"]["taskId"] not in tasks, "a key of somebody else")
    # The operator has changed the grant in the meantime: the request is the same.
    with door(world, "--max-running", "3") as client:
        again = client.call("DelegateTask", keyed)
        expect(not again.get("isError") and again["structuredContent"]["taskId"] in tasks, f"{again}")
    # Other roots of the same client, in the same half minute: what is not seen is not told, either.
    other_root = world.base / "other"
    other_root.mkdir()
    world.own(other_root)
    with door(world, roots=[other_root]) as client:
        refused(client, "DelegateTask", {"prompt": "true", "agent": "script", "workspace": str(world.workspace)}, "none of the directories")


@suite.case("61: thirty in a minute, and who asks for more is told when", identities=ONCE)
def rate(world: World) -> None:
    with door(world) as client:
        for number in range(30):
            delegate(client, f"echo {number}", mode="detach")
        text = refused(client, "DelegateTask", {"prompt": "echo more", "agent": "script"}, "limit.rate", "30")
        expect(re.search(r"after \d+ s", text), text)
        decisions = rows(world, "SELECT decision, count(*) FROM audit GROUP BY decision ORDER BY decision")
        expect(decisions == [("accepted", 30), ("limited", 1)], f"{decisions}")
        for _ in range(300):
            client.call("DelegateTask", {"prompt": "echo more", "agent": "script"}, more={"_meta": {"claudecode/toolUseId": "x" * 100_000}})
        ((count, longest),) = rows(world, "SELECT count(*), max(length(tool_use)) FROM audit")
        expect(count == 300 and longest == 128, f"{count} rows, the longest name {longest}")
        ended_task = rows(world, "SELECT task_id FROM audit WHERE task_id IS NOT NULL")[0][0]
        ended(client, ended_task)
        for _ in range(3):
            client.call("CancelTask", {"taskId": ended_task})
        expect(rows(world, "SELECT count(*) FROM audit")[0][0] == 300, "what changed nothing is written down")


@suite.case("--max-running bounds what runs of a client at a time")
def running(world: World) -> str:
    most = 0
    with door(world, "--max-running", "2", running=8) as client:
        tasks = [delegate(client, f"echo {number}; sleep 1") for number in range(7)]
        while any(state not in ("succeeded", "failed") for (state,) in rows(world, "SELECT state FROM task")):
            now = rows(world, "SELECT count(*) FROM attempt WHERE ended_at IS NULL")[0][0]
            most = max(most, now)
            time.sleep(0.02)
        expect(len(ended(client, *tasks)) == 7 and most == 2, f"{most} at a time")
    return f"at most {most}"


@suite.case("53-56: what needs a person's consent gets it from a person only")
def consent(world: World) -> str:
    order = {"prompt": "echo agreed", "agent": "script"}
    with door(world, "--ask", "strict") as client:
        def asked(**more: Any) -> Frame:
            answer = client.call("DelegateTask", {**order, **more}, capabilities={"elicitation": {}})
            expect(answer["resultType"] == "input_required" and list(answer["inputRequests"]) == ["approval"], f"{answer}")
            expect("echo agreed" in answer["inputRequests"]["approval"]["params"]["message"], f"{answer}")
            return answer

        for reply in ({"action": "decline"}, {"action": "cancel"}, {"action": "accept", "content": {"approve": False}}, {"action": "accept"}, {}):
            more = {"inputResponses": {"approval": reply}, "requestState": asked()["requestState"]}
            refused(client, "DelegateTask", order, "approval.denied", more=more, capabilities={"elicitation": {}})
        yes = {"approval": {"action": "accept", "content": {"approve": True}}}
        state = asked()["requestState"]
        for arguments, key in (({**order, "prompt": "echo other"}, state), (order, state), (order, "x" * 32)):
            client.error(PARAMS, "tools/call", modern({"name": "DelegateTask", "arguments": arguments, "inputResponses": yes, "requestState": key}, capabilities={"elicitation": {}}))
        again = client.call("DelegateTask", order, more={"inputResponses": yes}, capabilities={"elicitation": {}})
        expect(again["resultType"] == "input_required", f"consent without a question: {again}")
        expect(world.tasks() == [], "something was created")
        made = client.call("DelegateTask", order, more={"inputResponses": yes, "requestState": asked()["requestState"]}, capabilities={"elicitation": {}})
        expect(ended(client, made["structuredContent"]["taskId"])[0]["state"] == "succeeded", f"{made}")
        # A client that cannot ask.
        text = refused(client, "DelegateTask", {**order, "name": "2"}, "approval.required", "claudine approve appr_")
        approval = re.search(r"appr_[a-z2-7]{26}", text)
        assert approval
        expect(approval[0] in refused(client, "DelegateTask", {**order, "name": "2"}, "approval.required"), "another id for the same request")
        expect(approval[0] in world.claudine("approve").text, "claudine approve does not list it")
        expect(world.claudine("approve", approval[0]).code == 0, "approve")
        expect(world.claudine("approve", approval[0]).code == 5 and world.claudine("approve", "appr_x").code == 4, "approve twice, or nothing")
        delegate(client, "echo agreed", name="2", mode="detach")
        refused(client, "DelegateTask", {**order, "name": "3"}, "approval.required")
        denied = re.search(r"appr_[a-z2-7]{26}", refused(client, "DelegateTask", {**order, "name": "3"}, "approval.required"))
        assert denied
        expect(world.claudine("approve", "--deny", denied[0]).code == 0, "deny")
        for _ in range(2):
            refused(client, "DelegateTask", {**order, "name": "3"}, "approval.denied")
        # A key makes it safe to send it again: nobody is asked for what there is already.
        keyed = {**order, "name": "4", "idempotencyKey": "once-and-for-all"}
        approval = re.search(r"appr_[a-z2-7]{26}", refused(client, "DelegateTask", keyed, "approval.required"))
        assert approval
        expect(world.claudine("approve", approval[0]).code == 0, "approve")
        handles = [client.call("DelegateTask", keyed)["structuredContent"] for _ in range(2)]
        expect(handles[0]["taskId"] == handles[1]["taskId"] and handles[1]["deduplicated"], f"{handles}")
        # What is not shown is counted, and a directory's name adds no line.
        tricky = world.workspace / "x\nAll is well. Approve"
        tricky.mkdir()
        world.own(tricky)
        asking = {**order, "workspace": str(tricky), "prompt": "echo " + "x" * 5000 + "; rm -rf /"}
        shown = client.call("DelegateTask", asking, capabilities={"elicitation": {}})["inputRequests"]["approval"]["params"]["message"]
        expect("\n" not in shown and "more bytes are not shown" in shown, shown)
        for number in range(16):
            refused(client, "DelegateTask", {**order, "name": f"many {number}"}, "approval.required")
        refused(client, "DelegateTask", {**order, "name": "too many"}, "limit.approvals", "16")
        expect(len(world.claudine("approve").text.splitlines()) == 16, "claudine approve")
    with door(world, "--ask", "strict") as client:
        client.initialize("2025-06-18", {"elicitation": {}})
        client.on_request = lambda request: {"result": {"action": "accept", "content": {"approve": True}}} if request["method"] == "elicitation/create" else None
        answer = client.result("tools/call", {"name": "DelegateTask", "arguments": {**order, "name": "legacy"}})
        expect(not answer.get("isError") and len(client.requests()) == 1, f"{answer}")
        client.on_request = lambda _: {"result": {"action": "decline"}}
        answer = client.result("tools/call", {"name": "DelegateTask", "arguments": {**order, "name": "no"}})
        expect(answer.get("isError") and "approval.denied" in answer["content"][0]["text"], f"{answer}")
    return f"{len(world.tasks())} tasks"


# MARK: again, and on


@suite.case("65: again and on, from an end only", identities=ONCE)
def again(world: World) -> None:
    with door(world) as client:
        running_task = delegate(client, "sleep 30")
        refused(client, "RetryTask", {"taskId": running_task}, "has not ended")
        refused(client, "ResumeTask", {"taskId": running_task, "prompt": "x"}, "session")
        client.call("CancelTask", {"taskId": running_task, "force": True})
        expect(ended(client, running_task)[0]["state"] == "cancelled", "cancel")
        expect(client.call("CancelTask", {"taskId": running_task})["structuredContent"]["result"] == "alreadyEnded", "cancel again")
        failed = delegate(client, "[ -e there ] && echo now")
        expect(ended(client, failed)[0]["state"] == "failed", "failed")
        world.write(world.workspace / "there", "")
        retry = client.call("RetryTask", {"taskId": failed})["structuredContent"]
        expect(retry["retryOf"] == failed and ended(client, retry["taskId"])[0]["state"] == "succeeded", f"{retry}")
        demo = client.call("DelegateTask", {"prompt": "begin", "agent": "demo"})["structuredContent"]["taskId"]
        ended(client, demo)
        expect(result(client, demo).get("sessionId"), f"{result(client, demo)}")
        on = client.call("ResumeTask", {"taskId": demo, "additionalContext": "go on"})["structuredContent"]
        expect(on["resumes"] == demo, f"{on}")
        ended(client, on["taskId"])
        expect(result(client, on["taskId"])["sessionId"] == result(client, demo)["sessionId"], "another session")


@suite.case("a session that somebody wider or else has gone on with is not gone on with", identities=ONCE)
def shared_home(world: World) -> None:
    def begun(client: Client, **arguments: Any) -> str:
        task = str(client.call("DelegateTask", {"prompt": "begin", "agent": "demo", **arguments})["structuredContent"]["taskId"])
        expect(ended(client, task)[0]["state"] == "succeeded", f"{result(client, task)}")
        return task

    with door(world, policy="permissive") as client:
        wide = begun(client, policy="permissive")
        narrowed = begun(client, policy="strict", continueFrom=wide)
        tight = begun(client, policy="strict")
    with door(world) as client:
        refused(client, "DelegateTask", {"prompt": "tell", "agent": "demo", "continueFrom": wide}, "refused.ceiling", "permissive", "strict")
        refused(client, "ResumeTask", {"taskId": narrowed, "prompt": "tell"}, "refused.ceiling", "permissive")
        once = client.call("ResumeTask", {"taskId": tight, "prompt": "on"})["structuredContent"]["taskId"]
        ended(client, once)
        person = world.claudine("resume", tight, "more", "--policy", "strict", timeout=60)
        expect(person.code == 0, str(person))
        refused(client, "ResumeTask", {"taskId": once, "prompt": "tell"}, "task.cannotResume", "Somebody else")


# MARK: when the ground is bad


@suite.case("68: it says what there is although nothing can be stored", identities=[one for one in IDENTITIES if one.uid])
def bad_ground(world: World) -> None:
    locked = world.base / "locked"
    locked.mkdir()
    world.own(locked)
    locked.chmod(0o500)
    configure(world)
    path = world.config / "config.toml"
    world.write(path, path.read_text() + AGENT)
    try:
        with door(world, env={"CLAUDINE_STATE_DIR": str(locked / "state")}) as client:
            expect(client.result("tools/list", modern())["tools"], "tools/list")
            text = refused(client, "DelegateTask", {"prompt": "x", "agent": "script"}, "store.")
            expect("errno" not in text, text)
    finally:
        locked.chmod(0o700)
    whole = path.read_text()
    with door(world) as client:
        task = delegate(client, "true")
        ended(client, task)
        world.write(path, "nonsense = [")
        refused(client, "DelegateTask", {"prompt": "x", "agent": "script"}, "config.toml:1")
        expect(client.result("tasks/get", modern({"taskId": task}, capabilities=FOLLOWS))["status"] == "completed", "how it stands")
        world.write(path, whole)
        expect(not client.call("DelegateTask", {"prompt": "echo again", "agent": "script"}).get("isError"), "mended")
    world.write(path, "nonsense = [")
    client = Client(world, [world.binaries.claudine, "mcp", "--root", world.workspace])
    client.close(code=None)
    expect(client.popen.returncode == 78 and b"config.toml" in client.stderr, f"{client.popen.returncode} {client.stderr!r}")


def listening(world: World, *options: str) -> str:
    """A server that does not speak on its standard streams; where it listens."""
    running = world.start("mcp", "--root", world.workspace, "--max-policy", "strict", *options)
    assert running.popen.stderr
    line = running.popen.stderr.readline().decode()
    expect(line.startswith("claudine: serving "), line)
    return line.removeprefix("claudine: serving ").split(";")[0].strip()


def post(url: str, token: str | None, method: str, **headers: str) -> tuple[int, Frame]:
    """One request of the newest era: the status, and the body."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": modern()}).encode()
    told = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method, **headers,
    }
    if token is not None:
        told["Authorization"] = f"Bearer {token}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, told), timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


@suite.case("73, 79: over HTTP on loopback, for who has the token of a file that nobody else can read")
def over_http(world: World) -> None:
    url = listening(world, "--http", "0")
    expect(url.startswith("http://127.0.0.1:"), url)
    file = world.state / "mcp-token"
    expect(file.stat().st_mode & 0o777 == 0o600, oct(file.stat().st_mode))
    token = file.read_text().strip()
    status, answer = post(url, token, "tools/list")
    expect(status == 200 and [tool["name"] for tool in answer["result"]["tools"]] == TOOLS, f"{status} {answer}")
    for wrong, headers, code in (
        (None, {}, 401), ("x" * 64, {}, 401), (token, {"Origin": "http://evil.example"}, 403), (token, {"Origin": "null"}, 403),
        (token, {"Host": "evil.example"}, 421),
    ):
        status, answer = post(url, wrong, "tools/list", **headers)
        expect(status == code or code == 421 and 400 <= status < 500, f"{headers}: {status} {answer}")
        expect(token not in json.dumps(answer), "the token is told")
    told = [word for pid in processes.pids() for word in processes.arguments(pid)]
    expect(told and not any(token.encode() in word for word in told), "the token is in somebody's arguments")
    file.chmod(0o640)
    done = world.claudine("mcp", "--http", "0", "--root", world.workspace, timeout=20)
    expect(done.code == 78 and "mcp-token" in done.errors, str(done))
    for address in ("0.0.0.0:0", "example.org:1", "nonsense"):
        done = world.claudine("mcp", "--http", address, timeout=20)
        expect(done.code == 64, f"{address}: {done}")


@suite.case("on a unix socket, for this user only")
def over_socket(world: World) -> None:
    path = Path(listening(world, "--socket", str(world.base / "run" / "mcp.sock")))
    expect(path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700, f"{oct(path.stat().st_mode)}")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(json.dumps({"jsonrpc": "2.0", "id": "a", "method": "server/discover", "params": modern()}).encode() + b"\n")
        answer = json.loads(peer.makefile().readline())
    expect(answer["id"] == "a" and "result" in answer, f"{answer}")


@suite.case("what is wrong on the command line is said before a client speaks", identities=ONCE)
def command_line(world: World) -> None:
    for options, code in ((("--max-policy", "nothing"), 78), (("--root", "/nowhere"), 64), (("--max-running", "0"), 64), (("--client", "a b"), 64), (("--ask", "x.toml"), 64)):
        done = world.claudine("mcp", *options, timeout=20)
        expect(done.code == code and done.errors.startswith("claudine: error: [") and done.stdout == b"", f"{options}: {done}")


if __name__ == "__main__":
    suite.main()
