#!/usr/bin/python3
"""The battery beside other sandboxes: bubblewrap, firejail, nsjail and gVisor, where they can be had, and no sandbox at all.

Tools that are not installed are unpacked into a cache outside the repository. Prints a summary; --write makes docs/hostile.md of it.
"""

from __future__ import annotations

import argparse
import sys

from harness import IDENTITIES
from hostile import report
from hostile.peers import Unavailable
from hostile.sidebyside import PEERS, Column, account, bare, claudine, peer
from hostile.table import together


def say(column: Column) -> None:
    worked = [probe.name for probe in together() if column.verdict(probe) == "worked"]
    held = sum(column.verdict(probe) == "held" for probe in together())
    print(
        f"{column.name}: {held} held, {len(worked)} worked; left {column.left}, after a kill {column.left_after_kill}; "
        f"{column.start_ms:.0f} ms", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/hostile.md")
    parser.add_argument("--only", metavar="NAME", help="this peer only (nothing is written)")
    arguments = parser.parse_args()
    user = account()
    outside = bare(user)
    say(outside)
    columns = [claudine(user)]
    say(columns[0])
    missing = []
    for one in PEERS:
        if arguments.only not in (None, one.name):
            continue
        try:
            columns.append(peer(one, user))
            say(columns[-1])
        except Unavailable as reason:
            missing.append(f"{one.name} ({reason})")
            print(f"SKIP {one.name}: {reason}", flush=True)
    if arguments.write and arguments.only is None:
        root = bare(IDENTITIES[0])
        report.write(report.page(root, outside, columns, missing))
        print(f"wrote {report.PAGE}")
    ours = columns[0]
    broken = [probe.name for probe in together() if ours.verdict(probe) == "worked"]
    if broken or ours.left or ours.left_after_kill:
        print(f"FAIL peers: {', '.join(broken) or 'processes were left'}")
        return 1
    # The side by side proves nothing where nothing works.
    return 0 if outside.left == outside.left_after_kill > 10 else 1


if __name__ == "__main__":
    sys.exit(main())
