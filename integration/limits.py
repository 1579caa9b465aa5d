#!/usr/bin/python3
"""Every limit ends its task, with a reason of its own, soon, and without harm to the host; and what the cage refuses is reported."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from harness import Suite, World, expect, members, wait_until

suite = Suite("limits", __doc__ or "")

PYTHON = "/usr/bin/python3"
MEBIBYTE = 1 << 20


def policy(world: World, name: str, **sections: dict[str, str]) -> str:
    """A policy of the world's own: strict, with other values. A value is TOML."""
    lines = ["schema = 1", f'name = "{name}"', 'description = "a test"', 'extends = "strict"']
    for section, values in sections.items():
        lines += [f"[{section}]"] + [f"{key} = {value}" for key, value in values.items()]
    return str(world.write(world.config / "policies" / f"{name}.toml", "\n".join(lines) + "\n"))


def ended(world: World, code: str, exit_code: int, *command: str, seconds: float = 8, **options: Any) -> dict[str, Any]:
    """Runs a command that has to end for the given reason within the time."""
    result = world.run(*command, **options)
    record = world.record()
    expect(record.get("reason", {}).get("code") == code, f"{record.get('reason')} instead of {code}: {result}")
    expect(result.code == exit_code, f"exit {exit_code} expected: {result}")
    expect(result.seconds < seconds, f"took {result.seconds:.1f} s")
    expect(record["reason"]["detail"]["bound"], f"no bound in {record['reason']}")
    return record


# MARK: memory


FILL = "b = []\nwhile True: b.append(b'x' * (8 << 20))"


@suite.case("memory that one process takes")
def memory(world: World) -> str:
    record = ended(world, "limit.memory", 137, PYTHON, "-c", FILL, options=("--memory", "200M"))
    peak = record["resources"]["maxRssBytes"]
    # By sampling it may pass the limit by what one processor fills between two looks; the kernel's own limit is exact.
    expect(peak < 1200 * MEBIBYTE, f"{peak >> 20} MiB under a limit of 200")
    return f"{record['limits']['memoryEnforcement']}, peak {peak >> 20} MiB, {record['wallMs']} ms"


@suite.case("memory that many small processes take together")
def memory_of_many(world: World) -> str:
    script = "import os,time\nfor i in range(40):\n  if os.fork() == 0:\n    b = b'x' * (10 << 20); time.sleep(60); os._exit(0)\ntime.sleep(60)"
    record = ended(world, "limit.memory", 137, PYTHON, "-c", script, options=("--memory", "200M"))
    return f"{record['wallMs']} ms"


HOARD = "import os\nheld = []\nwhile True:\n  held.append(os.memfd_create('x')); os.write(held[-1], bytes(8 << 20))"
SPREAD = (
    "import itertools\nfor i in itertools.count():\n  for place in ('/tmp', '/dev/shm'):\n"
    "    open(f'{place}/{i}', 'wb').write(bytes(4 << 20))"
)


@suite.case("memory in anonymous files that nobody maps")
def memory_in_descriptors(world: World) -> str:
    record = ended(world, "limit.memory", 137, PYTHON, "-c", HOARD, options=("--memory", "200M"))
    return f"{record['limits']['memoryEnforcement']}, {record['wallMs']} ms"


@suite.case("memory in files of the cage's own tmpfs mounts")
def memory_in_files(world: World) -> str:
    name = policy(world, "roomy", filesystem={"shm": '"1G"'})
    record = ended(world, "limit.memory", 137, PYTHON, "-c", SPREAD, options=("--memory", "200M"), policy=name)
    return f"{record['limits']['memoryEnforcement']}, {record['wallMs']} ms"


@suite.case("memory that stays below its limit is nobody's business")
def memory_below(world: World) -> None:
    result = world.run(PYTHON, "-c", "b = b'x' * (100 << 20); import time; time.sleep(2)", options=("--memory", "200M"))
    expect(result.code == 0, str(result))


# MARK: processes, processor time, files


FORKS = "import os, time\nwhile True:\n  try:\n    if os.fork() == 0: time.sleep(60); os._exit(0)\n  except OSError: time.sleep(0.01)"
THREADS = (
    "import threading, time\nwhile True:\n  try: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    "  except RuntimeError: time.sleep(0.01)"
)


