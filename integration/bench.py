#!/usr/bin/python3
"""Measures Claudine beside bubblewrap, unshare, firejail and a bare spawn, in one run, interleaved, on release binaries.

Prints a table and writes `.build/bench.json`; `--write` renders docs/benchmarks.md from the last result instead of measuring.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import IDENTITIES, Identity, Process, Running, World, locate, marked, wait_until
from harness.binaries import REPOSITORY
from shepherd_footprint import proportional

RESULT = REPOSITORY / ".build" / "bench.json"
PAGE = REPOSITORY / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
GIBIBYTE = 1 << 30

#: (name, goal, how it is computed): each a ratio or a bound within one run.
GOALS = {
    "cage set-up / bwrap": 1.0,
    "whole run / bwrap": 4.0,
    "flood / cat": 0.5,
    "kill to empty, ms": 30.0,
}


def spawned(command: Sequence[str | Path], environment: dict[str, str], cwd: Path, stderr: int) -> float:
    """Milliseconds of one posix_spawn until the exit was collected; raises when the program failed."""
    null = os.open("/dev/null", os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
    words = [str(word) for word in command]
    began = time.perf_counter()
    pid = os.posix_spawn(words[0], words, environment, file_actions=actions)
    status = os.waitpid(pid, 0)[1]
    taken = (time.perf_counter() - began) * 1000
    os.close(null)
    if status != 0:
        raise SystemExit(f"{' '.join(words)} failed: {os.waitstatus_to_exitcode(status)}")
    return taken


def contestants(world: World) -> dict[str, list[str | Path]]:
    true = "/bin/true"
    all_of_them: dict[str, list[str | Path]] = {
        "bare spawn": [true],
        "unshare": ["/usr/bin/unshare", "-Urpfmn", "--mount-proc", true],
        "bwrap": ["/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", true],
        "firejail": ["/usr/bin/firejail", "--quiet", "--noprofile", "--net=none", true],
        "claudine": [world.binaries.claudine, "run", "--policy", "strict", "-C", world.workspace, "--", true],
    }
    present = {name: command for name, command in all_of_them.items() if Path(command[0]).exists()}
    return {name: command for name, command in present.items() if name == "claudine" or works(world, name, command)}


def works(world: World, name: str, command: list[str | Path]) -> bool:
    """A peer that cannot start anything here (setuid helpers and the like) is left out, and said to be."""
    result = world.launch(command).wait(60)
    if result.code != 0:
        print(f"{name} cannot run here as {world.identity.name} and is left out: {result.errors.strip()[:120]}", file=sys.stderr)
    return result.code == 0


def summary(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {"median": statistics.median(ordered), "p95": ordered[int(len(ordered) * 0.95)], "least": ordered[0], "runs": len(ordered)}


def starts(world: World, rounds: int) -> dict[str, Any]:
    """Start to end of /bin/true, every contestant once a round, so that a disturbance hits all."""
    commands = contestants(world)
    samples: dict[str, list[float]] = {name: [] for name in commands}
    environment = world.environment()
    null = os.open("/dev/null", os.O_WRONLY)
    for number in range(rounds + 3):
        for name, command in commands.items():
            taken = spawned(command, environment, world.workspace, null)
            if number >= 3:
                samples[name].append(taken)
    os.close(null)
    return {name: summary(values) for name, values in samples.items()}


def parts(world: World, rounds: int) -> dict[str, float]:
    """The median of each step of a durable run, from its own trace: microseconds between two marks."""
    environment = world.environment({"CLAUDINE_TRACE": "1"})
    command = contestants(world)["claudine"]
    steps: dict[str, list[float]] = {}
    for _ in range(rounds):
        reading, writing = os.pipe()
        total = spawned(command, environment, world.workspace, writing)
        os.close(writing)
        with os.fdopen(reading) as trace:
            marks = [(name, int(at)) for name, at in re.findall(r"^trace: (\S+) (\d+)", trace.read(), re.MULTILINE)]
        if not marks:
            raise SystemExit("CLAUDINE_TRACE=1 printed no marks")
        before = 0
        for name, at in marks:
            steps.setdefault(name, []).append(float(at - before))
            before = at
        steps.setdefault("loader, start and exit of the process", []).append(total * 1000 - before)
    return {name: statistics.median(values) for name, values in steps.items()}


def cage_milliseconds(steps: dict[str, float]) -> float:
    """START to exec: what lies after the start order became durable and up to the worker's exec."""
    names = list(steps)
    first, last = names.index("store.arm"), names.index("exec")
    return sum(steps[name] for name in names[first + 1 : last + 1]) / 1000


