#!/usr/bin/python3
"""The queue: who runs when, after what, how often and until when; and that what was asked for once is done once."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

from harness import NONCE, Process, Suite, World, expect, wait_until
from harness.detached import (
    SOON, UNTIL_GO, configure, daemon, detach, edit, ended, ended_once, kill, phase, rows, serve, shepherds, state_of, until,
)

suite = Suite("queued", __doc__ or "")


def go(world: World) -> None:
    """Lets the commands of UNTIL_GO end."""
    world.write(world.workspace / "go", "")


def occupy(world: World) -> str:
    """Fills a slot with a task of the daemon's until `go`."""
    task = detach(world, *UNTIL_GO)
    until(world, task, "running")
    return task


def say(word: str) -> tuple[str, ...]:
    """A command that adds a line to `order`."""
    return ("/bin/sh", "-c", f"echo {word} >> order")


def order(world: World) -> list[str]:
    path = world.workspace / "order"
    return path.read_text().split() if path.exists() else []


# MARK: run --detach


@suite.case("run --detach prints the id, or the record, once the task is durable and a daemon is up")
def detached(world: World) -> None:
    configure(world)
    result = world.run("/bin/sh", "-c", "exit 3", options=("--detach", "--name", "n"))
    task = result.text.strip()
    expect(result.code == 0 and result.stderr == b"", str(result))
    expect(rows(world, "SELECT count(*) FROM task WHERE id = ?", task) == [(1,)], f"not one task {task!r}")
    running = daemon(world)
    expect(running, "no daemon is up")
    expect(world.claudine("wait", task).code == 3, "wait exits as the task did")
    result = world.run("/bin/true", options=("--detach", "--json", "--label", "l"))
    record = result.json()
    expect(result.code == 0 and record["state"] in ("queued", "starting", "running"), str(result))
    expect(record["labels"] == ["l"] and record["attempts"] == 0, f"{record}")
    ended(world, record["taskId"], "succeeded")
    expect(daemon(world) == running, "each task got a daemon of its own")
    expect(world.claudine("status", task, "--json").json()["name"] == "n", "the name")


@suite.case("run --detach of what is refused or unknown exits non-zero, and nothing is queued")
def detached_refused(world: World) -> None:
    configure(world)
    true = ("--", "/bin/true")
    wrong: list[tuple[tuple[str, ...], int, str]] = [
        (("--policy", "nosuch", *true), 125, "refused.config"), (("--memory", "999G", *true), 125, "refused.ceiling"),
        (("-C", "/nowhere", *true), 125, "refused.workspace"), (("--after", "task_aaaa", *true), 4, "task.unknown"),
        (("--after-any", "zzzzzzzz", *true), 4, "task.unknown"), (("--retries", "101", *true), 64, "usage"),
        (("--retries", "-1", *true), 64, "usage"), (("--retry-on", "nothing", *true), 64, "usage"),
        (("--queue-timeout", "5", *true), 64, "usage"), (("--idempotency-key", "", *true), 64, "usage"),
        (("--priority", "P3", *true), 64, "usage"), (("--verbose", *true), 64, "usage"), (("--stream-json", "x"), 64, "usage"),
    ]
    for words, code, text in wrong:
        for json in ((), ("--json",)):
            if json and "--stream-json" in words:
                continue
            result = world.claudine("run", "-d", *json, *words)
            told = result.text if json else result.errors
            expect(result.code == code and text in told, f"{json} {words}: {result}")
    expect(not rows(world, "SELECT id FROM task WHERE state <> 'refused'"), "something was queued")
    expect(daemon(world) is None, "a daemon was started for nothing")


# MARK: order and slots


@suite.case("P0 before P1 before P2, and first come first served within a class, also after a kill -9 of the daemon")
def priorities(world: World) -> None:
    configure(world, running=1)
    # In the foreground, so that it keeps its slot whatever becomes of the daemon.
    blocker = world.begin(*UNTIL_GO)
    wait_until("the slot taken", SOON, lambda: rows(world, "SELECT 1 FROM task WHERE state = 'running'"))
    words = ["P2-1", "P2-2", "P1-1", "P0-1", "P2-3", "P1-2", "P0-2", "P1-3"]
    for word in words[:5]:
        detach(world, *say(word), options=("--priority", word[:2]))
    kill(daemon(world))
    for word in words[5:]:
        detach(world, *say(word), options=("--priority", word[:2]))
    kill(daemon(world))
    waiting = [task for (task,) in rows(world, "SELECT id FROM task WHERE state = 'queued'")]
    expect(len(waiting) == 8, f"{len(waiting)} wait")
    second = serve(world)
    go(world)
    expect(blocker.wait().code == 0, "the foreground run was touched")
    for task in waiting:
        ended(world, task, "succeeded")
    expect(order(world) == sorted(words), f"{order(world)}")
    ended_once(world)
    second.popen.terminate()
    expect(second.wait().code == 0, "the daemon")


@suite.case("no more than max_running at any moment, the daemon's and foreground runs together")
def slots(world: World) -> str:
    configure(world, running=2)
    serve(world)
    tasks = [detach(world, "/bin/sleep", "0.2") for _ in range(6)]
    runs = [world.begin("/bin/sleep", "0.2", options=("--quiet",)) for _ in range(4)]
    most, cages, samples = 0, 0, 0
    while rows(world, "SELECT 1 FROM task WHERE ended_at IS NULL LIMIT 1") or any(run.popen.poll() is None for run in runs):
        held = rows(world, "SELECT count(*) FROM attempt WHERE ended_at IS NULL")[0][0]
        # A cage may be gone before its row says so, never the other way round: both are counted at any moment.
        living = len(shepherds(world))
        most, cages, samples = max(most, held), max(cages, living), samples + 1
        expect(held <= 2 and living <= 2, f"{held} attempts, {living} cages")
    for task in tasks:
        expect(state_of(world, task) == "succeeded", state_of(world, task))
    for run in runs:
        expect(run.wait().code == 0, "a foreground run")
    expect(most == 2, f"never more than {most} at a time")
    ended_once(world)
    return f"{samples} samples, at most {most} attempts and {cages} cages"


