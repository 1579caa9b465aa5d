"""The battery under `strict`, and its controls."""

from __future__ import annotations

import signal
import subprocess
import threading

from harness import World, expect, members, wait_until

from . import report
from .outside import UNSHARE, VARIABLE, Outside
from .suite import suite
from .table import Probe, answers, probes, together


def breaches(world: World, outside: Outside, found: dict[str, str]) -> list[str]:
    """What did not get the answer that the cage owes it, and what was touched outside."""
    wrong = []
    survivors = outside.survivors()
    for probe in together():
        answer = found.get(probe.name, "no answer")
        if answer == "planted":
            answer = f"alive as {survivors[probe.name]}" if probe.name in survivors else "denied ESRCH"
        if not probe.refused(answer):
            wrong.append(f"{probe.name}: {answer}")
    if touched := outside.untouched():
        wrong.append(touched)
    if came := outside.arrivals():
        wrong.append(f"{came} arrivals at the host's listeners")
    return wrong


@suite.case("every attack of the battery is refused")
def battery(world: World) -> str:
    with Outside(world) as outside:
        # A state directory with something in it.
        expect(world.run("/bin/true").code == 0, "the cage does not work at all")
        result = world.run(*outside.command([probe.name for probe in together()]), env=DEAD_END | VARIABLE, timeout=120)
        expect(result.code == 0, str(result))
        wrong = breaches(world, outside, answers(result.text))
        expect(not wrong, f"{len(wrong)} of {len(together())}: {'; '.join(wrong)}")
        return f"{len(together())} refused in {result.seconds:.1f} s"


#: Where the gateway's upstream would be: nobody is there, and no key is needed to find that out.
DEAD_END = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}


def controls(world: World, outside: Outside) -> dict[str, str]:
    """What each attack gives where nothing hinders it; without those that no place is safe for."""
    found: dict[str, str] = {}
    for kind, wrapper in (("bare", ()), ("root", ()), ("namespaces", UNSHARE)):
        if kind != "root" or world.identity.uid == 0:
            found |= outside.bare([probe.name for probe in together() if probe.control == kind], wrapper)
    return found


@suite.case("control: outside the cage the same attacks work")
def battery_control(world: World) -> str:
    with Outside(world) as outside:
        expect(world.run("/bin/true").code == 0, "the cage does not work at all")
        found = controls(world, outside)
        expect(outside.arrivals() >= 4, "not all the host's listeners were reached")

    def verdict(probe: Probe) -> str:
        answer = found[probe.name]
        return "worked" if answer == "worked" else "absent" if probe.absent(answer) else "wrong"

    verdicts = {probe.name: verdict(probe) for probe in together() if probe.name in found}
    wrong = [f"{name}: {found[name]}" for name, verdict in verdicts.items() if verdict == "wrong"]
    expect(not wrong, f"these attacks prove nothing: {'; '.join(wrong)}")
    absent = [name for name, verdict in verdicts.items() if verdict == "absent"]
    worked = len(verdicts) - len(absent)
    expect(worked > 150, f"only {worked} attacks worked outside")
    return f"{worked} worked" + (f", not on this machine: {', '.join(absent)}" if absent else "")


@suite.case("kill(-1) from inside reaches nobody outside")
def kill_everything(world: World) -> None:
    with Outside(world) as outside:
        result = world.run(*outside.command(["kill_everything"]))
        expect("kill_everything unsafe" not in result.text, "the cage has no PID namespace of its own")
        expect(result.code == 128 + signal.SIGKILL, f"the attacker did not even reach itself: {result}")
        expect(outside.untouched() is None, "a process outside was killed")
        expect(world.record()["exit"] == {"signal": "SIGKILL"}, f"{world.record()['exit']}")


@suite.case("a fork bomb stays in its cage", alone=True)
def fork_bomb(world: World) -> str:
    return bomb(world, "fork_bomb")


@suite.case("a thread bomb stays in its cage", alone=True)
def thread_bomb(world: World) -> str:
    return bomb(world, "thread_bomb")


def bomb(world: World, name: str) -> str:
    """Watched from outside, so that a cage without a bound costs a few thousand processes and not the machine."""
    with Outside(world) as outside:
        run = world.begin(*outside.command([name]), options=("--processes", "400", "--timeout", "60s"))
        shepherd = wait_until("shepherd", 20, run.shepherd)
        most, over = 0, threading.Event()

        def watch() -> None:
            nonlocal most
            while not over.wait(0.02):
                most = max(most, sum(int(process.status("Threads") or 0) for process in members(world.nonce)))
                if most > 2000:
                    shepherd.signal(signal.SIGKILL)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            result = run.wait(90)
        finally:
            over.set()
            watcher.join()
    expect(answers(result.text).get(name) == "denied EAGAIN", f"{result}")
    expect(100 < most <= 401, f"{most} processes and threads seen under a limit of 400")
    expect(subprocess.run(["/bin/true"], check=False).returncode == 0, "the host cannot fork")
    return f"at most {most} at a time"


@suite.case("the battery's table is whole")
def table(world: World) -> str:
    names = [probe.name for probe in probes()]
    expect(len(names) == len(set(names)), "two probes have the same name")
    expect(len(names) >= 120, f"only {len(names)} probes")
    rows = {probe.row for probe in probes()}
    for row in ("A1", "A8", "B12", "B14", "B15", "C21", "C22", "C26", "C29", "D35", "D36", "D37", "D38", "D39", "D41", "D42", "D46", "D49", "D52", "D53", "E54", "E59", "E62", "F67", "F70"):
        expect(row in rows, f"nothing tries {row}")
    return f"{len(names)} probes, {len(rows)} rows"


@suite.case("docs/hostile.md is of this battery")
def documented(world: World) -> None:
    problem = report.outdated()
    expect(problem is None, str(problem))
