"""What lies outside the cage, for the battery to reach for: files, listeners, shared memory and a process, all of the test's own."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import Process, Result, World

from .table import answers

#: In the environment of whoever starts the cage; nothing of it may be inside.
VARIABLE = {"BATTERY_SECRET": "outside"}
#: Namespaces in which the attacker is allowed everything: what a cage without the rest of the layers would be.
UNSHARE = ("/usr/bin/unshare", "-U", "-r", "-m", "-p", "-f", "-n", "-u", "-i", "--mount-proc")
#: What a home and a workspace hold that an attacker would like to read or write.
HOME = (
    ".ssh/id_ed25519", ".ssh/authorized_keys", ".gnupg/secring", ".aws/credentials", ".kube/config", ".docker/config.json", ".npmrc",
    ".netrc", ".git-credentials", ".claude/.credentials.json", ".claude/settings.json", ".bash_history", ".bashrc", ".gitconfig",
    ".mozilla/profiles.ini",
)
WORKSPACE = (".git/hooks/pre-commit", ".git/config", ".claude/settings.json", ".mcp.json", ".vscode/tasks.json", ".envrc")



class Outside:
    """Use as a context manager. Everything belongs to the world's identity, so that only a wall can be in the way."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.beside = world.base / "beside"
        self.secret = world.write(self.beside / "secret", "outside\n")
        for name in HOME:
            world.write(world.home / name, "outside\n")
        for name in WORKSPACE:
            world.write(world.workspace / name, "", 0o700 if "hooks" in name else 0o600)
        world.write(world.workspace / ".git/config", "[core]\n")
        self._listen()
        self._share()
        self.canary = world.launch(["/usr/bin/sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.program = world.workspace / "claudine-battery"
        self.put_back()

    def put_back(self) -> None:
        """The battery in the workspace, whatever an attack has made of either."""
        self.world.own(self.world.workspace, 0o700)
        self.program.unlink(missing_ok=True)
        shutil.copy(self.world.binaries.battery, self.program)
        self.world.own(self.program, 0o755)

    def _listen(self) -> None:
        self.path = str(self.world.base / "outside.sock")
        self.name = f"claudine-test-{self.world.nonce}"
        kinds = [(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_STREAM)]
        self.sockets = [socket.socket(*kind) for kind in kinds]
        for listener, address in zip(self.sockets, [("127.0.0.1", 0), ("127.0.0.1", 0), "\0" + self.name, self.path], strict=True):
            listener.bind(address)
            if listener.type == socket.SOCK_STREAM:
                listener.listen(64)
        os.chmod(self.path, 0o777)
        self.tcp, self.udp = (listener.getsockname()[1] for listener in self.sockets[:2])

    def _share(self) -> None:
        made = self.world.launch(["/usr/bin/ipcmk", "-M", "4096"]).wait()
        self.shm = made.text.split()[-1]
        self.queue = f"/claudine-test-{self.world.nonce}"
        # O_RDWR | O_CREAT; for everybody, because it is made by the test and opened by the identity.
        mask = os.umask(0)
        queue = ctypes.CDLL("librt.so.1", use_errno=True).mq_open(self.queue.encode(), 0o102, 0o666, None)
        os.umask(mask)
        if queue >= 0:
            os.close(queue)
        self.memory = Path("/dev/shm") / f"claudine-test-{self.world.nonce}"
        self.memory.write_text("outside\n")
        self.world.own(self.memory, 0o600)

    @property
    def words(self) -> list[str]:
        """What the battery has to be told."""
        values = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "net", "mnt", "user", "ipc", "uts")}
        values |= {
            "canary": self.canary.popen.pid, "canaryname": "sleep", "beside": self.beside, "secret": self.secret, "home": self.world.home,
            "state": self.world.state, "workspace": self.world.workspace, "tcp": self.tcp, "udp": self.udp, "named": self.path,
            "abstract": self.name, "shm": self.shm, "queue": self.queue, "memory": self.memory,
        }
        return [f"{key}={value}" for key, value in values.items()]

    def command(self, names: list[str]) -> list[str | bytes | Path]:
        return [self.program, *self.words, *names]

    def bare(self, names: list[str], wrapper: tuple[str, ...] = ()) -> dict[str, str]:
        """The same attacks where nothing hinders them."""
        # Into a file: what outlives the battery would hold a pipe open.
        with tempfile.TemporaryFile() as output:
            running = self.world.launch([*wrapper, *self.command(names), *(["isolate=yes"] if wrapper else [])], env=VARIABLE, stdout=output, stderr=subprocess.DEVNULL)
            running.wait(120)
            output.seek(0)
            found = answers(output.read().decode())
        for name in self.survivors():
            found[name] = "worked"
        self.kill_survivors()
        return found

    def survivors(self) -> dict[str, int]:
        """Planted processes that are still alive, with their pids."""
        return {name: int(pid) for name, pid in answers(self._survivors().text).items()}

    def kill_survivors(self) -> None:
        self._survivors("--kill")

    def _survivors(self, *options: str) -> Result:
        return self.world.launch([self.program, "--survivors", *options]).wait(60)

    def arrivals(self) -> int:
        """How many have come to the listeners since the last time."""
        count = 0
        while ready := select.select(self.sockets, [], [], 0.2)[0]:
            for listener in ready:
                if listener.type == socket.SOCK_DGRAM:
                    listener.recv(64)
                else:
                    listener.accept()[0].close()
                count += 1
        return count

    def untouched(self) -> str | None:
        """What of all this was changed, in a sentence; None when nothing was."""
        if self.secret.read_text() != "outside\n" or sorted(entry.name for entry in self.beside.iterdir()) != ["secret"]:
            return "the files beside the workspace were changed"
        for name in HOME:
            if (self.world.home / name).read_text() != "outside\n":
                return f"~/{name} was changed"
        if not Process.of(self.canary.popen.pid):
            return "a process outside was ended"
        return None

    def __enter__(self) -> Outside:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_survivors()
        for listener in self.sockets:
            listener.close()
        self.world.launch(["/usr/bin/ipcrm", "-m", self.shm]).wait()
        ctypes.CDLL("librt.so.1").mq_unlink(self.queue.encode())
        self.memory.unlink(missing_ok=True)
        self.canary.popen.kill()
        self.canary.popen.wait()