@suite.case("a foreground run waits for a slot and says so; SIGINT while it waits is 130")
def waiting_run(world: World) -> None:
    configure(world, running=1)
    occupy(world)
    run = world.begin("/bin/sh", "-c", "echo ran; touch ran")
    wait_until("the run in the queue", SOON, lambda: len(rows(world, "SELECT id FROM task WHERE state = 'queued'")) == 1)
    time.sleep(0.3)
    expect(run.popen.poll() is None, "it did not wait")
    run.popen.send_signal(signal.SIGINT)
    result = run.wait(20)
    expect(result.code == 130 and b"waits for a slot" in result.stderr, str(result))
    record = world.tasks()[0]
    expect(record["state"] == "cancelled" and record["attempts"] == 0, f"{record['state']}, {record['attempts']} attempts")
    run = world.begin("/bin/sh", "-c", "echo ran")
    wait_until("the next in the queue", SOON, lambda: len(rows(world, "SELECT id FROM task WHERE state = 'queued'")) == 1)
    go(world)
    result = run.wait(30)
    expect(result.code == 0 and result.stdout == b"ran\n", str(result))
    expect(not (world.workspace / "ran").exists(), "the cancelled one ran")


@suite.case("a waiting foreground run stands in the same order as the daemon's tasks")
def same_order(world: World) -> None:
    configure(world, running=1)
    blocker = occupy(world)
    run = world.begin(*say("P2-foreground"))
    wait_until("the run in the queue", SOON, lambda: len(rows(world, "SELECT id FROM task WHERE state = 'queued'")) == 1)
    later = [detach(world, *say(word), options=("--priority", word[:2])) for word in ("P2-later", "P0-a", "P0-b", "P0-c")]
    go(world)
    ended(world, blocker, "succeeded")
    expect(run.wait().code == 0, "the foreground run")
    for task in later:
        ended(world, task, "succeeded")
    expect(order(world) == ["P0-a", "P0-b", "P0-c", "P2-foreground", "P2-later"], f"{order(world)}")


@suite.case("a foreground run does not wait for tasks of a daemon that is not there")
def no_daemon_no_wait(world: World) -> None:
    configure(world, running=1)
    occupy(world)
    detach(world, *say("P0"), options=("--priority", "P0"))
    kill(daemon(world))
    wait_until("the killed daemon's task ended", SOON, lambda: "lost" in [task["state"] for task in world.tasks()])
    result = world.run(*say("foreground"))
    expect(result.code == 0 and order(world) == ["foreground"], f"{order(world)} {result}")
    expect(world.claudine("cancel", "--all").code == 0, "cancel --all")


@suite.case("a foreground run that was stopped while it waits holds up nobody")
def stopped_run(world: World) -> None:
    configure(world, running=1)
    blocker = occupy(world)
    stopped = world.begin(*say("stopped"))
    wait_until("the run in the queue", SOON, lambda: len(rows(world, "SELECT id FROM task WHERE state = 'queued'")) == 1)
    stopped.popen.send_signal(signal.SIGSTOP)
    task = detach(world, *say("detached"))
    run = world.begin(*say("foreground"))
    wait_until("three in the queue", SOON, lambda: len(rows(world, "SELECT id FROM task WHERE state = 'queued'")) == 3)
    go(world)
    ended(world, blocker, "succeeded")
    ended(world, task, "succeeded", within=10)
    expect(run.wait(10).code == 0, "the other foreground run")
    stopped.popen.send_signal(signal.SIGCONT)
    expect(stopped.wait(10).code == 0, "the stopped one")
    expect(sorted(order(world)) == ["detached", "foreground", "stopped"] and order(world)[-1] == "stopped", f"{order(world)}")


@suite.case("the queue has a length")
def length(world: World) -> None:
    configure(world, running=1, queue="max_length = 3")
    occupy(world)
    waiting = [detach(world, *say(str(number))) for number in range(3)]
    world.write(world.workspace / "input", "x")
    for more in (("-d",), (), ("--stdin", "input"), ("--stdin", "input", "--retries", "1"), ("-d", "--stdin", "input")):
        result = world.claudine("run", *more, "--policy", "strict", "--", "/bin/true")
        expect(result.code in (75, 125) and b"queue.full" in result.stderr, str(result))
    count = rows(world, "SELECT count(*) FROM task")[0][0]
    expect(count == 4, f"{count} tasks are recorded")
    expect(os.listdir(world.state / "attempts").__len__() <= 4, "something of a refused one lies about")
    expect(world.claudine("cancel", waiting[1]).code == 0, "cancel of a queued one")
    detach(world, *say("3"))
    go(world)
    wait_until("all ended", SOON, lambda: not rows(world, "SELECT 1 FROM task WHERE ended_at IS NULL"))
    expect(order(world) == ["0", "2", "3"], f"{order(world)}")
    ended_once(world)


# MARK: dependencies


