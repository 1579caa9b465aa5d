#!/usr/bin/python3
"""`claudine serve`: how it comes and goes, what it leaves to the next one, and what it never touches."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import statistics
import subprocess
import threading
import time
from pathlib import Path

from chaos.faults.failpoints import await_stop, failpoint
from harness import IDENTITIES, NONCE, Process, Running, Suite, World, children, compile_program, descendants, expect, kill_all, wait_until
from harness.detached import (
    SOON, UNTIL_GO, configure, daemon, detach, edit, ended, ended_once, kill, phase, rows, serve, state_of, until,
)

suite = Suite("daemon", __doc__ or "")

ROOT = [identity for identity in IDENTITIES if identity.uid == 0]
USER = [identity for identity in IDENTITIES if identity.uid != 0]


def go(world: World) -> None:
    """Lets the commands of UNTIL_GO end."""
    world.write(world.workspace / "go", "")


def begun(world: World, *command: str, options: tuple[str, ...] = (), policy: str = "strict") -> str:
    """A detached task that runs."""
    task = detach(world, *(command or UNTIL_GO), options=options, policy=policy)
    until(world, task, "running")
    return task


def crash(world: World, process: Process | None) -> None:
    """Kills a daemon with all that is below it, and waits until nothing of that is left."""
    expect(process, "there is no daemon")
    assert process
    process.signal(signal.SIGSTOP)
    below = descendants(process.pid)
    kill_all([process, *below])
    wait_until("all of it gone", SOON, lambda: not any(one.alive for one in (process, *below)))


def of(running: Running) -> Process:
    process = running.process
    expect(process, "the daemon has ended")
    assert process
    return process


def policy(world: World, on_lost: str) -> str:
    """The strict policy with another answer to a loss."""
    text = f'schema = 1\nname = "{on_lost}"\ndescription = "for a test"\nextends = "strict"\n[process]\non_lost = "{on_lost}"\n'
    return str(world.write(world.base / f"{on_lost}.toml", text))


# MARK: coming and going


@suite.case("one that was started on demand stands by itself, and leaves when there was nothing to do for long enough")
def on_demand(world: World) -> None:
    configure(world, serve='idle_exit = "1s"')
    task = begun(world)
    process = daemon(world)
    expect(process, "no daemon is up")
    assert process
    proc = Path(f"/proc/{process.pid}")
    expect(os.getsid(process.pid) == process.pid and os.getpgid(process.pid) == process.pid, "no session of its own")
    expect(os.readlink(proc / "cwd") == str(world.state), f"it stands in {os.readlink(proc / 'cwd')}")
    streams = [os.readlink(proc / "fd" / str(number)) for number in range(3)]
    expect(streams == ["/dev/null", "/dev/null", str(world.state / "serve.log")], f"{streams}")
    expect(process.status("PPid") not in (str(os.getpid()), None), "it is a child of ours")
    expect(int(process.status("SigBlk") or "f", 16) == 0, f"it blocks {process.status('SigBlk')}")
    expect(int(process.status("SigIgn") or "f", 16) & 0b100000000000111 == 0, f"it ignores {process.status('SigIgn')}")
    mode = (world.state / "serve.log").stat().st_mode & 0o777
    expect(mode == 0o600, f"serve.log has mode {mode:o}")
    events = [json.loads(line)["event"] for line in (world.state / "serve.log").read_text().splitlines()]
    expect(events[0] == "daemon.started" and "daemon.ready" in events, f"{events}")
    time.sleep(1.5)
    expect(process.alive, "it left although a task runs")
    go(world)
    ended(world, task, "succeeded")
    wait_until("it leaves", 10, lambda: not Path(f"/proc/{process.pid}").exists())
    expect(daemon(world) is None and world.claudine("status", "-q").text == "none\n", "status still names it")
    expect(os.listdir(world.state / "instances") == [], f"{os.listdir(world.state / 'instances')}")
    detach(world, "/bin/true")
    expect(daemon(world), "there is no next one")


@suite.case("thirty detached runs while the daemon is just leaving: none is lost")
def leaving(world: World) -> str:
    configure(world, serve='idle_exit = "1s"')
    ended(world, detach(world, "/bin/true"), "succeeded")
    # It leaves a second after the last end, or a little later.
    for pause in (0.9, 0.97, 1.0, 1.04, 1.1):
        time.sleep(pause)
        racers = [world.begin("/bin/true", options=("--detach",)) for _ in range(6)]
        for racer in racers:
            result = racer.wait(60)
            expect(result.code == 0, str(result))
            until(world, result.text.strip(), "succeeded", within=20)
    ended_once(world)
    log = (world.state / "serve.log").read_text()
    return f"{log.count('daemon.ready')} daemons came up"


@suite.case("a second one exits with 75; one that was started by hand stays")
def second(world: World) -> None:
    configure(world, serve='idle_exit = "1s"')
    first = serve(world)
    result = world.claudine("serve")
    expect(result.code == 75 and b"daemon.another" in result.stderr and str(first.popen.pid).encode() in result.stderr, str(result))
    view = world.claudine("status", "--json").json()["daemon"]
    expect(view["pid"] == first.popen.pid and view["startedOnDemand"] is False, f"{view}")
    time.sleep(2.5)
    expect(first.popen.poll() is None, "it left")
    ended(world, detach(world, "/bin/true"), "succeeded")
    expect(of(first) == daemon(world), "run --detach started another one")
    first.popen.terminate()
    result = first.wait(20)
    expect(result.code == 0 and b"daemon.leaving" in result.stderr, str(result))


@suite.case("of several that are started at once one stays, and a race of commands starts one, too")
def together(world: World) -> None:
    configure(world)
    daemons = [world.start("serve") for _ in range(6)]
    left = wait_until("five of six gone", SOON, lambda: len(alive := [one for one in daemons if one.popen.poll() is None]) == 1 and alive)
    codes = [one.wait().code for one in daemons if one not in left]
    expect(codes == [75] * 5, f"{codes}")
    expect(of(left[0]) == daemon(world), "another one answers")
    left[0].popen.terminate()
    expect(left[0].wait(20).code == 0, "serve")
    racers = [world.begin("/bin/true", options=("--detach",)) for _ in range(8)]
    for racer in racers:
        expect(racer.wait().code == 0, "run --detach")
    wait_until("those that came second gone", SOON, lambda: len(world.daemons()) == 1)
    expect(world.daemons() == [daemon(world)], "another one answers")
    for (task,) in rows(world, "SELECT id FROM task"):
        ended(world, task, "succeeded")


@suite.case("it comes up although others look at its lock all the time")
def looked_at(world: World) -> None:
    configure(world)
    world.claudine("list")
    lock = world.write(world.state / "lock", "")
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            with open(lock) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    time.sleep(0.0005)
                except OSError:
                    pass
            time.sleep(0.001)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            running = serve(world)
            running.popen.terminate()
            expect(running.wait(20).code == 0, "serve")
    finally:
        done.set()
        for thread in threads:
            thread.join()


@suite.case("SIGTERM with on_stop = stop: what runs is cancelled.shutdown, what waits stays, and the next one runs it")
def stop(world: World) -> None:
    configure(world, running=1, serve='on_stop = "stop"')
    running = serve(world)
    task = begun(world, "/bin/sleep", "300")
    waits = detach(world, "/bin/true")
    running.popen.terminate()
    result = running.wait(20)
    expect(result.code == 0, str(result))
    record = ended(world, task, "cancelled", "cancelled.shutdown")
    expect(record["attempts"] == 1 and world.claudine("status", "-q").text == "none\n", f"{record}")
    expect(state_of(world, waits) == "queued", state_of(world, waits))
    serve(world)
    ended(world, waits, "succeeded")
    ended_once(world)


@suite.case("SIGTERM with on_stop = drain: what runs comes to its end, nothing new is started; a second one stops it")
def drain(world: World) -> None:
    configure(world, running=1)
    running = serve(world, "--on-stop", "drain")
    task = begun(world)
    waits = detach(world, *UNTIL_GO)
    running.popen.terminate()
    wait_until("draining", SOON, lambda: world.claudine("status", "-q").text == "draining\n")
    view = world.claudine("status", "--json").json()
    expect(view["admission"]["ok"] is False and view["admission"]["blockedBy"][0]["code"] == "stopping", f"{view}")
    time.sleep(0.5)
    expect(running.popen.poll() is None and state_of(world, task) == "running", "it did not wait")
    go(world)
    expect(running.wait(20).code == 0, "serve")
    ended(world, task, "succeeded")
    expect(state_of(world, waits) == "queued", "something new was started")
    (world.workspace / "go").unlink()
    running = serve(world, "--on-stop", "drain")
    until(world, waits, "running")
    running.popen.terminate()
    wait_until("draining", SOON, lambda: phase(world, running.popen.pid) == "draining")
    running.popen.send_signal(signal.SIGINT)
    expect(running.wait(20).code == 0, "serve after the second signal")
    ended(world, waits, "cancelled", "cancelled.shutdown")
    ended_once(world)


@suite.case("SIGTERM with on_stop = requeue: the next one runs it again, and no attempt was used up")
def requeue(world: World) -> None:
    configure(world, running=2, serve='on_stop = "requeue"')
    running = serve(world)
    task = begun(world, "/bin/sh", "-c", "echo x >> starts; until [ -e go ]; do sleep 0.05; done", options=("--retries", "1"))
    cancelled = begun(world, "/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    world.claudine("cancel", cancelled)
    running.popen.terminate()
    expect(running.wait(30).code == 0, "serve")
    ended(world, cancelled, "cancelled", "cancelled.user")
    record = world.record(task)
    expect((record["state"], record["attempts"]) == ("queued", 0), f"{record['state']}, {record['attempts']} attempts")
    expect("reason" not in record and "endedAt" not in record, f"{record}")
    serve(world)
    until(world, task, "running")
    go(world)
    record = ended(world, task, "succeeded")
    expect(record["attempts"] == 1 and record["attempt"] == 2, f"{record['attempts']}, {record['attempt']}")
    expect((world.workspace / "starts").read_text() == "x\nx\n", "starts")
    ended_once(world)


@suite.case("SIGTERM at the moment at which a task is to be tried again: it waits or was cancelled, and is never lost")
def stop_at_requeue(world: World) -> None:
    configure(world)
    for point, state, reason in (("after_tree_empty", "cancelled", "cancelled.shutdown"), ("after_end", "queued", None)):
        running = serve(world, "--on-stop", "stop", env=failpoint(point, "stop"))
        task = detach(world, "/bin/sh", "-c", "echo x >> starts; exit 3", options=("--retries", "1"))
        process = of(running)
        await_stop(process, point)
        # Stopped, it hears of them all when it goes on; they are one wish, and a more urgent one.
        for number in (signal.SIGTERM, signal.SIGHUP):
            process.signal(number)
        process.signal(signal.SIGCONT)
        expect(running.wait(30).code == 0, f"{point}: serve")
        record = world.record(task)
        # Whether the end or the wish comes first is not decided before it has been committed.
        allowed = {(state, reason), ("queued", None)}
        expect((record["state"], record.get("reason", {}).get("code")) in allowed, f"{point}: {record['state']}, {record.get('reason')}")
        found = [event["kind"] for event in world.events(task)]
        expect(found.count("attempt.ended") == 1 and found.count("task.stopRequested") <= 2, f"{point}: {found}")
        running = serve(world)
        if record["state"] == "queued":
            ended(world, task, "failed", "exit.nonzero")
        running.popen.terminate()
        expect(running.wait(20).code == 0, "serve")
    ended_once(world)


@suite.case("a signal more says nothing new: each task is asked to stop once, and once to be gone")
def asked_once(world: World) -> None:
    configure(world)
    running = serve(world)
    task = begun(world, "/bin/sh", "-c", "trap '' TERM; touch ready; while :; do sleep 1; done")
    wait_until("its trap set", SOON, (world.workspace / "ready").exists)
    for _ in range(6):
        running.popen.terminate()
        time.sleep(0.1)
    expect(running.wait(30).code == 0, "serve")
    ended(world, task, "cancelled", "cancelled.shutdown")
    events = [event for event in world.events(task) if event["kind"] == "task.stopRequested"]
    expect([event["data"]["force"] for event in events] == [False, True], f"{events}")


@suite.case("run --detach while the daemon is on its way out: the next one runs the task, and nobody waits for ever")
def on_its_way_out(world: World) -> None:
    configure(world, serve='on_stop = "drain"')
    running = serve(world)
    task = begun(world)
    running.popen.terminate()
    wait_until("draining", SOON, lambda: phase(world, running.popen.pid) == "draining")
    late = world.begin("/bin/true", options=("--detach",))
    time.sleep(1)
    expect(late.popen.poll() is None and of(running).alive, "it did not wait for the next one")
    go(world)
    result = late.wait(30)
    expect(result.code == 0 and running.wait(20).code == 0, str(result))
    ended(world, task, "succeeded")
    ended(world, result.text.strip(), "succeeded")
    kill(daemon(world))
    # One that drains for longer than anybody wants to wait.
    (world.workspace / "go").unlink()
    running = serve(world)
    task = begun(world)
    running.popen.terminate()
    wait_until("draining", SOON, lambda: phase(world, running.popen.pid) == "draining")
    result = world.run("/bin/true", options=("--detach",), timeout=50)
    expect(result.code == 125 and b"daemon.notUp" in result.stderr, str(result))
    late_task = result.text.strip()
    expect(state_of(world, late_task) == "queued", state_of(world, late_task))
    go(world)
    expect(running.wait(20).code == 0, "serve")
    # Whoever waits for it starts the next one.
    expect(world.claudine("wait", late_task).code == 0, "wait")
    ended_once(world)


@suite.case("the signal after the one that stops kills at once what does not want to end")
def repeated(world: World) -> str:
    configure(world)
    running = serve(world)
    task = begun(world, "/bin/sh", "-c", "trap '' TERM; touch ready; while :; do sleep 1; done")
    wait_until("its trap set", SOON, (world.workspace / "ready").exists)
    running.popen.terminate()
    time.sleep(0.5)
    expect(running.popen.poll() is None, "it left although the grace is not over")
    pressed = time.monotonic()
    running.popen.send_signal(signal.SIGTERM)
    expect(running.wait(20).code == 0, "serve")
    seconds = time.monotonic() - pressed
    expect(seconds < 4, f"{seconds:.1f} s after the second one")
    ended(world, task, "cancelled", "cancelled.shutdown")
    expect(not world.marked(), "something is left")
    return f"{seconds:.2f} s"


# MARK: loss


@suite.case("kill -9 with three running and five queued: the next one recovers, runs the rest, and leaves a foreground run alone")
def killed(world: World) -> None:
    configure(world, running=4)
    front = world.begin(*UNTIL_GO, options=("--json",))
    running = serve(world)
    tasks = [begun(world, "/bin/sleep", "300") for _ in range(3)]
    queued = [detach(world, "/bin/true") for _ in range(5)]
    kill(of(running))
    serve(world)
    for task in tasks:
        ended(world, task, "lost", "lost.supervisor")
    for task in queued:
        ended(world, task, "succeeded")
    expect(front.popen.poll() is None and len(world.marked()) > 0, "the foreground run was touched")
    go(world)
    result = front.wait(20)
    expect(result.code == 0 and result.json()["state"] == "succeeded", str(result))
    wait_until("nothing left", 10, lambda: not world.marked())
    ended_once(world)
    expect(len(os.listdir(world.state / "instances")) == 2, f"of dead instances something is left: {os.listdir(world.state / 'instances')}")


@suite.case("wait starts the next one when it is killed, be the task queued, running, or to be tried again")
def waited_for(world: World) -> None:
    configure(world, running=2)
    serve(world)
    again = begun(world, policy=policy(world, "retry"))
    runs = begun(world, "/bin/sleep", "300")
    queued = detach(world, "/bin/true")
    codes = {runs: 125, queued: 0, again: 0}
    waiters = {task: world.start("wait", "-q", task) for task in codes}
    for waiter in waiters.values():
        wait_until("it to wait", SOON, lambda waiter=waiter: waiter.process and waiter.process.state == "S")
    time.sleep(0.5)
    kill(daemon(world))
    go(world)
    for task, code in codes.items():
        result = waiters[task].wait(40)
        expect(result.code == code, f"{state_of(world, task)}: {result}")
    expect(daemon(world), "there is no next one")
    ended(world, runs, "lost", "lost.supervisor")
    expect(ended(world, again, "succeeded")["attempts"] == 2, "it was not tried again")
    # So does a run in the foreground that waits for what only a daemon can run.
    blocker = begun(world, "/bin/sleep", "300")
    begun(world, "/bin/sleep", "300")
    after = world.begin("/bin/true", options=("--after", detach(world, "/bin/true"), "--after-any", blocker))
    wait_until("the run that waits", SOON, lambda: rows(world, "SELECT 1 FROM task WHERE state = 'blocked'"))
    kill(daemon(world))
    result = after.wait(40)
    expect(result.code == 0, str(result))
    ended_once(world)


@suite.case("an attempt that it cannot bring to its end is left to recovery, and harms none of the others")
def given_up(world: World) -> None:
    configure(world)
    running = serve(world, env=failpoint("after_running", "error", 2))
    first = begun(world)
    second = detach(world, "/bin/sleep", "300")
    record = ended(world, second, "lost", "lost.supervisor")
    expect(record["attempts"] == 1, f"{record}")
    third = begun(world)
    expect(state_of(world, first) == "running" and of(running) == daemon(world), "the others were harmed")
    go(world)
    for task in (first, third):
        ended(world, task, "succeeded")
    found = [event["kind"] for event in world.events(first)]
    expect("task.stopRequested" not in found and "attempt.stopping" not in found, f"{found}")
    expect(not world.marked(), "something is left")
    running.popen.terminate()
    expect(running.wait(20).code == 0, "serve")
    ended_once(world)


@suite.case("on_lost = retry runs it again, three times at most; on_lost = fail and a foreground run never")
def on_lost(world: World) -> None:
    configure(world)
    script = ("/bin/sh", "-c", "echo x >> starts; exec sleep 300")
    running = serve(world)
    task = begun(world, *script, policy=policy(world, "retry"))
    foreground = world.begin("/bin/sleep", "300", policy=policy(world, "retry"))
    wait_until("the foreground run", SOON, lambda: len(rows(world, "SELECT 1 FROM task WHERE state = 'running'")) == 2)
    foreground.popen.kill()
    foreground.popen.wait()
    starts = world.workspace / "starts"
    for loss in range(1, 5):
        wait_until(f"start {loss}", SOON, lambda: starts.exists() and starts.read_text() == "x\n" * loss)
        if loss % 2:
            kill(of(running))
        else:
            crash(world, of(running))
        running = serve(world)
        if loss == 4:
            break
        wait_until("requeued", SOON, lambda: rows(world, "SELECT 1 FROM attempt WHERE number = ? AND task_id = ? AND ended_at IS NOT NULL", loss, task))
        record = world.record(task)
        expect(record["state"] != "lost" and record["attempts"] >= loss, f"{record}")
        # Its back-off is proved elsewhere.
        edit(world, "UPDATE task SET not_before_boottime = 0")
    record = ended(world, task, "lost", "lost.supervisor")
    expect(record["attempts"] == 4, f"{record['attempts']} attempts")
    expect(starts.read_text() == "x\n" * 4, "starts")
    states = [task["state"] for task in world.tasks()]
    expect(states == ["lost", "lost"], f"{states}")
    ended_once(world)


FAKE = """#!/bin/sh
# Says what it was started with, tells a session as Claude Code does, and waits.
echo "$@" >> args
echo x >> "$HOME/starts"
while [ $# -gt 0 ]; do
    case $1 in --session-id | --resume) session=$2 ;; esac
    shift
