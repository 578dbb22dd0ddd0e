"""Reading a request's parameters into a step's own frozen values: one reader, and the checks that steps share.

A check takes what a message calls the parameter, and the value; it gives back the value to keep, or raises BadInput.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from steps.stepkit.loop import BadInput, Json
from steps.stepkit.numbers import is_finite, is_number

Check = Callable[[str, Any], Any]
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Reader(Generic[Made]):
    """Makes ``kind``, whose defaults hold for what is not given, from a request's ``params``.

    ``checks`` are by parameter. ``unknown`` is the message for a name that is none of them, with ``{name!r}`` and
    ``{known}``; ``called`` is what messages call a parameter, with ``{name}``.
    """

    kind: Callable[..., Made]
    checks: Mapping[str, Check]
    unknown: str
    called: str = "parameter {name!r}"

    def read(self, given: Json) -> Made:
        """The parameters of a request. Raises BadInput for an unknown name or a value out of place."""
        for name in sorted(given.keys() - self.checks.keys()):
            raise BadInput(self.unknown.format(name=name, known=", ".join(sorted(self.checks))))
        return self.kind(
            **{name: self.checks[name](self.called.format(name=name), value) for name, value in given.items()}
        )


def number(low: float, high: float) -> Check:
    """A check for a number from ``low`` to ``high``; NaN and infinities lie outside."""

    def check(called: str, value: Any) -> float:
        if not is_number(value) or not low <= value <= high:
            raise BadInput(f"{called} must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    return check


def whole(low: int, high: int | None = None) -> Check:
    """A check for a whole number from ``low`` to ``high``, if that is given."""
    allowed = f"of {low} or more" if high is None else f"from {low} to {high}"

    def check(called: str, value: Any) -> int:
        if not _is_whole(value) or value < low or (high is not None and value > high):
            raise BadInput(f"{called} must be a whole number {allowed}, not {value!r}")
        return int(value)

    return check


def positive(called: str, value: Any) -> Any:
    """A finite number above 0, as it is given: messages about several parameters tell it so. Raises BadInput."""
    if not is_number(value):
        raise BadInput(f"{called} must be a number, not {value!r}")
    return _above_zero(called, value)


def positive_whole(called: str, value: Any) -> Any:
    """A whole number above 0. Raises BadInput."""
    if not _is_whole(value):
        raise BadInput(f"{called} must be a whole number, not {value!r}")
    return _above_zero(called, value)


def flag(called: str, value: Any) -> bool:
    """True or false. Raises BadInput."""
    if not isinstance(value, bool):
        raise BadInput(f"{called} must be true or false, not {value!r}")
    return value


def choice(*options: str) -> Check:
    """A check for one of the options."""

    def check(called: str, value: Any) -> str:
        if value not in options:
            raise BadInput(f"{called} must be one of {', '.join(options)}, not {value!r}")
        return str(value)

    return check


def names(*options: str) -> Check:
    """A check for a list of names, not empty; of the options, if there are any."""

    def check(called: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise BadInput(f"{called} must be a list of names, not {value!r}")
        if options and (unknown := [one for one in value if one not in options]):
            raise BadInput(f"{called} may hold {', '.join(options)}, not {unknown[0]!r}")
        return tuple(value)

    return check


def _above_zero(called: str, value: Any) -> Any:
    if not is_finite(value) or value <= 0:
        raise BadInput(f"{called} must be finite and above 0, not {value!r}")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and is_number(value)
