"""What a process wrote to which files and when, from the trace that strace(1) made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: Everything that changes a file or a directory, or makes a change last; and what a user gets to see.
CALLS = (
    "open,openat,creat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,"
    "write,pwrite64,pwritev,pwritev2,writev,truncate,ftruncate,fallocate,copy_file_range,sendfile,mmap,"
    "fsync,fdatasync,sync_file_range,syncfs,sync,exit_group"
)

_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)[^<]*(?:<(?:\\x[0-9a-f]{2})*>)?(?:\(deleted\))?[^<]*(?:<(\d+\.\d+)>)?$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"(-?\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?")


@dataclass(frozen=True)
class Call:
    """One finished system call; `start` and `end` in seconds since 1970."""

    start: float
    end: float
    name: str
    arguments: str
    result: int | None

    def strings(self) -> list[bytes]:
        """Its arguments that are strings, whole."""
        found = []
        for text, cut in _STRING.findall(self.arguments):
            if cut:
                raise RuntimeError(f"strace cut a string: {self.name}({self.arguments[:200]}")
            found.append(bytes.fromhex(text.replace("\\x", "")))
        return found

    def descriptors(self) -> list[tuple[str, Path | None]]:
        """The number and path of each argument that is a descriptor; no path where the file has lost its name."""
        return [
            (number, None if deleted else Path(bytes.fromhex(path.replace("\\x", "")).decode(errors="surrogateescape")))
            for number, path, deleted in _DESCRIPTOR.findall(self.arguments)
        ]

    def paths(self) -> list[Path]:
        """Its path arguments, made absolute where they start from a directory's descriptor."""
        found = []
        directories = [path for _, path in self.descriptors()]
        for index, text in enumerate(self.strings()):
            path = Path(text.decode(errors="surrogateescape"))
            folder = directories[min(index, len(directories) - 1)] if directories else None
            found.append(path if path.is_absolute() or folder is None else folder / path)
        return found

    def number(self, index: int) -> int:
        """The argument at `index`, counted from the end for negative ones, as a number."""
        return int(_STRING.sub('""', self.arguments).split(", ")[index], 0)


def command(output: Path) -> list[str]:
    """The beginning of a command line that runs a program with a trace of it, but not of the programs it starts."""
    return [
        "/usr/bin/strace", "-f", "-b", "execve", "-y", "-xx", "-s", str(16 << 20), "-o", str(output),
        "--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns", "-e", f"trace={CALLS}", "-e", "signal=none",
    ]


def read(path: Path) -> Iterator[Call]:
    """The calls of one trace in the order they ended; those that a kill cut off are left out, but for writes, which may have happened."""
    pending: dict[str, tuple[float, str]] = {}
    with path.open() as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if not found:
                continue
            task, at, rest = found[1], float(found[2]), found[3]
            if rest.startswith("+++") or rest.startswith("---"):
                continue
            end: float | None = None
            if rest.endswith("<unfinished ...>"):
                pending[task] = (at, rest.removesuffix("<unfinished ...>").rstrip())
                continue
            if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
                if task not in pending:
                    continue
                end, (at, begin) = at, pending.pop(task)
                rest = begin + resumed[1]
            if rest.endswith("<unfinished ...>) = ?"):
                # Killed in the middle of it.
                pending[task] = (at, rest.removesuffix("<unfinished ...>) = ?").rstrip())
                continue
            call = _CALL.match(rest)
            if not call:
                raise RuntimeError(f"{path.name}: cannot be read: {rest[:300]}")
            taken = float(call[4] or 0)
            result = None if call[3] == "?" else int(call[3])
            yield Call(at, end if end is not None else at + taken, call[1], call[2], result)
    for at, begin in pending.values():
        name, _, arguments = begin.partition("(")
        if name.startswith(("pwrite", "write", "unlink", "rename", "mkdir", "open", "ftruncate")):
            yield Call(at, float("inf"), name, arguments.rstrip(" ,"), 0)
