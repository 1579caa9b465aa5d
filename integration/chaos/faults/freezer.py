"""Processes that stand still for the kernel itself: no signal but SIGKILL reaches them (cgroup v2), or none at all (the freezer of v1)."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from harness import Process, Skip, wait_until


def _mount(kind: str, option: str) -> Path:
    """Where a hierarchy of cgroups is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        after = fields.index("-")
        if fields[after + 1] == kind and (not option or option in fields[after + 3].split(",")):
            return Path(fields[4])
    raise Skip(f"no {kind} {option} is mounted here".replace("  ", " "))


@contextlib.contextmanager
def _group(mount: Path) -> Iterator[Path]:
    path = mount / f"claudine-chaos-{uuid.uuid4().hex[:12]}"
    try:
        path.mkdir()
    except OSError as error:
        raise Skip(f"no cgroup can be made below {mount}: {error.strerror}") from None
    try:
        yield path
    finally:
        wait_until("the cgroup to be empty", 10, lambda: not (path / "cgroup.procs").read_text())
        path.rmdir()


@contextlib.contextmanager
def frozen(processes: list[Process], *, unkillable: bool = False) -> Iterator[None]:
    """They stand still until the end of the block; only root can do that."""
    mount = _mount("cgroup", "freezer") if unkillable else _mount("cgroup2", "")
    with _group(mount) as group:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                (group / "cgroup.procs").write_text(str(process.pid))
        state, freeze, thaw = ("freezer.state", "FROZEN", "THAWED") if unkillable else ("cgroup.freeze", "1", "0")
        (group / state).write_text(freeze)
        try:
            yield
        finally:
            (group / state).write_text(thaw)
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):
                    (mount / "cgroup.procs").write_text(pid)