@suite.case("--after: a chain and a diamond run in their order")
def chain(world: World) -> None:
    configure(world)
    first = detach(world, "/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done; echo 1 >> order")
    second = detach(world, *say("2"), options=("--after", first))
    left = detach(world, *say("3"), options=("--after", second[:20]))
    right = detach(world, *say("3"), options=("--after", second))
    last = detach(world, *say("4"), options=("--after", left, "--after", right, "--priority", "P0"))
    record = world.record(last)
    expect(record["state"] == "blocked" and sorted(record["after"]) == sorted([left, right]), f"{record}")
    go(world)
    ended(world, last, "succeeded")
    expect(order(world) == ["1", "2", "3", "3", "4"], f"{order(world)}")
    ended_once(world)


@suite.case("a failure, a cancellation or a timeout cascades as cancelled.dependency; --after-any goes on")
def cascade(world: World) -> None:
    configure(world)
    bad = {
        "failed": detach(world, "/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done; exit 7"),
        "cancelled": detach(world, "/bin/sleep", "300"),
        "timedOut": detach(world, "/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done; exec sleep 300", options=("--timeout", "2s")),
    }
    rest = {}
    for state, task in bad.items():
        next = detach(world, *say("never"), options=("--after", task))
        then = detach(world, *say("never"), options=("--after", next))
        whatever = detach(world, *say(state), options=("--after-any", task))
        mixed = detach(world, *say(f"{state}-any"), options=("--after-any", then, "--after-any", whatever))
        rest[state] = (next, then, whatever, mixed)
    go(world)
    until(world, bad["cancelled"], "running")
    world.claudine("cancel", bad["cancelled"])
    for state, task in bad.items():
        until(world, task, state)
        next, then, whatever, mixed = rest[state]
        record = ended(world, next, "cancelled", "cancelled.dependency")
        expect(record["reason"]["detail"] == {"taskId": task, "state": state}, f"{record['reason']}")
        expect("startedAt" not in record and record["attempts"] == 0, f"{record}")
        ended(world, then, "cancelled", "cancelled.dependency")
        expect(world.claudine("wait", then).code == 143, "wait of a forsaken one")
        ended(world, whatever, "succeeded")
        ended(world, mixed, "succeeded")
    expect(sorted(order(world)) == sorted([*bad, *(f"{state}-any" for state in bad)]), f"{order(world)}")
    ended_once(world)


@suite.case("--after what has ended: well runs at once, badly ends at once; a missing one or too many store nothing")
def after_ended(world: World) -> None:
    configure(world)
    good = str(world.run("/bin/true", options=("--json",)).json()["taskId"])
    bad = str(world.run("/bin/false", options=("--json",)).json()["taskId"])
    result = world.run("/bin/true", options=("-d", "--json", "--after", bad))
    record = result.json()
    expect(result.code == 0 and record["state"] == "cancelled", str(result))
    expect(record["reason"]["code"] == "cancelled.dependency", f"{record['reason']}")
    ended(world, detach(world, "/bin/true", options=("--after", good, "--after-any", bad)), "succeeded")
    before = rows(world, "SELECT (SELECT count(*) FROM task), (SELECT max(seq) FROM event), (SELECT count(*) FROM dependency)")
    kept = sorted(os.listdir(world.state / "attempts"))
    result = world.run("/bin/true", options=("-d", "--after", good, "--after", "task_" + "a" * 26))
    expect(result.code == 4 and b"task.unknown" in result.stderr, str(result))
    result = world.run("/bin/true", options=("-d", "--after", good, "--after", good))
    expect(result.code in (64, 125) and b"dependency.invalid" in result.stderr, str(result))
    many = ["task_" + "a" * 24 + first + second for first in "abcdefghijk" for second in "abcdefghijk"][:101]
    for task in many:
        edit(
            world, "INSERT INTO task (id, spec_json, priority, state, created_at, ended_at) SELECT ?, spec_json, priority, state,"
            " created_at, ended_at FROM task WHERE id = ?", task, good)
    options = [word for task in many for word in ("--after", task)]
    result = world.run("/bin/true", options=("-d", *options))
    expect(result.code in (64, 125) and b"dependency.invalid" in result.stderr and b"100" in result.stderr, str(result))
    edit(world, "DELETE FROM task WHERE id LIKE 'task_aaaaaaaaaaaaaaaaaaaaaaaa%'")
    after = rows(world, "SELECT (SELECT count(*) FROM task), (SELECT max(seq) FROM event), (SELECT count(*) FROM dependency)")
    expect(after == before, f"stored although it was refused: {before} {after}")
    expect(sorted(os.listdir(world.state / "attempts")) == kept, "files of what was refused")


@suite.case("a foreground run --after waits for the other task, and is told when it will never run")
def foreground_after(world: World) -> None:
    configure(world)
    first = detach(world, "/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done; echo 1 >> order; exit 0")
    run = world.begin(*say("2"), options=("--after", first))
    never = world.begin("/bin/sh", "-c", "touch ran", options=("--after", detach(world, "/bin/sh", "-c", UNTIL_GO[2] + "; exit 1")))
    wait_until("both blocked", SOON, lambda: len(rows(world, "SELECT id FROM task WHERE state = 'blocked'")) == 2)
    go(world)
    result = run.wait(30)
    expect(result.code == 0 and b"waits for the tasks" in result.stderr, str(result))
    expect(order(world) == ["1", "2"], f"{order(world)}")
    result = never.wait(30)
    expect(result.code == 143 and b"cancelled.dependency" in result.stderr, str(result))
    expect(not (world.workspace / "ran").exists(), "it ran")


# MARK: deadlines


