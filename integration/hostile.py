#!/usr/bin/python3
"""Attacks from inside a strict cage, each with a control that shows the attack to be a real one wherever that is safe to try.

Nothing destructive ever runs outside a cage: `programs/attacks.c` refuses by itself when the namespace it needs is the host's own, opens
what it must not write instead of writing it, and contacts no address but TEST-NET, from a network namespace of its own only.
"""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import socket
import subprocess
import threading
import time
import tty
from dataclasses import dataclass
from pathlib import Path

from harness import IDENTITIES, Process, Skip, Suite, World, children, expect, marked, members, wait_until

suite = Suite("hostile", __doc__ or "")

PYTHON = "/usr/bin/python3"
BARE, ROOT, NAMESPACE = "bare", "bare, as root", "in namespaces of its own"
#: Namespaces in which the attacker is allowed everything: what a cage without the rest of the layers would be.
UNSHARE = ("/usr/bin/unshare", "-U", "-r", "-m", "-p", "-f", "-n", "-u", "-i", "--mount-proc")


@dataclass(frozen=True)
class Attack:
    name: str
    #: Where the same attack must work, so that its failure in the cage means something; None where no such place is safe.
    control: str | None = None
    #: The exact answer in the cage, where the design names one; otherwise any refusal will do.
    answer: tuple[str, ...] = ()


ATTACKS = [
    Attack("ptrace_parent", BARE), Attack("ptrace_traceme", BARE), Attack("ptrace_init", NAMESPACE),
    Attack("read_parent_memory", BARE), Attack("write_parent_memory", BARE), Attack("steal_descriptor", BARE),
    Attack("compare_processes", BARE), Attack("init_environment", NAMESPACE), Attack("init_memory", NAMESPACE),
    Attack("init_root", NAMESPACE), Attack("init_cwd", NAMESPACE), Attack("init_descriptors", NAMESPACE), Attack("kill_init"),
    Attack("mount_tmpfs", NAMESPACE), Attack("remount_root", NAMESPACE), Attack("unmount_proc", NAMESPACE),
    Attack("clone_tree", NAMESPACE), Attack("new_filesystem", NAMESPACE), Attack("change_root", NAMESPACE), Attack("pivot", NAMESPACE),
    Attack("unshare_user", BARE), Attack("unshare_user_mount", BARE), Attack("unshare_net", BARE), Attack("clone_newuser", BARE),
    Attack("clone_newuser_high", BARE), Attack("clone3_newuser", BARE), Attack("join_init_net"), Attack("join_init_mount"),
    Attack("join_own_uts", NAMESPACE), Attack("keyring", BARE), Attack("add_key_to_session", BARE), Attack("request_a_key", BARE),
    Attack("bpf_map", ROOT), Attack("io_uring", BARE), Attack("perf", BARE), Attack("fault_handler", BARE), Attack("fanotify", BARE),
    Attack("ldt", BARE), Attack("no_randomisation", BARE), Attack("executable_data", BARE), Attack("all_io_ports"), Attack("io_port"),
    Attack("kernel_log", ROOT), Attack("host_name", NAMESPACE), Attack("reboots"), Attack("loads_module"), Attack("loads_kernel"),
    Attack("swaps"), Attack("accounts"), Attack("sets_time"), Attack("unknown_call", None, ("denied ENOSYS",)), Attack("file_handle", ROOT),
    Attack("foreign_32", BARE, ("killed SYS",)), Attack("foreign_x32", None, ("killed SYS", "denied ENOSYS")),
    Attack("no_capability_left", BARE), Attack("regain", BARE), Attack("raise_core_limit"), Attack("raise_file_limit"),
    Attack("raise_priority"), Attack("real_time"), Attack("lock_memory"), Attack("spared_by_oom"), Attack("map_root"),
    Attack("device_node", ROOT), Attack("setuid_file", BARE), Attack("setuid_by_open", BARE),
    Attack("setuid_by_openat2", BARE), Attack("setuid_by_mknod", BARE), Attack("core_pattern"), Attack("modprobe"), Attack("pid_max", NAMESPACE),
    Attack("namespace_count"), Attack("sysrq"), Attack("uevent_helper"), Attack("release_agent"), Attack("kernel_memory"),
    Attack("device_memory"), Attack("device_log"), Attack("device_fuse"), Attack("device_console"), Attack("device_terminal"),
    Attack("console_selection"), Attack("type_own_terminal", BARE), Attack("type_own_terminal_high", BARE),
    Attack("socket_packet", NAMESPACE), Attack("socket_raw", NAMESPACE), Attack("socket_vsock", BARE), Attack("socket_vsock_high", BARE),
    Attack("socket_crypto"), Attack("socket_crypto_high"), Attack("socket_xdp", ROOT), Attack("socket_audit", BARE),
    Attack("socket_netfilter", BARE), Attack("socket_bluetooth"), Attack("outside_tcp"), Attack("outside_udp"), Attack("other_interfaces", BARE),
]
#: What a kernel may be built without: where the control fails with one of these, the attack does not exist here.
ABSENT = {"denied ENOSYS", "denied EAFNOSUPPORT", "denied EPROTONOSUPPORT", "denied EOPNOTSUPP", "killed SEGV", "denied EIO"}


