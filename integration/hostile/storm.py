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
    seed = random.SystemRandom().randrange(2**32)
    with Outside(world) as outside:
        program = world.program("storm")
        before = canaries(outside)
        clocks = time.time() - time.monotonic()
        result = world.run(program, str(seed), str(SECONDS), options=("--timeout", f"{SECONDS + 60:.0f}s"), timeout=SECONDS + 90)
        drift = abs(time.time() - time.monotonic() - clocks)
        after = canaries(outside)
    changed = [name for name in before if before[name] != after[name]]
    expect(not changed, f"seed {seed}: changed outside: {', '.join(changed)}")
    expect(drift < 1, f"seed {seed}: the clock moved by {drift:.3f} s")
    record = world.record()
    expect(record["state"] in ("succeeded", "failed", "timedOut"), f"seed {seed}: {record['state']} {record.get('reason')}")
    made = re.search(r"^(\d+) calls, (\d+) succeeded.*$", result.text, re.MULTILINE)
    # The storm may have killed its own first process, or ended up without an output; but then it has not proved anything.
    expect(made and int(made[1]) > 1000 * SECONDS and int(made[2]) > 100, f"seed {seed}: {result}")
    assert made
    return f"seed {seed}: {made[0]}"
