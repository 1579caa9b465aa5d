#!/usr/bin/python3
"""In a PID namespace with few pids: leaves an attempt behind, waits until strangers have its numbers, and looks whether they are signalled.

    wrap.py CLAUDINE STATE WORKSPACE NONCE
"""

import os
import signal
import sqlite3
import subprocess
import sys
import time


def main() -> None:
    claudine, state, workspace, nonce = sys.argv[1:]
    ready = f"{workspace}/wrap-ready"
    # The first 300 are never given a second time (RESERVED_PIDS, linux/pid.h).
    while subprocess.Popen(["/bin/true"]).pid < 310:
        reap()
    run = subprocess.Popen(
        [claudine, "run", "--policy", "strict", "-C", workspace, "--env", f"CAGE_TEST_NONCE={nonce}", "--", f"{workspace}/agent", "ready", ready, "sleep", "50000"])
    while not os.path.exists(ready):
        time.sleep(0.01)
        if run.poll() is not None:
            sys.exit(f"the run ended with {run.returncode}")
    base = sqlite3.connect(f"file:{state}/claudine.db?mode=ro", uri=True)
    shepherd, child = base.execute("SELECT shepherd_pid, child_pid FROM attempt").fetchone()
    supervisor = run.pid
    os.kill(run.pid, signal.SIGKILL)
    os.kill(shepherd, signal.SIGKILL)
    run.wait()
    wanted = {shepherd, child, supervisor}
    strangers: dict[int, subprocess.Popen[bytes]] = {}
    # Orphans come to us, the init of this namespace.
    while set(strangers) != wanted:
        reap()
        popen = subprocess.Popen(["/bin/sleep", "300"])
        if popen.pid in wanted:
            strangers[popen.pid] = popen
        else:
            popen.kill()
            popen.wait()
    for _ in range(3):
        subprocess.run([claudine, "list"], check=True, stdout=subprocess.DEVNULL)
    outcome = base.execute("SELECT state, reason_json ->> 'code' FROM task").fetchone()
    for popen in strangers.values():
        if popen.poll() is not None:
            sys.exit(f"the stranger {popen.pid} was ended: {popen.returncode}")
        with open(f"/proc/{popen.pid}/stat") as file:
            if file.read().rpartition(")")[2].split()[0] in "Tt":
                sys.exit(f"the stranger {popen.pid} was stopped")
        popen.kill()
    if outcome != ("lost", "lost.supervisor"):
        sys.exit(f"recorded as {outcome}")
    print(f"pids {sorted(wanted)} were given to strangers, and none was signalled")


def reap() -> None:
    """What the dead run left to us; never what we wait for ourselves."""
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                if fields[0] == "Z" and int(fields[1]) == os.getpid():
                    os.waitpid(int(entry), os.WNOHANG)
            except (OSError, ChildProcessError):
                continue


if __name__ == "__main__":
    main()
