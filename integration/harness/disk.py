"""What may be on a disk after a loss of power, given what was written and what was synced.

The promise of POSIX and no more: what fsync(2) or fdatasync(2) returned for is there, of a file its bytes, of a directory its entries; of
everything else any part may be, in units of a sector. A file that was synced is still gone when its name was not.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .writetrace import Call

_RENAMES = ("rename", "renameat", "renameat2")
_UNTRACKED = ("copy_file_range", "sendfile", "fallocate", "writev", "pwritev", "pwritev2", "truncate", "sync_file_range", "link", "linkat")


@dataclass(eq=False)
class Node:
    """A file or directory."""

    is_directory: bool
    #: Whether its bytes are followed, or only that it exists.
    has_bytes: bool = False
    #: How far it was written from its beginning; None once that was not the way it was written.
    written: int | None = 0


@dataclass(frozen=True)
class Change:
    """One change of a node: of a directory's entries, or of a file's bytes or length."""

    node: Node
    start: float
    end: float
    entries: tuple[tuple[str, Node | None], ...] = ()
    offset: int = 0
    data: bytes = b""
    length: int | None = None


@dataclass(frozen=True)
class Sync:
    node: Node
    start: float
    end: float


class Disk:
    """The files below one directory that was there, and synced, before everything."""

    def __init__(self, root: Path, follows: Callable[[Path], bool]) -> None:
        """`follows` says of which files the bytes matter."""
        self.path = root
        self.root = Node(True)
        self.changes: list[Change] = []
        self.syncs: list[Sync] = []
        self._follows = follows
        self._nodes: dict[Path, Node] = {root: self.root}

    # MARK: recording

    def record(self, calls: Iterable[Call]) -> None:
        """Takes over what the calls did, in the order they were begun."""
        for call in sorted(calls, key=lambda call: call.start):
            if call.result is None or call.result < 0:
                continue
            self._take(call)

    def _take(self, call: Call) -> None:
        if call.name in ("open", "openat", "creat"):
            path = call.paths()[0]
            if "O_CREAT" in call.arguments and self._within(path) and path not in self._nodes:
                self._enter(path, Node(False, self._follows(path)), call)
            if "O_TRUNC" in call.arguments and path in self._nodes and self._nodes[path].has_bytes:
                self._change(call, self._nodes[path], length=0)
        elif call.name in ("mkdir", "mkdirat"):
            if self._within(path := call.paths()[0]):
                self._enter(path, Node(True), call)
        elif call.name in ("unlink", "unlinkat", "rmdir"):
            self._leave(call.paths()[0], call)
        elif call.name in _RENAMES:
            self._rename(*call.paths()[:2], call)
        elif call.name in ("fsync", "fdatasync"):
            if node := self._of_descriptor(call):
                self.syncs.append(Sync(node, call.start, call.end))
        elif call.name in ("sync", "syncfs"):
            raise RuntimeError("a sync of everything is not followed here")
        elif node := self._of_descriptor(call):
            if not node.has_bytes:
                return
            if call.name == "write" and node.written is not None:
                data = call.strings()[0][: call.result]
                self._change(call, node, offset=node.written, data=data)
                node.written += len(data)
            elif call.name == "pwrite64":
                node.written = None
                data = call.strings()[0]
                written = data if call.end == float("inf") else data[: call.result]
                self._change(call, node, offset=call.number(-1), data=written)
            elif call.name == "ftruncate":
                node.written = None
                self._change(call, node, length=call.number(-1))
            elif call.name == "mmap" and not ("MAP_SHARED" in call.arguments and "PROT_WRITE" in call.arguments):
                return
            elif call.name in (*_UNTRACKED, "write", "mmap"):
                raise RuntimeError(f"{call.name} to a file whose bytes are followed")

    def _within(self, path: Path) -> bool:
        return path.parent in self._nodes

    def _of_descriptor(self, call: Call) -> Node | None:
        for _, path in call.descriptors()[:5]:
            if path is not None and path in self._nodes:
                return self._nodes[path]
        return None

    def _enter(self, path: Path, node: Node, call: Call) -> None:
        self._nodes[path] = node
        self._change(call, self._nodes[path.parent], entries=((path.name, node),))

    def _leave(self, path: Path, call: Call) -> None:
        if self._nodes.pop(path, None):
            self._change(call, self._nodes[path.parent], entries=((path.name, None),))

    def _rename(self, old: Path, new: Path, call: Call) -> None:
        node = self._nodes.pop(old, None)
        if node is None:
            return
        self._nodes[new] = node
        for path in [path for path in self._nodes if old in path.parents]:
            self._nodes[new / path.relative_to(old)] = self._nodes.pop(path)
        if old.parent == new.parent:
            self._change(call, self._nodes[new.parent], entries=((old.name, None), (new.name, node)))
        else:
            # Two directories: for all that is promised, it may be in both or in neither.
            self._change(call, self._nodes[new.parent], entries=((new.name, node),))
            self._change(call, self._nodes[old.parent], entries=((old.name, None),))

    def _change(self, call: Call, node: Node, **what: object) -> None:
        self.changes.append(Change(node, call.start, call.end, **what))  # type: ignore[arg-type]

    # MARK: losing power

    def lasting(self, at: float, works: Callable[[Sync], bool] = lambda sync: True) -> tuple[list[Change], list[Change]]:
        """What a loss of power at `at` leaves for certain, and what it may leave. `works` is for controls: a sync that does nothing."""
        syncs: dict[Node, list[Sync]] = {}
        for sync in self.syncs:
            if sync.end <= at and works(sync):
                syncs.setdefault(sync.node, []).append(sync)
        latest = {node: max(sync.start for sync in of_node) for node, of_node in syncs.items()}
        certain, possible = [], []
        for change in self.changes:
            if change.start < at:
                (certain if change.end <= latest.get(change.node, -1.0) else possible).append(change)
        return certain, possible

    def build(self, target: Path, certain: list[Change], kept: list[Change]) -> None:
        """Makes the files that these changes lead to, below `target`, which is made."""
        content: dict[Node, bytearray] = {}
        entries: dict[Node, dict[str, Node]] = {}
        for change in sorted([*certain, *kept], key=lambda change: change.start):
            if change.node.is_directory:
                names = entries.setdefault(change.node, {})
                for name, node in change.entries:
                    if node is None:
                        names.pop(name, None)
                    else:
                        names[name] = node
                continue
            data = content.setdefault(change.node, bytearray())
            if change.length is not None:
                if change.length < len(data):
                    del data[change.length :]
                else:
                    data.extend(bytes(change.length - len(data)))
            else:
                data.extend(bytes(max(0, change.offset + len(change.data) - len(data))))
                data[change.offset : change.offset + len(change.data)] = change.data
        self._write(self.root, target, content, entries)

    def _write(self, node: Node, path: Path, content: dict[Node, bytearray], entries: dict[Node, dict[str, Node]]) -> None:
        if not node.is_directory:
            path.write_bytes(content.get(node, b""))
            path.chmod(0o600)
            return
        path.mkdir(mode=0o700)
        for name, child in entries.get(node, {}).items():
            self._write(child, path / name, content, entries)


def torn(change: Change, unit: int, dice: random.Random) -> list[Change]:
    """Some of the sectors of a write."""
    if not change.data:
        return [change]
    pieces = []
    position = change.offset
    end = change.offset + len(change.data)
    while position < end:
        stop = min(end, (position // unit + 1) * unit)
        if dice.random() < 0.5:
            data = change.data[position - change.offset : stop - change.offset]
            pieces.append(Change(change.node, change.start, change.end, offset=position, data=data))
        position = stop
    return pieces


#: What may be left of the changes that were not synced.
def nothing(possible: list[Change], dice: random.Random) -> list[Change]:
    return []


def everything(possible: list[Change], dice: random.Random) -> list[Change]:
    return possible


def the_first(possible: list[Change], dice: random.Random) -> list[Change]:
    """Written back in order, and cut off."""
    return possible[: dice.randint(0, len(possible))]


def some(possible: list[Change], dice: random.Random) -> list[Change]:
    share = dice.random()
    return [change for change in possible if dice.random() < share]


def torn_in_sectors(possible: list[Change], dice: random.Random) -> list[Change]:
    return [piece for change in possible for piece in torn(change, 512, dice)]


def torn_in_pages(possible: list[Change], dice: random.Random) -> list[Change]:
    return [piece for change in possible for piece in torn(change, 4096, dice)]


LOSSES = [nothing, everything, the_first, some, torn_in_sectors, torn_in_pages]