def flood(world: World) -> dict[str, float]:
    """4 GiB of zeros: how fast, and how much memory it takes; `cat` writes all of it, Claudine keeps head and tail."""
    size = 4 * GIBIBYTE
    command = f"head -c {size} /dev/zero"
    result: dict[str, float] = {}
    target = world.base / "flood"
    began = time.perf_counter()
    world.launch(["/bin/sh", "-c", f"{command} | cat > '{target}'"]).wait(600)
    result["cat > file, MiB/s"] = size / (time.perf_counter() - began) / (1 << 20)
    target.unlink()
    for name, options in (("claudine > /dev/null, MiB/s", ()), ("claudine --json, MiB/s", ("--json",))):
        run = world.begin("/bin/sh", "-c", command, options=options, stdout=subprocess.DEVNULL)
        shepherd, most = None, [0, 0]
        while run.popen.poll() is None:
            shepherd = shepherd or run.shepherd()
            for index, process in enumerate((run.process, shepherd)):
                if process and (resident := process.status("VmRSS")):
                    most[index] = max(most[index], int(resident.split()[0]))
            time.sleep(0.01)
        ended = run.wait(600)
        if ended.code != 0:
            raise SystemExit(f"flood: {ended}")
        result[name] = size / (world.tasks()[0]["wallMs"] / 1000) / (1 << 20)
        result["supervisor, KiB resident"] = max(result.get("supervisor, KiB resident", 0), most[0])
        result["shepherd, KiB resident"] = max(result.get("shepherd, KiB resident", 0), most[1])
    return result


def crowd(world: World) -> tuple[Running, Process, int]:
    """400 processes that ignore TERM, in one cage; the run, its shepherd, and a pidfd of the cage's init."""
    (world.workspace / "ready").unlink(missing_ok=True)
    script = "trap '' TERM; i=0; while [ $i -lt 398 ]; do sleep 300 & i=$((i + 1)); done; touch ready; wait"
    run = world.begin("/bin/sh", "-c", script)
    wait_until("400 processes", 60, (world.workspace / "ready").exists)
    shepherd = wait_until("shepherd", 5, run.shepherd)
    # The one parent of marked processes that is not marked itself.
    wait_until("400 processes visible", 20, lambda: len(marked(world.nonce)) >= 399)
    crowd = {process.pid for process in marked(world.nonce)}
    parents = {int(Process(pid, 0, "").status("PPid") or "0") for pid in crowd} - crowd - {0}
    if len(parents) != 1:
        raise SystemExit(f"one init expected above {len(crowd)} processes, found {parents}")
    return run, shepherd, os.pidfd_open(parents.pop())


