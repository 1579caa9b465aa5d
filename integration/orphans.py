#!/usr/bin/python3
"""G1: no process outlives its task, whoever is killed, and in whatever order.

`programs/tree.c` starts sixteen processes that each refuse to die in a way of their own. They are found from outside by a nonce in
their environment and by their PID namespace, never by asking Claudine.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness import NONCE, Process, Running, Suite, World, children, expect, kill_all, marked, wait_until

suite = Suite("orphans", __doc__ or "")

#: Seconds within which a tree has to be gone once its guardians were killed: generous for a loaded machine, the note tells the truth.
PROMPTLY = 3.0
#: The same where the shepherd is stopped and the cage's init has to notice by itself that the supervisor is gone.
BY_INIT = 15.0
#: At least this many of the leaves are processes of their own in every cage, whatever seccomp forbids.
LEAVES = 12


@dataclass
class Tree:
    """A running tree and the two processes that guard it."""

    running: Running
    supervisor: Process
    shepherd: Process
    processes: list[Process]

    def left(self) -> list[Process]:
        return [process for process in self.processes if process.alive]


def plant(world: World, *options: str) -> Tree:
    """Starts the tree in a cage and waits until every leaf is as stubborn as it gets."""
    ready = world.workspace / "ready"
    running = world.begin(world.program("tree"), "wait", ready, options=options)

    def up() -> bool:
        if running.popen.poll() is not None:
            raise RuntimeError(f"the run ended before its tree was up: {running.wait()}")
        return ready.exists()

    wait_until("tree up", 30, up)
    shepherd = running.shepherd()
    supervisor = running.process
    expect(shepherd and supervisor, "no shepherd found below the supervisor")
    assert shepherd and supervisor
    processes = [process for process in world.members() if process not in (shepherd, supervisor)]
    expect(len(processes) >= LEAVES, f"only {len(processes)} processes found in the cage")
    return Tree(running, supervisor, shepherd, processes)


def gone(world: World, tree: Tree, within: float) -> str:
    """Waits for the tree to be empty; says how long it took."""
    began = time.monotonic()
    wait_until("tree empty", within, lambda: not tree.left() and not world.marked())
    return f"{len(tree.processes)} processes gone after {(time.monotonic() - began) * 1000:.0f} ms"


def ended_once(world: World) -> dict[str, object]:
    """The next command finds the task in a terminal state, ended exactly once."""
    record = world.record()
    expect(
        record["state"] in ("succeeded", "failed", "timedOut", "cancelled", "refused", "lost"),
        f"not terminal after recovery: {record['state']}",
    )
    ends = [event for event in world.events(str(record["taskId"])) if event["kind"] == "task.ended"]
    expect(len(ends) == 1, f"{len(ends)} task.ended events")
    return record


@suite.case("natural exit leaves nothing")
def natural(world: World) -> str:
    result = world.run(world.program("tree"), "exit", world.workspace / "ready")
    left = world.marked()
    expect(not left, f"{len(left)} processes left at the moment `run` returned")
    expect(result.code == 0, f"the leader's exit code is the task's: {result}")
    record = ended_once(world)
    stragglers = record.get("stragglers", 0)
    expect(isinstance(stragglers, int) and stragglers >= LEAVES, f"stragglers: {stragglers}")
    expect(result.seconds < 20, f"took {result.seconds:.1f} s although nothing had to be waited for")
    return f"{stragglers} stragglers ended"


@suite.case("left processes are a failure where the policy says so")
def stragglers_fail(world: World) -> None:
    text = 'schema = 1\nname = "tidy"\ndescription = "for a test"\nextends = "strict"\n[process]\non_stragglers = "fail"\n'
    tidy = world.write(world.base / "tidy.toml", text)
    untidy = world.run("/bin/sh", "-c", "sleep 300 & exit 0", policy=str(tidy))
    record = world.record()
    expect(untidy.code == 1 and "It left a process behind" in untidy.errors, str(untidy))
    expect((record["state"], record["reason"]["code"]) == ("failed", "exit.stragglers"), f"{record}")
    expect(record["stragglers"] == 1 and record["exit"] == {"code": 0}, f"{record}")
    expect(not world.marked(), "something is left")
    expect(world.run("/bin/true", policy=str(tidy)).code == 0, "a tidy task is a failure, too")


@suite.case("a held output pipe does not hold the task")
def held_output(world: World) -> None:
    result = world.run("/bin/sh", "-c", "(trap '' TERM HUP; exec sleep 300) & echo done")
    expect(result.code == 0 and result.stdout == b"done\n", str(result))
    expect(result.seconds < 20, f"took {result.seconds:.1f} s")


@suite.case("cancel empties the tree before the record says so")
def cancelled(world: World) -> str:
    tree = plant(world)
    task = world.tasks()[0]["taskId"]
    answer = world.claudine("cancel", task)
    expect(answer.code == 0, str(answer))
    wait_until("terminal", 40, lambda: world.record(task)["state"] == "cancelled")
    left = tree.left() + world.marked()
    expect(not left, f"{len(left)} processes left although the record is terminal")
    result = tree.running.wait(20)
    expect(result.code == 143, str(result))
    record = ended_once(world)
    expect(record["reason"]["code"] == "cancelled.user", f"reason {record.get('reason')}")  # type: ignore[index]
    return f"{result.seconds:.1f} s in all"


@suite.case("the wall timeout empties the tree")
def timed_out(world: World) -> None:
    tree = plant(world, "--timeout", "3s")
    result = tree.running.wait(60)
    left = tree.left() + world.marked()
    expect(not left, f"{len(left)} processes left when `run` returned")
    expect(result.code == 124, str(result))
    record = ended_once(world)
    expect(record["state"] == "timedOut", f"state {record['state']}")
    expect(record["reason"]["code"] == "timeout.wall", f"reason {record.get('reason')}")  # type: ignore[index]


@suite.case("SIGKILL of the shepherd")
def shepherd_killed(world: World) -> str:
    tree = plant(world)
    tree.shepherd.signal(signal.SIGKILL)
    note = gone(world, tree, PROMPTLY)
    result = tree.running.wait(30)
    expect(result.code == 125, str(result))
    record = ended_once(world)
    expect(record["reason"]["code"] == "lost.shepherd", f"reason {record.get('reason')}")  # type: ignore[index]
    return note


@suite.case("SIGKILL of the supervisor")
def supervisor_killed(world: World) -> str:
    tree = plant(world)
    tree.supervisor.signal(signal.SIGKILL)
    note = gone(world, tree, BY_INIT)
    wait_until("shepherd gone", PROMPTLY, lambda: not tree.shepherd.alive)
    ended_once(world)
    return note


@suite.case("SIGKILL of shepherd, then supervisor")
def shepherd_then_supervisor(world: World) -> str:
    tree = plant(world)
    tree.shepherd.signal(signal.SIGKILL)
    tree.supervisor.signal(signal.SIGKILL)
    note = gone(world, tree, PROMPTLY)
    ended_once(world)
    return note


@suite.case("SIGKILL of supervisor, then shepherd")
def supervisor_then_shepherd(world: World) -> str:
    tree = plant(world)
    tree.supervisor.signal(signal.SIGKILL)
    tree.shepherd.signal(signal.SIGKILL)
    note = gone(world, tree, PROMPTLY)
    ended_once(world)
    return note


@suite.case("SIGKILL of the supervisor while the shepherd is stopped")
def shepherd_stopped(world: World) -> str:
    tree = plant(world)
    tree.shepherd.signal(signal.SIGSTOP)
    wait_until("shepherd stopped", 5, lambda: tree.shepherd.state == "T")
    tree.supervisor.signal(signal.SIGKILL)
    note = gone(world, tree, BY_INIT)
    tree.shepherd.signal(signal.SIGCONT)
    wait_until("shepherd gone once it runs again", BY_INIT, lambda: not tree.shepherd.alive)
    ended_once(world)
    return note


ROUNDS = 200


@suite.case(f"{ROUNDS} kills of the shepherd within its first 3 ms", alone=True)
def early_kills(world: World) -> str:
    return snipe(world, lambda shepherd: True)


@suite.case(f"{ROUNDS} kills of the shepherd within the first 3 ms of its cage", alone=True)
def kills_while_caging(world: World) -> str:
    return snipe(world, lambda shepherd: bool(children(shepherd.pid)))


def snipe(world: World, ripe: Callable[[Process], bool]) -> str:
    """Kills one shepherd after the other at a random moment within 3 ms of its being ripe; nothing may ever be left.

    What provably never ran is tried again, and uses up no attempt; what may have run is lost.
    """
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    started = world.workspace / "started"
    again = world.workspace / "again"
    script = f"[ -e {again} ] && exit 0; : > {started}; (trap '' TERM; exec sleep 300) & exec sleep 300"
    hit = reached = repeated = 0
    # The first to ask what this machine can do builds cages to find out; those shepherds are no task's.
    world.claudine("policy", "check", "strict")
    for number in range(ROUNDS):
        delay = chance.uniform(0, 0.003)
        running = world.begin("/bin/sh", "-c", script, stdout=subprocess.DEVNULL)
        shepherd = None
        while running.popen.poll() is None:
            shepherd = shepherd or running.shepherd()
            if shepherd and ripe(shepherd):
                break
        until = time.perf_counter() + delay
        while time.perf_counter() < until:
            pass
        where = f"seed {seed}, round {number}, {delay * 1e6:.0f} µs"
        if shepherd is None:
            raise RuntimeError(f"{where}: the run ended without a shepherd: {running.wait()}")
        hit += shepherd.signal(signal.SIGKILL)
        world.write(again, "")
        result = running.wait(30)
        expect(result.code in (0, 125), f"{where}: {result}")
        if result.code == 0:
            repeated += 1
            expect(not started.exists(), f"{where}: what had started was started again")
        wait_until(f"{where}: nothing left", PROMPTLY, lambda: not world.marked())
        again.unlink()
        if started.exists():
            reached += 1
            started.unlink()
    expect(hit >= ROUNDS * 9 // 10, f"seed {seed}: only {hit} of {ROUNDS} kills found a shepherd")
    records = {str(record["taskId"]): record for record in world.tasks()}
    states = sorted({str(record["state"]) for record in records.values()})
    expect(len(records) == ROUNDS and set(states) <= {"lost", "succeeded"}, f"seed {seed}: {len(records)} records, {states}")
    expect(all(record["attempts"] == 1 for record in records.values()), f"seed {seed}: an attempt that never ran counted")
    ends = [event["taskId"] for event in world.events() if event["kind"] == "task.ended"]
    expect(len(ends) == len(set(ends)) == ROUNDS, f"seed {seed}: {len(ends)} ends of {len(set(ends))} tasks")
    return f"seed {seed}: {hit} hit, {reached} after the command had started, {repeated} tried again; {', '.join(states)}"


@suite.case("control: without a cage the same tree survives", leftovers=True)
def control(world: World) -> str:
    ready = world.workspace / "ready"
    running = world.launch([world.program("tree"), "wait", ready], env={NONCE: world.nonce})
    wait_until("tree up", 30, ready.exists)
    leaves = [process for pid in ready.read_text().split() if (process := Process.of(int(pid)))]
    try:
        leader = running.process
        expect(leader, "the leader ended by itself")
        assert leader
        leader.signal(signal.SIGTERM)
        running.popen.wait(10)
        time.sleep(0.3)
        survivors = [process for process in leaves if process.alive]
        expect(len(survivors) >= LEAVES, f"only {len(survivors)} of {len(leaves)} survived: the tree proves nothing")
        return f"{len(survivors)} of {len(leaves)} alive after the leader ended"
    finally:
        kill_all(leaves)
        wait_until("control cleaned up", 10, lambda: kill_all(leaves + marked(world.nonce)) == 0)


if __name__ == "__main__":
    suite.main()