@suite.case("--queue-timeout ends what waits as timeout.queue, with a daemon and without; never what has started")
def queue_timeout(world: World) -> None:
    configure(world, running=1)
    first = detach(world, *UNTIL_GO, options=("--queue-timeout", "3s"))
    until(world, first, "running")
    task = detach(world, *say("never"), options=("--queue-timeout", "500ms"))
    blocked = detach(world, *say("never"), options=("--queue-timeout", "500ms", "--after", first))
    for waiting in (task, blocked):
        record = ended(world, waiting, "timedOut", "timeout.queue", within=10)
        expect(record["attempts"] == 0 and "startedAt" not in record, f"{record}")
        expect(world.claudine("wait", waiting).code == 124, "wait")
    run = world.begin(*say("never"), options=("--queue-timeout", "500ms"))
    result = run.wait(20)
    expect(result.code == 124 and b"timeout.queue" in result.stderr, str(result))
    late = detach(world, *say("never"), options=("--queue-timeout", "1s"))
    process = daemon(world)
    assert process
    process.signal(signal.SIGSTOP)
    time.sleep(1.1)
    expect(state_of(world, late) == "queued", "somebody noticed too early")
    expect(world.claudine("status", late, "-q").text == "timedOut\n", "a command that looks has to notice")
    process.signal(signal.SIGCONT)
    expect(state_of(world, first) == "running", "its deadline was for the queue")
    go(world)
    ended(world, first, "succeeded")
    expect(order(world) == [], f"{order(world)}")
    ended_once(world)


# MARK: once


@suite.case("the same request under one idempotency key is one task, also eight times at once; another one is refused")
def idempotency(world: World) -> None:
    configure(world)
    same = world.caged(*say("x"), options=("-d", "--idempotency-key", "key 1"))
    racers = [world.start(*same) for _ in range(8)]
    results = [racer.wait() for racer in racers]
    expect(all(result.code == 0 for result in results), f"{[str(result) for result in results]}")
    ids = {result.text.strip() for result in results}
    expect(len(ids) == 1, f"{ids}")
    task = ids.pop()
    ended(world, task, "succeeded")
    again = world.claudine(*same)
    expect(again.code == 0 and again.text.strip() == task, str(again))
    run = world.run(*say("x"), options=("--idempotency-key", "key 1"))
    expect(run.code == 0 and task.encode() in run.stderr, f"in the foreground: {run}")
    other = world.run(*say("y"), options=("-d", "--idempotency-key", "key 1"))
    expect(other.code not in (0, 4, 64) and b"idempotency.conflict" in other.stderr, str(other))
    expect(order(world) == ["x"], f"{order(world)}")
    expect(os.listdir(world.state / "attempts") == [task], f"{os.listdir(world.state / 'attempts')}")
    failing = detach(world, "/bin/sh", "-c", "exit 3", options=("--idempotency-key", "key 2"))
    ended(world, failing, "failed", "exit.nonzero")
    earlier = world.run("/bin/sh", "-c", "exit 3", options=("-d", "--idempotency-key", "key 2"))
    expect(earlier.code == 0 and earlier.text.strip() == failing, str(earlier))
    expect(b"will not run" not in earlier.stderr, f"it has run: {earlier}")
    expect(world.claudine("rm", failing).code == 0, "rm")
    new = detach(world, "/bin/sh", "-c", "exit 3", options=("--idempotency-key", "key 2"))
    expect(new != failing, "the key of a removed task is free")
    until(world, new)


@suite.case("an interrupt of a run that waits for an earlier task under its idempotency key leaves that task alone, and says so")
def attached(world: World) -> None:
    configure(world)
    request = ("--idempotency-key", "key")
    first = world.begin(*UNTIL_GO, options=request)
    wait_until("the first one", SOON, lambda: rows(world, "SELECT 1 FROM task WHERE state = 'running'"))
    task = str(rows(world, "SELECT id FROM task")[0][0])
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        second = world.begin(*UNTIL_GO, options=request)
        assert second.popen.stderr
        told = second.popen.stderr.readline().decode()
        expect(task in told and "idempotency key" in told, told)
        second.popen.send_signal(number)
        result = second.wait(10)
        expect(result.code == code and task in result.errors and "goes on" in result.errors, str(result))
    time.sleep(0.3)
    expect(state_of(world, task) == "running" and first.popen.poll() is None, "it was stopped")
    expect(not [event for event in world.events() if event["kind"] == "task.stopRequested"], "it was asked to stop")
    third = world.begin(*UNTIL_GO, options=request)
    assert third.popen.stderr
    third.popen.stderr.readline()
    go(world)
    expect(first.wait(20).code == 0 and third.wait(20).code == 0, "the end")
    expect(len(rows(world, "SELECT id FROM task")) == 1, "more than one task")
    ended_once(world)


# MARK: another try


#: Fails until it has been started so many times; each start is a line in `starts`.
def flaky(successful: int, code: int = 1) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f"echo x >> starts; [ $(wc -l < starts) -ge {successful} ] || exit {code}")


def starts(world: World) -> int:
    path = world.workspace / "starts"
    return len(path.read_text().split()) if path.exists() else 0


@suite.case("--retries 2: fails twice, then succeeds; the back-off is visible; in the foreground, too")
def retries(world: World) -> None:
    configure(world)
    task = detach(world, *flaky(3), options=("--retries", "2"))
    until(world, task, "queued")
    wait_until("the first back-off", SOON, lambda: world.record(task).get("notBefore"))
    record = world.record(task)
    expect(record["state"] == "queued" and record["attempts"] == 1 and record["retries"] == 2, f"{record}")
    record = ended(world, task, "succeeded")
    expect(record["attempts"] == 3 and record["attempt"] == 3 and starts(world) == 3, f"{record['attempts']}, {starts(world)}")
    expect("notBefore" not in record, "an ended task is not to be tried again")
    kinds = [event["kind"] for event in world.events(task)]
    expect(kinds.count("task.requeued") == 2 and kinds.count("task.ended") == 1, f"{kinds}")
    (world.workspace / "starts").unlink()
    run = world.run(*flaky(2, 5), options=("--retries", "1"))
    expect(run.code == 0 and starts(world) == 2, f"{starts(world)} {run}")
    (world.workspace / "starts").unlink()
    run = world.run(*flaky(9, 5), options=("--retries", "1"))
    expect(run.code == 5 and starts(world) == 2, f"{starts(world)} {run}")
    expect(world.claudine("logs", task, "--attempt", "2").code == 0, "the second attempt's log")