@suite.case("a cage that stays full of processes", alone=True)
def processes(world: World) -> str:
    record = ended(world, "limit.processes", 137, PYTHON, "-c", FORKS, options=("--processes", "400"))
    expect(subprocess.run(["/bin/true"], check=False).returncode == 0, "the host cannot fork")
    return f"{record['wallMs']} ms"


@suite.case("a cage that stays full of threads", alone=True)
def threads(world: World) -> str:
    record = ended(world, "limit.processes", 137, PYTHON, "-c", THREADS, options=("--processes", "120"))
    return f"{record['wallMs']} ms"


@suite.case("touching the limit of processes for a moment is no crime")
def processes_for_a_moment(world: World) -> None:
    script = (
        "import os, time\nchildren = []\n"
        "try:\n  while True:\n    pid = os.fork()\n    if pid == 0: time.sleep(0.3); os._exit(0)\n    children.append(pid)\n"
        "except OSError: pass\nfor pid in children: os.waitpid(pid, 0)\ntime.sleep(1)"
    )
    result = world.run(PYTHON, "-c", script, options=("--processes", "50"))
    expect(result.code == 0, str(result))


@suite.case("processor time of all processes together", alone=True)
def processor_time(world: World) -> str:
    name = policy(world, "brief", limits={"cpu_time": '"2s"'}, process={"kill_grace": '"1s"'})
    # Six processes that take a third of it each, none of which is over the limit by itself.
    script = "import os\nfor i in range(6):\n  if os.fork() == 0:\n    while True: pass\nos.wait()"
    record = ended(world, "timeout.cpu", 124, PYTHON, "-c", script, policy=name, seconds=20)
    used = record["resources"]["cpuMs"]
    return f"{record['wallMs']} ms, {used} ms of processor"


@suite.case("processor time of children that are gone counts, too", alone=True)
def processor_time_of_the_dead(world: World) -> None:
    name = policy(world, "brief", limits={"cpu_time": '"2s"'}, process={"kill_grace": '"1s"'})
    script = "while :; do /usr/bin/python3 -c 'import time\nwhile time.process_time() < 0.3: pass'; done"
    ended(world, "timeout.cpu", 124, "/bin/sh", "-c", script, policy=name, seconds=30)


@suite.case("a file larger than its limit")
def file_size(world: World) -> None:
    name = policy(world, "small-files", limits={"file_size": '"1M"'})
    record = ended(world, "limit.fileSize", 137, "/bin/dd", "if=/dev/zero", "of=large", "bs=1M", "count=8", policy=name)
    expect((world.workspace / "large").stat().st_size == MEBIBYTE, "the file has another size")
    expect(record["exit"] == {"signal": "SIGXFSZ"}, f"{record['exit']}")


@suite.case("open files end where the limit is, inside only")
def open_files(world: World) -> None:
    name = policy(world, "few-files", limits={"open_files": "64"})
    script = "import os\nn = 0\ntry:\n  while True: os.open('/dev/null', 0); n += 1\nexcept OSError as e: print(n, e.errno)"
    result = world.run(PYTHON, "-c", script, policy=name)
    expect(result.text.split() == ["61", "24"], str(result))


# MARK: disk


def writer(folder: str, mebibytes: int, pause: float = 0.0) -> str:
    return (
        f"import os, time\nos.makedirs('{folder}', exist_ok=True)\nfor i in range({mebibytes}):\n"
        f"  open('{folder}/%d' % i, 'wb').write(os.urandom(1 << 20)); os.sync() if i % 16 == 0 else None; time.sleep({pause})\n"
        "time.sleep(20)"
    )


@suite.case("the workspace's growth", alone=True)
def workspace_growth(world: World) -> str:
    name = policy(world, "small-disk", limits={"disk": '"64M"'})
    record = ended(world, "limit.disk", 137, PYTHON, "-c", writer("new", 400, 0.005), policy=name, seconds=15)
    written = sum(file.stat().st_size for file in (world.workspace / "new").iterdir())
    expect(written < 400 * MEBIBYTE, "it wrote all it wanted")
    return f"ended at {written >> 20} MiB, {record['wallMs']} ms"


