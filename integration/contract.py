#!/usr/bin/python3
"""The outward contract: the record, the exit codes, the logs, and what a second process can do while the first runs."""

from __future__ import annotations

import hashlib
import json
import random
import re
import signal
import subprocess
import time
from typing import Any

from harness import Running, Suite, World, expect, wait_until

suite = Suite("contract", __doc__ or "")

PYTHON = "/usr/bin/python3"
MEBIBYTE = 1 << 20
#: The default caps of a stream (docs/policies.md): head, then tail.
HEAD, TAIL = 1 * MEBIBYTE, 9 * MEBIBYTE
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def code(world: World, expected: int, *command: str, options: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """Runs a caged command, checks the exit code, and returns its record."""
    result = world.run(*command, options=options, **more)
    expect(result.code == expected, f"exit {expected} expected: {result}")
    return world.record()


def reason(record: dict[str, Any]) -> str:
    return str(record.get("reason", {}).get("code"))


def running(world: World, *command: str, options: tuple[str, ...] = ()) -> tuple[Running, str]:
    """Starts a caged command that touches `ready`, and waits for that; returns its task id too."""
    run = world.begin("/bin/sh", "-c", 'touch ready; exec "$@"', "sh", *command, options=options)

    def up() -> bool:
        expect(run.popen.poll() is None, "the run ended before its command was up")
        return (world.workspace / "ready").exists()

    wait_until("command up", 30, up)
    return run, str(world.tasks()[0]["taskId"])


# MARK: exit codes


@suite.case("exit code of the command, streams passed through byte by byte")
def exit_code(world: World) -> None:
    result = world.run("/bin/sh", "-c", r"printf 'out\000\377'; printf 'err\000\376' >&2; exit 3")
    expect(result.code == 3, str(result))
    expect(result.stdout == b"out\x00\xff", f"stdout {result.stdout!r}")
    expect(b"err\x00\xfe" in result.stderr, f"stderr {result.stderr!r}")
    record = world.record()
    expect(record["state"] == "failed" and reason(record) == "exit.nonzero", f"{record['state']} {reason(record)}")
    expect(record["exit"] == {"code": 3}, f"exit {record['exit']}")


@suite.case("a signal the command died of by itself is 128 + N")
def exit_signal(world: World) -> None:
    record = code(world, 128 + signal.SIGUSR1, "/bin/sh", "-c", "kill -USR1 $$")
    expect(record["exit"] == {"signal": "SIGUSR1"}, f"exit {record['exit']}")
    expect(record["state"] == "failed" and reason(record) == "exit.signal", f"{record['state']} {reason(record)}")


@suite.case("exit code 137 of the command's own is not a kill")
def exit_137(world: World) -> None:
    record = code(world, 137, "/bin/sh", "-c", "exit 137")
    expect(record["exit"] == {"code": 137} and reason(record) == "exit.nonzero", f"{record['exit']} {reason(record)}")


@suite.case("wall timeout is 124, although TERM is ignored")
def wall_timeout(world: World) -> str:
    record = code(world, 124, "/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done", options=("--timeout", "1s"))
    expect(record["state"] == "timedOut" and reason(record) == "timeout.wall", f"{record['state']} {reason(record)}")
    expect(1000 <= record["wallMs"] < 30_000, f"wallMs {record['wallMs']}")
    expect(record["limits"]["wallSeconds"] == 1, f"limits {record['limits']}")
    return f"{record['wallMs']} ms"


@suite.case("idle timeout is 124; output keeps a task from being idle")
def idle_timeout(world: World) -> None:
    script = "for i in 1 2 3 4 5; do echo $i; sleep 0.4; done; exec sleep 60"
    record = code(world, 124, "/bin/sh", "-c", script, options=("--idle-timeout", "1s"))
    expect(record["state"] == "timedOut" and reason(record) == "timeout.idle", f"{record['state']} {reason(record)}")
    expect(record["wallMs"] >= 2500, f"ended after {record['wallMs']} ms although it was writing for 1600")


@suite.case("not found is 127, not executable is 126")
def not_found(world: World) -> None:
    result = world.run("/nowhere/at/all")
    expect(result.code == 127 and b"spawn.notFound" in result.stderr, str(result))
    result = world.run("no-such-command-in-path")
    expect(result.code == 127 and b"spawn.notFound" in result.stderr, str(result))
    world.write(world.workspace / "plain", "#!/bin/sh\n", mode=0o644)
    result = world.run("./plain")
    expect(result.code == 126 and b"spawn.notExecutable" in result.stderr, str(result))


@suite.case("a memory limit is 137, and the record says how it was enforced", alone=True)
def memory_limit(world: World) -> str:
    script = "import time\nblock = bytearray(400 << 20)\nfor i in range(0, len(block), 4096): block[i] = 1\ntime.sleep(60)"
    record = code(world, 137, PYTHON, "-c", script, options=("--memory", "128M"))
    expect(record["state"] == "failed" and reason(record) == "limit.memory", f"{record['state']} {reason(record)}")
    expect(record["limits"]["memoryBytes"] == 128 * MEBIBYTE, f"limits {record['limits']}")
    how = record["limits"].get("memoryEnforcement")
    expect(how in ("cgroup", "watchdog"), f"limits.memoryEnforcement: {how!r}")
    return str(how)


@suite.case("below its memory limit a task is left alone", alone=True)
def memory_allowed(world: World) -> None:
    script = "import time\nblock = bytearray(60 << 20)\nfor i in range(0, len(block), 4096): block[i] = 1\ntime.sleep(2)"
    code(world, 0, PYTHON, "-c", script, options=("--memory", "256M"))


@suite.case("a process limit holds inside and harms nobody outside", alone=True)
def process_limit(world: World) -> None:
    script = """
import os, sys
made = 0
try:
    while made < 2000:
        if os.fork() == 0:
            import time; time.sleep(60); os._exit(0)
        made += 1
except OSError:
    pass
print(made)
"""
    result = world.run(PYTHON, "-c", script, options=("--processes", "310"))
    expect(result.code == 0, str(result))
    made = int(result.stdout)
    expect(0 < made <= 310, f"{made} processes under a limit of 310")
    expect(world.record()["limits"]["processes"] == 310, "limits.processes")


@suite.case("SIGINT gives 130, SIGTERM and SIGHUP give 143")
def signals(world: World) -> None:
    for number, expected in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)):
        (world.workspace / "ready").unlink(missing_ok=True)
        run, task = running(world, "sleep", "300")
        run.popen.send_signal(number)
        result = run.wait(40)
        expect(result.code == expected, f"{number.name}: {result}")
        record = world.record(task)
        expect(record["state"] == "cancelled", f"{number.name}: {record['state']}")
        expect(not world.marked(), f"{number.name}: something is left")


