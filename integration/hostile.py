#!/usr/bin/python3
"""Attacks from inside a strict cage, as root and as an ordinary user, directly and through a tool call of the real Claude Code.

The cases are in `hostile/`; --seconds N makes the storm of random calls longer. The battery of small attacks is the C program below `hostile/battery/`, which `claudine policy test` runs too.
"""

from __future__ import annotations

import sys

from hostile import cases, claude, control, files, network, processes, storm
from hostile.suite import suite

#: What makes the suite complete: a module adds its cases when it is imported.
PARTS = (cases, processes, files, network, control, storm, claude)

if __name__ == "__main__":
    if "--seconds" in sys.argv:
        place = sys.argv.index("--seconds")
        storm.SECONDS = float(sys.argv[place + 1])
        del sys.argv[place : place + 2]
    suite.main()