@suite.case("what others free does not hide the workspace's growth", alone=True)
def hidden_growth(world: World) -> None:
    beside = world.base / "beside"
    with open(beside, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 1500 * MEBIBYTE)
        os.fsync(file.fileno())
    name = policy(world, "small-disk", limits={"disk": '"64M"'})
    run = world.begin(PYTHON, "-c", writer("new", 100, 0.02), policy=name)
    wait_until("it writes", 20, (world.workspace / "new").exists)
    beside.unlink()
    result = run.wait(40)
    expect(result.code == 137 and world.record()["reason"]["code"] == "limit.disk", str(result))


@suite.case("the home's growth", alone=True)
def home_growth(world: World) -> None:
    name = policy(world, "small-disk", limits={"disk": '"64M"'})
    ended(world, "limit.disk", 137, PYTHON, "-c", writer("/home/agent/cache", 400, 0.005), policy=name, seconds=15)


@suite.case("what others write, a sparse file, and what was there before are not the task's growth", alone=True)
def others_growth(world: World) -> None:
    world.write(world.workspace / "old", os.urandom(80 * MEBIBYTE))
    name = policy(world, "small-disk", limits={"disk": '"64M"'})
    script = "touch ready; truncate -s 1500M sparse; cat old > /dev/null; sleep 4; rm sparse"
    run = world.begin("/bin/sh", "-c", script, policy=name)
    wait_until("ready", 20, (world.workspace / "ready").exists)
    beside = world.write(world.base / "beside", b"")
    with open(beside, "wb") as file:
        for _ in range(128):
            file.write(os.urandom(MEBIBYTE))
        os.fsync(file.fileno())
    result = run.wait(60)
    expect(result.code == 0, str(result))


