"""39 to 56: process trees that refuse to end. Most are leaves of `programs/tree.c` and attacks of the battery; here is what those leave out."""

from __future__ import annotations

import signal
import time

from harness import expect, wait_until

from ..faults.freezer import frozen
from ..ground import GONE, Ground, Task
from ..register import DAEMON, FOREGROUND, FULL, ROOT_ONLY, SMOKE, scenario
from .signals import worker

#: Passes its stdout on through a socket to a process that left its session, and ends.
PASS_ON = """
import array, os, socket, time
ours, theirs = socket.socketpair()
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    ours.close(); os.close(0); os.close(1); os.close(2)
    _, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_LEN(4))
    out = array.array('i', ancillary[0][2])[0]
    theirs.send(b'.')
    for _ in range(600): os.write(out, b'still here\\n'); time.sleep(0.1)
    os._exit(0)
theirs.close()
ours.sendmsg([b'.'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [1]))])
ours.recv(1)
print('passed on')
"""


@scenario(42, 43, 44, name="forked three times with pauses, in another group, without an environment", kind=SMOKE)
def roundabout(ground: Ground) -> str:
    script = (
        "setsid sh -c 'sleep 0.05; setsid sh -c \"sleep 0.05; setsid sleep 60 & sleep 60\" & sleep 60' & "
        "(set -m; sleep 60 & sleep 60) & env -i setsid sleep 60 & sleep 0.4; exit 5"
    )
    began = time.monotonic()
    running = ground.world.begin("/bin/sh", "-c", script)
    result = running.wait(30)
    expect(result.code == 5, str(result))
    expect(not ground.world.marked(), "something was left when the run returned")
    record = ground.world.record()
    expect(int(record["stragglers"]) >= 4, f"{record['stragglers']} stragglers")
    expect(time.monotonic() - began < 15, "it took too long")
    return f"{record['stragglers']} stragglers"


@scenario(45, 46, name="a storm that re-sessions, cancelled at its height", kind=SMOKE, ways=(FOREGROUND, DAEMON))
def storm(ground: Ground) -> str:
    task = ground.agent("storm", 200, "ready", "up", "sleep", 50000, options=["--processes", "250"])
    task.until("up")
    members = wait_until("a storm", 20, lambda: len(found := ground.world.members()) > 150 and found)
    began = time.monotonic()
    expect(ground.world.claudine("cancel", "--force", task.id).code == 0, "cancel")
    result = task.end(30)
    seconds = time.monotonic() - began
    expect(result.code == 143, str(result))
    expect(not any(process.alive for process in members), "something of the storm is left")
    ground.expect_one_of(task, "cancelled cancelled.user")
    return f"{len(members)} processes gone after {seconds * 1000:.0f} ms"


@scenario(48, name="stdout passed on through a socket to a process that left its session", kind=SMOKE)
def passed_on(ground: Ground) -> str:
    began = time.monotonic()
    result = ground.world.run("/usr/bin/python3", "-c", PASS_ON)
    expect(result.code == 0 and b"passed on\n" in result.stdout, str(result))
    expect(time.monotonic() - began < 15, f"it held the task for {time.monotonic() - began:.0f} s")
    expect(not ground.world.marked(), "something was left when the run returned")
    return f"{result.seconds:.1f} s"


@scenario(49, 50, name="died of a signal of its own, or exited as if", kind=SMOKE)
def own_ends(ground: Ground) -> str:
    notes = []
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
        task = ground.agent("die", int(number))
        expect(task.end().code == 128 + number, number.name)
        notes.append(ground.expect_one_of(task, "failed exit.signal"))
    for code in (255, 137):
        task = ground.agent("exit", code)
        expect(task.end().code == code, str(code))
        notes.append(ground.expect_one_of(task, "failed exit.nonzero"))
    return ", ".join(notes)


@scenario(54, name="a process that no signal reaches holds its task until it can be ended", kind=FULL, identities=ROOT_ONLY,
          ways=(FOREGROUND, DAEMON))
def stuck(ground: Ground) -> str:
    task = ground.agent("ready", "up", "sleep", 50000)
    task.until("up")
    agent = worker(ground, task)
    with frozen([agent], unkillable=True):
        expect(ground.world.claudine("cancel", "--force", task.id).code == 0, "cancel")
        # Said after killWait, fifteen seconds.
        wait_until("it is said to be stuck", 30, lambda: _events(ground, task, "attempt.stuck"))
        expect(task.outcome() == "stopping", f"{task.outcome()} although a process lives")
        expect(agent.alive, "it was not stuck")
        other = ground.agent("exit", 0)
        expect(other.end().code == 0, "nobody else can run meanwhile")
    result = task.end(30)
    expect(result.code == 143, str(result))
    wait_until("nothing left", GONE, lambda: not agent.alive)
    return ground.expect_one_of(task, "cancelled cancelled.user")


def _events(ground: Ground, task: Task, kind: str) -> list[tuple[object, ...]]:
    return ground.query("SELECT 1 FROM event WHERE task_id = ? AND kind = ?", task.id, kind)