done
printf '{"type":"system","subtype":"init","session_id":"%s","model":"fake","tools":[]}\\n' "$session"
[ -e fail ] && exit 1
[ -e go ] || sleep 300
printf '{"type":"result","subtype":"success","is_error":false,"result":"%s","session_id":"%s","num_turns":1,"total_cost_usd":0}\\n' "$(wc -l < "$HOME/starts")" "$session"
"""


def fake(world: World) -> dict[str, str]:
    """Puts a fake claude on the PATH of the environment that it returns."""
    program = world.base / "bin" / "claude"
    # Not again: a daemon may be starting it at this moment.
    if not program.exists():
        world.write(program, FAKE, mode=0o755)
        # A worker of root's is not root.
        program.parent.chmod(0o755)
    return {"PATH": f"{world.base / 'bin'}:/usr/local/bin:/usr/bin:/bin"}


def agent(world: World, *options: str, policy: str = "strict") -> str:
    """A detached fake agent that has told its session."""
    mark = ("--env", f"{NONCE}={world.nonce}")
    result = world.claudine("run", "-d", "--policy", policy, "-C", world.workspace, *mark, *options, "Do it now.", env=fake(world))
    expect(result.code == 0, str(result))
    task = result.text.strip()
    until(world, task, "running")
    return task


def started_with(world: World) -> list[str]:
    """The arguments of each start, one line each."""
    path = world.workspace / "args"
    return path.read_text().splitlines() if path.exists() else []


@suite.case("on_lost = resume goes on in the agent's own session and home")
def on_lost_resume(world: World) -> None:
    configure(world)
    running = serve(world)
    task = agent(world, policy=policy(world, "resume"))
    wait_until("started", SOON, lambda: len(started_with(world)) == 1)
    session = started_with(world)[0].split("--session-id ")[1].split()[0]
    time.sleep(0.2)
    crash(world, of(running))
    go(world)
    serve(world)
    record = ended(world, task, "succeeded")
    expect(record["attempts"] == 2 and record["sessionId"] == session, f"{record}")
    expect(f"--resume {session}" in started_with(world)[1] and "--session-id" not in started_with(world)[1], f"{started_with(world)}")
    expect(record["result"]["text"].strip() == "2", f"another home: {record['result']}")
    ended_once(world)


@suite.case("a session outlives attempts that came to nothing, and a daemon that hands its task over")
def session_kept(world: World) -> None:
    configure(world, serve='on_stop = "requeue"')
    # Once there is a `turn`, the next shepherd of a task takes it and dies before it has said anything.
    world.binaries = world.binaries.copy(world.base / "prefix")
    shepherd = world.binaries.shepherd
    real = shepherd.rename(shepherd.with_name("real"))
    turn = world.base / "turn"
    shepherd.write_text(f"#!/bin/sh\ncase $* in *task_*) /bin/rm '{turn}' 2> /dev/null && kill -KILL $$; esac\nexec '{real}' \"$@\"\n")
    shepherd.chmod(0o755)
    running = serve(world)
    task = agent(world, policy=policy(world, "resume"))
    wait_until("started", SOON, lambda: len(started_with(world)) == 1)
    session = started_with(world)[0].split("--session-id ")[1].split()[0]
    time.sleep(0.2)
    # Handed over, and the first try of the next one comes to nothing.
    running.popen.terminate()
    expect(running.wait(20).code == 0 and state_of(world, task) == "queued", "requeue")
    world.write(turn, "")
    running = serve(world)
    wait_until("started again", SOON, lambda: len(started_with(world)) == 2)
    time.sleep(0.2)
    # Lost, and once more so.
    world.write(turn, "")
    crash(world, of(running))
    go(world)
    serve(world)
    record = ended(world, task, "succeeded")
    expect(not turn.exists() and record["attempt"] == 5 and record["attempts"] == 2, f"{record['attempt']}, {record['attempts']}")
    expect(record["sessionId"] == session and len(started_with(world)) == 3, f"{record} {started_with(world)}")
    for start in started_with(world)[1:]:
        expect(f"--resume {session}" in start and "--session-id" not in start, start)
    expect(record["result"]["text"].strip() == "3", f"another home: {record['result']}")
    ended_once(world)


@suite.case("resume goes on with the session of a task that was killed, timed out or lost")
def resume(world: World) -> None:
    configure(world)
    serve(world)
    world.write(world.workspace / "keep", "")
    killed = agent(world)
    wait_until("started", SOON, lambda: len(started_with(world)) == 1)
    time.sleep(0.2)
    refused = world.claudine("resume", "-d", killed, env=fake(world))
    expect(refused.code == 5 and b"task.cannotResume" in refused.stderr, f"of one that runs: {refused}")
    expect(world.claudine("cancel", "--force", killed).code == 0, "cancel")
    ended(world, killed, "cancelled", "cancelled.user")
    timed = agent(world, "--timeout", "1s")
    ended(world, timed, "timedOut", "timeout.wall")
    lost = agent(world)
    wait_until("the third", SOON, lambda: len(started_with(world)) == 3)
    time.sleep(0.2)
    crash(world, daemon(world))
    serve(world)
    ended(world, lost, "lost", "lost.supervisor")
    go(world)
    for number, task in enumerate((killed, timed, lost)):
        session = world.record(task)["sessionId"]
        result = world.claudine("resume", "-d", "--env", f"{NONCE}={world.nonce}", task, "Go on with it.", env=fake(world))
        expect(result.code == 0, str(result))
        record = ended(world, result.text.strip(), "succeeded")
        expect(record["resumes"] == task and record["sessionId"] == session, f"{record}")
        expect(record["result"]["text"].strip() == "2", f"another home: {record['result']}")
        expect(f"--resume {session}" in started_with(world)[3 + number], f"{started_with(world)}")
    ended_once(world)


@suite.case("nobody goes on in a home that is in use, and what went on with a session is not begun anew")
def in_use(world: World) -> None:
    configure(world)
    serve(world)
    first = agent(world, "--timeout", "1s")
    ended(world, first, "timedOut", "timeout.wall")
    mark = ("--env", f"{NONCE}={world.nonce}")
    second = world.claudine("resume", "-d", *mark, first, env=fake(world)).text.strip()
    until(world, second, "running")
    for words in (("-d", first), (first,)):
        result = world.claudine("resume", *mark, *words, env=fake(world))
        expect(result.code == 5 and second.encode() in result.stderr, f"two in one home: {result}")
    world.claudine("cancel", "--force", second)
    until(world, second, "cancelled")
    result = world.claudine("retry", "-d", *mark, second, env=fake(world))
    expect(result.code == 5 and b"claudine resume" in result.stderr, str(result))
    go(world)
    result = world.claudine("resume", "-d", *mark, second, env=fake(world))
    expect(result.code == 0, str(result))
    ended(world, result.text.strip(), "succeeded")


@suite.case("a home has one live task: also one that waits, that is to be tried again, or that came to it by a detour")
def one_in_a_home(world: World) -> None:
    configure(world, running=1)
    running = serve(world)
    first = agent(world, "--timeout", "1s", policy=policy(world, "resume"))
    ended(world, first, "timedOut", "timeout.wall")
    mark = ("--env", f"{NONCE}={world.nonce}")

    def resumed(task: str) -> str:
        result = world.claudine("resume", "-d", *mark, task, env=fake(world))
        expect(result.code == 0, str(result))
        return result.text.strip()

    def is_taken(by: str, *tasks: str) -> None:
        for task in tasks:
            for words in (("-d", task), (task,)):
                result = world.claudine("resume", *mark, *words, env=fake(world))
                expect(result.code == 5 and by.encode() in result.stderr, f"{words} beside {state_of(world, by)}: {result}")
        expect(world.claudine("rm", first).code == 5, "rm of a home in use")

    blocker = begun(world, "/bin/sleep", "300")
    second = resumed(first)
    expect(state_of(world, second) == "queued", state_of(world, second))
    is_taken(second, first)
    world.claudine("cancel", blocker)
    until(world, second, "running")
    is_taken(second, first)
    time.sleep(0.2)
    crash(world, of(running))
    # Lost, it waits for its next try.
    wait_until("requeued", SOON, lambda: world.record(second)["state"] == "queued")
    is_taken(second, first)
    expect(world.claudine("cancel", second).code == 0, "cancel")
    ended(world, second, "cancelled", "cancelled.user")
    # From here on two ways lead into the home of the first.
    third = resumed(second)
    is_taken(third, first, second)
    world.claudine("cancel", "--force", third)
    until(world, third, "cancelled")
    fourth = resumed(first)
    is_taken(fourth, first, second, third)
    for task in (third, fourth):
        for words in (("-d", task), (task,)):
            result = world.claudine("retry", *mark, *words, env=fake(world))
            expect(result.code == 5 and b"task.cannotRetry" in result.stderr, f"retry of {state_of(world, task)}: {result}")
    world.claudine("cancel", "--force", fourth)
    until(world, fourth, "cancelled")
    folders = set(os.listdir(world.state / "attempts"))
    expect(folders <= {first, blocker, second, third, fourth}, f"directories of those that got nothing: {folders}")
    ended_once(world)


@suite.case("of several who resume one session at the same time one gets it")
def resume_race(world: World) -> None:
    configure(world)
    serve(world)
    first = agent(world, "--timeout", "1s")
    ended(world, first, "timedOut", "timeout.wall")
    words = ("resume", "-d", "--env", f"{NONCE}={world.nonce}", first)
    racers = [world.start(*words, env=fake(world)) for _ in range(6)]
    results = [racer.wait() for racer in racers]
    codes = sorted(result.code for result in results)
    expect(codes == [0, 5, 5, 5, 5, 5], f"{[str(result) for result in results]}")
    winner = next(result.text.strip() for result in results if result.code == 0)
    until(world, winner, "running")
    world.claudine("cancel", "--force", winner)
    until(world, winner, "cancelled")
    folders = set(os.listdir(world.state / "attempts"))
    expect(folders <= {first, winner}, f"directories of those that got nothing: {folders}")


# MARK: recovery that cannot finish


def cannot_recover(world: World) -> tuple[str, str]:
    """A task that was lost with its daemon, and one that waits; nobody has looked since."""
    running = serve(world)
    task = begun(world, "/bin/sleep", "300")
    waits = detach(world, "/bin/true", options=("--after-any", task))
    crash(world, of(running))
    return task, waits


def is_degraded(world: World, task: str, waits: str) -> Running:
    """A daemon comes up that starts nothing, and everybody else answers."""
    running = world.start("serve")
    wait_until("degraded", SOON, lambda: phase(world, running.popen.pid) == "degraded")
    view = world.claudine("status", "--json")
    expect(view.code == 0 and view.json()["daemon"]["state"] == "degraded", str(view))
    admission = view.json()["admission"]
    expect(admission["ok"] is False and admission["blockedBy"][0]["code"] == "recovery", f"{admission}")
    expect(task in admission["blockedBy"][0]["message"], f"{admission}")
    new = world.run("/bin/true", options=("--detach",))
    expect(new.code == 0 and b"starts nothing now" in new.stderr, str(new))
    for command in (("status",), ("list",), ("list", "--json"), ("status", task), ("doctor",), ("events",), ("logs", task)):
        result = world.claudine(*command, timeout=90)
        expect(result.code == 0, f"{command}: {result}")
    expect(state_of(world, new.text.strip()) == "queued" and state_of(world, waits) == "blocked", "something was started")
    expect(running.popen.poll() is None, "it left")
    return running


def insisting(world: World, running: Running) -> None:
    """With --no-degraded it is an error."""
    running.popen.terminate()
    expect(running.wait(20).code == 0, "serve")
    result = world.claudine("serve", "--no-degraded")
    expect(result.code == 78 and b"daemon.recovery" in result.stderr, str(result))


def repaired(world: World, task: str, waits: str, running: Running) -> None:
    """It goes on by itself."""
    wait_until("ready", SOON, lambda: phase(world, running.popen.pid) == "ready")
    ended(world, task, "lost", "lost.supervisor")
    ended(world, waits, "succeeded")
    wait_until("the queue empty", SOON, lambda: not rows(world, "SELECT 1 FROM task WHERE ended_at IS NULL"))
    ended_once(world)


@suite.case("a row that cannot be read: degraded, --no-degraded is 78, repaired it goes on by itself")
def unreadable_row(world: World) -> None:
    configure(world)
    task, waits = cannot_recover(world)
    text = rows(world, "SELECT frozen_json FROM attempt WHERE task_id = ?", task)[0][0]
    edit(world, "UPDATE attempt SET frozen_json = '[\"garbage\"]' WHERE task_id = ?", task)
    insisting(world, is_degraded(world, task, waits))
    running = is_degraded(world, task, waits)
    edit(world, "UPDATE attempt SET frozen_json = ? WHERE task_id = ?", text, task)
    repaired(world, task, waits, running)


@suite.case("a lock that cannot be read: degraded, --no-degraded is 78, repaired it goes on by itself", identities=USER)
def unreadable_lock(world: World) -> None:
    configure(world)
    task, waits = cannot_recover(world)
    lock = world.state / "attempts" / task / "1" / "alive.lock"
    lock.chmod(0)
    insisting(world, is_degraded(world, task, waits))
    running = is_degraded(world, task, waits)
    lock.chmod(0o600)
    repaired(world, task, waits, running)


@suite.case("a tree that cannot be emptied is stuck: it holds its slot, others run, and it ends once it can", identities=ROOT)
def stuck(world: World) -> str:
    configure(world, running=2)
    serve(world)
    task = begun(world, "/bin/sh", "-c", "sleep 300 & wait")
    held = wait_until("its process", SOON, lambda: [process for process in world.marked() if process.name == "sleep"])[0]
    seizer = subprocess.Popen([compile_program("seize"), str(held.pid)], stdout=subprocess.PIPE)
    try:
        assert seizer.stdout
        expect(seizer.stdout.readline() == b"seized\n", "it cannot be traced")
        asked = time.monotonic()
        world.claudine("cancel", "--force", task)
        record = wait_until("stuck", 60, lambda: (now := world.record(task)).get("stuck") and now)
        seconds = time.monotonic() - asked
        expect(record["state"] == "stopping" and "endedAt" not in record, f"{record['state']}")
        expect(world.claudine("status", "--json").json()["slots"]["used"] == 1, "its slot is free")
        for _ in range(2):
            ended(world, detach(world, "/bin/true"), "succeeded")
        expect("stuck" in [event["kind"].split(".")[1] for event in world.events(task)], "no event")
        expect(state_of(world, task) == "stopping", "it ended although its process is there")
    finally:
        seizer.kill()
        seizer.wait()
    record = ended(world, task, "cancelled", "cancelled.user")
    expect("stuck" not in record, "an ended one is not stuck")
    ended_once(world)
    return f"said so after {seconds:.0f} s"


# MARK: what is not ours


def nonce_of(world: World, task: str) -> str:
    return str(rows(world, "SELECT lower(hex(nonce)) FROM attempt WHERE task_id = ? ORDER BY number DESC", task)[0][0])


def canary(world: World, lock: Path, nonce: str) -> Process:
    """A stranger that looks exactly like a shepherd and its worker: it holds the lock, it has the nonce."""
    run = world.launch(["/usr/bin/flock", lock, "/bin/sleep", "300"], env={"CLAUDINE_NONCE": nonce})
    wait_until("the canary's child", SOON, lambda: children(run.popen.pid))
    process = run.process
    assert process
    return process


def pose(world: World, task: str, process: Process) -> None:
    """Makes the stranger's number that of the attempt's processes."""
    edit(
        world, "UPDATE attempt SET shepherd_pid = ?1, shepherd_start_time = ?2, child_pid = ?1, child_start_time = ?2, armed_at = claimed_at"
        " WHERE task_id = ?3", process.pid, process.started, task)


@suite.case("control: in the same boot the process with the nonce is ended")
def control(world: World) -> None:
    configure(world)
    running = serve(world)
    task = begun(world, "/bin/sleep", "300")
    crash(world, of(running))
    stranger = canary(world, world.state / "no.lock", nonce_of(world, task))
    world.claudine("list")
    expect(not stranger.alive, "recovery does not see it, so the cases below prove nothing")
    expect(state_of(world, task) == "lost", "not recovered")


@suite.case("after a reboot nothing of the earlier boot is signalled: lost.reboot, and the queue goes on")
def reboot(world: World) -> None:
    configure(world)
    running = serve(world)
    task = begun(world, "/bin/sleep", "300")
    again = detach(world, "/bin/sh", "-c", "echo x >> starts; [ $(wc -l < starts) -ge 2 ]", options=("--retries", "1"))
    wait_until("the back-off", SOON, lambda: world.record(again).get("notBefore"))
    late = detach(world, "/bin/true", options=("--queue-timeout", "3s", "--after", task))
    patient = detach(world, "/bin/true", options=("--queue-timeout", "1h", "--after-any", task))
    crash(world, of(running))
    stranger = canary(world, world.state / "attempts" / task / "1" / "alive.lock", nonce_of(world, task))
    pose(world, task, stranger)
    # Deadlines of a clock that has begun anew.
    edit(world, "UPDATE task SET not_before_boottime = not_before_boottime + 864000000000000 WHERE not_before_boottime IS NOT NULL")
    edit(world, "UPDATE task SET queue_deadline_boottime = 1 WHERE id = ?", patient)
    # That boot was another one. (Another boot_id over the one in /proc would be seen as a /proc in which something is hidden.)
    earlier = "11111111-2222-4333-8444-555555555555"
    for column in ("attempt SET boot_id", "instance SET boot_id", "task SET clock_boot"):
        edit(world, f"UPDATE {column} = ? WHERE {column.split()[-1]} IS NOT NULL", earlier)
    running = serve(world)
    ended(world, task, "lost", "lost.reboot")
    ended(world, again, "succeeded")
    ended(world, late, "cancelled", "cancelled.dependency")
    ended(world, patient, "succeeded")
    expect(stranger.alive and stranger.state in "SR", "the stranger was signalled")
    expect(all(Process.of(pid) for pid in children(stranger.pid)) and children(stranger.pid), "its child was signalled")
    running.popen.terminate()
    expect(running.wait(20).code == 0, "serve")
    ended_once(world)


@suite.case("a jump of the boot clock ends back-off and queue deadlines, and nothing that runs elsewhere", identities=ROOT)
def clock_jump(world: World) -> None:
    configure(world)
    front = world.begin(*UNTIL_GO)
    wait_until("the foreground run", SOON, lambda: rows(world, "SELECT id FROM task WHERE state = 'running'"))
    first = str(rows(world, "SELECT id FROM task")[0][0])
    running = serve(world)
    again = detach(world, "/bin/sh", "-c", "echo x >> starts; [ $(wc -l < starts) -ge 2 ]", options=("--retries", "1"))
    wait_until("the back-off", SOON, lambda: world.record(again).get("notBefore"))
    edit(world, "UPDATE task SET not_before_boottime = not_before_boottime + 3000000000000 WHERE id = ?", again)
    late = detach(world, "/bin/true", options=("--queue-timeout", "1h", "--after", first))
    crash(world, of(running))
    words = ["/usr/bin/unshare", "--time", "--boottime", "7200", "--fork", "--kill-child", world.binaries.claudine, "serve"]
    world.launch(words)
    ended(world, again, "succeeded")
    ended(world, late, "timedOut", "timeout.queue")
    expect(front.popen.poll() is None, "the foreground run was ended")
    go(world)
    expect(front.wait(20).code == 0, "the foreground run")


@suite.case("the wall clock set back by years: first come first served all the same")
def clock_back(world: World) -> None:
    configure(world, running=1)
    blocker = begun(world)
    tasks = []
    for number in range(3):
        tasks.append(detach(world, "/bin/sh", "-c", f"echo {number} >> order"))
        if number < 2:
            # As if it had been made before the clock was set back.
            edit(world, "UPDATE task SET rank = rank + 315360000000, created_at = created_at + 315360000000 WHERE id = ?", tasks[-1])
    go(world)
    ended(world, blocker, "succeeded")
    for task in tasks:
        ended(world, task, "succeeded")
    expect((world.workspace / "order").read_text().split() == ["0", "1", "2"], (world.workspace / "order").read_text())


@suite.case("a copy of the state, made while tasks run, signals nothing of the original's")
def copied(world: World) -> None:
    configure(world)
    serve(world)
    task = begun(world, policy=policy(world, "retry"))
    front = world.begin(*UNTIL_GO, policy="permissive")
    wait_until("both", SOON, lambda: len(rows(world, "SELECT 1 FROM task WHERE state = 'running'")) == 2)
    # Without what the commands themselves start and see end.
    before = set(world.members())
    time.sleep(0.2)
    before &= set(world.members())
    copies = {name: world.base / name for name in ("whole", "database")}
    subprocess.run(["/bin/cp", "-a", world.state, copies["whole"]], check=True)
    copies["database"].mkdir(mode=0o700)
    world.own(copies["database"])
    for file in world.state.glob("claudine.db*"):
        subprocess.run(["/bin/cp", "-a", file, copies["database"]], check=True)
    for name, copy in copies.items():
        env = {"CLAUDINE_STATE_DIR": str(copy)}
        listed = world.claudine("list", "--json", env=env)
        expect(listed.code == 0, str(listed))
        found = {entry["taskId"]: entry for entry in listed.json()["tasks"]}
        expect({entry["state"] for entry in found.values()} == {"lost"}, f"{name}: {[entry['state'] for entry in found.values()]}")
        expect("copied" in found[task]["reason"]["message"], f"{name}: {found[task]['reason']}")
        other = world.start("serve", env=env)
        wait_until(f"{name}: the copy's daemon", SOON, lambda: world.claudine("status", "-q", env=env).text == "ready\n")
        other.popen.terminate()
        expect(other.wait(20).code == 0, "the copy's daemon")
        gone = [process for process in before if not process.alive]
        expect(before and not gone, f"{name}: of the original {gone} are gone")
    expect(state_of(world, task) == "running" and front.popen.poll() is None, "the original was touched")
    go(world)
    ended(world, task, "succeeded")
    expect(front.wait(20).code == 0, "the foreground run")
    ended_once(world)


@suite.case("a state directory that was moved while nothing runs is the same one")
def moved(world: World) -> None:
    configure(world)
    running = serve(world)
    task = begun(world, "/bin/sleep", "300")
    queued = detach(world, "/bin/true", options=("--after-any", task))
    crash(world, of(running))
    stranger = canary(world, world.base / "no.lock", nonce_of(world, task))
    place = world.base / "elsewhere"
    world.state.rename(place)
    world.state.symlink_to(place)
    serve(world)
    ended(world, task, "lost", "lost.supervisor")
    expect(not stranger.alive, "its process was not looked for")
    ended(world, queued, "succeeded")


# MARK: how quick


@suite.case("cancel, wait, events -f and logs -f react at once, and cost nothing while nothing happens", alone=True)
def wakes(world: World) -> str:
    configure(world)
    serve(world)
    ticks = "i=0; while [ $i -lt 20 ]; do date +%s%N; sleep 0.05; i=$((i + 1)); done; exec sleep 300"
    task = begun(world, "/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done; " + ticks)
    logs = world.start("logs", task, "-f", "--stream", "stdout", "--raw")
    events = world.start("events", "-f", "--since", str(world.events()[-1]["seq"]))
    waiter = world.start("wait", task)
    time.sleep(1.0)
    watched = [events.popen.pid, waiter.popen.pid]
    before = [processor(pid) for pid in watched]
    time.sleep(4)
    used = [(processor(pid) - then) / 4 for pid, then in zip(watched, before)]
    expect(max(used) < 5, f"an idle events -f and wait used {used} ms of a processor a second")
    go(world)
    late_logs = []
    assert logs.popen.stdout and events.popen.stdout
    for _ in range(20):
        line = logs.popen.stdout.readline()
        late_logs.append((time.time_ns() - int(line)) / 1e6)
    late_events: list[float] = []

    def read() -> None:
        assert events.popen.stdout
        while len(late_events) < 20:
            line = events.popen.stdout.readline()
            if not line:
                return
            stamp = rows(world, "SELECT time FROM event WHERE seq = ?", json.loads(line)["seq"])[0][0]
            late_events.append(time.time() * 1000 - stamp)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(10):
        detach(world, "/bin/true", options=("--after", task))
        time.sleep(0.05)
    reader.join(20)
    expect(len(late_events) == 20, f"{len(late_events)} events")
    began = time.monotonic()
    world.claudine("cancel", task)
    asked = time.monotonic()
    expect(waiter.wait(10).code == 143, "wait")
    ended_after = (time.monotonic() - asked) * 1000
    figures = (statistics.median(late_events), statistics.median(late_logs))
    expect(figures[0] < 50 and figures[1] < 50, f"medians {figures}, all {late_events} {late_logs}")
    expect(ended_after < 1500, f"wait returned {ended_after:.0f} ms after the cancel")
    logs.wait(10)
    events.popen.terminate()
    events.wait(10)
    world.claudine("cancel", "--all")
    return (
        f"events -f {figures[0]:.1f} ms, logs -f {figures[1]:.1f} ms (medians of 20); cancel took {(asked - began) * 1000:.0f} ms, wait returned"
        f" {ended_after:.0f} ms later; idle: events -f {used[0]:.1f}, wait {used[1]:.1f} ms of a processor a second"
    )


def processor(pid: int) -> float:
    """Milliseconds that its threads have run."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6


if __name__ == "__main__":
    suite.main()
