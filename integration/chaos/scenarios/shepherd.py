"""1 to 14: the shepherd dies, in every phase of its life. Its supervisor lives and has to find out what can have happened."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

from harness import expect, wait_until

from ..faults.failpoints import await_stop, failpoint
from ..faults.tracing import Aim, Call, TracedShepherd
from ..ground import Ground, Task
from ..register import DAEMON, FOREGROUND, FULL, SMOKE, scenario

#: What may become of a task whose shepherd was lost, depending on what it can have done by then. What provably never ran is started
#: again without using up an attempt.
NEVER_RAN = ("succeeded",)
MAY_HAVE_RUN = ("lost lost.shepherd",)
NATURAL = ("succeeded",)
#: What the wish to stop had reached by then decides.
CANCELLED = ("lost lost.shepherd", "cancelled cancelled.user")
BOTH = (FOREGROUND, DAEMON)
CODES = {"succeeded": 0, "failed": 125, "lost": 125, "cancelled": 143}

#: Leaves a process behind, and gives it a while.
LINGERING = 'schema = 1\nname = "lingering"\ndescription = "waits for survivors"\nextends = "strict"\n[process]\nlinger = "3s"\n'


def receipt(ground: Ground) -> str:
    return f"{ground.world.state}/attempts/TASK/1/receipt"


def judge(ground: Ground, task: Task, expected: tuple[str, ...], where: str) -> str:
    """The run ends, says what the record says, and what the record says can be true."""
    result = task.end()
    outcome = ground.expect_one_of(task, *expected)
    expect(result.code == CODES[outcome.split()[0]], f"{where}: the run said {result.code}, the record {outcome}")
    wait_until(f"{where}: nothing left", 5, lambda: not ground.world.marked())
    return outcome


def struck(ground: Ground, aim: Aim, *words: str | int, expected: tuple[str, ...], policy: str = "strict") -> str:
    """One task whose shepherd is struck at a call."""
    traced = TracedShepherd(ground.world)
    traced.aim(aim)
    outcome = judge(ground, ground.agent(*words, policy=policy), expected, str(aim))
    expect(traced.has_struck, f"{aim} did not happen")
    return outcome


def stopped_at(ground: Ground, point: str, expected: tuple[str, ...], *words: str | int) -> str:
    """The supervisor stands still at a point while its shepherd is killed, and goes on then."""
    task = ground.agent(*(words or ("sleep", 50)), env=failpoint(point, "stop"))
    supervisor = task.supervisor()
    await_stop(supervisor, point)
    expect(task.shepherd().signal(signal.SIGKILL), "the shepherd was gone already")
    supervisor.signal(signal.SIGCONT)
    return judge(ground, task, expected, point)


def receipt_phase(ground: Ground, task: Task) -> int:
    """The last phase that its receipt tells (docs/protocol.md): 0 armed, 1 forking, 2 running, 3 exited, 4 empty."""
    return Path(receipt(ground).replace("TASK", task.id)).read_bytes()[36]


@scenario(1, name="the shepherd dies before HELLO", kind=SMOKE, ways=BOTH)
def before_hello(ground: Ground) -> str:
    return struck(ground, Aim("flock"), "sleep", 50, expected=NEVER_RAN)


@scenario(2, name="the shepherd dies after HELLO, before T2", kind=SMOKE, ways=BOTH)
def before_arm(ground: Ground) -> str:
    return stopped_at(ground, "after_hello", NEVER_RAN)


@scenario(3, name="the shepherd dies between START and fork", kind=SMOKE, ways=BOTH)
def before_fork(ground: Ground) -> str:
    return struck(ground, Aim("pwrite64", 1, path=receipt(ground)), "sleep", 50, expected=NEVER_RAN)


@scenario(3, name="the shepherd dies once it has said that it forks", kind=FULL, ways=BOTH)
def at_fork(ground: Ground) -> str:
    return struck(ground, Aim("clone3"), "sleep", 50, expected=MAY_HAVE_RUN)


@scenario(4, name="the shepherd dies between fork and exec", kind=SMOKE, ways=BOTH)
def before_exec(ground: Ground) -> str:
    return struck(ground, Aim("pwrite64", 2, path=receipt(ground)), "sleep", 50, expected=MAY_HAVE_RUN)


@scenario(5, name="the shepherd dies right after STARTED", kind=SMOKE, ways=BOTH)
def after_started(ground: Ground) -> str:
    return stopped_at(ground, "before_running", MAY_HAVE_RUN, "sleep", 30000)


@scenario(6, name="the shepherd dies while the agent floods output", kind=SMOKE, ways=BOTH)
def while_flooding(ground: Ground) -> str:
    task = ground.agent("ready", "up", "flood", options=["--json"])
    task.until("up")
    time.sleep(ground.chance.uniform(0, 0.4))
    expect(task.shepherd().signal(signal.SIGKILL), "the shepherd was gone already")
    return judge(ground, task, MAY_HAVE_RUN, "flood")


@scenario(8, name="the shepherd dies during the grace after TERM", kind=SMOKE, ways=BOTH)
def during_grace(ground: Ground) -> str:
    task = ground.agent("deaf", "ready", "up", "sleep", 50000)
    task.until("up")
    expect(ground.world.claudine("cancel", task.id).code == 0, "cancel")
    wait_until("it is being stopped", 10, lambda: task.outcome() == "stopping")
    expect(task.shepherd().signal(signal.SIGKILL), "the shepherd was gone already")
    return judge(ground, task, CANCELLED, "grace")


@scenario(9, name="the shepherd dies before and after its SIGKILL", kind=FULL)
def while_killing(ground: Ground) -> str:
    traced = TracedShepherd(ground.world)
    notes = []
    for aim in (Aim("pidfd_send_signal"), Aim("wait4")):
        traced.aim(aim)
        task = ground.agent("deaf", "ready", f"up-{aim.call}", "sleep", 50000)
        try:
            task.until(f"up-{aim.call}")
            expect(ground.world.claudine("cancel", "--force", task.id).code == 0, "cancel")
        except RuntimeError:
            # It waits for a process of the set-up now and then; then it died at that, and the same has to hold.
            expect(aim.call == "wait4", str(aim))
        notes.append(f"{aim.call}: {judge(ground, task, CANCELLED, str(aim))}")
    return ", ".join(notes)


@scenario(10, name="the shepherd dies after the leader, while stragglers live", kind=SMOKE, ways=BOTH)
def while_lingering(ground: Ground) -> str:
    ground.world.write(ground.world.config / "policies" / "lingering.toml", LINGERING)
    task = ground.agent("spawn", "group", "spawn", "daemon", "exit", 0, policy="lingering")
    shepherd = task.shepherd()
    wait_until("the leader is gone", 20, lambda: task.outcome() == "stopping" or bool(_exited(ground, task)))
    expect(ground.world.marked(), "no straggler lives")
    expect(shepherd.signal(signal.SIGKILL), "the shepherd was gone already")
    return judge(ground, task, NATURAL, "lingering")


def _exited(ground: Ground, task: Task) -> list[tuple[object, ...]]:
    return ground.query("SELECT 1 FROM event WHERE task_id = ? AND kind = 'attempt.exited'", task.id)


@scenario(11, name="the shepherd dies after EXIT, before TREE_EMPTY", kind=SMOKE, ways=BOTH)
def before_empty(ground: Ground) -> str:
    ground.world.write(ground.world.config / "policies" / "lingering.toml", LINGERING)
    return struck(
        ground, Aim("pwrite64", 4, path=receipt(ground)), "spawn", "group", "exit", 0, expected=NATURAL, policy="lingering")


@scenario(12, name="the shepherd dies after its receipt, before it has told", kind=SMOKE)
def before_telling(ground: Ground) -> str:
    traced = TracedShepherd(ground.world)
    for tries in range(1, 7):
        traced.record()
        ground.agent("exit", 0).end()
        aim = _after_receipt(traced.calls())
        traced.aim(aim)
        task = ground.agent("exit", 0)
        judge(ground, task, NATURAL, str(aim))
        if traced.has_struck and receipt_phase(ground, task) == 4:
            told = ground.query("SELECT resources_json ->> 'maxProcesses' FROM attempt WHERE task_id = ?", task.id)
            expect(told[0][0] >= 1, "what its receipt says of its resources is not in the record")
            return f"{aim}, hit at try {tries}"
    raise RuntimeError("six lives, and none was like the one before")


def _after_receipt(calls: list[Call]) -> Aim:
    """The call after the one that says in the receipt that the tree is empty."""
    place = max(place for place, call in enumerate(calls) if call.name == "pwrite64" and call.sent[:4] == b"1TCE" and call.sent[36] == 4)
    following = calls[place + 1]
    return Aim(following.name, following.number)


@scenario(13, name="the shepherd dies after TREE_EMPTY, before ACK", kind=SMOKE, ways=BOTH)
def before_acknowledgement(ground: Ground) -> str:
    return stopped_at(ground, "after_tree_empty", NATURAL)


@scenario(14, name="the shepherd dies at every write of its receipt", kind=FULL)
def at_every_receipt(ground: Ground) -> str:
    traced = TracedShepherd(ground.world)
    outcomes = []
    # Forking, running, exited, empty. With the third the leader's end is known to nobody else.
    for number, expected in enumerate((NEVER_RAN, MAY_HAVE_RUN, MAY_HAVE_RUN, NATURAL), 1):
        aim = Aim("pwrite64", number, path=receipt(ground))
        traced.aim(aim)
        outcomes.append(judge(ground, ground.agent("print", 5000, "exit", 0), expected, str(aim)))
    return ", ".join(outcomes)


@scenario(14, name="the shepherd dies at every sync of what it leaves when its supervisor is dead", kind=FULL)
def at_every_sync(ground: Ground) -> str:
    traced = TracedShepherd(ground.world)
    outcomes: Counter[str] = Counter()
    for number in range(1, 6):
        traced.aim(Aim("fdatasync", number))
        task = ground.agent("ready", f"up-{number}", "print", 100000, "sleep", 50000)
        task.until(f"up-{number}")
        task.shepherd()
        task.supervisor().signal(signal.SIGKILL)
        wait_until("nothing left", 15, lambda: not ground.world.marked())
        wait_until("it is ended by the next command", 20, lambda: _lost(ground, task))
        outcomes[task.outcome()] += 1
    expect(set(outcomes) == {"lost lost.supervisor"}, f"{outcomes}")
    return f"{outcomes.total()} times"


def _lost(ground: Ground, task: Task) -> bool:
    ground.world.tasks()
    return task.outcome().startswith("lost")


def sweep(ground: Ground, most: int) -> str:
    """Kills one shepherd after the other, each at another of the calls that one of them was seen to make."""
    traced = TracedShepherd(ground.world)
    traced.record()
    ground.agent("print", 3000, "spawn", "group", "sleep", 20).end()
    calls = traced.calls()
    first = next(place for place, call in enumerate(calls) if call.name == "flock")
    chosen = calls[first:]
    if len(chosen) > most:
        chosen = [chosen[place] for place in sorted(ground.chance.sample(range(len(chosen)), most))]
    outcomes: Counter[str] = Counter()
    hits = 0
    for call in chosen:
        aim = Aim(call.name, call.number)
        traced.aim(aim)
        task = ground.agent("print", 3000, "spawn", "group", "sleep", 20)
        outcomes[judge(ground, task, (*NEVER_RAN, *MAY_HAVE_RUN), str(aim))] += 1
        hits += traced.has_struck
    # No two lives are the same to the call, but most of it is.
    expect(hits >= len(chosen) * 2 // 3, f"only {hits} of {len(chosen)} calls were met")
    return f"{hits} of {len(calls) - first} calls: " + ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


@scenario(1, 2, 3, 4, 5, 10, 11, 12, 13, 14, name="the shepherd dies at some call of its life", kind=SMOKE)
def at_some_calls(ground: Ground) -> str:
    return sweep(ground, 6)


@scenario(1, 2, 3, 4, 5, 10, 11, 12, 13, 14, name="the shepherd dies at each of 120 calls of its life", kind=FULL)
def at_many_calls(ground: Ground) -> str:
    return sweep(ground, 120)
