#!/usr/bin/python3
"""Random faults, seeded: whatever is killed or stopped, and whenever, nothing is left and every task ends exactly once.

`--rounds N` and `--seed S` repeat or prolong it; the seed of a run is always printed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
import time

from harness import Process, Running, Suite, World, expect, marked, wait_until

suite = Suite("chaos", __doc__ or "")

TERMINAL = {"succeeded", "failed", "timedOut", "cancelled", "refused", "lost"}
#: Seconds after which even a tree whose shepherd is stopped has to be gone.
GONE = 15.0
#: A task that takes a little while, writes, and leaves a daemon behind; by itself it ends with 0.
WORK = "(trap '' TERM HUP; exec sleep 300) & for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done"

rounds = int(os.environ.get("CLAUDINE_CHAOS_ROUNDS", "24"))
seed = int(os.environ.get("CLAUDINE_CHAOS_SEED", random.SystemRandom().randrange(2**32)))


def begin(world: World, *options: str) -> tuple[Running, Process]:
    """Starts the work and waits for its shepherd."""
    # The first to ask what this machine can do builds cages to find out; those shepherds are no task's.
    if not (world.state / "machine").exists():
        world.claudine("policy", "check", "strict")
    running = world.begin("/bin/sh", "-c", WORK, options=options)
    while running.popen.poll() is None:
        if shepherd := running.shepherd():
            return running, shepherd
    raise RuntimeError(f"ended without a shepherd: {running.wait()}")


def settled(world: World, where: str, states: set[str]) -> str:
    """After recovery the task is terminal in one of `states`, ended once, and the database is whole."""
    tasks = world.tasks()
    newest = tasks[0]
    expect(newest["state"] in states, f"{where}: state {newest['state']} {newest.get('reason')}, expected one of {sorted(states)}")
    ends = [event["taskId"] for event in world.events() if event["kind"] == "task.ended"]
    expect(len(ends) == len(set(ends)) == len(tasks), f"{where}: {len(ends)} ends of {len(set(ends))} tasks, {len(tasks)} recorded")
    base = sqlite3.connect(f"file:{world.state / 'claudine.db'}?mode=ro", uri=True)
    try:
        expect(base.execute("PRAGMA integrity_check").fetchone() == ("ok",), f"{where}: integrity")
    finally:
        base.close()
    return f"{newest['state']} {newest.get('reason', {}).get('code', '')}".strip()


def kill_supervisor(world: World, running: Running, shepherd: Process) -> None:
    running.popen.kill()


def kill_shepherd(world: World, running: Running, shepherd: Process) -> None:
    shepherd.signal(signal.SIGKILL)


def kill_both(world: World, running: Running, shepherd: Process) -> None:
    running.popen.kill()
    shepherd.signal(signal.SIGKILL)


def kill_both_reversed(world: World, running: Running, shepherd: Process) -> None:
    shepherd.signal(signal.SIGKILL)
    running.popen.kill()


def kill_supervisor_of_stopped(world: World, running: Running, shepherd: Process) -> None:
    shepherd.signal(signal.SIGSTOP)
    running.popen.kill()


def pause_shepherd(world: World, running: Running, shepherd: Process) -> None:
    shepherd.signal(signal.SIGSTOP)
    time.sleep(0.5)
    shepherd.signal(signal.SIGCONT)


def pause_supervisor(world: World, running: Running, shepherd: Process) -> None:
    running.popen.send_signal(signal.SIGSTOP)
    time.sleep(0.5)
    running.popen.send_signal(signal.SIGCONT)


FATAL = [kill_supervisor, kill_shepherd, kill_both, kill_both_reversed, kill_supervisor_of_stopped]
HARMLESS = [pause_shepherd, pause_supervisor]


@suite.case(f"{rounds} random faults (seed {seed})")
def random_faults(world: World) -> str:
    chance = random.Random(f"{seed} {world.identity.name}")
    outcomes: dict[str, int] = {}
    for number in range(rounds):
        fault = chance.choice(FATAL + HARMLESS)
        delay = chance.choice([chance.uniform(0, 0.02), chance.uniform(0, 0.9)])
        where = f"seed {seed}, round {number}: {fault.__name__} after {delay * 1000:.1f} ms"
        world.note(where)
        running, shepherd = begin(world)
        time.sleep(delay)
        fault(world, running, shepherd)
        result = running.wait(60)
        wait_until(f"{where}: nothing left", GONE, lambda: not marked(world.nonce))
        shepherd.signal(signal.SIGCONT)
        wait_until(f"{where}: shepherd gone", GONE, lambda: not shepherd.alive)
        if fault in HARMLESS:
            expect(result.code == 0, f"{where}: {result}")
        # A fault may come after the end, so success is always possible. A fatal one before it is a loss, or, when nothing can have
        # started yet, a failed spawn; it never looks like a failure of the task's own.
        outcome = settled(world, where, {"succeeded"} if fault in HARMLESS else {"succeeded", "lost", "failed"})
        expect(not outcome.startswith("failed") or outcome == "failed spawn.failed", f"{where}: {outcome}")
        if result.code == 0:
            expect(outcome == "succeeded", f"{where}: run said success, the record {outcome}")
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


@suite.case("the wall timeout holds while the supervisor is stopped")
def stopped_supervisor(world: World) -> str:
    running = world.begin("/bin/sh", "-c", "trap '' TERM; touch ready; while :; do sleep 1; done", options=("--timeout", "2s"))
    wait_until("command up", 20, (world.workspace / "ready").exists)
    began = time.monotonic()
    running.popen.send_signal(signal.SIGSTOP)
    # 2 s, then the grace of strict (5 s), then the kill.
    wait_until("tree gone under a stopped supervisor", 12, lambda: not marked(world.nonce))
    seconds = time.monotonic() - began
    process = running.process
    expect(process and process.state == "T", "the supervisor was not stopped all the while")
    running.popen.send_signal(signal.SIGCONT)
    result = running.wait(30)
    expect(result.code == 124, str(result))
    expect(settled(world, "after CONT", {"timedOut"}) == "timedOut timeout.wall", "the reason")
    return f"gone {seconds:.1f} s after the stop"


@suite.case("the wall timeout holds although the shepherd was stopped across it")
def stopped_shepherd(world: World) -> None:
    running = world.begin("/bin/sh", "-c", "touch ready; exec sleep 300", options=("--timeout", "1s"))
    wait_until("command up", 20, (world.workspace / "ready").exists)
    shepherd = running.shepherd()
    expect(shepherd, "no shepherd")
    assert shepherd
    shepherd.signal(signal.SIGSTOP)
    time.sleep(2)
    shepherd.signal(signal.SIGCONT)
    result = running.wait(30)
    expect(result.code in (124, 125), str(result))
    settled(world, "after CONT", {"timedOut", "lost"})


@suite.case("after SIGKILL of the supervisor the next command records the loss, once")
def recovery(world: World) -> str:
    running = world.begin("/bin/sh", "-c", "touch ready; exec sleep 300")
    wait_until("command up", 20, (world.workspace / "ready").exists)
    running.popen.kill()
    running.popen.wait()
    readers = [world.start("list", "--json") for _ in range(6)]
    for reader in readers:
        expect(reader.wait(40).code == 0, "a reader failed")
    wait_until("terminal", GONE, lambda: world.record()["state"] in TERMINAL)
    expect(not marked(world.nonce), "terminal although its processes live")
    return settled(world, "recovery", {"lost"})


@suite.case("a flood survives the death of its supervisor by no more than anything else")
def flooding(world: World) -> None:
    running = world.begin("/bin/sh", "-c", "touch ready; exec cat /dev/zero", stdout=open(os.devnull, "wb"))
    wait_until("command up", 20, (world.workspace / "ready").exists)
    time.sleep(0.3)
    shepherd = running.shepherd()
    expect(shepherd, "the flood has no shepherd")
    assert shepherd
    running.popen.kill()
    wait_until("nothing left", GONE, lambda: not marked(world.nonce))
    # While it still writes its receipt, recovery leaves the attempt to it.
    wait_until("shepherd gone", GONE, lambda: not shepherd.alive)
    settled(world, "flood", {"lost"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int)
    own, rest = parser.parse_known_args()
    if own.rounds is not None or own.seed is not None:
        # The cases are named when the module is loaded, so a different number or seed starts it again.
        os.environ["CLAUDINE_CHAOS_ROUNDS"] = str(own.rounds if own.rounds is not None else rounds)
        os.environ["CLAUDINE_CHAOS_SEED"] = str(own.seed if own.seed is not None else seed)
        os.execv(sys.executable, [sys.executable, __file__, *rest])
    suite.main()