@suite.case("--retry-on chooses; success, cancellation, refusal and not found are never tried again")
def retry_on(world: World) -> None:
    configure(world)
    options = ("--retries", "3", "--retry-on")
    timed = detach(world, "/bin/sh", "-c", "echo x >> starts; exec sleep 300", options=("--timeout", "500ms", *options[:2], "--retry-on", "exit"))
    exact = detach(world, "/bin/sh", "-c", "exit 4", options=(*options, "timeout"))
    good = detach(world, "/bin/true", options=options[:2])
    missing = detach(world, "/nowhere/at/all", options=options[:2])
    cancelled = detach(world, "/bin/sleep", "300", options=options[:2])
    until(world, cancelled, "running")
    world.claudine("cancel", cancelled)
    for task, state, reason in (
        (timed, "timedOut", "timeout.wall"), (exact, "failed", "exit.nonzero"), (good, "succeeded", None),
        (missing, "failed", "spawn.notFound"), (cancelled, "cancelled", "cancelled.user"),
    ):
        expect(ended(world, task, state, reason)["attempts"] == 1, f"{state} was tried again")
    wall = detach(world, "/bin/sh", "-c", "exec sleep 300", options=("--timeout", "300ms", "--retries", "1", "--retry-on", "timeout.wall"))
    expect(ended(world, wall, "timedOut", "timeout.wall")["attempts"] == 2, "--retry-on timeout.wall")


@suite.case("a cancel during the back-off ends the task")
def cancel_in_backoff(world: World) -> None:
    configure(world)
    task = detach(world, *flaky(9), options=("--retries", "9"))
    wait_until("the second back-off", SOON, lambda: starts(world) == 2 and state_of(world, task) == "queued")
    expect(world.claudine("cancel", task).code == 0, "cancel")
    record = ended(world, task, "cancelled", "cancelled.user", within=1)
    expect(record["attempts"] == 2, f"{record}")
    time.sleep(2.5)
    expect(starts(world) == 2, "it was tried again after its end")


@suite.case("retry ID is a new task with the same limits, from an end only")
def retry(world: World) -> None:
    configure(world)
    options = ("--memory", "300M", "--timeout", "77s", "--processes", "55", "--name", "n", "--label", "l", "--priority", "P1")
    task = detach(world, *UNTIL_GO, options=options)
    until(world, task, "running")
    result = world.claudine("retry", task)
    expect(result.code == 5 and b"task.cannotRetry" in result.stderr, f"of one that runs: {result}")
    go(world)
    old = ended(world, task, "succeeded")
    expect(world.claudine("retry", "task_" + "b" * 26).code == 4, "of one that is not")
    result = world.claudine("retry", "-d", "--json", task)
    expect(result.code == 0, str(result))
    new = ended(world, result.json()["taskId"], "succeeded")
    expect(new["taskId"] != task and new["retryOf"] == task, f"{new}")
    for key in ("limits", "name", "labels", "priority", "command", "workspace"):
        expect(new[key] == old[key], f"{key}: {old[key]} {new[key]}")
    expect(new["policy"]["digest"] == old["policy"]["digest"], "another policy")
    failing = world.run("/bin/sh", "-c", "exit 9", options=("--json",)).json()["taskId"]
    result = world.claudine("retry", failing, "--timeout", "5s", "--env", f"{NONCE}={world.nonce}")
    expect(result.code == 9, f"in the foreground it exits as the task does: {result}")
    expect(world.tasks()[0]["limits"]["wallSeconds"] == 5, "a limit that was given again")
    # The file is that of the first one, wherever the second is asked for.
    for folder, text in ((world.workspace, "first\n"), (world.home, "another\n")):
        world.write(folder / "input", text)
    first = world.run("/bin/cat", options=("--stdin", "input"), cwd=world.workspace)
    expect(first.stdout == b"first\n", str(first))
    again = world.claudine("retry", str(world.tasks()[0]["taskId"]), "--env", f"{NONCE}={world.nonce}", cwd=world.home)
    expect(again.code == 0 and again.stdout == b"first\n", str(again))