def namespaces() -> list[str]:
    return [os.readlink("/proc/self/ns/pid"), os.readlink("/proc/self/ns/net")]


def answers(text: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)


def controlled(world: World, attack: Attack) -> str | None:
    """What the attack gives where nothing hinders it; None where it cannot be tried safely as this identity."""
    if attack.control is None or (attack.control == ROOT and world.identity.uid != 0):
        return None
    wrapper = UNSHARE if attack.control == NAMESPACE else ()
    result = world.launch([*wrapper, world.program("attacks"), *namespaces(), attack.name]).wait(30)
    return answers(result.text).get(attack.name, f"no answer: {result}")


@suite.case("every attack of the battery is refused")
def battery(world: World) -> str:
    names = [attack.name for attack in ATTACKS]
    result = world.run(world.program("attacks"), *namespaces(), *names, timeout=120)
    expect(result.code == 0, str(result))
    found = answers(result.text)
    breaches = []
    for attack in ATTACKS:
        answer = found.get(attack.name, "no answer")
        refused = answer in attack.answer if attack.answer else answer.startswith(("denied ", "killed "))
        if not refused:
            breaches.append(f"{attack.name}: {answer}")
    expect(not breaches, f"{len(breaches)} of {len(ATTACKS)}: {'; '.join(breaches)}")
    return f"{len(ATTACKS)} refused"


@suite.case("control: outside the cage the same attacks work")
def battery_control(world: World) -> str:
    wrong, worked, absent = [], 0, []
    for attack in ATTACKS:
        answer = controlled(world, attack)
        if answer is None:
            continue
        if answer in ABSENT:
            absent.append(attack.name)
        elif answer == "worked":
            worked += 1
        else:
            wrong.append(f"{attack.name} ({attack.control}): {answer}")
    expect(not wrong, f"these attacks prove nothing: {'; '.join(wrong)}")
    return f"{worked} worked" + (f", not in this kernel: {', '.join(absent)}" if absent else "")


# MARK: processes


@suite.case("kill(-1) from inside reaches nobody outside")
def kill_everything(world: World) -> None:
    canary = world.launch(["/usr/bin/sleep", "60"])
    result = world.run(world.program("attacks"), *namespaces(), "kill_everything")
    expect("kill_everything unsafe" not in result.text, "the cage has no PID namespace of its own")
    expect(result.code == 128 + signal.SIGKILL, f"the attacker did not even reach itself: {result}")
    expect(canary.popen.poll() is None, "a process outside was killed")
    expect(world.record()["exit"] == {"signal": "SIGKILL"}, f"{world.record()['exit']}")


@suite.case("a host that shares its mounts gets none of the cage's", identities=[i for i in IDENTITIES if i.uid == 0])
def shared_mounts(world: World) -> str:
    # What systemd makes of / on every ordinary machine; here in a mount namespace of the test's own.
    for policy in ("strict", "standard", "permissive"):
        script = (
            "mount --make-rshared / && sort /proc/self/mountinfo > before && "
            f'"$@" && sort /proc/self/mountinfo > after && cut -d" " -f5 before | sort > a && cut -d" " -f5 after | sort > b && diff a b'
        )
        inside = world.base / f"shared-{policy}"
        inside.mkdir()
        command = list(world.caged("/bin/true", policy=policy))
        result = world.launch(
            ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", f"cd '{inside}' && {script}", "sh", world.binaries.claudine, *command]
        ).wait()
        expect(result.code == 0, f"{policy}: {result}")
        expect((inside / "before").stat().st_size > 0, "the control saw no mounts")
    return "no mount appeared or went"


