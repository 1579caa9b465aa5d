"""Secrets, writes, devices and descriptors, looked for with ordinary programs."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

from harness import World, expect, wait_until

from .processes import eval_list
from .suite import PYTHON, suite

CANARY = "canary-"
SECRETS = (".ssh/id_ed25519", ".aws/credentials", ".claude/.credentials.json", ".netrc", ".config/gh/hosts.yml", ".gnupg/secring", ".bash_history")


def plant_secrets(world: World) -> str:
    canary = CANARY + world.nonce[::-1]
    for name in SECRETS:
        world.write(world.home / name, f"{canary} {name}\n")
    world.write(world.state / "other-task" / "stdout", f"{canary} state\n")
    world.write(world.base / "beside", f"{canary} beside\n")
    return canary


def thief(world: World) -> str:
    """A script that looks everywhere a secret may lie, through every window it knows, and in the whole of each tree that it is given."""
    places = [world.home / name for name in SECRETS] + [world.state / "other-task/stdout", world.base / "beside"]
    windows = ["", "/proc/1/root", "/proc/self/root", "/proc/self/root/../..", "/proc/1/cwd/../../../../..", "/proc/self/cwd/../../../.."]
    direct = "\n".join(f"cat '{window}{place}' 2>/dev/null" for window in windows for place in places)
    # The workspace holds none of them, but this script's own text must not count as one.
    return f"{direct}\ngrep -rsh {CANARY} \"$@\" /proc/1/environ /proc/self/environ 2>/dev/null; true"


@suite.case("secrets of the home, of other tasks and beside the workspace cannot be read")
def secrets(world: World) -> str:
    canary = plant_secrets(world)
    script = world.write(world.workspace / "thief.sh", thief(world))
    result = world.run("/bin/sh", script, "/tmp", "/var/tmp", "/run", "/home", "/root", timeout=120)
    expect(result.code == 0, str(result))
    expect(canary.encode() not in result.stdout + result.stderr, f"found: {result.text[:400]}")
    # Not the host's whole /tmp: it may hold gigabytes of other people's files, and the secrets all lie here.
    control = world.launch(["/bin/sh", script, str(world.base)]).wait(120)
    found = control.text.count(canary)
    expect(found >= len(SECRETS), f"control: the same script finds {found} outside")
    return f"the same script finds {found} outside"


@suite.case("/etc/shadow and other people's homes")
def shadow(world: World) -> None:
    result = world.run("/bin/sh", "-c", "cat /etc/shadow /etc/gshadow /etc/sudoers; ls /root /home /var/lib /var/log /boot /srv /mnt /media")
    for word in (b"root:", b"ALL=", b"syslog", b"dpkg"):
        expect(word not in result.stdout, f"{word!r} is readable")
    homes = world.run("/bin/ls", "-A", "/home")
    expect(homes.stdout.split() == [b"agent"], f"/home holds {homes.stdout!r}")


@suite.case("no descriptor is inherited")
def descriptors(world: World) -> None:
    leaked = os.open(world.base, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        command = " ".join(f"'{word}'" for word in map(os.fsdecode, [world.binaries.claudine, *world.caged(PYTHON, "-c", "import os; print(sorted(map(int, os.listdir(\"/proc/self/fd\"))))")]))
        # Descriptor 9 is open in Claudine itself; it must not be in the cage.
        result = world.launch(["/bin/sh", "-c", f"exec 9<'{world.base}'; exec {command}"]).wait()
    finally:
        os.close(leaked)
    expect(result.code == 0, str(result))
    # 3 is the directory being listed.
    expect(eval_list(result.text) == [0, 1, 2, 3], f"open inside: {result.text}")


@suite.case("writes outside the workspace land nowhere")
def writes(world: World) -> str:
    world.write(world.home / ".bashrc", "# mine\n")
    world.write(world.home / ".ssh" / "authorized_keys", "# mine\n")
    world.write(world.base / "beside", "mine\n")
    token = f"written-{world.nonce[::-1]}"
    targets = [
        "/etc/cron.d/x", "/etc/passwd", "/etc/ld.so.preload", "/usr/bin/x", "/usr/local/bin/x", "/bin/x", "/lib/x", "/opt/x", "/var/spool/cron/x",
        "/boot/x", "/sys/x", "/proc/sys/kernel/core_pattern_x", f"{world.home}/.bashrc", f"{world.home}/.ssh/authorized_keys",
        f"{world.home}/.config/autostart/x", f"{world.base}/beside", f"{world.base}/new", f"{world.state}/claudine.db", f"{world.state}/x", "link",
    ]
    (world.workspace / "link").symlink_to(world.home / ".ssh" / "authorized_keys")
    script = "\n".join(f"(mkdir -p \"$(dirname '{target}')\"; echo {token} >> '{target}') 2>/dev/null" for target in targets)
    result = world.run("/bin/sh", "-c", script + f"\nln '{world.home}/.bashrc' hard 2>/dev/null && echo hardlinked; true")
    expect(result.code == 0 and b"hardlinked" not in result.stdout, str(result))
    for target in targets[:12]:
        path = Path(target)
        try:
            expect(not path.is_file() or token not in path.read_text(errors="replace"), f"{target} was written")
        except PermissionError:
            continue
    expect((world.home / ".bashrc").read_text() == "# mine\n", ".bashrc was written")
    expect((world.home / ".ssh" / "authorized_keys").read_text() == "# mine\n", "authorized_keys was written, perhaps through the link")
    expect((world.base / "beside").read_text() == "mine\n", "a file beside the workspace was written")
    expect(not (world.base / "new").exists() and not (world.state / "x").exists(), "a file was made outside")
    expect(not (world.home / ".config").exists(), "a folder was made in the home")
    expect(world.record()["state"] == "succeeded", "the store is harmed")
    return f"{len(targets)} targets"


@suite.case("two tasks see nothing of each other")
def neighbours(world: World) -> None:
    script = "echo here > /tmp/mine; echo here > /dev/shm/mine; echo here > $HOME/mine; touch ready; exec sleep 300"
    first = world.begin("/bin/sh", "-c", script)
    wait_until("first task", 30, (world.workspace / "ready").exists)
    second = world.run("/bin/sh", "-c", "ls -A /tmp /dev/shm $HOME; ps ax 2>/dev/null || ls /proc")
    expect(second.code == 0 and b"mine" not in second.stdout and b"sleep" not in second.stdout, str(second))
    first.popen.terminate()
    expect(first.wait(30).code == 143, "first task")


@suite.case("/dev holds only harmless devices")
def devices(world: World) -> None:
    result = world.run("/bin/ls", "-A", "/dev")
    found = set(result.text.split())
    harmless = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "fd", "stdin", "stdout", "stderr"}
    expect(found <= harmless, f"also: {sorted(found - harmless)}")
    expect({"null", "zero", "urandom"} <= found, f"missing: {sorted({'null', 'zero', 'urandom'} - found)}")
    check = world.run("/bin/sh", "-c", "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c")
    expect(check.text.split() == ["4", "4"], str(check))


@suite.case("no core file, whatever the attacker asks for")
def core(world: World) -> str:
    crash = ("/bin/sh", "-c", "ulimit -c unlimited 2>/dev/null; kill -ABRT $$")
    result = world.run(*crash)
    expect(result.code == 128 + signal.SIGABRT, str(result))
    expect([path.name for path in world.workspace.iterdir()] == [], f"left in the workspace: {list(world.workspace.iterdir())}")
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core" or resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        return "no control: this machine writes no plain core files"
    world.launch(crash).wait()
    expect(any(path.name.startswith("core") for path in world.workspace.iterdir()), "control: no core file outside either")
    return "outside, the same crash leaves a core file"
