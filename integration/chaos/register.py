"""What a scenario is, and the list that they enter when their module is imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import IDENTITIES, Identity

if TYPE_CHECKING:
    from .ground import Ground

#: In the tests of a merge; in `make chaos`; without an end.
SMOKE, FULL, SOAK = "smoke", "full", "soak"

#: How its tasks are run: by `claudine run` itself, or by the daemon.
FOREGROUND, DAEMON = "foreground", "daemon"


@dataclass(frozen=True)
class Scenario:
    #: Of the study, F.3.
    numbers: tuple[int, ...]
    name: str
    kind: str
    body: Callable[[Ground], str | None]
    ways: tuple[str, ...] = (FOREGROUND,)
    identities: tuple[Identity, ...] = tuple(IDENTITIES)
    #: It counts or times something, so nothing else may run.
    alone: bool = False
    #: Invariants that it breaks on purpose or cannot keep, each with the reason beside it where it is declared.
    exempt: tuple[str, ...] = ()
    #: Seconds between the observer's questions to `claudine`; 0 for none.
    ask: float = 1.0
    #: Attempts that may live at a time.
    slots: int = 64

    @property
    def label(self) -> str:
        return f"{','.join(map(str, self.numbers))} {self.name}"


SCENARIOS: list[Scenario] = []


def scenario(*numbers: int, name: str, kind: str, **options: object) -> Callable[[Callable[[Ground], str | None]], Callable[[Ground], str | None]]:
    """Enters the function below it."""

    def enter(body: Callable[[Ground], str | None]) -> Callable[[Ground], str | None]:
        SCENARIOS.append(Scenario(numbers, name, kind, body, **options))  # type: ignore[arg-type]
        return body

    return enter


#: For what only root can set up: a mount, a namespace of time, a cgroup.
ROOT_ONLY = tuple(identity for identity in IDENTITIES if identity.uid == 0)
