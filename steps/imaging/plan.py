"""From a request's parameters to a plan, and an image through it."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from steps.imaging import blur, crop, resize, split, write
from steps.imaging.write import Writer
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput, Json

Operation = Callable[[Pixels], Pixels | tuple[Pixels, ...]]
"""One image to another, or to several that go on each by itself."""

MAX_OPERATIONS = 100
MAX_SPLITS = 6
"""In one task, which so has 4,096 results at most."""

_WRITE, _QUALITY = "write", "quality"
_MOVES_PIXELS = {"resize", "fit", "crop", "split"}
_PARSERS: Mapping[str, Callable[[object], Operation]] = {
    "resize": resize.parse,
    "split": split.parse,
    "blur": blur.parse,
    "fit": resize.parse_fit,
    "crop": crop.parse,
}
NAMES = (*_PARSERS, _QUALITY, _WRITE)

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done: the operations in order, and how the results are written.

    ``moves_pixels`` tells whether a result's pixels lie elsewhere than those of the image it was made from.
    """

    operations: tuple[Operation, ...]
    writer: Writer
    moves_pixels: bool


def parse(params: Json) -> Plan:
    """The plan for ``{"operations": [[name, value], ...]}``.

    Raises BadInput that names the operation by its number, from 0, and what is wrong with it.
    """
    if unknown := sorted(set(params) - {"operations"}):
        raise BadInput(f"unknown parameter {reprlib.repr(unknown[0])} of imaging; it has operations only")
    pairs = _pairs(params.get("operations"))
    names = [name for name, _ in pairs]
    if names.count("split") > MAX_SPLITS:
        raise BadInput(f"operations may split {MAX_SPLITS} times at most; go on in a further step")
    if _WRITE in names[:-1]:
        raise BadInput(f"operations[{names.index(_WRITE)}]: write must be the last operation")
    return Plan(
        operations=tuple(
            _at(number, _PARSERS[name], value)
            for number, (name, value) in enumerate(pairs)
            if name in _PARSERS
        ),
        writer=_writer(pairs),
        moves_pixels=not _MOVES_PIXELS.isdisjoint(names),
    )


def results(plan: Plan, image: Pixels, name: str, done: int = 0) -> Iterator[tuple[str, Pixels]]:
    """What becomes of an image after the first ``done`` operations, each result, of any shape, with its name.

    Of several images that an operation makes, the n-th is called ``name-n``. One leads to its results before the next,
    and what an operation has taken in is let go, so that few images are in memory. Raises BadInput as :func:`parse`.
    """
    for number in range(done, len(plan.operations)):
        made = _at(number, plan.operations[number], image)
        if isinstance(made, tuple):
            for part_number, part in enumerate(made):
                yield from results(plan, part, f"{name}-{part_number}", number + 1)
            return
        image = made
    yield name, image


def _writer(pairs: list[tuple[str, object]]) -> Writer:
    """How the results are written, by the last operation and by a quality, wherever that stands."""
    qualities = [(number, value) for number, (name, value) in enumerate(pairs) if name == _QUALITY]
    last, (name, value) = len(pairs) - 1, pairs[-1]
    encoding = _at(last, write.parse, value) if name == _WRITE else None
    if not qualities:
        return encoding.writer() if encoding else write.array
    if len(qualities) > 1:
        raise BadInput(f"operations[{qualities[1][0]}]: quality may be given once only")
    ((number, quality),) = qualities
    if encoding is None:
        raise BadInput(f"operations[{number}]: quality needs write as the last operation")
    return _at(number, encoding.writer_of, quality)


def _pairs(operations: Any) -> list[tuple[str, object]]:
    if not isinstance(operations, list) or not 1 <= len(operations) <= MAX_OPERATIONS:
        raise BadInput(f"operations must be a list of 1 to {MAX_OPERATIONS} operations")
    return [_at(number, _pair, operation) for number, operation in enumerate(operations)]


def _pair(operation: Any) -> tuple[str, object]:
    if not isinstance(operation, list) or len(operation) != 2:
        raise BadInput(f"must be [name, value], not {reprlib.repr(operation)}")
    name, value = operation
    if name not in NAMES:
        raise BadInput(f"must be one of {', '.join(NAMES)}, not {reprlib.repr(name)}")
    return name, value


def _at(number: int, function: Callable[[Given], Made], given: Given) -> Made:
    """``function(given)``, where what it refuses is told with the number of the operation."""
    try:
        return function(given)
    except BadInput as error:
        raise BadInput(f"operations[{number}]: {error}") from error
