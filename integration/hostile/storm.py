"""Random system calls inside strict: whatever they come to, the host does not notice."""

from __future__ import annotations

import hashlib
import os
import random
import re
import time
from pathlib import Path

from harness import World, expect

from .outside import Outside
from .suite import suite

#: `hostile.py --seconds N` makes it longer.
SECONDS = 5.0
SETTINGS = (
    "kernel/core_pattern", "kernel/hostname", "kernel/domainname", "kernel/pid_max", "kernel/randomize_va_space", "kernel/shmmax", "kernel/sysrq",
    "vm/overcommit_memory", "vm/swappiness", "fs/protected_symlinks", "fs/suid_dumpable", "net/ipv4/ip_forward", "user/max_user_namespaces",
)


def canaries(outside: Outside) -> dict[str, object]:
    """What of the host could have changed and has no reason to: files with their inodes and times, mounts, names, settings."""
    files = [outside.secret, *sorted(outside.world.home.rglob("*")), Path("/etc/passwd"), Path("/etc/hosts"), Path("/bin/sh")]
    facts: dict[str, object] = {}
    for path in files:
        status = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        facts[str(path)] = (status.st_ino, status.st_mode, status.st_uid, status.st_mtime_ns, status.st_ctime_ns, content)
    for name in SETTINGS:
        setting = Path("/proc/sys") / name
        facts[name] = setting.read_text() if os.access(setting, os.R_OK) else None
    # Other tests mount, too, but in namespaces of their own.
    facts["mounts"] = sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    facts["name"] = os.uname()
    facts["modules"] = Path("/proc/modules").read_text() if os.access("/proc/modules", os.R_OK) else None
    facts["canary"] = outside.untouched()
    return facts


@suite.case("random system calls change nothing outside", alone=True)
def storm(world: World) -> str:
    first = random.SystemRandom().randrange(2**32)
    began, runs, calls, succeeded = time.monotonic(), 0, 0, 0
    with Outside(world) as outside:
        program = world.program("storm")
        before = canaries(outside)
        clocks = time.time() - time.monotonic()
        # A storm may run into a limit of the task and end it: then there is another one.
        while (rest := SECONDS - (time.monotonic() - began)) > 0:
            seed = first + runs
            runs += 1
            result = world.run(program, str(seed), str(rest), options=("--timeout", f"{rest + 60:.0f}s"), timeout=rest + 90)
            if made := re.search(r"^(\d+) calls, (\d+) succeeded.*$", result.text, re.MULTILINE):
                calls, succeeded = calls + int(made[1]), succeeded + int(made[2])
            record = world.record(str(world.tasks()[0]["taskId"]))
            reason = record.get("reason", {}).get("code", "")
            expect(record["state"] == "succeeded" or reason.startswith(("limit.", "exit.", "timeout.")), f"seed {seed}: {record['state']} {record.get('reason')}")
            outside.put_back()
            world.own(program, 0o755)
        drift = abs(time.time() - time.monotonic() - clocks)
        after = canaries(outside)
    changed = [name for name in before if before[name] != after[name]]
    expect(not changed, f"seed {first}: changed outside: {', '.join(changed)}")
    expect(drift < 1, f"seed {first}: the clock moved by {drift:.3f} s")
    expect(calls > 500 * SECONDS and succeeded > 100, f"seed {first}: {calls} calls, {succeeded} succeeded")
    return f"seeds {first} and on, {runs} runs: {calls} calls, {succeeded} succeeded"
