"""Finding the program under test and putting it where an ordinary user can run it."""

from __future__ import annotations

import functools
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = REPOSITORY / "integration" / "programs"


@dataclass(frozen=True)
class Binaries:
    """An installed copy, laid out as `make install` does it."""

    prefix: Path
    #: Where copies of shared libraries lie that an ordinary user could not read in their own place; None when none were needed.
    libraries: Path | None

    @property
    def claudine(self) -> Path:
        return self.prefix / "bin" / "claudine"

    @property
    def shepherd(self) -> Path:
        return self.prefix / "libexec" / "claudine" / "claudine-shepherd"

    @property
    def battery(self) -> Path:
        return self.prefix / "libexec" / "claudine" / "claudine-battery"

    def copy(self, prefix: Path, *, linked: bool = False) -> Binaries:
        """Another copy, for tests that damage it; of links, for those that only replace a file."""
        shutil.copytree(self.prefix, prefix, copy_function=_link_or_copy if linked else shutil.copy2)
        return Binaries(prefix, self.libraries)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def built() -> Path:
    """The directory with the freshly built executables: CLAUDINE_BIN, else the debug build."""
    directory = Path(os.environ.get("CLAUDINE_BIN") or REPOSITORY / ".build" / "debug")
    for name in ("claudine", "claudine-shepherd", "claudine-battery"):
        if not (directory / name).is_file():
            raise SystemExit(f"{directory / name} does not exist: build it (make build), or set CLAUDINE_BIN to its directory")
    return directory


@functools.cache
def locate() -> Binaries:
    """Installs the build into a world-readable directory (a clone may lie below a 0700 one); one copy per test process."""
    source = built()
    prefix = scratch("install")
    binaries = Binaries(prefix, unreadable_libraries(source / "claudine", prefix / "lib"))
    programs = {"claudine": binaries.claudine, "claudine-shepherd": binaries.shepherd, "claudine-battery": binaries.battery}
    for name, target in programs.items():
        target.parent.mkdir(parents=True, mode=0o755, exist_ok=True)
        shutil.copy(source / name, target)
        target.chmod(0o755)
    return binaries


def unreadable_libraries(program: Path, target: Path) -> Path | None:
    listing = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    for path in map(Path, re.findall(r"=> (/\S+)", listing)):
        if not readable_by_all(path.resolve()):
            target.mkdir(parents=True, mode=0o755, exist_ok=True)
            shutil.copy(path, target / path.name)
            (target / path.name).chmod(0o755)
    return target if target.exists() else None


def readable_by_all(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents) and bool(path.stat().st_mode & stat.S_IROTH)


_scratch: list[tempfile.TemporaryDirectory[str]] = []


def scratch(name: str) -> Path:
    """A world-readable directory that goes when this test process ends."""
    directory = tempfile.TemporaryDirectory(prefix=f"claudine-{name}-", ignore_cleanup_errors=True)
    _scratch.append(directory)
    os.chmod(directory.name, 0o755)
    return Path(directory.name)


def compiler() -> str:
    """A C compiler: the system's, else the clang that comes with the Swift toolchain."""
    for name in ("cc", "clang"):
        if found := shutil.which(name):
            return found
    if swift := shutil.which("swift"):
        clang = Path(swift).resolve().parent / "clang"
        if clang.exists():
            return str(clang)
    raise SystemExit("no C compiler found: neither cc nor the clang of the Swift toolchain")


@functools.cache
def compile_program(name: str, *, library: bool = False) -> Path:
    """Builds integration/programs/NAME.c once per test process; as a library, to be preloaded."""
    target = scratch("program") / name
    kind = ["-shared", "-fPIC"] if library else []
    command = [compiler(), "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror", *kind, "-o", str(target), str(PROGRAMS / f"{name}.c"), "-lpthread"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"cannot compile {name}.c:\n{done.stderr}")
    target.chmod(0o755)
    return target
