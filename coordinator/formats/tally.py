"""What a reader notices row by row, told once for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from coordinator.findings import Finding, Level, Tell, named

_KEPT = 3


@dataclass
class Tally:
    """Counts of what was noticed, with the first names of each."""

    _counts: Counter[str] = field(default_factory=Counter)
    _holders: Counter[str] = field(default_factory=Counter)
    _names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _last: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, name: str) -> None:
        """Once more, for ``name``, which may be that of what holds many such things one after the other."""
        self._counts[kind] += 1
        if self._last.get(kind) == name:
            return
        self._last[kind] = name
        self._holders[kind] += 1
        if len(self._names[kind]) < _KEPT:
            self._names[kind].append(name)

    def count(self, kind: str) -> int:
        """How often it was noticed."""
        return self._counts[kind]

    def tell(self, tell: Tell, kind: str, level: Level, text: str) -> None:
        """One finding of this kind if there was any; ``{count}`` and ``{names}`` in ``text`` are filled in.

        The count is of what was added, the names (and how many more there are) those of its holders.
        """
        count = self._counts[kind]
        if count:
            names = named(self._names[kind], self._holders[kind])
            filled = text.replace("{count}", f"{count:,}").replace("{names}", names)
            tell(Finding(kind=kind, level=level, text=filled))