@suite.case("a second SIGINT kills at once")
def second_interrupt(world: World) -> None:
    run, _ = running(world, "/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 1; done")
    run.popen.send_signal(signal.SIGINT)
    time.sleep(0.5)
    expect(run.popen.poll() is None, "ended although TERM is ignored and the grace is not over")
    pressed = time.monotonic()
    run.popen.send_signal(signal.SIGINT)
    result = run.wait(40)
    expect(result.code == 130, str(result))
    expect(time.monotonic() - pressed < 2.5, f"{time.monotonic() - pressed:.1f} s after the second one")


# MARK: the record


@suite.case("every field of the record")
def record_fields(world: World) -> None:
    options = ("--name", "Näme 🐑", "--label", "one", "--label", "two", "--priority", "P1", "--timeout", "90s")
    record = code(world, 0, "/bin/sh", "-c", "echo hallo; echo oh >&2", options=options)
    expect(re.fullmatch(r"task_[a-z2-7]{26}", record["taskId"]), f"taskId {record['taskId']}")
    wanted: dict[str, Any] = {
        "name": "Näme 🐑", "labels": ["one", "two"], "state": "succeeded", "agent": "command", "priority": "P1",
        "command": ["/bin/sh", "-c", "echo hallo; echo oh >&2"], "workspace": str(world.workspace.resolve()),
        "attempt": 1, "attempts": 1, "exit": {"code": 0},
        "output": {"stdoutBytes": 6, "stderrBytes": 3, "stdoutDropped": 0, "stderrDropped": 0},
    }
    for key, value in wanted.items():
        expect(record.get(key) == value, f"{key}: {record.get(key)!r}, expected {value!r}")
    for key in ("createdAt", "startedAt", "endedAt"):
        expect(TIME.fullmatch(record[key]), f"{key}: {record[key]!r}")
    expect(record["createdAt"] <= record["startedAt"] <= record["endedAt"], "times are not in order")
    expect(isinstance(record["wallMs"], int) and 0 <= record["wallMs"] < 60_000, f"wallMs {record['wallMs']!r}")
    for key in ("prompt", "usage", "sessionId", "result", "retryOf", "resumes"):
        expect(key not in record, f"{key} is unknown and has to be absent")
    expect("reason" not in record, f"a plain success needs no reason: {record.get('reason')}")
    policy = record["policy"]
    expect(policy["name"] == "strict" and re.fullmatch(r"sha256:[0-9a-f]{64}", policy["digest"]), f"policy {policy}")
    expect(policy["containment"] == "kernel" and policy["degraded"] == [], f"policy {policy}")
    expect("userNamespace" in policy["layers"], f"layers {policy['layers']}")
    limits = record["limits"]
    expect(limits["wallSeconds"] == 90, f"limits {limits}")
    for key in ("idleSeconds", "processes", "memoryBytes", "outputBytes"):
        expect(isinstance(limits[key], int) and limits[key] > 0, f"limits.{key}: {limits.get(key)!r}")
    for key in ("cpuMs", "maxRssBytes", "maxProcesses"):
        expect(isinstance(record["resources"][key], int), f"resources.{key}: {record['resources']}")


