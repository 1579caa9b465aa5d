#!/usr/bin/python3
"""Attacks from inside a strict cage, as root and as an ordinary user, directly and through a tool call of the real Claude Code.

The cases are in `hostile/`; the battery of small attacks is the C program below `hostile/battery/`, which `claudine policy test` runs too.
"""

from __future__ import annotations

from hostile import cases, claude, files, network, processes
from hostile.suite import suite

#: What makes the suite complete: a module adds its cases when it is imported.
PARTS = (cases, processes, files, network, claude)

if __name__ == "__main__":
    suite.main()
