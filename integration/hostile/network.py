"""The network, the gateway and the caller's terminal, attacked with ordinary programs."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
import tty
from pathlib import Path

from harness import World, expect

from .outside import Outside
from .suite import PYTHON, suite


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


@suite.case("nothing can be typed into the caller's terminal")
def terminal(world: World) -> str:
    outside = Outside(world)
    attack = outside.command(["type_for_user", "type_for_user_high", "own_terminal"])

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
            expect(run.wait(1).code == 0 and b"own_terminal " in collected, f"the attacker did not finish: {collected!r}")
            try:
                return os.read(follower, 64)
            except BlockingIOError:
                return b""
        finally:
            os.close(leader)
            os.close(follower)

    with outside:
        caged = typed([world.binaries.claudine, *world.caged(*attack)])
        expect(caged == b"", f"typed into the terminal: {caged!r}")
        bare = typed(attack)
    if Path("/proc/sys/dev/tty/legacy_tiocsti").read_text().strip() != "1":
        return "no control: this kernel refuses TIOCSTI to everybody"
    expect(bare.startswith(b"Z"), f"control: nothing was typed outside either: {bare!r}")
    return "outside, the same attack types"