@suite.case("the receipt tells what was in force before exec")
def receipt(world: World) -> None:
    record = code(world, 0, "/bin/true")
    facts = record["receipt"]
    expect(facts["noNewPrivs"] in (True, 1), f"noNewPrivs {facts['noNewPrivs']!r}")
    expect(facts["seccomp"] in (2, "filter"), f"seccomp {facts['seccomp']!r}")
    expect(int(str(facts["capEff"]), 16) == 0, f"capEff {facts['capEff']!r}")
    for key in ("namespaces", "uidMap", "pidMax", "rlimits"):
        expect(facts.get(key), f"receipt.{key} is missing: {facts}")
    uid = int(str(facts["uidMap"]).split()[1]) if isinstance(facts["uidMap"], str) else None
    expect(uid != 0, f"the worker is host uid 0: {facts['uidMap']!r}")


@suite.case("--json is exactly one object, and the command's output is only in the log")
def json_object(world: World) -> None:
    result = world.run("/bin/sh", "-c", "echo noise; echo more >&2; exit 5", options=("--json",))
    expect(result.code == 5, str(result))
    record = json.loads(result.stdout)
    expect(isinstance(record, dict) and record["exit"] == {"code": 5}, f"{record}")
    expect(b"noise" not in result.stdout.replace(b"echo noise", b""), "the command's output is on stdout")
    expect(world.claudine("logs", record["taskId"], "--stream", "stdout", "--raw").stdout == b"noise\n", "log")
    expect(world.record(record["taskId"]) == record, "status --json differs from run --json")


@suite.case("with --json a refusal is the record, and what never became a task is an error object")
def json_error(world: World) -> None:
    missing = world.base / "missing"
    result = world.claudine("run", "--policy", "strict", "-C", missing, "--json", "--", "/bin/true")
    record = json.loads(result.stdout)
    expect(result.code == 125 and record["state"] == "refused", str(result))
    expect(reason(record) == "refused.workspace" and str(missing) in record["reason"]["message"], f"{record['reason']}")
    expect("startedAt" not in record and "exit" not in record, "it never started")
    result = world.claudine("run", "--json", "--timeout", "5", "--", "/bin/true")
    error = json.loads(result.stdout)["error"]
    expect(result.code == 64 and error["code"] == "usage" and "5" in error["message"], str(result))


