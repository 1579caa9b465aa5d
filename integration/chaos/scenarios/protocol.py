"""106 to 114: what is said between supervisor and shepherd is cut, forged, repeated, or of another version."""

from __future__ import annotations

from collections import Counter

from harness import expect, wait_until

from ..faults.between import Between
from ..ground import GONE, Ground
from ..register import DAEMON, FOREGROUND, FULL, SMOKE, scenario

#: Types of messages (docs/protocol.md).
START, HELLO, STARTED, USAGE, EXIT, TREE_EMPTY = 0x02, 0x81, 0x82, 0x86, 0x89, 0x8A
BOTH = (FOREGROUND, DAEMON)
#: Lengths that no frame has: less than a header, more than the cap.
LENGTHS = ("00000000", "0000000b", "0010000d", "80000000", "ffffffff")
CODES = {"succeeded": 0, "failed": 125, "lost": 125}


def said(ground: Ground, *words: str | int, expected: tuple[str, ...]) -> str:
    """One task with what is planned for it."""
    task = ground.agent(*words)
    result = task.end(60)
    outcome = ground.expect_one_of(task, *expected)
    expect(result.code == CODES[outcome.split()[0]], f"the run said {result.code}, the record {outcome}")
    wait_until("nothing left", GONE, lambda: not ground.world.marked())
    return outcome


def before_start(ground: Ground, between: Between, **plan: object) -> str:
    """What is wrong before START cost nothing, so it is tried again; and if it is always wrong, that is said."""
    between.plan(direction="reports", **plan)
    first = said(ground, "sleep", 20, expected=("succeeded",))
    if ground.way == FOREGROUND:
        between.plan(direction="reports", always=True, **plan)
        said(ground, "sleep", 20, expected=("failed spawn.failed",))
        between.forget()
    return first


@scenario(106, name="garbage before HELLO", kind=SMOKE, ways=BOTH)
def garbage(ground: Ground) -> str:
    between = Between(ground.world)
    noise = ground.chance.randbytes(64)
    # Not by accident a frame.
    return before_start(ground, between, prepend=(b"\xff" + noise).hex())


@scenario(107, name="lengths that no frame has", kind=SMOKE)
def lengths(ground: Ground) -> str:
    between = Between(ground.world)
    outcomes: Counter[str] = Counter()
    for length in LENGTHS:
        between.plan(direction="reports", prepend=length + "00" * 12)
        outcomes[said(ground, "sleep", 20, expected=("succeeded",))] += 1
        between.plan(direction="reports", type=USAGE, deed="insert", bytes=length + "00" * 12)
        outcomes[said(ground, "sleep", 50000, expected=("lost lost.protocol",))] += 1
    return ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


def cuts(ground: Ground, places: list[int]) -> str:
    between = Between(ground.world)
    outcomes: Counter[str] = Counter()
    for place in places:
        between.plan(direction="reports", cut=place)
        outcomes[said(ground, "print", 50, "sleep", 20, expected=("succeeded", "lost lost.shepherd", "lost lost.protocol"))] += 1
    return ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


@scenario(108, name="reports cut at some bytes", kind=SMOKE)
def some_cuts(ground: Ground) -> str:
    return cuts(ground, sorted(ground.chance.sample(range(700), 4)))


@scenario(108, name="reports cut at every seventh byte", kind=FULL)
def many_cuts(ground: Ground) -> str:
    return cuts(ground, list(range(ground.chance.randrange(7), 700, 7)))


@scenario(108, name="START cut at some bytes", kind=FULL)
def cut_orders(ground: Ground) -> str:
    between = Between(ground.world)
    outcomes: Counter[str] = Counter()
    for place in sorted({1, 4, 15, 16, 60, *ground.chance.sample(range(6000), 8)}):
        between.plan(direction="commands", cut=place)
        outcomes[said(ground, "sleep", 20, expected=("succeeded", "lost lost.shepherd"))] += 1
    return ", ".join(f"{count} × {outcome}" for outcome, count in sorted(outcomes.items()))


