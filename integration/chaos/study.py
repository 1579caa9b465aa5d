"""What the study lists (supervision, F.3), number by number, and what became of each: tried here, tried elsewhere, or out of place."""

from __future__ import annotations

from pathlib import Path

from .register import SCENARIOS

INTEGRATION = Path(__file__).resolve().parents[1]

#: The parts of the list, by their last number.
PARTS = {
    14: "The shepherd is killed", 29: "The supervisor is killed", 38: "Signals and stops", 56: "Process trees", 73: "Resources",
    83: "Database", 89: "Time", 96: "Volume", 105: "Ownership", 115: "Protocol", 123: "Output",
}

#: Tried by another suite: the file, and words of the case in it.
ELSEWHERE: dict[int, tuple[str, str]] = {
    21: ("orphans.py", "SIGKILL of the supervisor"),
    37: ("badinput.py", "closed standard descriptors"),
    39: ("orphans.py", "natural exit leaves nothing"),
    40: ("programs/tree.c", "own_session"),
    41: ("programs/tree.c", "double_forked"),
    47: ("orphans.py", "a held output pipe does not hold the task"),
    51: ("programs/tree.c", "tracing"),
    52: ("programs/tree.c", "subreaper"),
    53: ("programs/tree.c", "nested"),
    55: ("hostile/processes.py", "the worker is never host uid 0 and holds no capability, seen from outside"),
    56: ("leftovers.py", "nothing is left of its tasks"),
    57: ("database.py", "full: a new task is refused, and runs when there is space again"),
    58: ("database.py", "full: a new task is refused, and runs when there is space again"),
    59: ("database.py", "full when it ends: its end is written when there is space again (R28)"),
    62: ("database.py", "a database file that cannot be written"),
    68: ("limits.py", "memory that one process takes"),
    70: ("badinput.py", "a prompt of 200 KiB works"),
    71: ("badinput.py", "a prompt of 100 MB is refused with the bound"),
    74: ("database.py", "locked for 20 s while it runs: it ends in its own way (R28)"),
    75: ("database.py", "locked at the end for as long as the user likes"),
    81: ("database.py", "a sync that fails once"),
    87: ("contract.py", "200 timeouts racing 200 exits: one end each"),
    119: ("contract.py", "exactly at the cap nothing is dropped"),
    120: ("contract.py", "an emoji across head's end and tail's start is never half shown"),
    121: ("contract.py", "the order of stdout and stderr is kept"),
}

#: Tried by another suite that is found by its words, wherever they stand.
SOMEWHERE: dict[int, str] = {
    76: "a log cut off at every 4 KiB",
    77: "everything acknowledged is there after a loss of power at any moment",
    78: "flipped bytes: an answer or a sentence, never a crash",
    79: "replaced while it runs",
    80: "a log of another database, shared memory that is missing or garbage",
    82: "the state directory is moved while it runs",
    102: "the state directory is moved while it runs",
}

#: Cannot happen to this product, with the reason.
OUT_OF_PLACE: dict[int, str] = {
    7: "a task cannot be paused; that its shepherd is stopped is 30",
    69: "a task's cgroup holds its cage and not its shepherd; killed by whatever else, it is 5",
    85: "there is no schedule that a change of summer time could disturb",
    99: "there is no socket: the daemon is found by its lock",
    100: "there is no socket on the host whose path could be too long; those in a cage have short ones",
    101: "no file system without locks can be had here; without them the database cannot be opened either",
    115: "there is no server: what is wanted of a task is written into the store",
}

LAST = 123


def where(number: int) -> list[str]:
    """Everything that tries it, or why nothing does."""
    found = [f"{scenario.kind}: {scenario.name} [{', '.join(scenario.ways)}]" for scenario in SCENARIOS if number in scenario.numbers]
    if number in ELSEWHERE:
        found.append("{}: {}".format(*ELSEWHERE[number]))
    if number in SOMEWHERE:
        found.append(f"{_suite_with(SOMEWHERE[number])}: {SOMEWHERE[number]}")
    if number in OUT_OF_PLACE:
        found.append(f"not here: {OUT_OF_PLACE[number]}")
    return found


def _suite_with(words: str) -> str:
    return next((path.name for path in sorted(INTEGRATION.glob("*.py")) if words in path.read_text()), "nowhere")


def gaps() -> list[str]:
    """Numbers that are nowhere, and references that lead nowhere."""
    found = [f"{number} is nowhere" for number in range(1, LAST + 1) if not where(number)]
    for number, (file, words) in ELSEWHERE.items():
        if words not in (INTEGRATION / file).read_text():
            found.append(f"{number}: {file} has no '{words}'")
    found += [f"{number}: no suite has '{words}'" for number, words in SOMEWHERE.items() if _suite_with(words) == "nowhere"]
    return found


def show() -> None:
    """The whole list."""
    first = 1
    for last, part in PARTS.items():
        print(f"\n{part}")
        for number in range(first, last + 1):
            print("\n".join(f"{number if index == 0 else '':>4}  {line}" for index, line in enumerate(where(number))))
        first = last + 1
    print(f"\nand besides, without a number: {', '.join(scenario.name for scenario in SCENARIOS if not scenario.numbers)}")