@suite.case("no such task is 4, usage is 64, and both say so in one line")
def other_codes(world: World) -> None:
    world.run("/bin/true")
    for command in (["status"], ["logs"], ["wait"], ["cancel"]):
        result = world.claudine(*command, "task_" + "a" * 26)
        expect(result.code == 4, f"{command}: {result}")
        expect(re.match(r"claudine: error: \[[a-zA-Z.]+\] \S", result.errors), f"{command}: {result.errors!r}")
    result = world.claudine("run", "--no-such-option", "--", "/bin/true")
    expect(result.code == 64, str(result))
    result = world.claudine("nonsense")
    expect(result.code == 64, str(result))
    task = str(world.record()["taskId"])
    expect(world.claudine("cancel", task).code == 5, "cancelling an ended task is not possible in that state")
    expect(world.claudine("status", task[:12], "--json").json()["taskId"] == task, "a unique prefix names the task")


# MARK: a second process


@suite.case("list, status, logs, events, wait and cancel while another process runs it")
def second_process(world: World) -> None:
    run, task = running(world, "/bin/sh", "-c", "echo early; exec sleep 300", options=("--label", "here"))
    record = world.record(task)
    expect(record["state"] == "running", f"state {record['state']}")
    expect("endedAt" not in record and "exit" not in record, "a running task has not ended")
    listed = world.claudine("list", "--json", "--state", "running", "--label", "here").json()["tasks"]
    expect([entry["taskId"] for entry in listed] == [task], f"list: {listed}")
    expect(world.claudine("list", "--json", "--label", "elsewhere").json() == {"tasks": []}, "list by another label")
    wait_until("early output", 5, lambda: world.claudine("logs", task, "--stream", "stdout", "--raw").stdout == b"early\n")
    follower = world.start("logs", task, "-f", "--stream", "stdout", "--raw")
    waiter = world.start("wait", task)
    time.sleep(0.3)
    expect(follower.popen.poll() is None and waiter.popen.poll() is None, "follower or waiter ended too early")
    expect(world.claudine("cancel", task).code == 0, "cancel")
    expect(run.wait(40).code == 143, "run after cancel")
    expect(waiter.wait(20).code == 143, "wait after cancel")
    expect(follower.wait(20).stdout == b"early\n", "follower's output")
    events = world.events(task)
    sequence = [event["seq"] for event in events]
    expect(sequence == sorted(set(sequence)), f"seq does not strictly increase: {sequence}")
    kinds = [event["kind"] for event in events]
    for kind in ("task.created", "attempt.claimed", "attempt.armed", "attempt.started", "attempt.ended", "task.ended"):
        expect(kinds.count(kind) == 1, f"{kind}: {kinds.count(kind)} times in {kinds}")
    order = [kinds.index(kind) for kind in ("task.created", "attempt.claimed", "attempt.armed", "attempt.started", "task.ended")]
    expect(order == sorted(order), f"order: {kinds}")


@suite.case("events -f --since misses nothing and repeats nothing")
def events_since(world: World) -> None:
    world.run("/bin/true")
    first = world.events()
    follower = world.start("events", "-f", "--since", str(first[-1]["seq"]))
    world.run("/bin/false")
    total = world.events()
    new = [event["seq"] for event in total if event["seq"] > first[-1]["seq"]]
    expect(new, "the second task wrote no events")
    time.sleep(1.5)
    follower.popen.terminate()
    seen = [json.loads(line)["seq"] for line in follower.wait(10).stdout.splitlines()]
    expect(seen == new, f"followed {seen}, written {new}")


@suite.case("200 timeouts racing 200 exits: one end each", alone=True)
def racing(world: World) -> str:
    rounds, states = 200, set()
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    for start in range(0, rounds, 4):
        runs = [world.begin("/bin/sleep", f"{chance.uniform(0.25, 0.31):.4f}", options=("--timeout", "300ms")) for _ in range(start, start + 4)]
        for run in runs:
            run.wait()
    records = json.loads(world.claudine("list", "--json", "--limit", "1000").stdout)["tasks"]
    expect(len(records) == rounds, f"{len(records)} records of {rounds} runs")
    for record in records:
        states.add(record["state"])
        expect(record["state"] in ("succeeded", "timedOut"), f"{record['state']} {record.get('reason')}")
        code = record.get("exit", {}).get("code")
        expect(record["state"] != "succeeded" or code == 0, f"succeeded with {record.get('exit')}")
    ends = [event["taskId"] for event in world.events() if event["kind"] == "task.ended"]
    expect(len(ends) == len(set(ends)) == rounds, f"{len(ends)} ends of {len(set(ends))} tasks, {rounds} run")
    expect(states == {"succeeded", "timedOut"}, f"seed {seed}: no race, all ended as {states}")
    return f"seed {seed}"


