"""The battery under other sandboxes, bare, and under Claudine: what `docs/hostile.md` is made of."""

from __future__ import annotations

import os
import pwd
import shlex
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness import IDENTITIES, Identity, World

from .outside import UNSHARE, VARIABLE, Outside
from .peers import PEERS, Peer
from .table import Probe, answers, together

#: Seconds after which a sandbox that was killed has to have taken everything with it. Claudine's own answer to a dead supervisor takes the
#: grace of five seconds that an agent is given.
AFTER_KILL = 8.0
#: Starts of /bin/true of which the median is shown.
STARTS = 15

Command = list[str | bytes | Path]


def account() -> Identity:
    """An ordinary user with an account: firejail runs for nobody else."""
    if os.geteuid() == 0:
        for entry in pwd.getpwall():
            if 1000 <= entry.pw_uid < 60000:
                return Identity("account", entry.pw_uid, entry.pw_gid)
    return IDENTITIES[-1]


@dataclass
class Column:
    """What one sandbox did with the battery."""

    name: str
    found: dict[str, str] = field(default_factory=dict)
    #: Of the planted processes, those alive after the sandbox ended, and after it was killed.
    left: int = 0
    left_after_kill: int = 0
    start_ms: float = 0

    def verdict(self, probe: Probe) -> str:
        """`held`, `worked`, or `` where it was not tried."""
        answer = self.found.get(probe.name)
        if answer is None or answer in ("unsafe", "nothing"):
            return ""
        return "held" if probe.refused(answer) else "worked"


def tried(probe: Probe) -> bool:
    """The gateway is Claudine's own, and so is its state directory."""
    return probe.topic != "gateway" and not probe.name.startswith("state_")


def measure(name: str, world: World, outside: Outside, wrap: Callable[[Command], Command]) -> Column:
    column = Column(name)
    names = [probe.name for probe in together() if tried(probe)]
    # Whoever is first in a sandbox may be ended by this one.
    for batch in ([name for name in names if name != "kill_init"], ["kill_init"]):
        column.found |= attempt(world, outside, wrap, batch)
    column.found.setdefault("kill_init", "worked")
    survivors = outside.survivors()
    column.left = len(survivors)
    for name in (name for name, answer in column.found.items() if answer == "planted"):
        column.found[name] = "worked" if name in survivors else "denied ESRCH"
    outside.kill_survivors()
    column.left_after_kill = killed(world, outside, wrap, [name for name in names if name.startswith("outlive_")])
    column.start_ms = start(world, wrap)
    return column


def script(world: World, outside: Outside, names: list[str], then: str) -> Command:
    """By a script, for some take only so many words; and so that the battery is not the first process of its sandbox."""
    line = " ".join(shlex.quote(str(word)) for word in outside.command(names))
    return ["/bin/sh", world.write(world.workspace / "battery.sh", f"{line}\n{then}\n", 0o700)]


def attempt(world: World, outside: Outside, wrap: Callable[[Command], Command], names: list[str]) -> dict[str, str]:
    with tempfile.TemporaryFile() as output:
        running = world.launch(wrap(script(world, outside, names, "exit 0")), env=VARIABLE, stdout=output, stderr=subprocess.DEVNULL)
        try:
            running.wait(60)
        except TimeoutError:
            # What has been answered so far counts.
            pass
        output.seek(0)
        return answers(output.read().decode(errors="replace"))


def killed(world: World, outside: Outside, wrap: Callable[[Command], Command], names: list[str]) -> int:
    """How many of the planted processes live on when the sandbox's own first process is killed."""
    ready = world.workspace / "ready"
    command = wrap(script(world, outside, names, f"echo > {ready}; sleep 60"))
    running = world.launch(command, env=VARIABLE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < deadline and running.popen.poll() is None:
        time.sleep(0.02)
    running.popen.send_signal(signal.SIGKILL)
    running.popen.wait(10)
    deadline = time.monotonic() + AFTER_KILL
    while (left := outside.survivors()) and time.monotonic() < deadline:
        time.sleep(0.2)
    outside.kill_survivors()
    return len(left)


def start(world: World, wrap: Callable[[Command], Command]) -> float:
    times = []
    for _ in range(STARTS):
        began = time.perf_counter()
        world.launch(wrap(["/bin/true"]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait(30)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def bare(identity: Identity) -> Column:
    world = World(identity)
    try:
        with Outside(world) as outside:
            world.run("/bin/true")
            column = Column("no sandbox")
            for kind, wrapper in (("bare", ()), ("root", ()), ("namespaces", UNSHARE)):
                if kind != "root" or identity.uid == 0:
                    column.found |= outside.bare([probe.name for probe in together() if probe.control == kind], wrapper)
            names = [probe.name for probe in together() if probe.name.startswith("outlive_")]
            column.left = sum(column.found[name] == "worked" for name in names)
            column.left_after_kill = killed(world, outside, lambda command: command, names)
            column.start_ms = start(world, lambda command: command)
            return column
    finally:
        world.close()


def peer(one: Peer, identity: Identity) -> Column:
    """Raises Unavailable where it cannot be had."""
    one.find()
    world = World(identity)
    try:
        with Outside(world) as outside:
            world.run("/bin/true")
            return measure(one.name, world, outside, lambda command: one.command(world.workspace, *command))
    finally:
        world.close()


def claudine(identity: Identity, policy: str = "strict") -> Column:
    world = World(identity)
    try:
        with Outside(world) as outside:
            world.run("/bin/true")
            return measure(f"Claudine `{policy}`", world, outside, lambda command: [world.binaries.claudine, *world.caged(*command, policy=policy)])
    finally:
        world.close()


__all__ = ["PEERS", "Column", "account", "bare", "claudine", "peer", "tried"]
