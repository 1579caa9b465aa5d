"""The parts of `hostile.py`: the battery of small attacks (C, below `battery/`), what surrounds it, and attacks that are whole programs."""