# MARK: output


#: All the ways bytes are not text: NUL, every byte, invalid UTF-8, four-byte emoji, carriage returns, no newline at the end.
NASTY = bytes(range(256)) + b"\x00\xff\xfe\xc3\x28" + "🐑🧑‍🚀é\r\n\x1b]52;c;aGk=\x07".encode() + b"\xf0\x9f\x90"


@suite.case("--raw is byte-identical: NUL, invalid UTF-8, emoji")
def raw_identity(world: World) -> None:
    data = NASTY * 1500
    world.write(world.workspace / "data", data)
    result = world.run("/bin/sh", "-c", "cat data; cat data data >&2")
    expect(result.code == 0, f"exit {result.code}")
    expect(result.stdout == data, "the foreground's stdout differs")
    task = str(world.record()["taskId"])
    for stream, expected in (("stdout", data), ("stderr", data * 2)):
        raw = world.claudine("logs", task, "--stream", stream, "--raw")
        expect(raw.stdout == expected, f"{stream}: {digest(raw.stdout)} instead of {digest(expected)}")
    text = world.claudine("logs", task, "--stream", "stdout")
    text.stdout.decode("utf-8")
    expect("\ufffd" in text.text and "🐑" in text.text, "invalid bytes shown as U+FFFD, valid ones kept")


def digest(data: bytes) -> str:
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}"


@suite.case("beyond the cap: exact head, exact tail, exact count of what was dropped", alone=True)
def capped(world: World) -> str:
    extra = 3 * MEBIBYTE + 17
    total = HEAD + TAIL + extra
    # Every 16-byte line names its own offset, so any cut or shift shows.
    script = f"import sys; n={total}\nfor o in range(0, n, 16): sys.stdout.buffer.write((b'%015d\\n' % o)[:n - o])"
    result = world.run(PYTHON, "-c", script, stdout=subprocess.DEVNULL)
    expect(result.code == 0, str(result))
    full = b"".join(b"%015d\n" % offset for offset in range(0, total, 16))[:total]
    record = world.record()
    output = record["output"]
    expect(output["stdoutBytes"] == total, f"stdoutBytes {output['stdoutBytes']}, written {total}")
    expect(output["stdoutDropped"] == extra, f"stdoutDropped {output['stdoutDropped']}, expected {extra}")
    raw = world.claudine("logs", record["taskId"], "--stream", "stdout", "--raw")
    expected = full[:HEAD] + full[total - TAIL :]
    expect(raw.stdout == expected, f"{digest(raw.stdout)} instead of {digest(expected)}")
    expect(str(extra).encode() in raw.stderr.replace(b",", b""), f"the gap is not announced: {raw.stderr!r}")
    return f"{extra} bytes dropped"


@suite.case("exactly at the cap nothing is dropped", alone=True)
def at_the_cap(world: World) -> None:
    result = world.run("/usr/bin/head", "-c", str(HEAD + TAIL), "/dev/zero", stdout=subprocess.DEVNULL)
    expect(result.code == 0, str(result))
    record = world.record()
    expect(record["output"]["stdoutDropped"] == 0, f"{record['output']}")
    raw = world.claudine("logs", record["taskId"], "--stream", "stdout", "--raw")
    expect(raw.stdout == bytes(HEAD + TAIL) and not raw.stderr, digest(raw.stdout))


