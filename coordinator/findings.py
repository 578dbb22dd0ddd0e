"""What there is to say of a batch before anything runs: one finding for each kind of thing, not one for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from coordinator.strictjson import Json, readable

_NAMED = 3
"""Names that a finding gives of the many that it may be about."""


class Level(StrEnum):
    """What a finding means for the run."""

    ERROR = "error"
    """It cannot end in a map: nothing is started."""
    WARNING = "warning"
    """The map is in doubt: the run goes on, and its summary and run.json say so."""
    NOTE = "note"
    """Worth knowing, and nothing to mend."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line: what, where, for how many, and what to do. ``kind`` names it for programs, e.g. ``unknown-columns``."""

    kind: str
    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level}: {self.text}"

    def as_json(self) -> Json:
        return {"kind": self.kind, "level": str(self.level), "text": self.text}


Tell = Callable[[Finding], None]
"""Takes what a reader notices beside what it gives."""


def named(names: Iterable[str], count: int | None = None) -> str:
    """The first of ``names``, readable, and how many more there are; ``count`` is how many in all.

    >>> named(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    given = list(names)
    shown = given[:_NAMED]
    more = (len(given) if count is None else count) - len(shown)
    listed = ", ".join(repr(readable(name)) for name in shown)
    return f"{listed} and {more:,} more" if more > 0 else listed