@suite.case("--stdin of a task that is tried again: the bytes it was given, or those that are given anew")
def retried_input(world: World) -> None:
    configure(world)
    # Larger than a pipe, and no text.
    old, new = bytes(range(256)) * 1024, bytes(reversed(range(256))) * 700
    path = world.write(world.workspace / "old", old)
    world.write(world.workspace / "new", new)

    def printed(task: str) -> bytes:
        ended(world, task, "succeeded")
        return world.claudine("logs", task, "--raw", "--stream", "stdout").stdout

    def again(*words: str, fed: bytes | None = None, cwd: Path | None = None) -> str:
        mark = ("--env", f"{NONCE}={world.nonce}")
        run = world.start("retry", "-d", *mark, *words, stdin=subprocess.DEVNULL if fed is None else subprocess.PIPE, cwd=cwd)
        if fed is not None:
            assert run.popen.stdin
            run.popen.stdin.write(fed)
            run.popen.stdin.close()
            run.popen.stdin = None
        result = run.wait()
        expect(result.code == 0, str(result))
        return result.text.strip()

    first = detach(world, "/bin/cat", options=("--stdin", "old"))
    # What the file has become since is nobody's input.
    ended(world, first, "succeeded")
    world.write(path, b"changed")
    expect(printed(first) == old, "the first one's")
    kept = again(first, cwd=world.home)
    expect(printed(kept) == old, "the retry's")
    expect(printed(again(kept)) == old, "the retry's retry's")
    plain = detach(world, "/bin/cat")
    expect(printed(plain) == b"" and printed(again(plain, fed=b"not wanted")) == b"", "one without any")
    expect(printed(again(plain, "--stdin", "new", cwd=world.workspace)) == new, "of one that had none")
    given = again(first, "--stdin", "new", cwd=world.workspace)
    expect(printed(given) == new, "of another file")
    (world.workspace / "new").unlink()
    expect(printed(again(given)) == new, "the retry of what was given another file")
    expect(printed(again(first, "--stdin", "-", fed=b"fed\0")) == b"fed\0", "of standard input")
    # Of a task that ran in the foreground nothing was kept: its file is read again.
    world.write(path, old)
    front = world.run("/bin/cat", options=("--stdin", "old", "--json"), cwd=world.workspace).json()["taskId"]
    world.write(path, b"changed")
    expect(printed(again(front, cwd=world.home)) == b"changed", "the file as it is now")


SECRET = "s3cr3t-zq7-value"


@suite.case("a queued task's --env values and --stdin reach it and its retry, and lie in its own 0600 files only")
def secrets(world: World) -> None:
    configure(world, running=1)
    blocker = occupy(world)
    fed = world.begin("/bin/sh", "-c", 'echo "$X $Y"; cat', options=("-d", "--env", f"X={SECRET}", "--env", "Y", "--stdin", "-"), stdin=-1, env={"Y": SECRET + "2"})
    assert fed.popen.stdin
    fed.popen.stdin.write(b"from stdin\n")
    fed.popen.stdin.close()
    fed.popen.stdin = None
    result = fed.wait()
    expect(result.code == 0, str(result))
    task = result.text.strip()
    here = files_with(SECRET.encode(), world.state)
    expect(here == [world.state / "attempts" / task / "environment"], f"the value lies in {here}")
    mode = stat.S_IMODE(here[0].stat().st_mode)
    expect(mode == 0o600 and here[0].stat().st_uid == world.identity.uid, f"mode {mode:o}")
    go(world)
    ended(world, blocker, "succeeded")
    ended(world, task, "succeeded")
    expected = f"{SECRET} {SECRET}2\nfrom stdin\n".encode()
    expect(world.claudine("logs", task, "--raw", "--stream", "stdout").stdout == expected, "the first one's output")
    again = world.claudine("retry", "-d", task)
    expect(again.code == 0, str(again))
    ended(world, again.text.strip(), "succeeded")
    expect(world.claudine("logs", again.text.strip(), "--raw", "--stream", "stdout").stdout == expected, "the retry's output")
    front = world.claudine("retry", task)
    expect(front.code == 0 and front.stdout == expected, f"a retry in the foreground: {front}")
    for file in files_with(SECRET.encode(), world.state):
        expect(file.name == "environment" or "stdout" in file.name or "output" in file.name, f"the value lies in {file}")
    expect(world.claudine("rm", task).code == 0 and not (world.state / "attempts" / task).exists(), "rm leaves files")


def files_with(needle: bytes, folder: Path) -> list[Path]:
    paths = [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]
    return sorted(path for path in paths if path.is_file() and needle in path.read_bytes())


@suite.case("a value of --env is in no process's arguments while its task waits and runs")
def secret_arguments(world: World) -> None:
    configure(world)
    # Other cases give theirs on the command line.
    secret = SECRET + world.nonce
    # Through the caller's environment: the words of our own `run` are ours.
    task = detach(world, *UNTIL_GO, options=("--env", "X"), env={"X": secret})
    until(world, task, "running")
    found = [pid for pid in os.listdir("/proc") if pid.isdigit() and secret.encode() in command_line(pid)]
    expect(not found, f"{found}")
    log = (world.state / "serve.log").read_bytes()
    expect(secret.encode() not in log and b"until [" not in log, "the daemon's log tells of it")
    go(world)
    ended(world, task, "succeeded")


def command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@suite.case("a literal value that a foreground task was given is not kept: its retry has to be given it again")
def foreground_secret(world: World) -> None:
    configure(world)
    first = world.run("/bin/sh", "-c", 'echo "$X"', options=("--env", f"X={SECRET}", "--json"))
    task = first.json()["taskId"]
    nonce = ("--env", f"{NONCE}={world.nonce}")
    for given in ((), nonce, ("--env", "X=other")):
        result = world.claudine("retry", task, *given)
        expect(result.code == 5 and b"task.cannotRetry" in result.stderr and b"=VALUE" in result.stderr, f"{given}: {result}")
    result = world.claudine("retry", task, "--env", "X=other", *nonce)
    expect(result.code == 0 and result.stdout == b"other\n", str(result))
    expect(not files_with(SECRET.encode(), world.state / "instances"), "kept")


# MARK: looking and cleaning up


