"""Stands between a client and its server and writes down what passes: `tap.py LOG COMMAND ARG…`.

A line of the log is one of JSON: {"from": "client" | "server", "line": TEXT}. Ends as the server does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import BinaryIO


def main(path: str, command: list[str]) -> int:
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin and server.stdout
    lock = threading.Lock()
    log = open(path, "a", encoding="utf-8")

    def copy(name: str, source: BinaryIO, target: BinaryIO) -> None:
        for line in source:
            with lock:
                log.write(json.dumps({"from": name, "line": line.decode("utf-8", "replace")}) + "\n")
                log.flush()
            target.write(line)
            target.flush()

    def from_client() -> None:
        try:
            copy("client", sys.stdin.buffer, server.stdin)
        finally:
            server.stdin.close()

    threading.Thread(target=from_client, daemon=True).start()
    copy("server", server.stdout, sys.stdout.buffer)
    return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
