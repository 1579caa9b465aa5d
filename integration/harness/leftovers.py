"""What a task could leave on the machine besides processes: mounts, cgroups, directories that belong to no record."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .suite import expect, wait_until
from .world import World

CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Leftovers:
    """A look from outside, to be compared with a later one."""

    mounts: frozenset[str]

    @staticmethod
    def now(world: World) -> Leftovers:
        return Leftovers(frozenset(_mounts(world)))

    def expect_none(self, world: World) -> None:
        """Fails the case if something is there that was not, once what is on its way out has had a moment."""
        wait_until("no process left", 5, lambda: not world.marked())
        expect(not (new := _mounts(world) - self.mounts), f"mounts left: {sorted(new)}")
        ids = {str(task["taskId"]) for task in world.tasks()}
        attempts = world.state / "attempts"
        strangers = {entry for entry in (os.listdir(attempts) if attempts.exists() else []) if entry not in ids}
        expect(not strangers, f"directories without a record: {sorted(strangers)}")
        probes = [entry for entry in os.listdir(world.state) if entry.startswith("probe-")]
        expect(not probes, f"directories of probes left: {probes}")
        wait_until("no cgroup left", 5, lambda: not _cgroups(ids))


def _mounts(world: World) -> set[str]:
    """Mount points of the machine below the world's directories, and all that Claudine could make elsewhere."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split(" ")[4] for line in lines if str(world.base) in line or "claudine" in line}


def _cgroups(ids: set[str]) -> list[str]:
    names = re.compile("|".join(map(re.escape, ids)) or "^$")
    return [folder for folder, _, _ in os.walk(CGROUPS) if names.search(os.path.basename(folder))] if ids else []
