"""What `integration/programs/agent.c` prints, computed a second time."""

from __future__ import annotations

#: The least common multiple of the alphabet and the length of a line.
_PERIOD = bytes(ord("\n") if offset % 64 == 63 else ord("a") + offset % 26 for offset in range(832))


def pattern(count: int, start: int = 0) -> bytes:
    """`print COUNT`, from an offset of its stream on."""
    skip = start % len(_PERIOD)
    return (_PERIOD * ((skip + count) // len(_PERIOD) + 1))[skip : skip + count]


#: What `rubbish` writes.
RUBBISH = b"\x80 \xff\xfe \xc0\xaf \xe2\x82 \xed\xa0\x80 \xf0\x9f\x98 \xf8\x88\x80\x80\x80 ok\xe2\x82\xac\n"