@suite.case("status without a task: daemon, slots, what waits, whether one more would start; in text and JSON")
def queue_view(world: World) -> None:
    configure(world, running=2)
    empty = world.claudine("status", "--json").json()
    expect(empty["slots"] == {"used": 0, "total": 2} and "daemon" not in empty and empty["tasks"] == {}, f"{empty}")
    expect(empty["admission"] == {"ok": True, "blockedBy": []}, f"{empty['admission']}")
    text = world.claudine("status").text
    expect("none" in text and "0 of 2" in text and "yes" in text, text)
    expect(world.claudine("status", "-q").text == "none\n", "status -q")
    for _ in range(2):
        occupy(world)
    task = detach(world, *say("x"))
    detach(world, *say("y"), options=("--after", task))

    def full() -> bool:
        view = world.claudine("status", "--json").json()
        return bool([blocker for blocker in view["admission"]["blockedBy"] if blocker["code"] == "slots"])

    wait_until("no slot", SOON, full)
    view = world.claudine("status", "--json").json()
    expect(view["slots"] == {"used": 2, "total": 2} and view["tasks"] == {"running": 2, "queued": 1, "blocked": 1}, f"{view}")
    expect(view["admission"]["ok"] is False and view["daemon"]["state"] == "ready", f"{view}")
    expect(view["daemon"]["startedOnDemand"] is True and Process.of(view["daemon"]["pid"]), f"{view['daemon']}")
    text = world.claudine("status").text
    expect("2 of 2" in text and "2 running" in text and "1 queued" in text and "slots" in text, text)
    go(world)
    wait_until("all ended", SOON, lambda: not rows(world, "SELECT 1 FROM task WHERE ended_at IS NULL"))
    wait_until("slots free again", SOON, lambda: world.claudine("status", "--json").json()["admission"]["ok"])


@suite.case("a config.toml that is broken while a task waits: status says why it waits, and it runs once the file is mended")
def broken_configuration(world: World) -> None:
    configure(world, running=1)
    blocker = occupy(world)
    task = detach(world, *say("x"))
    process = daemon(world)
    path = world.config / "config.toml"
    sound = path.read_text()
    world.write(path, sound + "\n[queue\n")
    go(world)
    ended(world, blocker, "succeeded")

    def said() -> str:
        text = rows(world, "SELECT status_json FROM instance WHERE role = 'daemon'")[0][0]
        return next((one["message"] for one in json.loads(text)["admission"]["blockedBy"] if one["code"] == "configuration"), "")

    wait_until("the daemon to say why", SOON, said)
    # Whoever asks reads the same file.
    for words in (("status",), ("status", "--json")):
        result = world.claudine(*words)
        expect("config.toml" in result.text + result.errors and "line" in result.text + result.errors, f"{words}: {result}")
    # And who reads another one hears it of the daemon.
    sane = world.write(world.base / "sane" / "config.toml", sound).parent
    view = world.claudine("status", "--json", env={"CLAUDINE_CONFIG_DIR": str(sane)}).json()
    expect(view["admission"]["ok"] is False and view["admission"]["blockedBy"][0]["code"] == "configuration", f"{view}")
    time.sleep(1.5)
    expect(state_of(world, task) == "queued" and order(world) == [], f"{state_of(world, task)}, {order(world)}")
    world.write(path, sound)
    ended(world, task, "succeeded")
    expect(daemon(world) == process, "another daemon")
    wait_until("it to say so no more", SOON, lambda: world.claudine("status", "--json").json()["admission"]["ok"])
    ended_once(world)


@suite.case("list filters, wait on several, rm of what waits is refused, cancel --all ends everything")
def filters(world: World) -> None:
    configure(world, running=1)
    failed = detach(world, "/bin/sh", "-c", "exit 6", options=("--label", "a", "--label", "b"))
    good = detach(world, "/bin/true", options=("--label", "a"))
    ended(world, failed, "failed", "exit.nonzero")
    ended(world, good, "succeeded")
    running = occupy(world)
    queued = [detach(world, "/bin/true", options=("--label", "b")) for _ in range(2)]
    blocked = detach(world, "/bin/true", options=("--after", running))

    def listed(*options: str) -> list[str]:
        result = world.claudine("list", "--json", *options)
        expect(result.code == 0, str(result))
        return [task["taskId"] for task in result.json()["tasks"]]

    expect(listed() == [blocked, *reversed(queued), running, good, failed], "newest first")
    expect(listed("--state", "queued,blocked") == [blocked, *reversed(queued)], "--state with a comma")
    expect(listed("--state", "running", "--state", "failed") == [running, failed], "--state twice")
    expect(listed("--label", "a", "--label", "b") == [failed], "--label twice")
    expect(listed("--limit", "2") == [blocked, queued[1]], "--limit")
    edit(world, "UPDATE task SET created_at = created_at - 7200000 WHERE id = ?", good)
    expect(listed("--since", "1h") == [blocked, *reversed(queued), running, failed], "--since")
    expect(world.claudine("list", "--state", "nonsense").code == 64, "an unknown state")
    several = world.claudine("wait", good, failed, good[:20], "--json")
    expect(several.code == 6 and [task["taskId"] for task in several.json()["tasks"]] == [good, failed], str(several))
    for task in (queued[0], blocked, running):
        result = world.claudine("rm", good, task)
        expect(result.code == 5 and b"task.live" in result.stderr, str(result))
    expect(state_of(world, good) == "succeeded", "rm of two removed one of them")
    waiter = world.start("wait", queued[0], queued[1], blocked)
    result = world.claudine("cancel", "--all", "--json")
    expect(result.code == 0 and len(result.json()["tasks"]) == 4, str(result))
    expect(waiter.wait().code == 143, "wait on three that are cancelled")
    until(world, running, "cancelled")
    expect(world.claudine("cancel", "--all").code == 0, "cancel --all of nothing")
    ended_once(world)


