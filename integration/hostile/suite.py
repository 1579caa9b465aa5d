"""The suite that the other modules add their cases to."""

from harness import Suite

suite = Suite("hostile", """Attacks from inside a strict cage, each with a control that shows the attack to be a real one wherever that is safe to try.

Nothing destructive ever runs outside a cage: the battery refuses by itself when the namespace it needs is the host's own, opens what it must
not write instead of writing it, and contacts no address but TEST-NET, from a network namespace of its own only.
""")
PYTHON = "/usr/bin/python3"
