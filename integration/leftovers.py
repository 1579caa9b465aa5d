#!/usr/bin/python3
"""Tasks started and ended under every policy, by hundreds: nothing of them is left on the machine.

Counted before and after: mounts, cgroups, processes and zombies, descriptors of a supervisor that runs them all, System V and POSIX shared
memory, message queues, unix sockets, and every directory beyond a task's own record.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

from harness import Suite, World, expect
from harness.processes import pids

suite = Suite("leftovers", __doc__ or "")

POLICIES = ("strict", "standard", "permissive", "paranoid", "readonly")
#: Tasks under each policy; `--tasks N` in the long form.
TASKS = 20
#: At a time: more than processors, so that some wait for others in the middle of being built.
TOGETHER = 4

#: What a task leaves lying about inside: files, shared memory, queues, sockets, deep directories, daemons. In numbers, by task.
MESSES = (
    "true",
    "exit 3",
    "kill -9 $$",
    "(setsid sleep 300 &) ; sleep 300 & true",
    "ipcmk -M 65536 -Q -S 3 > /dev/null; dd if=/dev/zero of=/dev/shm/mess bs=1k count=64 2> /dev/null",
    "cd $HOME && for i in $(seq 150); do mkdir -m 0700 d && cd d || break; done; : > f; chmod 000 $HOME/d; true",
    "mkfifo $HOME/fifo; ln -s /etc/passwd $HOME/link; : > \"$HOME/$(printf 'a\\nb\\033')\"; head -c 100000 /dev/zero > /tmp/big",
    "yes | head -c 300000",
)


@dataclass(frozen=True)
class Count:
    """What of the machine's could have been left, as things with names so that a difference can be named."""

    mounts: frozenset[str]
    cgroups: frozenset[str]
    zombies: frozenset[str]
    shared: frozenset[str]
    files: frozenset[str]

    def beyond(self, before: Count) -> list[str]:
        return [f"{field.name}: {sorted(new)[:5]}" for field in fields(self) if (new := getattr(self, field.name) - getattr(before, field.name))]


def count(world: World) -> Count:
    """Only what can be told from other people's: by this world's uid, nonce or paths, or by Claudine's names."""
    mounts = frozenset(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(world.base) in line or "claudine" in line)
    groups = frozenset(str(path) for path in cgroups() if world.nonce in path.name or any(task in path.name for task in task_ids(world)))
    zombies = frozenset(str(pid) for pid in pids() if is_zombie_of(world, pid))
    shared = frozenset(line for kind in ("shm", "msg", "sem") for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:] if belongs(world, line))
    places = [Path("/dev/shm"), Path("/tmp"), Path("/var/tmp"), Path("/run/claudine"), Path(f"/run/user/{world.identity.uid}")]
    files = frozenset(str(path) for place in places if place.is_dir() for path in place.iterdir() if owned(world, path))
    return Count(mounts, groups, zombies, shared, files)


def cgroups() -> list[Path]:
    """All cgroups of version 2 and of version 1, whose directories come and go."""
    found = []
    for top in ("/sys/fs/cgroup",):
        for parent, names, _ in os.walk(top, onerror=None):
            found += [Path(parent) / name for name in names]
    return found


def task_ids(world: World) -> list[str]:
    folder = world.state / "attempts"
    return [path.name.removeprefix("task_") for path in folder.iterdir()] if folder.is_dir() else []


def is_zombie_of(world: World, pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        owner = os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError):
        return False
    fields_ = text[text.rindex(")") + 2 :].split()
    # Children of this test are zombies only until it waits for them; what was given to init is init's to reap.
    return fields_[0] == "Z" and int(fields_[1]) not in (1, os.getpid()) and (owner == world.identity.uid != 0 or owner >= 0x70000000)


def belongs(world: World, line: str) -> bool:
    """uid and cuid are the columns that begin with the owner's; a caged root's worker has a high one of its own."""
    numbers = {int(number) for number in re.findall(r"\b\d+\b", line)}
    return any(number >= 0x70000000 and number < 0x70100000 for number in numbers) or (world.identity.uid != 0 and world.identity.uid in numbers)