def empty_after(pidfd: int, act: Any) -> float:
    """Milliseconds until the init of a PID namespace has exited, which the kernel allows only when everything in it is gone."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    began = time.perf_counter()
    act()
    if not poll.poll(60_000):
        raise SystemExit("the tree was not empty after 60 s")
    taken = (time.perf_counter() - began) * 1000
    os.close(pidfd)
    return taken


def kills(world: World, rounds: int) -> dict[str, Any]:
    """Three ways to end 400 processes; killing the init directly is what the kernel needs by itself."""
    samples: dict[str, list[float]] = {"SIGKILL of the init (the kernel's share)": [], "SIGKILL of the shepherd": [], "second SIGINT": []}
    directly, by_shepherd, by_interrupt = samples.values()
    for _ in range(rounds):
        run, _, pidfd = crowd(world)
        directly.append(empty_after(pidfd, lambda: signal.pidfd_send_signal(pidfd, signal.SIGKILL)))
        run.wait(60)
        run, shepherd, pidfd = crowd(world)
        by_shepherd.append(empty_after(pidfd, lambda: shepherd.signal(signal.SIGKILL)))
        run.wait(60)
        run, _, pidfd = crowd(world)
        run.popen.send_signal(signal.SIGINT)
        time.sleep(0.3)
        by_interrupt.append(empty_after(pidfd, lambda: run.popen.send_signal(signal.SIGINT)))
        run.wait(60)
    return {name: summary(values) for name, values in samples.items()}


def memory(world: World) -> dict[str, dict[str, int | None]]:
    found = {}
    for count in (1, 20):
        runs = [world.begin("/bin/sleep", "60") for _ in range(count)]
        wait_until("commands up", 120, lambda: sum(process.name == "sleep" for process in world.marked()) == count)
        time.sleep(1)
        shepherds = [shepherd for run in runs if (shepherd := run.shepherd())]
        found[str(count)] = {
            "resident": max(int((shepherd.status("VmRSS") or "0").split()[0]) for shepherd in shepherds),
            "proportional": max((proportional(shepherd) or 0) for shepherd in shepherds) or None,
        }
        for run in runs:
            run.popen.terminate()
        for run in runs:
            run.wait(60)
    return found


def measured(identity: Identity, rounds: int) -> dict[str, Any]:
    world = World(identity)
    try:
        # The loops spawn directly, so this process itself becomes the identity; it is a child made for that.
        if identity.uid != os.geteuid():
            os.setgroups([])
            os.setresgid(identity.gid, identity.gid, identity.gid)
            os.setresuid(identity.uid, identity.uid, identity.uid)
        os.chdir(world.workspace)
        result: dict[str, Any] = {"starts, ms": starts(world, rounds)}
        result["parts, µs"] = parts(world, rounds)
        result["flood"] = flood(world)
        result["kill to empty of 400, ms"] = kills(world, max(3, rounds // 10))
        result["shepherd, KiB"] = memory(world)
        bwrap, bare = (result["starts, ms"][name]["median"] for name in ("bwrap", "bare spawn"))
        result["goals"] = {
            "cage set-up / bwrap": cage_milliseconds(result["parts, µs"]) / (bwrap - bare),
            "whole run / bwrap": result["starts, ms"]["claudine"]["median"] / bwrap,
            "flood / cat": result["flood"]["claudine > /dev/null, MiB/s"] / result["flood"]["cat > file, MiB/s"],
            "kill to empty, ms": result["kill to empty of 400, ms"]["second SIGINT"]["median"],
        }
        return result
    finally:
        world.close()


def met(name: str, value: float) -> bool:
    return value >= GOALS[name] if name == "flood / cat" else value <= GOALS[name]


def rendered(result: dict[str, Any]) -> str:
    lines = [f"Measured on {result['machine']}, {result['date']}, {result['rounds']} rounds, release build."]
    people = result["identities"]
    for title, key in (("Start to end of `/bin/true`, ms", "starts, ms"), ("Kill to empty of 400 processes, ms", "kill to empty of 400, ms")):
        lines += ["", f"### {title}", "", "| | as | median | p95 | least |", "|---|---|--:|--:|--:|"]
        lines += [
            f"| {name} | {person} | {value['median']:.1f} | {value['p95']:.1f} | {value['least']:.1f} |"
            for person, facts in people.items()
            for name, value in facts[key].items()
        ]
    lines += ["", "### Where a durable run spends its time, µs (median of each step)", "", "| step ends with | as | µs |", "|---|---|--:|"]
    lines += [f"| {name} | {person} | {value:.0f} |" for person, facts in people.items() for name, value in facts["parts, µs"].items()]
    lines += ["", "### A flood of 4 GiB to stdout", "", "| | as | |", "|---|---|--:|"]
    lines += [f"| {name} | {person} | {value:.0f} |" for person, facts in people.items() for name, value in facts["flood"].items()]
    lines += ["", "### A shepherd's memory, KiB (the largest)", "", "| running | as | resident | proportional |", "|--:|---|--:|--:|"]
    lines += [
        f"| {count} | {person} | {value['resident']} | {value['proportional'] or 'not visible'} |"
        for person, facts in people.items()
        for count, value in facts["shepherd, KiB"].items()
    ]
    lines += ["", "### Goals", "", "| goal | as | bound | measured | |", "|---|---|--:|--:|---|"]
    lines += [
        f"| {name} | {person} | {GOALS[name]:g} | {value:.2f} | {'met' if met(name, value) else '**missed**'} |"
        for person, facts in people.items()
        for name, value in facts["goals"].items()
    ]
    return "\n".join(lines) + "\n"


def write() -> None:
    """Renders the last result into the page, between its two markers."""
    if not RESULT.exists():
        sys.exit(f"{RESULT} does not exist: run make bench first")
    page = PAGE.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{PAGE} has lost its markers")
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{rendered(json.loads(RESULT.read_text()))}{END}{tail}")
    print(f"wrote {PAGE}")


def in_child(identity: Identity, rounds: int) -> dict[str, Any]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "w") as answer:
                json.dump(measured(identity, rounds), answer)
        except BaseException as error:
            print(f"bench: {identity.name}: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit(1)
    return dict(json.loads(text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="render docs/benchmarks.md from the last result")
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--as", dest="identity", metavar="NAME", help="root or user only")
    arguments = parser.parse_args()
    if arguments.write:
        write()
        return
    os.environ.setdefault("CLAUDINE_BIN", str(REPOSITORY / ".build" / "release"))
    locate()
    if shutil.which("bwrap") is None:
        sys.exit("bench: bubblewrap is missing (make deps)")
    people = [identity for identity in IDENTITIES if not arguments.identity or identity.name == arguments.identity]
    result = {
        "machine": f"{os.cpu_count()} cores, Linux {platform.release()}",
        "date": time.strftime("%Y-%m-%d"),
        "rounds": arguments.rounds,
        "identities": {identity.name: in_child(identity, arguments.rounds) for identity in people},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2))
    print(rendered(result))


if __name__ == "__main__":
    main()