@scenario(109, name="EXIT and TREE_EMPTY said twice", kind=SMOKE, ways=BOTH)
def repeated(ground: Ground) -> str:
    between = Between(ground.world)
    notes = []
    for kind in (EXIT, TREE_EMPTY):
        for renumber in (True, False):
            between.plan(direction="reports", type=kind, deed="duplicate", renumber=renumber)
            # Even where it breaks the sequence the receipt knows how the leader ended.
            notes.append(said(ground, "print", 100, "exit", 0, expected=("succeeded",)))
    exits = ground.query("SELECT task_id, count(*) FROM event WHERE kind = 'attempt.exited' GROUP BY task_id HAVING count(*) > 1")
    expect(not exits, f"exited more than once: {exits}")
    return f"{len(notes)} × succeeded"


@scenario(110, name="a report is missing", kind=SMOKE)
def missing(ground: Ground) -> str:
    between = Between(ground.world)
    between.plan(direction="reports", type=USAGE, deed="drop")
    return said(ground, "sleep", 50000, expected=("lost lost.protocol",))


@scenario(110, name="an order is missing, or comes twice", kind=SMOKE)
def orders(ground: Ground) -> str:
    between = Between(ground.world)
    notes = []
    between.plan(direction="commands", type=START, deed="duplicate", renumber=True)
    notes.append(said(ground, "sleep", 50000, expected=("lost lost.protocol", "lost lost.shepherd")))
    between.plan(direction="commands", type=START, deed="duplicate")
    notes.append(said(ground, "sleep", 50000, expected=("lost lost.protocol", "lost lost.shepherd")))
    return ", ".join(notes)


@scenario(111, name="a shepherd of a newer version", kind=SMOKE, ways=BOTH)
def newer(ground: Ground) -> str:
    between = Between(ground.world)
    # oldestVersion and newestVersion are the first two bytes of HELLO's payload.
    between.plan(direction="reports", type=HELLO, deed="patch", offset=16, bytes="0203")
    first = said(ground, "sleep", 20, expected=("failed spawn.failed", "succeeded"))
    # The version of the frame itself.
    between.plan(direction="reports", type=HELLO, deed="patch", offset=4, bytes="02")
    return f"{first}; {said(ground, 'sleep', 20, expected=('succeeded', 'failed spawn.failed'))}"


@scenario(112, name="a shepherd that prints", kind=SMOKE)
def printing(ground: Ground) -> str:
    Between(ground.world).plan(print=True)
    task = ground.agent("say", "hello")
    result = task.end()
    expect(result.code == 0 and result.stdout == b"hello\n" and not result.stderr, str(result))
    log = ground.world.state / "attempts" / task.id / "1" / "shepherd.log"
    expect(log.read_text() == "a stray line on stderr\n", log.read_text()[:200])
    return ground.expect_one_of(task, "succeeded")


@scenario(113, name="two HELLOs", kind=SMOKE, ways=BOTH)
def two_hellos(ground: Ground) -> str:
    between = Between(ground.world)
    between.plan(direction="reports", type=HELLO, deed="duplicate", renumber=True)
    # Where START had not passed yet nothing has run, and it is tried again.
    return said(ground, "sleep", 2000, expected=("lost lost.protocol", "succeeded"))


@scenario(114, name="messages that nobody knows", kind=SMOKE)
def unknown(ground: Ground) -> str:
    between = Between(ground.world)
    notes = []
    # A type of its own, without and with the flag that it must be understood.
    for flags, expected in (("0000", "succeeded"), ("0001", "lost lost.protocol")):
        between.plan(direction="reports", type=STARTED, deed="insert", renumber=True, bytes=f"0000001001f0{flags}" + "00" * 8 + "01020304")
        notes.append(said(ground, "sleep", 300, expected=(expected,)))
    return ", ".join(notes)
