"""What a caller may set: the step's parameters, their defaults and their checks."""

from __future__ import annotations

from dataclasses import dataclass

from steps.stepkit import Json
from steps.stepkit.parameters import Reader, flag, number, whole


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of ``recognise``."""

    max_views: int = 6
    """Views looked at, the largest ones. Decoding the photographs takes most of the time."""
    min_score: float = 0.5
    """Least probability of the best category; below it the object's category is "unknown"."""
    background_score: float = 0.5
    """Least probability of "no traffic sign" for which the object is dropped."""
    keep_background: bool = False
    """Keep objects that are no traffic sign, with the category "background"."""


def read_params(given: Json) -> Params:
    """The parameters of a request. Raises BadInput for an unknown name or a value out of place."""
    return _READER.read(given)


_READER = Reader(
    kind=Params,
    unknown="unknown parameter {name!r}; recognise knows {known}",
    checks={
        "max_views": whole(1),
        "min_score": number(0, 1),
        "background_score": number(0, 1),
        "keep_background": flag,
    },
)
