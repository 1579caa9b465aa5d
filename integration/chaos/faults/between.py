"""An installation in which every shepherd has a middleman before it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from harness import World


class Between:
    def __init__(self, world: World) -> None:
        self._world = world
        prefix = world.base / "install"
        world.binaries = world.binaries.copy(prefix, linked=True)
        shepherd = world.binaries.shepherd
        self._folder = shepherd.parent
        (self._folder / "real").mkdir(mode=0o755)
        shepherd.rename(self._folder / "real" / shepherd.name)
        shutil.copyfile(Path(__file__).parent / "middleman.py", shepherd)
        shepherd.chmod(0o755)
        world.own(self._folder, 0o755)
        # Another installation is another machine: the shepherds that find out about it are no task's.
        world.claudine("policy", "check", "strict")

    def plan(self, **plan: Any) -> None:
        """What happens to the next shepherd, or with `always` to each."""
        path = self._folder / "plan.json"
        path.write_text(json.dumps(plan))
        self._world.own(path, 0o600)

    def forget(self) -> None:
        (self._folder / "plan.json").unlink(missing_ok=True)