@suite.case("the worker is never host uid 0 and holds no capability, seen from outside")
def seen_from_outside(world: World) -> str:
    run = world.begin("/bin/sleep", "60")
    workers = wait_until("worker", 20, lambda: [p for p in marked(world.nonce) if p.name == "sleep"])
    for worker in workers:
        uids = (worker.status("Uid") or "0").split()
        expect("0" not in uids, f"uids {uids}")
        if world.identity.uid != 0:
            expect(set(uids) == {str(world.identity.uid)}, f"uids {uids}")
        for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"):
            expect(int(worker.status(key) or "1", 16) == 0, f"{key} {worker.status(key)}")
        expect(worker.status("NoNewPrivs") == "1" and worker.status("Seccomp") == "2", "no_new_privs or seccomp")
        for kind in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
            own, theirs = os.readlink(f"/proc/self/ns/{kind}"), os.readlink(f"/proc/{worker.pid}/ns/{kind}")
            expect(own != theirs, f"shares the {kind} namespace")
    run.popen.terminate()
    run.wait(30)
    return f"uid {workers[0].pid and uids[0]}"


@suite.case("pid 1 says nothing about us")
def first_process(world: World) -> None:
    result = world.run("/bin/sh", "-c", "cat /proc/1/cmdline /proc/1/comm; ls -l /proc/1/exe 2>&1; cat /proc/1/environ 2>/dev/null; true")
    for word in (world.nonce, str(world.base), "--policy", "strict", str(world.binaries.prefix)):
        expect(word.encode() not in result.stdout, f"{word!r} is visible: {result.stdout!r}")
    others = world.run(PYTHON, "-c", "import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))")
    expect(others.code == 0 and len(eval_list(others.text)) <= 3, f"sees processes {others.text}")


def eval_list(text: str) -> list[int]:
    return [int(word) for word in text.strip("[]\n ").split(",") if word.strip()]


@suite.case("a fork bomb stays in its cage", alone=True)
def fork_bomb(world: World) -> str:
    return bomb(world, "fork_bomb")


@suite.case("a thread bomb stays in its cage", alone=True)
def thread_bomb(world: World) -> str:
    return bomb(world, "thread_bomb")


def bomb(world: World, name: str) -> str:
    """Watched from outside, so that a cage without a bound costs a few thousand processes and not the machine."""
    run = world.begin(world.program("attacks"), *namespaces(), name, options=("--processes", "400", "--timeout", "60s"))
    shepherd = wait_until("shepherd", 20, run.shepherd)
    most, over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.02):
            most = max(most, sum(int(process.status("Threads") or 0) for process in members(world.nonce)))
            if most > 2000:
                shepherd.signal(signal.SIGKILL)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = run.wait(90)
    finally:
        over.set()
        watcher.join()
    expect(answers(result.text).get(name) == "denied EAGAIN", f"{result}")
    expect(100 < most <= 401, f"{most} processes and threads seen under a limit of 400")
    expect(subprocess.run(["/bin/true"], check=False).returncode == 0, "the host cannot fork")
    return f"at most {most} at a time"


# MARK: files

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


# MARK: network and other ways of talking


