"""The battery's own table, and what its answers mean."""

from __future__ import annotations

import functools
import json
import subprocess
from dataclasses import dataclass

from harness import locate


@dataclass(frozen=True)
class Probe:
    name: str
    #: Row of the attack table in the design study.
    row: str
    topic: str
    tries: str
    #: Mechanisms each of which stops it alone.
    walls: tuple[str, ...]
    #: Where the same attack must work: "bare", "root", "namespaces", or "" for nowhere that is safe.
    control: str
    #: The only answers that count as refusal; empty where any will do.
    answers: tuple[str, ...]
    #: Fills its cage, so that nothing else can be tried with it.
    alone: bool
    #: Looks at one path of the host.
    has_path: bool

    def refused(self, answer: str) -> bool:
        """Whether this answer is the one that a cage has to give."""
        if self.answers:
            return answer in self.answers
        return answer == "nothing" or answer.startswith(("denied ", "killed "))

    def absent(self, answer: str) -> bool:
        """Whether an answer given outside means that this machine has no such thing to attack."""
        return answer in ABSENT or answer == "nothing" or (answer == "denied ENOENT" and self.has_path) or (answer in HARDWARE and self.topic == "devices")


#: What a kernel may be built without.
ABSENT = {
    "denied ENOSYS", "denied EAFNOSUPPORT", "denied EPROTONOSUPPORT", "denied ESOCKTNOSUPPORT", "denied EOPNOTSUPP", "denied ENOEXEC",
    "killed SEGV",
}
#: What stands for hardware that is not there.
HARDWARE = {"denied ENOENT", "denied ENXIO", "denied ENODEV", "denied EBUSY"}


@functools.cache
def probes() -> tuple[Probe, ...]:
    """All of them, in the battery's order."""
    done = subprocess.run([locate().battery, "--list", "--json"], capture_output=True, check=True)
    return tuple(
        Probe(
            name=entry["name"], row=entry["row"], topic=entry["topic"], tries=entry["tries"], walls=tuple(entry["walls"]),
            control=entry["control"], answers=tuple(entry.get("answers", "").split("|")) if entry.get("answers") else (),
            alone=entry["alone"], has_path="path" in entry,
        )
        for entry in json.loads(done.stdout)["probes"]
    )


def together() -> list[Probe]:
    """Those that can be tried one after the other in the same cage."""
    return [probe for probe in probes() if not probe.alone]


def answers(text: str) -> dict[str, str]:
    """The battery's lines by name."""
    return dict(line.split(" ", 1) for line in text.splitlines() if " " in line)
