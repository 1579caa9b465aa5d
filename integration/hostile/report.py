"""`docs/hostile.md`: written from a run, never by hand."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from pathlib import Path

from harness.binaries import REPOSITORY

from .sidebyside import AFTER_KILL, PEERS, STARTS, Column, tried
from .table import Probe, probes, together

PAGE = REPOSITORY / "docs" / "hostile.md"

#: What the words in the table of probes mean.
WALLS = {
    "seccomp": "the system call filter, for this very call", "filter": "that there is a filter", "caps": "no capability is left",
    "nnp": "no_new_privs", "uid": "the worker is not uid 0", "userns": "user namespace", "pidns": "PID namespace, its init not dumpable",
    "mountns": "mount namespace", "netns": "network namespace", "ipcns": "IPC namespace", "nonesting": "no namespaces inside",
    "view": "which files are shown, and how: mounts and Landlock", "mounts": "the mounts alone: Landlock knows no such rule", "readonly": "read-only root", "wsreadonly": "read-only workspace",
    "protect": "protected names of the workspace", "devices": "a /dev of its own", "landlock": "Landlock domain",
    "scope": "Landlock scopes", "pids": "process limit", "rlimits": "resource limits", "nofile": "limit of open files",
    "fsize": "limit of file size", "memlock": "limit of locked memory", "watchers": "limit of file watchers", "session": "own session",
    "environment": "own environment", "descriptors": "no inherited descriptor", "gateway": "the gateway's own checks",
    "sweep": "the shepherd's search for what is left", "kernel": "the kernel refuses it to everybody",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def control(probe: Probe, root: Column, user: Column) -> str:
    """Whether the attack is a real one here."""
    answer = user.found.get(probe.name) or root.found.get(probe.name)
    if answer is None or answer == "unsafe":
        return ""
    return "works" if answer == "worked" else "absent" if probe.absent(answer) else "refused"


def counts(column: Column, topic: str | None = None) -> str:
    verdicts = [column.verdict(probe) for probe in together() if topic in (None, probe.topic)]
    held, worked = verdicts.count("held"), verdicts.count("worked")
    return f"{held} of {held + worked}" if held + worked else "–"


def page(root: Column, user: Column, columns: Sequence[Column], missing: Sequence[str]) -> str:
    """The whole document. `columns`: the cages and the peers; `missing`: sentences about those that were not there."""
    mine, peers = columns[0], columns[1:]
    head = ["", *(column.name for column in columns)]
    topics = list(dict.fromkeys(probe.topic for probe in together() if tried(probe)))
    both = [*columns]
    summary = [["**held, of those tried**", *(f"**{counts(column)}**" for column in both)]]
    summary += [[topic, *(counts(column, topic) for column in both)] for topic in topics]
    after = [
        ["planted processes left when it ends", *(str(column.left) for column in both)],
        [f"the same when its first process is killed, {AFTER_KILL:.0f} s later", *(str(column.left_after_kill) for column in both)],
        [f"start to end of `/bin/true`, median of {STARTS}", *(f"{column.start_ms:.0f} ms" for column in both)],
    ]
    rows = [
        [probe.row, f"`{probe.name}`", probe.tries, " ".join(probe.walls), control(probe, root, user), *("alone" if probe.alone else column.verdict(probe) for column in (mine, *peers))]
        for probe in probes()
    ]
    works = sum(row[4] == "works" for row in rows)
    purposes = "\n".join(f"- **{peer.name}**: {peer.purpose}." for peer in PEERS)
    absent = "".join(f"\nNot in this run: {sentence}.\n" for sentence in missing)
    meaning = "\n".join(f"| `{word}` | {text} |" for word, text in WALLS.items())
    return f"""<!-- Written by `make peers` (integration/peers.py); do not edit. -->

# The battery

{len(rows)} small attacks on a cage, one C program (`integration/hostile/battery/`, one file per topic), without a library or a network. Each
runs in a process of its own and says `worked`, `denied ERRNO`, `killed SIGNAL`, or leaves a process behind that is looked for when the task
is over. None does harm where it succeeds: what must not be written is opened, what must not happen is asked for with arguments that the
kernel refuses after it has looked at the permission, and no address but TEST-NET is contacted, from a network namespace of its own only.

    claudine policy test strict      on your machine, under a policy of yours
    make hostile                     as root and as an ordinary user, directly and through a tool call of the real Claude Code
    make peers                       beside other sandboxes; writes this page

`make hostile` fails when one attack is not refused under `strict`, and when one fails outside where it should succeed. Of these {len(rows)},
{works} are known to work on the machine of this page without a cage. The others are absent from its kernel, or would not be safe to let succeed.

## Side by side

The same battery as an ordinary user, on Linux {platform.release().split("-")[0]} ({platform.machine()}). Each tool has the strongest flags that still let a coding tool
work in its workspace (`integration/hostile/peers.py`). They are made for different things:

- **Claudine**: agents that nobody watches.
{purposes}

"Worked" is a fact about the attack, not a hole in the tool: a building block leaves system calls to its caller, and what works inside gVisor
works on gVisor's own kernel, not on the host's; `runsc do` shows the host's files unless it is told otherwise. The rows about protected
names of a workspace, for one, are nothing that the others set out to do. Attacks on Claudine's own gateway and state were not tried on them.
{absent}
{table(head, summary)}
{table(head, after)}
Claudine's time is that of a whole task with its record, from a debug build; [benchmarks.md](benchmarks.md) has the release.

## All of them

`row` is that of the attack table of the design. `walls`: mechanisms each of which stops it alone; a policy that uses none of them allows it.
`outside`: what the same attack does where nothing hinders it; empty where that would not be safe. `alone`: it fills its cage, and has a case
of its own in `integration/hostile/cases.py`.

{table(["row", "name", "tries to", "walls", "outside", *(column.name for column in (mine, *peers))], rows)}
| wall | |
|---|---|
{meaning}
"""


def write(text: str) -> None:
    PAGE.write_text(text)


def outdated(path: Path = PAGE) -> str | None:
    """What the page says otherwise than the battery, in a sentence; None when it is current."""
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \| ([^|]*) \| ([^|]*) \|", path.read_text(), re.MULTILINE)
    written = {name: (row, tries, walls) for row, name, tries, walls in rows}
    current = {probe.name: (probe.row, probe.tries, " ".join(probe.walls)) for probe in probes()}
    if wrong := sorted(set(written.items()) ^ set(current.items())):
        return f"docs/hostile.md is not of this battery ({wrong[0][0]}); make peers writes it"
    unknown = {wall for probe in probes() for wall in probe.walls} - WALLS.keys()
    return f"no words for {', '.join(sorted(unknown))}" if unknown else None
