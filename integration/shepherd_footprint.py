#!/usr/bin/python3
"""What a shepherd weighs: what it links, and how much memory each takes when twenty run."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from harness import IDENTITIES, Process, Skip, Suite, World, expect, locate, wait_until

suite = Suite("footprint", __doc__ or "")

#: Bounds of the architecture: resident, and proportional (shared pages divided by who shares them), for each of twenty.
RESIDENT_KIB = 1200
PROPORTIONAL_KIB = 120
RUNNING = 20
#: What any program on Linux may link: the C library, its loader and its parts.
LIBC = re.compile(r"linux-vdso|ld-linux|libc\.so|libm\.so|libpthread\.so|libdl\.so|librt\.so")


def linked(program: Path) -> list[str]:
    """The shared libraries a program names, empty for a static one."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if "not a dynamic executable" in done.stderr + done.stdout or "statically linked" in done.stdout:
        return []
    expect(done.returncode == 0, f"ldd: {done.stderr}")
    return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]


@suite.case("the shepherd links libc at most", identities=IDENTITIES[:1])
def links(world: World) -> str:
    for program in (world.binaries.shepherd, world.binaries.claudine):
        expect(os.access(program, os.X_OK), f"{program} is not executable")
    foreign = [name for name in linked(locate().shepherd) if not LIBC.search(name)]
    expect(not foreign, f"also links {foreign}")
    expect(linked(locate().claudine), "control: ldd finds nothing in a dynamic program either")
    return f"{locate().shepherd.stat().st_size >> 10} KiB on disk"


@suite.case("the same sources build with the ordinary standard library", identities=IDENTITIES[:1])
def standard(world: World) -> str:
    other = os.environ.get("CLAUDINE_STANDARD_SHEPHERD")
    if not other:
        raise Skip("CLAUDINE_STANDARD_SHEPHERD does not name it; .ci/run builds it")
    foreign = [name for name in linked(Path(other)) if not LIBC.search(name)]
    expect(not foreign, f"also links {foreign}")
    world.binaries = world.binaries.copy(world.base / "prefix")
    world.binaries.shepherd.write_bytes(Path(other).read_bytes())
    result = world.run("/bin/sh", "-c", "echo same; exit 3")
    expect(result.code == 3 and result.stdout == b"same\n", str(result))
    return f"{Path(other).stat().st_size >> 10} KiB on disk"


def proportional(process: Process) -> int | None:
    """PSS in KiB; None where the kernel does not let us see it (a shepherd is not dumpable)."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except PermissionError:
        return None
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else None


@suite.case(f"{RUNNING} shepherds at a time: at most {RESIDENT_KIB} KiB resident and {PROPORTIONAL_KIB} KiB proportional each", alone=True)
def memory(world: World) -> str:
    runs = [world.begin("/bin/sleep", "60") for _ in range(RUNNING)]
    wait_until("all commands up", 120, lambda: sum(process.name == "sleep" for process in world.marked()) == RUNNING)
    time.sleep(1)
    shepherds = [shepherd for run in runs if (shepherd := run.shepherd())]
    expect(len(shepherds) == RUNNING, f"{len(shepherds)} shepherds found")
    resident = [int((shepherd.status("VmRSS") or "0").split()[0]) for shepherd in shepherds]
    expect(min(resident) > 0, "VmRSS cannot be read")
    shares = [share for shepherd in shepherds if (share := proportional(shepherd)) is not None]
    expect(max(resident) <= RESIDENT_KIB, f"VmRSS up to {max(resident)} KiB")
    expect(not shares or max(shares) <= PROPORTIONAL_KIB, f"PSS up to {max(shares, default=0)} KiB")
    expect(shares or world.identity.uid != 0, "root cannot read smaps_rollup")
    for run in runs:
        run.popen.terminate()
    for run in runs:
        run.wait(60)
    return f"VmRSS {max(resident)} KiB" + (f", PSS {max(shares)} KiB" if shares else ", PSS is not for our eyes")


if __name__ == "__main__":
    suite.main()