@suite.case("an emoji across head's end and tail's start is never half shown")
def emoji_cut(world: World) -> None:
    sheep = "🐑".encode()
    for shift in range(4):
        data = b"x" * shift + sheep * ((HEAD + TAIL) // 4 + 1000)
        world.write(world.workspace / "data", data)
        world.run("/bin/cat", "data", stdout=subprocess.DEVNULL)
        task = str(world.tasks()[0]["taskId"])
        text = world.claudine("logs", task, "--stream", "stdout").stdout.decode("utf-8")
        expect("🐑" in text and "\ufffd" not in text, f"shift {shift}: a character was cut")


@suite.case("the order of stdout and stderr is kept")
def interleaved(world: World) -> None:
    script = "for i in 1 2 3; do echo o$i; sleep 0.2; echo e$i >&2; sleep 0.2; done"
    world.run("/bin/sh", "-c", script)
    text = world.claudine("logs", str(world.record()["taskId"])).text
    found = re.findall(r"[oe]\d", text)
    expect(found == ["o1", "e1", "o2", "e2", "o3", "e3"], f"{found}")


@suite.case("logs --tail and --since-offset")
def log_ranges(world: World) -> None:
    world.run("/bin/sh", "-c", "seq 1 1000")
    task = str(world.record()["taskId"])
    expect(world.claudine("logs", task, "--stream", "stdout", "--tail", "2").stdout == b"999\n1000\n", "--tail 2")
    whole = world.claudine("logs", task, "--stream", "stdout", "--raw").stdout
    rest = world.claudine("logs", task, "--stream", "stdout", "--raw", "--since-offset", "3000").stdout
    expect(rest == whole[3000:], "--since-offset 3000")


@suite.case("terminal control sequences are made harmless on a terminal")
def harmless(world: World) -> None:
    world.run("/bin/sh", "-c", r"printf '\033]52;c;aGk=\007plain\n'")
    task = str(world.record()["taskId"])
    shown = world.launch(["/usr/bin/script", "-qec", f"{world.binaries.claudine} logs {task}", "/dev/null"]).wait(30)
    expect(b"plain" in shown.stdout, str(shown))
    expect(b"\x1b]52" not in shown.stdout, f"the escape reached the terminal: {shown.stdout!r}")


@suite.case("a flood does not delay a kill", alone=True)
def flood_kill(world: World) -> str:
    result = world.run("/bin/sh", "-c", "trap '' TERM; while :; do cat /dev/zero; done", options=("--timeout", "1s"), stdout=subprocess.DEVNULL)
    expect(result.code == 124, str(result))
    expect(result.seconds < 20, f"{result.seconds:.1f} s")
    return f"{result.seconds:.1f} s, {world.record()['output']['stdoutBytes'] >> 20} MiB seen"


# MARK: what goes in


@suite.case("a slow reader gets every byte, however little is kept")
def slow_reader(world: World) -> str:
    policy = world.write(
        world.base / "small.toml",
        'schema = 1\nname = "small"\ndescription = "keeps little"\nextends = "strict"\n[limits.output]\nhead = "64K"\ntail = "64K"\n',
    )
    total = 1_500_000
    run = world.begin("/bin/sh", "-c", f"head -c {total} /dev/zero", policy=str(policy), stdout=subprocess.PIPE)
    assert run.popen.stdout
    seen = 0
    while piece := run.popen.stdout.read(50_000):
        seen += len(piece)
        time.sleep(0.005)
    run.popen.wait(60)
    expect(seen == total, f"{seen} of {total} bytes arrived")
    output = world.record()["output"]
    expect(output["stdoutBytes"] == total and output["stdoutDropped"] == total - (128 << 10), f"{output}")
    return f"{seen} bytes through a ring of 64 KiB"


@suite.case("a reader that goes away ends the task, and one that hangs cannot hold it")
def readers(world: World) -> None:
    gone = world.begin("/usr/bin/yes", stdout=subprocess.PIPE)
    assert gone.popen.stdout
    gone.popen.stdout.read(10)
    gone.popen.stdout.close()
    gone.popen.stdout = None
    gone.wait(20)
    expect(world.record()["reason"]["code"] == "cancelled.client", f"{world.record()}")
    hanging = world.begin("/usr/bin/yes", stdout=subprocess.PIPE)
    task = wait_until("the flood", 20, lambda: [task["taskId"] for task in world.tasks() if task["state"] == "running"])[0]
    time.sleep(0.5)
    hanging.popen.send_signal(signal.SIGINT)
    wait_until("its end in the record", 15, lambda: world.record(task)["state"] == "cancelled")
    hanging.popen.send_signal(signal.SIGINT)
    expect(hanging.popen.wait(10) == 130, f"exit {hanging.popen.returncode}")


@suite.case("output that cannot be written is an error, not a success")
def unwritable(world: World) -> None:
    with open("/dev/full", "wb") as full:
        result = world.begin("/bin/echo", "hi", stdout=full).wait(30)
    expect(result.code == 125 and b"output.unwritable" in result.stderr, str(result))


@suite.case("stderr comes through while stdout floods")
def starved(world: World) -> str:
    script = "cat /dev/zero & for i in 1 2 3 4; do echo line $i >&2; sleep 0.4; done"
    run = world.begin("/bin/sh", "-c", script, stdout=subprocess.DEVNULL)
    assert run.popen.stderr
    seen = []
    for line in run.popen.stderr:
        if line.startswith(b"line"):
            seen.append(time.monotonic())
    run.popen.wait(30)
    expect(len(seen) == 4, f"{len(seen)} lines")
    expect(seen[3] - seen[0] > 0.8, f"all lines came within {seen[3] - seen[0]:.2f} s, at the end")
    return f"four lines over {seen[3] - seen[0]:.1f} s"


@suite.case("a command of many words starts at once")
def many_words(world: World) -> None:
    words = [str(number) for number in range(60_000)]
    result = world.run("/bin/echo", *words, timeout=30)
    expect(result.code == 0 and result.stdout.split() == [word.encode() for word in words], f"exit {result.code}, {len(result.stdout)} bytes")


@suite.case("many may open a state directory that does not exist yet")
def first_opens(world: World) -> None:
    for number in range(25):
        state = world.base / f"fresh-{number}"
        racers = [world.launch([world.binaries.claudine, "list"], env={"CLAUDINE_STATE_DIR": str(state)}) for _ in range(6)]
        for racer in racers:
            result = racer.wait(60)
            expect(result.code == 0, str(result))


@suite.case("--stdin FILE and --stdin - reach the command byte by byte")
def standard_input(world: World) -> None:
    file = world.write(world.base / "input", NASTY)
    result = world.run("/bin/cat", options=("--stdin", str(file)))
    expect(result.code == 0 and result.stdout == NASTY, "--stdin FILE")
    run = world.begin("/bin/cat", options=("--stdin", "-"), stdin=subprocess.PIPE)
    assert run.popen.stdin
    run.popen.stdin.write(NASTY * 1000)
    run.popen.stdin.close()
    run.popen.stdin = None
    result = run.wait()
    expect(result.code == 0 and result.stdout == NASTY * 1000, "--stdin -")
    result = world.run("/bin/cat")
    expect(result.code == 0 and result.stdout == b"", "without --stdin it is empty")


@suite.case("--env NAME=VALUE and --env NAME; nothing else of the caller's environment")
def environment(world: World) -> None:
    options = ("--env", "GIVEN=a=b c", "--env", "PASSED")
    result = world.run("/usr/bin/env", options=options, env={"PASSED": "yes", "LEAKED": "no", "LD_PRELOAD": "/x.so", "BASH_ENV": "/x"})
    expect(result.code == 0, str(result))
    values = dict(line.split("=", 1) for line in result.text.splitlines())
    expect(values.get("GIVEN") == "a=b c" and values.get("PASSED") == "yes", f"{values}")
    for name in ("LEAKED", "LD_PRELOAD", "BASH_ENV", "CLAUDINE_STATE_DIR"):
        expect(name not in values, f"{name} reached the command")
    expect(values.get("HOME") == "/home/agent" and values.get("USER") == "agent", f"{values}")


@suite.case("a workspace file can be read and written, and belongs to the caller")
def workspace(world: World) -> None:
    world.write(world.workspace / "in", "before")
    result = world.run("/bin/sh", "-c", "cat in; echo after > out; pwd")
    expect(result.stdout == b"before" + str(world.workspace.resolve()).encode() + b"\n", str(result))
    made = world.workspace / "out"
    expect(made.read_text() == "after\n", "content")
    expect(made.stat().st_uid == world.identity.uid, f"owner {made.stat().st_uid}")


@suite.case("twenty runs at a time on one store", alone=True)
def many(world: World) -> None:
    runs = [world.begin("/bin/sh", "-c", f"echo {number}; exit {number}") for number in range(20)]
    for number, run in enumerate(runs):
        result = run.wait(120)
        expect(result.code == number and result.stdout == b"%d\n" % number, f"{number}: {result}")
    expect(len(world.tasks()) == 20, "twenty records")


if __name__ == "__main__":
    suite.main()
