"""30 to 38: signals that stop, storm or never arrive, and what a process inherits without having asked for it."""

from __future__ import annotations

import os
import signal
import sys
import time

from harness import Process, expect, wait_until

from ..agent import pattern
from ..faults.freezer import frozen
from ..ground import GONE, Ground, Task
from ..register import DAEMON, FOREGROUND, FULL, ROOT_ONLY, SMOKE, scenario

BOTH = (FOREGROUND, DAEMON)


def worker(ground: Ground, task: Task) -> Process:
    """The agent itself, as the host sees it."""

    def find() -> Process | None:
        rows = ground.query("SELECT child_pid FROM attempt WHERE task_id = ? AND ended_at IS NULL", task.id)
        return Process.of(int(rows[0][0])) if rows and rows[0][0] else None

    return wait_until("the agent in the record", 20, find)


def as_child_of(program: str) -> list[str]:
    """A prefix that changes something of itself and then becomes what follows."""
    return [sys.executable, "-B", "-c", f"import os, resource, signal, sys\n{program}\nos.execv(sys.argv[1], sys.argv[1:])"]


@scenario(30, name="a shepherd that is stopped for ten seconds is woken", kind=FULL)
def stopped_shepherd(ground: Ground) -> str:
    task = ground.agent("ready", "up", "sleep", 500, "print", 100)
    task.until("up")
    shepherd = task.shepherd()
    shepherd.signal(signal.SIGSTOP)
    began = time.monotonic()
    # After four ticks of two seconds without a word its supervisor sends SIGCONT, once.
    result = task.end(30)
    expect(result.code == 0, str(result))
    ground.expect_one_of(task, "succeeded")
    seconds = time.monotonic() - began
    expect(4 < seconds < 16, f"woken after {seconds:.1f} s")
    return f"woken after {seconds:.1f} s"


@scenario(30, name="the wall timeout holds although the shepherd was stopped across it", kind=SMOKE, ways=BOTH)
def stopped_across(ground: Ground) -> str:
    task = ground.agent("ready", "up", "sleep", 50000, options=["--timeout", "1s"])
    task.until("up")
    shepherd = task.shepherd()
    shepherd.signal(signal.SIGSTOP)
    time.sleep(2)
    shepherd.signal(signal.SIGCONT)
    expect(task.end(30).code == 124, "the run")
    return ground.expect_one_of(task, "timedOut timeout.wall")


@scenario(30, name="a shepherd that stays stopped is given up", kind=FULL, identities=ROOT_ONLY)
def given_up(ground: Ground) -> str:
    task = ground.agent("ready", "up", "sleep", 50000)
    task.until("up")
    began = time.monotonic()
    with frozen([task.shepherd()]):
        # Sixteen seconds of silence: woken once, which does not help, then killed.
        expect(task.end(40).code == 125, "the run")
    seconds = time.monotonic() - began
    ground.expect_one_of(task, "lost lost.shepherd")
    expect(12 < seconds < 25, f"given up after {seconds:.0f} s")
    return f"given up after {seconds:.0f} s"


@scenario(31, name="the wall timeout holds while the supervisor is stopped", kind=SMOKE, ways=BOTH, exempt=("I7",))
def stopped_supervisor(ground: Ground) -> str:
    # I7: whoever is stopped reaps nobody.
    task = ground.agent("deaf", "ready", "up", "sleep", 50000, options=["--timeout", "2s"])
    task.until("up")
    supervisor = task.supervisor()
    began = time.monotonic()
    supervisor.signal(signal.SIGSTOP)
    # 2 s, then the grace of strict (5 s), then the kill.
    wait_until("tree gone under a stopped supervisor", 12, lambda: not ground.world.marked())
    seconds = time.monotonic() - began
    expect(supervisor.state == "T", "the supervisor was not stopped all the while")
    supervisor.signal(signal.SIGCONT)
    expect(task.end(30).code == 124, "the run")
    ground.expect_one_of(task, "timedOut timeout.wall")
    return f"gone {seconds:.1f} s after the stop"


@scenario(31, name="a supervisor that is stopped for a minute harms nothing", kind=FULL, exempt=("I7",))
def stopped_for_a_minute(ground: Ground) -> str:
    # I7: as above.
    task = ground.agent("ready", "up", "print", 300000, "sleep", 1000, "print", 300000, options=["--json"])
    task.until("up")
    supervisor = task.supervisor()
    supervisor.signal(signal.SIGSTOP)
    time.sleep(60)
    supervisor.signal(signal.SIGCONT)
    expect(task.end(30).code == 0, "the run")
    return ground.expect_one_of(task, "succeeded")


@scenario(32, name="cancelling an agent that is stopped", kind=SMOKE, ways=BOTH)
def stopped_agent(ground: Ground) -> str:
    task = ground.agent("ready", "up", "sleep", 50000)
    task.until("up")
    agent = worker(ground, task)
    agent.signal(signal.SIGSTOP)
    wait_until("stopped", 5, lambda: agent.state == "T")
    began = time.monotonic()
    expect(ground.world.claudine("cancel", task.id).code == 0, "cancel")
    expect(task.end(30).code == 143, "the run")
    ground.expect_one_of(task, "cancelled cancelled.user")
    seconds = time.monotonic() - began
    expect(seconds < 4, f"it took {seconds:.1f} s: it was not woken to hear SIGTERM")
    return f"ended after {seconds:.2f} s"