def owned(world: World, path: Path) -> bool:
    try:
        uid = path.lstat().st_uid
    except FileNotFoundError:
        return False
    # Another test of the same user has a world of its own.
    return not path.name.startswith("claudine-world-") and (0x70000000 <= uid < 0x70100000 or (world.identity.uid != 0 and uid == world.identity.uid))


def run_all(world: World, policy: str) -> list[int]:
    """Each in a workspace of its own."""

    def one(number: int) -> int:
        workspace = world.base / f"{policy}-{number}"
        workspace.mkdir(mode=0o700)
        world.own(workspace)
        arguments = world.caged("/bin/sh", "-c", MESSES[number % len(MESSES)], policy=policy)
        arguments[arguments.index("-C") + 1] = workspace
        return world.claudine(*arguments, timeout=120).code

    with ThreadPoolExecutor(max_workers=TOGETHER) as pool:
        return list(pool.map(one, range(TASKS)))


def leaves_nothing(policy: str) -> None:
    @suite.case(f"{policy}: nothing is left of its tasks", alone=True)
    def case(world: World) -> str:
        expect(world.run("/bin/true", policy=policy).code == 0, f"{policy} does not work here")
        before = count(world)
        began = time.monotonic()
        codes = run_all(world, policy)
        seconds = time.monotonic() - began
        expected = {0: 0, 1: 3, 2: 137}
        wrong = [f"{number}: {code}" for number, code in enumerate(codes) if code != expected.get(number % len(MESSES), 0)]
        expect(not wrong, f"exit codes: {wrong[:5]}")
        # Cgroups are removed when the kernel has let the last process go.
        deadline = time.monotonic() + 10
        while (left := count(world).beyond(before)) and time.monotonic() < deadline:
            time.sleep(0.1)
        expect(not left, f"left behind: {left}")
        expect(not world.marked(), f"processes: {world.marked()}")
        records = world.tasks()
        expect(len(records) >= min(TASKS, 50), f"only {len(records)} records")
        own_directories(world)
        slowest = max(int(record.get("wallMs", 0)) for record in records)
        return f"{TASKS} tasks in {seconds:.1f} s, the slowest {slowest} ms"


def own_directories(world: World) -> None:
    """Of each task its record's directory, and in it nothing that is mounted, open to others or not known."""
    attempts = world.state / "attempts"
    known = {"receipt", "receipt.json", "stdout", "stderr", "output.idx", "alive.lock", "shepherd.log", "etc", "files"}
    for task in attempts.iterdir():
        names = {path.name for path in task.iterdir()}
        expect(names <= {"home", "1"}, f"{task.name} holds {names}")
        inside = {path.name for path in (task / "1").iterdir()}
        expect(inside <= known, f"{task.name}/1 holds {inside - known}")
    left = {path.name for path in (world.state / "instances").iterdir()} if (world.state / "instances").is_dir() else set()
    expect(not left, f"instances are left: {sorted(left)[:4]}")


for name in POLICIES:
    leaves_nothing(name)


@suite.case("what a task has left in its home goes with it", alone=True)
def removed(world: World) -> None:
    for mess in MESSES:
        world.run("/bin/sh", "-c", mess)
    tasks = [str(task["taskId"]) for task in world.tasks()]
    result = world.claudine("rm", *tasks)
    expect(result.code == 0, str(result))
    left = list((world.state / "attempts").iterdir())
    expect(not left and not world.tasks(), f"left: {left}")


@suite.case("a supervisor that runs many tasks keeps no descriptor of them", alone=True)
def descriptors(world: World) -> str:
    """`policy test` runs several tasks in one process: what it holds after the first it holds after the last."""
    run = world.start("policy", "test", "strict", "--only", "B12", "--json")
    most = 0
    while run.popen.poll() is None:
        try:
            most = max(most, len(os.listdir(f"/proc/{run.popen.pid}/fd")))
        except (FileNotFoundError, PermissionError):
            break
        time.sleep(0.01)
    result = run.wait(60)
    expect(result.code == 0, str(result))
    # Two tasks one after the other; each alone takes about thirty.
    expect(0 < most < 60, f"{most} descriptors at a time")
    return f"at most {most}"


def main() -> None:
    global TASKS
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--tasks", type=int, default=TASKS)
    known, rest = parser.parse_known_args()
    TASKS = known.tasks
    sys.argv[1:] = rest
    suite.main()


if __name__ == "__main__":
    main()
