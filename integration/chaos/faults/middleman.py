#!/usr/bin/python3 -BI
"""Stands between a supervisor and its shepherd, is taken for the shepherd, and changes what the one says to the other.

Installed in the shepherd's place; the real one lies in `real/` beside it. `plan.json` there says what to do, once: a direction (`reports` or
`commands`), a type of message, which of them, and a deed. Frames are those of docs/protocol.md. It runs by itself, so it knows nothing of
the other modules.
"""

import fcntl
import json
import os
import select
import struct
import sys

HEADER = 16


def main() -> None:
    folder = os.path.dirname(os.path.realpath(__file__))
    plan = take_plan(f"{folder}/plan.json")
    commands_out, commands_in = pipe()
    reports_out, reports_in = pipe()
    if os.fork() == 0:
        os.setpgid(0, 0)
        os.dup2(commands_out, 3)
        os.dup2(reports_in, 4)
        os.closerange(8, 64)
        os.execve(f"{folder}/real/claudine-shepherd", ["claudine-shepherd", *sys.argv[1:]], {})
    for descriptor in (commands_out, reports_in, 5, 6, 7):
        os.close(descriptor)
    if plan.get("print"):
        os.write(1, b"a stray line on stdout\n" * 1000)
        os.write(2, b"a stray line on stderr\n")
    relay(Direction(3, commands_in, plan if plan.get("direction") == "commands" else {}),
          Direction(reports_out, 4, plan if plan.get("direction") == "reports" else {}))


def take_plan(path: str) -> dict:
    """What to do this time; a plan that is not for every time is gone then."""
    try:
        with open(path) as file:
            plan = json.load(file)
    except OSError:
        return {}
    if not plan.get("always"):
        try:
            os.rename(path, f"{path}.{os.getpid()}")
        except OSError:
            return {}
    return plan


def pipe() -> tuple[int, int]:
    """Both ends above every number that the shepherd is given."""
    ends = os.pipe()
    raised = tuple(fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in ends)
    for end in ends:
        os.close(end)
    return raised[0], raised[1]


def relay(*directions: "Direction") -> None:
    while all(direction.is_open for direction in directions):
        readable, _, _ = select.select([direction.source for direction in directions], [], [])
        for direction in directions:
            if direction.source in readable:
                direction.pass_on()


class Direction:
    def __init__(self, source: int, target: int, plan: dict) -> None:
        self.source = source
        self.target = target
        self.plan = plan
        self.is_open = True
        self.pending = b""
        self.passed = 0
        self.met = 0
        self.sequence = 0
        if "prepend" in plan:
            self.write(bytes.fromhex(plan["prepend"]))

    def pass_on(self) -> None:
        try:
            received = os.read(self.source, 1 << 16)
        except OSError:
            received = b""
        if not received:
            self.is_open = False
            return
        self.pending += received
        while len(self.pending) >= 4:
            length = 4 + struct.unpack(">I", self.pending[:4])[0]
            if len(self.pending) < length:
                return
            frame, self.pending = self.pending[:length], self.pending[length:]
            for piece in self.change(frame):
                self.write(self.numbered(piece) if self.plan.get("renumber") else piece)

    def change(self, frame: bytes) -> list[bytes]:
        """What becomes of a frame."""
        if frame[5] != self.plan.get("type"):
            return [frame]
        self.met += 1
        if self.met != self.plan.get("which", 1):
            return [frame]
        deed = self.plan["deed"]
        if deed == "drop":
            return []
        if deed == "duplicate":
            return [frame, frame]
        if deed == "insert":
            return [bytes.fromhex(self.plan["bytes"]), frame]
        if deed == "patch":
            place, patch = self.plan["offset"], bytes.fromhex(self.plan["bytes"])
            return [frame[:place] + patch + frame[place + len(patch):]]
        raise ValueError(deed)

    def numbered(self, frame: bytes) -> bytes:
        """With the next sequence number, so that only what the plan is about is wrong with it."""
        self.sequence += 1
        return frame[:8] + struct.pack(">I", self.sequence) + frame[12:]

    def write(self, data: bytes) -> None:
        if (end := self.plan.get("cut")) is not None and self.passed + len(data) > end:
            os.write(self.target, data[: end - self.passed])
            os._exit(0)
        self.passed += len(data)
        while data:
            try:
                data = data[os.write(self.target, data):]
            except BlockingIOError:
                select.select([], [self.target], [])
            except OSError:
                self.is_open = False
                return


if __name__ == "__main__":
    main()