@suite.case("temporary files have a size, and the kernel keeps it")
def temporary_files(world: World) -> None:
    name = policy(world, "small-tmp", filesystem={"tmp": '{ size = "8M", exec = true }', "shm": '"2M"'})
    script = "for place in /tmp /var/tmp /dev/shm; do dd if=/dev/zero of=$place/x bs=64K 2>/dev/null; stat -c %s $place/x; done"
    result = world.run("/bin/sh", "-c", script, policy=name)
    expect([int(word) // MEBIBYTE for word in result.text.split()] == [8, 8, 2], str(result))


# MARK: what the cage refuses


def refused(record: dict[str, Any], mechanism: str) -> dict[str, int]:
    return {entry["what"]: entry["count"] for entry in record.get("violations", []) if entry["mechanism"] == mechanism}


@suite.case("a refused system call is an event, a line of the record, and a sentence")
def refused_calls(world: World) -> None:
    result = world.run("/bin/sh", "-c", "unshare -r true; unshare -n true; mount -t tmpfs none /tmp; exit 0")
    expect(result.code == 0, str(result))
    record = world.record()
    expect(refused(record, "seccomp") == {"unshare": 2, "mount": 1}, f"{record.get('violations')}")
    expect({entry.get("program") for entry in record["violations"]} == {"unshare", "mount"}, f"{record['violations']}")
    events = [event["data"] for event in world.events() if event["kind"] == "violation"]
    expect({event["what"] for event in events} == {"unshare", "mount"}, f"{events}")
    expect("claudine: the cage refused unshare ×2 (unshare), mount (mount)" in result.errors, result.errors)
    expect("refused" in world.claudine("status", record["taskId"]).text, "status does not say it")


@suite.case("an ordinary program is refused nothing")
def nothing_refused(world: World) -> None:
    script = "git init -q . && git -c user.name=a -c user.email=b commit -q --allow-empty -m x && python3 -c 'import ssl, json' && ls -la / > /dev/null"
    result = world.run("/bin/sh", "-c", script)
    expect(result.code == 0 and "refused" not in result.errors, str(result))


@suite.case("a flood of refused calls is counted, not written down one by one", alone=True)
def flood(world: World) -> str:
    script = (
        "import ctypes, time\nlibc = ctypes.CDLL(None, use_errno=True)\nend = time.monotonic() + 3\nn = 0\n"
        "while time.monotonic() < end:\n  for i in range(100): libc.umount2(b'/', 0)\n  n += 100\nprint(n)"
    )
    result = world.run(PYTHON, "-c", script)
    expect(result.code == 0, str(result))
    made = int(result.text)
    record = world.record()
    expect(refused(record, "seccomp") == {"umount2": made}, f"{made} made, {record.get('violations')}")
    events = [event for event in world.events() if event["kind"] == "violation"]
    expect(2 <= len(events) <= 6, f"{len(events)} events")
    return f"{made} calls in 3 s, {len(events)} events"


@suite.case("a worker that dies while its call is held does not hold up anything")
def dies_while_held(world: World) -> None:
    script = (
        "import ctypes, os, signal, time\nlibc = ctypes.CDLL(None)\n"
        "for i in range(300):\n  pid = os.fork()\n  if pid == 0:\n    while True: libc.umount2(b'/', 0)\n"
        "  time.sleep(i % 10 / 1000)\n  os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)\n"
    )
    result = world.run(PYTHON, "-c", script, timeout=60)
    expect(result.code == 0, str(result))
    expect(list(refused(world.record(), "seccomp")) == ["umount2"], f"{world.record().get('violations')}")


@suite.case("arguments that change while a call is held change nothing")
def changing_arguments(world: World) -> None:
    script = (
        "import ctypes, threading\nlibc = ctypes.CDLL(None, use_errno=True)\npath = ctypes.create_string_buffer(b'/tmp/a' + bytes(20))\n"
        "stop = False\ndef swap():\n  while not stop:\n    path.value = b'/tmp/b'; path.value = b'/'\n"
        "threading.Thread(target=swap, daemon=True).start()\nanswers = set()\n"
        "for i in range(3000):\n  answers.add((libc.mount(b'none', path, b'tmpfs', 0, None), ctypes.get_errno()))\nprint(answers)"
    )
    result = world.run(PYTHON, "-c", script)
    expect(result.text.strip() == "{(-1, 1)}", str(result))


@suite.case("refusals can be silent, or deadly, if the policy says so")
def other_ways(world: World) -> None:
    silent = policy(world, "silent", syscalls={"denied": '"eperm"'})
    result = world.run("/bin/sh", "-c", "unshare -r true; exit 0", policy=silent)
    expect(result.code == 0 and "Operation not permitted" in result.errors and "refused" not in result.errors, str(result))
    deadly = policy(world, "deadly", syscalls={"denied": '"kill"'})
    result = world.run("/usr/bin/unshare", "-r", "/bin/true", policy=deadly)
    expect(result.code == 128 + 31, str(result))


@suite.case("the gateway's refusals are violations, too")
def refused_by_gateway(world: World) -> None:
    script = (
        "import http.client\n"
        "for path in ('/v1/files', '/v1/organizations', '/v1/files'):\n"
        "  c = http.client.HTTPConnection('localhost'); c.request('GET', path); print(c.getresponse().status)"
    )
    result = world.run(PYTHON, "-c", script)
    expect(result.text.split() == ["403", "403", "403"], str(result))
    record = world.record()
    expect(refused(record, "gateway") == {"GET /v1/files": 2, "GET /v1/organizations": 1}, f"{record.get('violations')}")


@suite.case("protected names that were not there, or that a link led to, are told of after the run")
def protected_names(world: World) -> None:
    world.write(world.workspace / "elsewhere.json", "{}\n")
    (world.workspace / ".mcp.json").symlink_to("elsewhere.json")
    world.own(world.workspace / ".mcp.json")
    world.write(world.workspace / ".envrc", "mine\n")
    script = "mkdir .claude && echo x > .claude/settings.json; rm .mcp.json; echo x > .mcp.json; echo y 2> /dev/null >> .envrc; true"
    result = world.run("/bin/sh", "-c", script)
    expect(result.code == 0, str(result))
    record = world.record()
    expect(refused(record, "workspace") == {".claude": 1, ".mcp.json": 1}, f"{record.get('violations')}")
    expect("warning: it made or changed .claude, .mcp.json" in result.errors, result.errors)
    expect((world.workspace / ".envrc").read_text() == "mine\n", ".envrc was written")


if __name__ == "__main__":
    suite.main()
