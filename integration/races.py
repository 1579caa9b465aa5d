#!/usr/bin/python3
"""The race rules (studies of supervision, A.7) that need processes: each case is named after its rule. Deaths are aimed with failpoints."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import time
from typing import Any

from chaos.faults.failpoints import await_stop, failpoint
from harness import IDENTITIES, Result, Running, Suite, World, expect, wait_until
from harness.detached import rows
from harness.processes import Process, children

suite = Suite("races", __doc__ or "")

ROOT = [identity for identity in IDENTITIES if identity.uid == 0]


def halted(world: World, point: str, script: str = "touch ran; exec sleep 300", **more: Any) -> tuple[Running, Process]:
    """A run whose supervisor has stopped itself at a point, and its shepherd."""
    return halted_command(world, point, "/bin/sh", "-c", script, **more)


def halted_command(world: World, point: str, *command: str, **more: Any) -> tuple[Running, Process]:
    run = world.begin(*command, env=failpoint(point, "stop"), **more)
    process = run.process
    assert process
    await_stop(process, point)
    shepherd = run.shepherd()
    expect(shepherd, "no shepherd")
    assert shepherd
    return run, shepherd


def goes_on(run: Running, seconds: float = 60) -> Result:
    run.popen.send_signal(signal.SIGCONT)
    return run.wait(seconds)


def kinds(world: World, task: str) -> list[str]:
    return [event["kind"] for event in world.events(task)]


def ended_once(world: World, task: str) -> list[str]:
    """One end of the task, one of each attempt; the whole list of events."""
    events = world.events(task)
    attempts = [event["attempt"] for event in events if event["kind"] == "attempt.ended"]
    expect(sorted(set(attempts)) == attempts, f"ends of attempts {attempts}")
    found = [event["kind"] for event in events]
    expect(found.count("task.ended") == 1, f"{found}")
    return found


def cancel_unseen(world: World) -> str:
    """Cancels the only task, whose supervisor stands still."""
    task = str(world.tasks()[0]["taskId"])
    result = world.claudine("cancel", task)
    expect(result.code == 0, str(result))
    return task


# MARK: cancels


@suite.case("R8: a cancel between claim and START")
def cancel_before_start(world: World) -> None:
    run, _ = halted(world, "after_hello")
    task = cancel_unseen(world)
    result = goes_on(run)
    record = world.record(task)
    expect(result.code == 143 and record["state"] == "cancelled", f"{result} {record}")
    expect("startedAt" not in record and not (world.workspace / "ran").exists(), "it was started")
    found = ended_once(world, task)
    expect("attempt.armed" not in found and "attempt.started" not in found, f"{found}")


@suite.case("R9: a cancel between START and STARTED")
def cancel_before_started(world: World) -> None:
    run, _ = halted(world, "after_start")
    task = cancel_unseen(world)
    result = goes_on(run)
    record = world.record(task)
    expect(result.code == 143 and record["state"] == "cancelled", f"{result} {record}")
    ended_once(world, task)
    # Its exec failed first: that is what is told.
    world.write(world.workspace / "bad", "#!/nowhere\n", mode=0o755)
    run, shepherd = halted_command(world, "after_start", "./bad")
    wait_until("its exec failed", 20, lambda: not shepherd.alive or not world.members())
    task = str(world.tasks()[0]["taskId"])
    expect(world.claudine("cancel", task).code == 0, "cancel")
    result = goes_on(run)
    record = world.record(task)
    expect(record["state"] == "failed" and record["reason"]["code"].startswith("spawn."), f"{result} {record}")
    ended_once(world, task)


@suite.case("R10: a second cancel adds nothing, and one with --force only its force, once")
def cancelled_again(world: World) -> None:
    run, _ = halted(world, "after_running")
    task = str(world.tasks()[0]["taskId"])
    for force in ((), (), ("--force",), ("--force",), ()):
        result = world.claudine("cancel", *force, task)
        expect(result.code == 0, str(result))
    asked = [event["data"]["force"] for event in world.events(task) if event["kind"] == "task.stopRequested"]
    expect(asked == [False, True], f"{asked}")
    result = goes_on(run)
    expect(result.code == 143 and world.record(task)["state"] == "cancelled", str(result))
    ended_once(world, task)


# MARK: the shepherd dies


@suite.case("R12: the shepherd dies before HELLO")
def dead_before_hello(world: World) -> None:
    world.binaries = world.binaries.copy(world.base / "prefix")
    shepherd = world.binaries.shepherd
    real = shepherd.rename(shepherd.with_name("real"))
    turn = world.workspace / "turn"
    # Not the one that looks at the machine before.
    first = f"case $* in *task_*) /bin/mkdir '{turn}' && kill -KILL $$; esac"
    shepherd.write_text(f"#!/bin/sh\n{first}\nexec '{real}' \"$@\"\n")
    shepherd.chmod(0o755)
    result = world.run("/bin/sh", "-c", "echo once")
    record = world.record()
    expect(result.code == 0 and result.stdout == b"once\n", str(result))
    expect(record["attempts"] == 1 and record["attempt"] == 2, f"attempts {record['attempts']}, the latest {record['attempt']}")
    expect("task.requeued" in ended_once(world, record["taskId"]), "not requeued")


@suite.case("R13: the shepherd dies between HELLO and START")
def dead_before_start(world: World) -> None:
    for point in ("after_hello", "after_arm"):
        run, shepherd = halted(world, point, "echo once >> ran")
        shepherd.signal(signal.SIGKILL)
        result = goes_on(run)
        record = world.record(str(world.tasks()[0]["taskId"]))
        expect(result.code == 0, f"{point}: {result}")
        expect(record["attempts"] == 1 and record["attempt"] == 2, f"{point}: {record['attempts']}, {record['attempt']}")
        ended_once(world, record["taskId"])
    expect((world.workspace / "ran").read_text() == "once\nonce\n", "not once for each task")


@suite.case("R14: the shepherd dies after START")
def dead_after_start(world: World) -> None:
    # The agent is known to run, so it is lost; it is not tried again, because its policy does not say so.
    run, shepherd = halted(world, "after_start")
    wait_until("the agent runs", 20, (world.workspace / "ran").exists)
    shepherd.signal(signal.SIGKILL)
    result = goes_on(run)
    record = world.record()
    expect(result.code == 125 and record["state"] == "lost", f"{result} {record}")
    expect(record["reason"]["code"] == "lost.shepherd" and record["attempts"] == 1, f"{record['reason']}")
    ended_once(world, record["taskId"])


@suite.case("R15: the shepherd dies between EXIT and TREE_EMPTY")
def dead_after_exit(world: World) -> None:
    # What it left behind has two seconds, during which the tree is not empty.
    run, shepherd = halted(world, "after_exit", "sleep 300 & exit 4", policy="standard")
    shepherd.signal(signal.SIGKILL)
    result = goes_on(run)
    record = world.record()
    expect(result.code == 4 and record["exit"] == {"code": 4}, f"{result} {record}")
    expect(record["reason"]["code"] == "exit.nonzero", f"{record['reason']}")
    ended_once(world, record["taskId"])


# MARK: the supervisor dies


@suite.case("R17: the supervisor dies while it runs")
def dead_supervisor(world: World) -> None:
    # The worker ends by itself before anybody sends it a signal: that is how it ended.
    run, shepherd = halted(world, "after_running", "echo x > ran; exit 5")
    # Its shepherd has seen that when it has nobody left to reap.
    wait_until("the worker is gone", 20, lambda: (world.workspace / "ran").exists() and not children(shepherd.pid))
    run.popen.kill()
    run.popen.wait()
    record = wait_until("recorded", 30, lambda: next((task for task in world.tasks() if "endedAt" in task), None))
    expect(record["state"] == "failed" and record["exit"] == {"code": 5}, f"{record}")
    ended_once(world, record["taskId"])
    # It is still running: it is ended, and lost.
    (world.workspace / "ran").unlink()
    run = world.begin("/bin/sh", "-c", "touch ran; exec sleep 300")
    wait_until("up", 20, (world.workspace / "ran").exists)
    run.popen.kill()
    run.popen.wait()
    record = wait_until("recorded", 40, lambda: world.tasks()[0] if "endedAt" in world.tasks()[0] else None)
    expect(record["state"] == "lost" and record["reason"]["code"] == "lost.supervisor", f"{record}")
    ended_once(world, record["taskId"])


@suite.case("R18: the supervisor dies between EXIT and the record's end")
def dead_before_end(world: World) -> None:
    for number, point in enumerate(("after_exit", "after_exited", "after_tree_empty")):
        run = world.begin("/bin/sh", "-c", f"exit {number + 6}", env=failpoint(point, "kill"))
        expect(run.wait().code == -signal.SIGKILL, f"{point}: it was not struck")
        record = wait_until("recorded", 30, lambda: world.tasks()[0] if "endedAt" in world.tasks()[0] else None)
        expect(record["state"] == "failed" and record["exit"] == {"code": number + 6}, f"{point}: {record}")
        ended_once(world, record["taskId"])


@suite.case("R18: what the row knows counts where the receipt is lost")
def lost_receipt(world: World) -> None:
    ends: list[tuple[str, tuple[str, ...], str, str | None, dict[str, Any] | None]] = [
        ("exit 0", (), "succeeded", None, {"code": 0}),
        ("exit 6", (), "failed", "exit.nonzero", {"code": 6}),
        ("kill -SEGV $$", (), "failed", "exit.signal", {"signal": "SIGSEGV"}),
        ("exec sleep 300", ("--timeout", "500ms"), "timedOut", "timeout.wall", {"signal": "SIGTERM"}),
    ]
    garbage: list[bytes | None] = [None, b"", b"garbage", bytes(4096)]
    for (script, options, state, reason, exit), damage in itertools.product(ends, garbage):
        what = f"{script}, {'no' if damage is None else repr(damage[:8])} receipt"
        run, shepherd = halted(world, "after_exited", script, options=options)
        task = newest(world)
        run.popen.kill()
        run.popen.wait()
        wait_until(f"{what}: the shepherd gone", 30, lambda shepherd=shepherd: not shepherd.alive)
        receipt = world.state / "attempts" / task / "1" / "receipt"
        expect(receipt.exists(), f"{what}: there was none")
        receipt.unlink()
        if damage is not None:
            world.write(receipt, damage)
        record = world.record(task)
        expect((record["state"], record.get("reason", {}).get("code")) == (state, reason), f"{what}: {record['state']}, {record.get('reason')}")
        expect(record["exit"] == exit, f"{what}: {record['exit']}")
        ended_once(world, task)
    # Where the row knows nothing either, nobody guesses.
    run, shepherd = halted(world, "after_exit", "exit 6")
    task = newest(world)
    run.popen.kill()
    run.popen.wait()
    wait_until("the shepherd gone", 30, lambda: not shepherd.alive)
    (world.state / "attempts" / task / "1" / "receipt").unlink()
    record = world.record(task)
    expect(record["state"] == "lost" and record["reason"]["code"] == "lost.supervisor" and "exit" not in record, f"{record}")


def newest(world: World) -> str:
    """The id of the task that was made last; nobody looks at what has become of the others."""
    return str(rows(world, "SELECT id FROM task ORDER BY number DESC LIMIT 1")[0][0])


@suite.case("R19: the supervisor dies before ACK")
def dead_before_acknowledgement(world: World) -> None:
    run = world.begin("/bin/sh", "-c", "exit 9", env=failpoint("after_end", "kill"))
    expect(run.wait().code == -signal.SIGKILL, "it was not struck")
    first = world.record()
    events = world.events()
    expect(first["exit"] == {"code": 9}, f"{first}")
    expect(world.run("/bin/true").code == 0, "another")
    expect(world.record(first["taskId"]) == first, "the record has changed")
    expect(world.events(first["taskId"]) == [event for event in events if event["taskId"] == first["taskId"]], "its events have changed")


@suite.case("R21: after a reboot nobody's processes are touched", identities=ROOT)
def rebooted(world: World) -> None:
    run, shepherd = halted(world, "after_running")
    # Both are there, and stopped: whoever signalled the shepherd would be seen.
    shepherd.signal(signal.SIGSTOP)
    wait_until("stopped", 5, lambda: shepherd.state == "T")
    run.popen.kill()
    run.popen.wait()
    another = world.write(world.base / "boot_id", "01234567-89ab-cdef-0123-456789abcdef\n", mode=0o644)
    script = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"'
    listed = world.launch(
        ["unshare", "--mount", "/bin/sh", "-c", script, "sh", another, world.binaries.claudine, "list", "--json"]).wait()
    expect(listed.code == 0, str(listed))
    record = listed.json()["tasks"][0]
    expect(record["state"] == "lost" and record["reason"]["code"] == "lost.reboot", f"{record}")
    expect(shepherd.state == "T" and world.members(), "somebody of another boot was touched")
    shepherd.signal(signal.SIGCONT)
    wait_until("gone", 30, lambda: not shepherd.alive and not world.members())


# MARK: a busy database


class ReadLock:
    """Another process that lets nobody begin to read: it holds every read mark of the log's index
    (https://www.sqlite.org/walformat.html#locking_matrix: bytes 123 to 127 of the -shm file)."""

    PROGRAM = """
import fcntl, sys, time
with open(sys.argv[1], "r+b") as file:
    for _ in range(1000):
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 5, 123)
            break
        except OSError:
            time.sleep(0.01)
    else:
        sys.exit("the lock was not to be had")
    print("locked", flush=True)
    sys.stdin.read()
"""

    def __init__(self, world: World) -> None:
        self.running = world.launch(
            ["/usr/bin/python3", "-c", self.PROGRAM, world.state / "claudine.db-shm"], stdin=subprocess.PIPE)
        assert self.running.popen.stdout
        expect(self.running.popen.stdout.readline() == b"locked\n", "the lock was not to be had")

    def release(self) -> None:
        expect(self.running.wait(10).code == 0, "the lock's holder")


@suite.case("R28: the database is busy for a while when the record is read at last: the exit code is the task's")
def busy_at_last(world: World) -> None:
    # 14 s are more than the library itself waits (Store.busySeconds).
    for point, seconds in (("after_tree_empty", 3), ("after_end", 3), ("after_acknowledge", 14)):
        for options in (("--json",),) if seconds > 3 else ((), ("--json",)):
            run = world.begin("/bin/sh", "-c", "echo said; exit 7", options=options, env=failpoint(point, "stop"))
            assert run.process
            await_stop(run.process, point)
            lock = ReadLock(world)
            run.popen.send_signal(signal.SIGCONT)
            time.sleep(seconds)
            expect(run.popen.poll() is None, f"{point}: it did not wait, or the lock keeps out nobody")
            lock.release()
            result = run.wait(30)
            expect(result.code == 7, f"{point}: {result}")
            if options:
                expect(result.json()["exit"] == {"code": 7} and "endedAt" in result.json(), f"{point}: {result}")
            else:
                expect(result.stdout == b"said\n", f"{point}: {result}")
            ended_once(world, str(world.tasks()[0]["taskId"]))


# MARK: daemons


def serving(world: World, *options: str) -> Running:
    daemon = world.start("serve", "--max-running", "2", *options)
    wait_until("ready", 20, lambda: phase(world) == "ready")
    return daemon


def phase(world: World) -> str | None:
    status = world.claudine("status", "--json")
    if status.code != 0:
        return None
    return str((status.json().get("daemon") or {}).get("state"))


def detached(world: World, *command: str) -> str:
    result = world.run(*command, options=("--detach", "--json"))
    expect(result.code == 0, str(result))
    return str(json.loads(result.stdout)["taskId"])


@suite.case("R30: a daemon that shuts down")
def shutting_down(world: World) -> None:
    script = "echo x >> ran; sleep 300"
    daemon = serving(world, "--on-stop", "requeue")
    task = detached(world, "/bin/sh", "-c", script)
    wait_until("up", 20, (world.workspace / "ran").exists)
    daemon.popen.send_signal(signal.SIGTERM)
    expect(daemon.wait(60).code == 0, "requeue")
    record = world.record(task)
    expect(record["state"] == "queued" and record["attempts"] == 0, f"{record}")
    expect(not world.marked(), "something is left")
    daemon = serving(world, "--on-stop", "stop")
    wait_until("up again", 20, lambda: (world.workspace / "ran").read_text() == "x\nx\n")
    daemon.popen.send_signal(signal.SIGTERM)
    expect(daemon.wait(60).code == 0, "stop")
    record = world.record(task)
    expect(record["state"] == "cancelled" and record["reason"]["code"] == "cancelled.shutdown", f"{record}")
    found = ended_once(world, task)
    expect(found.count("task.requeued") == 1, f"{found}")


@suite.case("R34: two daemons")
def two_daemons(world: World) -> None:
    daemon = serving(world)
    second = world.claudine("serve")
    expect(second.code == 75 and "daemon.another" in second.errors, str(second))
    expect(str(daemon.popen.pid) in second.errors, f"it does not say who: {second.errors}")
    task = detached(world, "/bin/true")
    expect(world.claudine("wait", task).code == 0, "the first one serves on")
    # What counts is the lock, not a file: the next one serves although this one could tidy up nothing.
    daemon.popen.kill()
    daemon.popen.wait()
    daemon = serving(world)
    daemon.popen.send_signal(signal.SIGTERM)
    expect(daemon.wait(30).code == 0, "SIGTERM")


if __name__ == "__main__":
    suite.main()