@scenario(33, name="TERM, INT, HUP and QUIT three times each", kind=SMOKE)
def three_signals(ground: Ground) -> str:
    notes = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        up = f"up-{number.name}"
        task = ground.agent("deaf", "spawn", "daemon", "ready", up, "sleep", 50000)
        task.until(up)
        supervisor = task.supervisor()
        for _ in range(3):
            supervisor.signal(number)
            time.sleep(0.1)
        result = task.end(30)
        wait_until("nothing left", GONE, lambda: not ground.world.marked())
        wait_until("ended", GONE, lambda: ground.world.tasks() and task.outcome().split()[0] in ("cancelled", "lost"))
        # QUIT is what one sends to a program that shall leave a core and nothing else: it dies of it, as of SIGKILL.
        if number == signal.SIGQUIT:
            expect(result.code == -signal.SIGQUIT, str(result))
            outcome = ground.expect_one_of(task, "lost lost.supervisor")
        else:
            expect(result.code == (130 if number == signal.SIGINT else 143), str(result))
            outcome = ground.expect_one_of(task, "cancelled cancelled.user", "cancelled cancelled.client")
        notes.append(f"{number.name}: {outcome}")
    return ", ".join(notes)


@scenario(33, name="TERM, INT, HUP and QUIT to the daemon", kind=SMOKE, ways=(DAEMON,))
def daemon_signals(ground: Ground) -> str:
    notes = []
    for number, times in ((signal.SIGTERM, 1), (signal.SIGINT, 3), (signal.SIGHUP, 3), (signal.SIGQUIT, 3)):
        up = f"up-{number.name}"
        task = ground.agent("deaf", "spawn", "daemon", "ready", up, "sleep", 50000)
        task.until(up)
        daemon = ground.daemon
        assert daemon
        for _ in range(times):
            daemon.popen.send_signal(number)
            time.sleep(0.1)
        result = daemon.wait(30)
        expect(result.code == (-signal.SIGQUIT if number == signal.SIGQUIT else 0), f"{number.name}: {result}")
        wait_until("nothing left", GONE, lambda: not ground.world.marked())
        # The first signal stopped the task, or the second, or, of QUIT, the next daemon found it.
        ground.serve()
        expected = "lost lost.supervisor" if number == signal.SIGQUIT else "cancelled cancelled.shutdown"
        wait_until("ended", GONE, lambda: task.outcome() == expected)  # noqa: B023
        notes.append(f"{number.name}: {expected}")
        task.end(30)
    return ", ".join(notes)


@scenario(34, name="a storm of SIGPIPE", kind=SMOKE, ways=BOTH)
def broken_pipes(ground: Ground) -> str:
    task = ground.agent("ready", "up", "print", 100000, "sleep", 500, "print", 100000, options=["--json"])
    task.until("up")
    supervisor, shepherd = task.supervisor(), task.shepherd()
    sent = 0
    while task.running.popen.poll() is None:
        for process in (supervisor, shepherd):
            sent += process.signal(signal.SIGPIPE)
        time.sleep(0.0005)
    expect(task.end().code == 0, "the run")
    ground.expect_output(task, pattern(200000))
    return f"{sent} signals"


@scenario(35, name="started by somebody who blocks SIGCHLD, and all else", kind=SMOKE)
def blocked(ground: Ground) -> str:
    prefix = as_child_of("signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})")
    task = ground.agent("spawn", "group", "print", 1000, prefix=prefix)
    expect(task.end(30).code == 0, "the run")
    ground.expect_one_of(task, "succeeded")
    # And it can be asked to stop by another process all the same.
    task = ground.agent("ready", "up", "sleep", 50000, prefix=prefix)
    task.until("up")
    expect(ground.world.claudine("cancel", task.id).code == 0, "cancel")
    expect(task.end(30).code == 143, "the run")
    return ground.expect_one_of(task, "cancelled cancelled.user")


@scenario(36, name="started by somebody who ignores SIGCHLD", kind=SMOKE)
def ignored(ground: Ground) -> str:
    # Then the kernel reaps for us, and waiting for a child says that there is none.
    prefix = as_child_of("signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    task = ground.agent("spawn", "group", "print", 1000, "exit", 3, prefix=prefix)
    expect(task.end(30).code == 3, "the run")
    return ground.expect_one_of(task, "failed exit.nonzero")


@scenario(38, name="a umask that forbids everything", kind=SMOKE)
def masked(ground: Ground) -> str:
    task = ground.agent("print", 1000, prefix=as_child_of("os.umask(0o777)"))
    result = task.end(30)
    expect(result.code == 0, str(result))
    ground.expect_one_of(task, "succeeded")
    modes = {path: os.stat(path).st_mode & 0o777 for path in (ground.world.state / "claudine.db", ground.world.state / "attempts")}
    expect(all(mode & 0o077 == 0 and mode & 0o600 for mode in modes.values()), f"{modes}")
    return "it is not heeded where it would harm"
