"""Failures by what they failed of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.record.journal import FailedTask

_EXAMPLES = 3
_VARIABLE = re.compile(r"'[^']*'|\"[^\"]*\"|\S*/\S+|\d+(\.\d+)?")
"""What differs between messages of one reason: names, paths, numbers."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Failed tasks of one step for one reason; ``message`` is the first one's."""

    step: str
    kind: str
    message: str
    count: int
    tasks: tuple[str, ...]


def grouped(failures: Iterable[FailedTask]) -> tuple[Reason, ...]:
    """Failures by step, kind and message, the most frequent reason first; names and numbers make no difference."""
    groups: dict[tuple[str, str, str], Reason] = {}
    for failure in failures:
        key = (failure.step, failure.error.kind, _VARIABLE.sub("*", failure.error.message))
        so_far = groups.get(key)
        groups[key] = Reason(
            step=failure.step,
            kind=failure.error.kind,
            message=so_far.message if so_far else failure.error.message,
            count=so_far.count + 1 if so_far else 1,
            tasks=(*(so_far.tasks if so_far else ()), failure.id)[:_EXAMPLES],
        )
    return tuple(sorted(groups.values(), key=lambda reason: -reason.count))
