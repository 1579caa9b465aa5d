"""The battery through a Bash tool call of the real Claude Code: what an agent's own tools can do is what counts."""

from __future__ import annotations

import shlex

from harness import World, expect

from .cases import breaches
from .outside import VARIABLE, Outside
from .suite import suite
from .table import answers, together


@suite.case("every attack is refused through a tool call of the real Claude Code")
def through_claude(world: World) -> str:
    # Only here: whoever runs the other cases needs none of it.
    from claude_scene import Scene, bash

    with Outside(world) as outside, Scene(world, bash("true"), {"text": "Tried."}) as scene:
        expect(world.run("/bin/true").code == 0, "the cage does not work at all")
        names = [probe.name for probe in together()]
        command = shlex.join(str(word) for word in outside.command(names))
        # The answers go to a file: the tool shows its model only so much.
        scene.server.script.turns[0] = bash(f"{command} > answers.txt 2> errors.txt; echo tri''ed")
        scene.environment |= VARIABLE
        record = scene.run().expect(0, "succeeded").record
        expect("tried" in str(scene.tool_results()), f"the tool did not run: {scene.tool_results()}")
        found = answers((world.workspace / "answers.txt").read_text())
        wrong = breaches(world, outside, found)
        expect(not wrong, f"{len(wrong)} of {len(names)}: {'; '.join(wrong)}")
        return f"{len(names)} refused in a run of {record['wallMs'] / 1000:.1f} s"