@suite.case("the retention sweep removes rows and files of what is old, never what runs, never a home in use")
def retention(world: World) -> None:
    configure(world, queue='retention = "1h"')
    old, kept = [detach(world, "/bin/sh", "-c", "echo x; echo y > $HOME/file") for _ in range(2)]
    first = world.claudine("run", "--policy", "strict", "-C", world.workspace, "--agent", "demo", "--json", "look around").json()
    second = world.claudine("resume", first["taskId"], "again and again", "--json").json()
    expect(second.get("resumes") == first["taskId"], f"{second}")
    ended(world, old, "succeeded")
    ended(world, kept, "succeeded")
    running = occupy(world)
    stubborn = detach(world, "/bin/sh", "-c", "mkdir -p $HOME/a/b; echo y > $HOME/a/b/c; chmod 0 $HOME/a/b $HOME/a")
    ended(world, stubborn, "succeeded")
    hours = 2 * 3600 * 1000
    edit(world, "UPDATE task SET ended_at = ended_at - ? WHERE id IN (?, ?, ?)", hours, old, first["taskId"], stubborn)
    # Created long ago, and still running.
    edit(world, "UPDATE task SET created_at = created_at - ? WHERE id = ?", hours, running)
    process = daemon(world)
    assert process
    process.signal(signal.SIGTERM)
    wait_until("the daemon gone", SOON, lambda: not process.alive)
    until(world, running, "cancelled")
    running = rerun(world)
    left = {task for (task,) in rows(world, "SELECT id FROM task")}
    expect(old not in left and stubborn not in left, "what is old is still there")
    expect({kept, first["taskId"], second["taskId"], running} <= left, "more than that was removed")
    folders = set(os.listdir(world.state / "attempts"))
    expect(folders <= left and {kept, first["taskId"]} <= folders, f"directories: {folders}, records: {left}")
    removed = [event["taskId"] for event in world.events() if event["kind"] == "task.removed"]
    expect(sorted(removed) == sorted([old, stubborn]), f"{removed}")
    go(world)
    ended(world, running, "succeeded")


def rerun(world: World) -> str:
    """A new daemon, whose first sweep is at once, with a task that runs."""
    serve(world)
    running = occupy(world)
    wait_until("the sweep", SOON, lambda: rows(world, "SELECT 1 FROM event WHERE kind = 'task.removed'"))
    return running


@suite.case("what a stranger has put between the tasks' directories is never removed, and disturbs nobody")
def strangers(world: World) -> None:
    configure(world, queue='retention = "1h"')
    old = detach(world, "/bin/true")
    ended(world, old, "succeeded")
    kill(daemon(world))
    attempts = world.state / "attempts"
    treasure = world.write(world.base / "treasure" / "file", "mine")
    names = ["task_" + letter * 26 for letter in "abcdef"]
    world.write(attempts / "notes" / "1" / "file", "mine")
    world.write(attempts / "task_short" / "file", "mine")
    world.write(attempts / f"{old}.bak" / "file", "mine")
    world.write(attempts / "file", "mine")
    # What has a task's name and is no directory is not ours either.
    world.write(attempts / names[0], "mine")
    (attempts / names[1]).symlink_to(treasure.parent)
    (attempts / names[2]).symlink_to("/nowhere")
    os.mkfifo(attempts / names[3])
    (attempts / "link").symlink_to(treasure.parent)
    kept = set(os.listdir(attempts)) - {old}
    # These two are: requests that were cut off, one of them a moment ago.
    ours, young = attempts / names[4], attempts / names[5]
    for folder in (ours, young):
        world.write(folder / "environment", "X=1\0")
    hours = time.time() - 7200
    for entry in attempts.iterdir():
        if entry != young:
            os.utime(entry, (hours, hours), follow_symlinks=False)
    edit(world, "UPDATE task SET ended_at = ended_at - 7200000")
    running = serve(world)
    wait_until("the sweep", SOON, lambda: not (attempts / old).exists() and not ours.exists())
    task = detach(world, *say("x"))
    ended(world, task, "succeeded")
    expect(running.popen.poll() is None and phase(world, running.popen.pid) == "ready", "the daemon has left")
    running.popen.terminate()
    result = running.wait(20)
    expect(result.code == 0 and b"store.failed" not in result.stderr, str(result))
    found = set(os.listdir(attempts))
    expect(found == kept | {young.name, task}, f"gone: {kept - found}, besides: {found - kept}")
    expect(treasure.read_text() == "mine" and (attempts / "notes" / "1" / "file").read_text() == "mine", "what they held")
    for command in (("list",), ("status",), ("status", task), ("doctor",)):
        expect(world.claudine(*command, timeout=90).code == 0, f"{command}")


@suite.case("a task whose files cannot be removed stays, and neither the daemon nor the others suffer")
def unremovable(world: World) -> None:
    configure(world, queue='retention = "1h"')
    tasks = [detach(world, "/bin/true") for _ in range(3)]
    for task in tasks:
        ended(world, task, "succeeded")
    held = world.state / "attempts" / tasks[0] / "home" / "held"
    held.mkdir()
    if world.identity.uid == 0:
        # What root cannot remove either: a mount.
        expect(os.system(f"mount -t tmpfs none {held}") == 0, "mount")
    else:
        (held / "file").touch()
        held.chmod(0o700)
        os.chown(held, 0, 0)
    try:
        edit(world, "UPDATE task SET ended_at = ended_at - 7200000")
        kill(daemon(world))
        running = serve(world)
        task = detach(world, *say("x"))
        ended(world, task, "succeeded")
        wait_until("the others swept", SOON, lambda: len(rows(world, "SELECT id FROM task")) == 2)
        expect(phase(world, running.popen.pid) == "ready" and running.popen.poll() is None, "the daemon has left")
        expect({row[0] for row in rows(world, "SELECT id FROM task")} == {tasks[0], task}, "the wrong ones")
    finally:
        if world.identity.uid == 0:
            os.system(f"umount {held}")


if __name__ == "__main__":
    suite.main()