class Outside:
    """Listeners on the host that count who comes: TCP and UDP on loopback, an abstract and a named unix socket."""

    def __init__(self, world: World) -> None:
        self.count = 0
        self.name = f"claudine-test-{world.nonce}"
        self.path = str(world.base / "outside.sock")
        self.sockets = [socket.socket(socket.AF_INET), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
        for number, address in enumerate([("127.0.0.1", 0), ("127.0.0.1", 0), "\0" + self.name, self.path]):
            self.sockets[number].bind(address)
        os.chmod(self.path, 0o777)
        for listener in (self.sockets[0], *self.sockets[2:]):
            listener.listen()
        self.tcp, self.udp = (self.sockets[number].getsockname()[1] for number in (0, 1))

    def arrivals(self) -> int:
        """How many have come since the last time."""
        count = 0
        while ready := select.select(self.sockets, [], [], 0.2)[0]:
            for listener in ready:
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(64)
                else:
                    listener.accept()[0].close()
                count += 1
        return count

    @property
    def script(self) -> str:
        return f"""
import socket
def attempt(what, family, kind, address):
    try:
        with socket.socket(family, kind) as s:
            s.settimeout(2)
            s.connect(address)
            s.send(b'x')
            print(what, 'worked')
    except OSError as error:
        print(what, 'denied', error.errno)
attempt('tcp', socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', {self.tcp}))
attempt('udp', socket.AF_INET, socket.SOCK_DGRAM, ('127.0.0.1', {self.udp}))
attempt('abstract', socket.AF_UNIX, socket.SOCK_STREAM, '\\0{self.name}')
attempt('named', socket.AF_UNIX, socket.SOCK_STREAM, '{self.path}')
"""

    def close(self) -> None:
        for listener in self.sockets:
            listener.close()


@suite.case("the host's loopback and its unix sockets are out of reach")
def loopback(world: World) -> None:
    outside = Outside(world)
    try:
        world.write(world.workspace / "knock.py", outside.script)
        inside = world.run(PYTHON, "knock.py")
        expect(inside.code == 0, str(inside))
        expect(outside.arrivals() == 0, f"somebody came: {inside.text}")
        control = world.launch([PYTHON, "knock.py"]).wait()
        expect(outside.arrivals() == 4, f"control: outside not all arrive: {control}")
    finally:
        outside.close()


@suite.case("the network namespace is empty: no interface but lo, no route, no name resolution")
def empty_network(world: World) -> None:
    result = world.run("/bin/sh", "-c", "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; tail -n +2 /proc/net/route | wc -l")
    expect(result.text.split() == ["lo", "0"], f"{result.text!r}")
    lookup = world.run(PYTHON, "-c", "import socket; socket.getaddrinfo('example.invalid', 80)")
    expect(lookup.code == 1, str(lookup))


@suite.case("the gateway answers nothing but the model's API")
def gateway(world: World) -> None:
    script = """
import http.client
for method, path in (("GET", "/"), ("POST", "/v1/organizations"), ("GET", "/v1/messages"), ("POST", "/v1/messages/../organizations"), ("CONNECT", "192.0.2.1:443"), ("GET", "http://192.0.2.1/")):
    c = http.client.HTTPConnection("localhost", 80, timeout=5)
    try:
        c.request(method, path)
        print(c.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        print("closed" if not isinstance(error, ConnectionRefusedError) else "absent")
"""
    result = world.run(PYTHON, "-c", script)
    found = result.text.split()
    expect(len(found) == 6, str(result))
    # A command may be given no gateway at all; what must not be is an answer.
    expect(set(found) <= {"403", "400", "404", "405", "closed", "absent"}, f"{found}")


@suite.case("System V shared memory of the host is not there")
def shared_memory(world: World) -> None:
    made = world.launch(["/usr/bin/ipcmk", "-M", "4096"]).wait()
    number = made.text.split()[-1]
    try:
        inside = world.run("/usr/bin/ipcs", "-m")
        expect(inside.code == 0 and number not in inside.text.split(), str(inside))
        outside = world.launch(["/usr/bin/ipcs", "-m"]).wait()
        expect(number in outside.text.split(), f"control: {outside}")
    finally:
        world.launch(["/usr/bin/ipcrm", "-m", number]).wait()


@suite.case("nothing can be typed into the caller's terminal")
def terminal(world: World) -> str:
    attack = [world.program("attacks"), *namespaces(), "type_for_user", "type_for_user_high", "device_terminal"]

    def typed(command: list[str | bytes | Path]) -> bytes:
        leader, follower = pty.openpty()
        try:
            tty.setraw(follower)
            os.fchown(follower, world.identity.uid, world.identity.gid)
            os.set_blocking(follower, False)
            run = world.launch(["/usr/bin/setsid", "--ctty", "--wait", *command], stdin=follower, stdout=follower, stderr=subprocess.DEVNULL)
            collected = b""
            deadline = time.monotonic() + 60
            while run.popen.poll() is None and time.monotonic() < deadline:
                if select.select([leader], [], [], 0.05)[0]:
                    collected += os.read(leader, 65536)
            # It may have written and gone between two looks.
            while select.select([leader], [], [], 0.2)[0]:
                collected += os.read(leader, 65536)
            expect(run.wait(1).code == 0 and b"device_terminal " in collected, f"the attacker did not finish: {collected!r}")
            try:
                return os.read(follower, 64)
            except BlockingIOError:
                return b""
        finally:
            os.close(leader)
            os.close(follower)

    caged = typed([world.binaries.claudine, *world.caged(*attack)])
    expect(caged == b"", f"typed into the terminal: {caged!r}")
    bare = typed(attack)
    if Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() != "1":
        return "no control: this kernel refuses TIOCSTI to everybody"
    expect(bare.startswith(b"Z"), f"control: nothing was typed outside either: {bare!r}")
    return "outside, the same attack types"


@suite.case("the shepherd and pid 1 cannot be attacked by a process of the same user outside the cage either")
def same_user(world: World) -> str:
    if world.identity.uid == 0:
        raise Skip("root may trace everything")
    run = world.begin("/bin/sleep", "60")
    worker = wait_until("worker", 20, lambda: [p for p in marked(world.nonce) if p.name == "sleep"])[0]
    init = Process.of(int(worker.status("PPid") or "0"))
    expect(init is not None and init.pid not in children(run.popen.pid), "the worker's parent is not the cage's init")
    assert init
    result = world.launch(["/bin/cat", f"/proc/{init.pid}/environ", f"/proc/{init.pid}/maps"]).wait()
    expect(result.code != 0 and result.stdout == b"", f"init is dumpable: {result}")
    run.popen.terminate()
    run.wait(30)
    return f"init {init.pid} is not dumpable"


if __name__ == "__main__":
    suite.main()
