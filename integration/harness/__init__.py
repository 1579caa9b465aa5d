"""Whole-program tests of Claudine, from outside: nothing here knows how it is built, only what it promises.

Python 3.11 standard library only. A suite is a module with a `suite = Suite(...)`; `run_all.py` runs them all.
"""

from .binaries import Binaries, compile_program, locate
from .processes import NONCE, Process, children, descendants, kill_all, marked, members, pid_namespace
from .suite import Failure, Skip, Suite, expect, heed_signals, wait_until
from .world import IDENTITIES, Identity, Result, Running, World

__all__ = [
    "IDENTITIES", "NONCE", "Binaries", "Failure", "Identity", "Process", "Result", "Running", "Skip", "Suite", "World", "children",
    "compile_program", "descendants", "expect", "heed_signals", "kill_all", "locate", "marked", "members", "pid_namespace", "wait_until",
]
