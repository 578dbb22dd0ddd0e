"""What a caller may set: the step's parameters, their defaults and their checks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from steps.stepkit import BadInput, Json


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
    known = {field.name: field.type for field in dataclasses.fields(Params)}
    for name, value in given.items():
        if name not in known:
            raise BadInput(f"unknown parameter {name!r}; recognise knows {', '.join(sorted(known))}")
        _CHECKS[str(known[name])](name, value)
    return Params(**given)


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadInput(f"parameter {name!r} must be a whole number of 1 or more, not {value!r}")


def _check_probability(name: str, value: object) -> None:
    # NaN compares as false, and infinities lie outside.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise BadInput(f"parameter {name!r} must be a number from 0 to 1, not {value!r}")


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise BadInput(f"parameter {name!r} must be true or false, not {value!r}")


_CHECKS = {"int": _check_count, "float": _check_probability, "bool": _check_flag}
