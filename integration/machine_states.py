"""Machines that lack something, made of this one: how to get into each, and what can be had there.

Nothing of the machine itself is changed: a state is a program that starts Claudine in namespaces or behind a filter of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import World, compile_program

#: `on_missing = "refuse"`.
INSISTING = ("paranoid", "readonly", "strict")
#: `on_missing = "degrade"`.
YIELDING = ("standard", "permissive")
#: What the best-effort level does without.
NO_CAGE = {
    "userNamespace", "pidNamespace", "mountNamespace", "networkNamespace", "ipcNamespace", "utsNamespace", "cgroupNamespace", "processCap"}

#: clone3's flags are in memory, where no filter can look: containers say that there is none, and look at clone's (moby's default profile).
NO_CLONE3 = "clone3=ENOSYS"


@dataclass(frozen=True)
class State:
    """One machine without something."""

    name: str
    #: What Claudine is started by; `deny` words if it begins with "deny".
    words: tuple[str, ...]
    #: What `doctor` must name as missing, and nothing else of the layers.
    missing: frozenset[str]
    #: Policies that run with less, and what their record then names; all others run whole or not at all.
    degraded: dict[str, frozenset[str]] = field(default_factory=dict)
    #: Policies that do not run.
    refused: frozenset[str] = frozenset()
    #: Made only by an ordinary user.
    user_only: bool = False

    def command(self, world: World) -> list[str | Path]:
        if self.words[0] == "deny":
            return [compile_program("deny"), *self.words[1:], "--"]
        return list(self.words)


def no_cage(name: str, words: Sequence[str], layer: str, user_only: bool = False) -> State:
    """Without a foundation of the cage: the best-effort level for an ordinary user, nothing for root."""
    opened = {"standard": frozenset(NO_CAGE), "permissive": frozenset(NO_CAGE - {"networkNamespace"})}
    return State(name, tuple(words), frozenset({layer}), opened, frozenset(INSISTING), user_only)


def one_less(name: str, words: Sequence[str], layer: str, yielding: Sequence[str] = YIELDING) -> State:
    """Without one layer on top of the foundation."""
    return State(name, tuple(words), frozenset({layer}), {policy: frozenset({layer}) for policy in yielding}, frozenset(INSISTING))


def nothing(name: str, words: Sequence[str], *layers: str) -> State:
    """Without something that every policy requires."""
    return State(name, tuple(words), frozenset(layers), {}, frozenset(INSISTING + YIELDING))


def without_namespace(name: str, flag: int) -> list[str]:
    return ["deny", NO_CLONE3, f"clone:0&{flag:#x}=EPERM"]


#: Sets the limit of the user namespace it is in to none below it, then runs the rest as the ordinary user it is.
NO_MORE = "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --ambient-caps=-all -- \"$@\""

STATES = [
    State("nothing missing", ("env",), frozenset()),
    State("clone3 is unknown", ("deny", NO_CLONE3), frozenset()),
    State("setns denied", ("deny", "setns=EPERM"), frozenset()),
    no_cage("bwrap --disable-userns", ["bwrap", "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--"], "userNamespace", True),
    no_cage(
        "max_user_namespaces = 0", ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c", NO_MORE, "sh"], "userNamespace", True),
    no_cage(
        "/proc masked", ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--tmpfs", "/proc/fs", "--"],
        "mountNamespace", True),
    no_cage("no user namespaces", without_namespace("user", 0x10000000), "userNamespace"),
    # As AppArmor does on Ubuntu 24.04: one can be made, and whatever takes a capability in it fails. 0x8914 is SIOCSIFFLAGS.
    no_cage(
        "user namespaces without rights", ["deny", *(f"{call}=EPERM" for call in ("sethostname", "ioctl:1==0x8914", "fsopen", "open_tree", "mount"))],
        "userNamespace"),
    no_cage("no PID namespaces", without_namespace("pid", 0x20000000), "pidNamespace"),
    no_cage("no mount namespaces", without_namespace("mnt", 0x00020000), "mountNamespace"),
    one_less("no network namespaces", without_namespace("net", 0x40000000), "networkNamespace", ("standard",)),
    one_less("no IPC namespaces", without_namespace("ipc", 0x08000000), "ipcNamespace"),
    one_less("no UTS namespaces", without_namespace("uts", 0x04000000), "utsNamespace"),
    one_less("no cgroup namespaces", without_namespace("cgroup", 0x02000000), "cgroupNamespace"),
    one_less("sethostname denied", ["deny", "sethostname=EPERM"], "utsNamespace"),
    no_cage("fsopen denied", ["deny", "fsopen=EPERM"], "mountNamespace"),
    no_cage("open_tree denied", ["deny", "open_tree=ENOSYS"], "mountNamespace"),
    no_cage("move_mount denied", ["deny", "move_mount=EPERM"], "mountNamespace"),
    no_cage("mount_setattr denied", ["deny", "mount_setattr=ENOSYS"], "mountNamespace"),
    no_cage("pivot_root denied", ["deny", "pivot_root=EPERM"], "mountNamespace"),
    State(
        "no Landlock", ("deny", "landlock_create_ruleset=ENOSYS"), frozenset({"landlock"}),
        {name: frozenset({"landlock"}) for name in ("readonly", "strict", *YIELDING)}, frozenset({"paranoid"})),
    State(
        "Landlock rules denied", ("deny", "landlock_restrict_self=EPERM"), frozenset({"landlock"}),
        {name: frozenset({"landlock"}) for name in ("readonly", "strict", *YIELDING)}, frozenset({"paranoid"})),
    State(
        # SECCOMP_FILTER_FLAG_NEW_LISTENER
        "no listener for denied calls", ("deny", "seccomp:1&0x8=EINVAL"), frozenset({"notification"}),
        {name: frozenset({"notification"}) for name in (*INSISTING, *YIELDING)}),
    nothing("seccomp denied", ["deny", "seccomp=EPERM"], "seccomp", "notification"),
    nothing("rlimits denied", ["deny", "prlimit64=EPERM"], "resourceLimits"),
    nothing("capset denied", ["deny", "capset=EPERM"], "noCapabilities"),
    # PR_SET_NO_NEW_PRIVS
    nothing("no_new_privs denied", ["deny", "prctl:0==38=EPERM"], "noNewPrivileges"),
]
