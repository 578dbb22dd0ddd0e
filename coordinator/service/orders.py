"""What a request asks for: its ``actions`` field, checked before any work. Pure.

The operations' values are those of ``steps/imaging``, which checks them again where they are carried out.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.service.refusal import Refused
from coordinator.strictjson import decode

OUTPUTS = ("jpg", "png", "webp")
LOSSLESS = ("png",)
"""Outputs without a quality."""
QUALITY = "quality"
BLURS = ("gaussian", "updownsampling", "bilateral", "median")
MAX_OPERATIONS, MAX_SPLITS = 99, 6
"""Maximum numbers in one order: of all operations, and of the splits among them."""
MAX_SIDE, MAX_RESULT_PIXELS = 32_767, 100_000_000
"""Maximum numbers of pixels: of a side of any image, and of the result of a resize."""

_SIDES = re.compile(r"([1-9][0-9]{0,4})?x([1-9][0-9]{0,4})?")
_AREA = re.compile(r"[1-9][0-9]{0,4}x[1-9][0-9]{0,4}(\+[0-9]{1,5}\+[0-9]{1,5})?")
_PERCENT = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,6})?)%")
_MEMBERS = ("operations", "output", "paths", "bad_files")
_REFUSE, _FAIL = "refuse", "fail"

Operation = tuple[str, Any]
"""Name and value, for example ``("resize", "200x300")``."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be done with every image of a request. ``paths`` are images below the configured folder.

    ``lets_files_fail`` tells that one that is no image fails by itself, and does not have the request refused.
    """

    operations: tuple[Operation, ...]
    output: str
    paths: tuple[str, ...] = ()
    lets_files_fail: bool = False

    @property
    def results(self) -> int:
        """The number of results of each image."""
        return 1 << 2 * sum(name == "split" for name, _ in self.operations)


def parse_order(raw: bytes) -> Order:
    """The order in an ``actions`` field. Raises Refused that names the part that is wrong."""
    document = _document(raw)
    for name in document:
        if name not in _MEMBERS:
            raise Refused(f"actions.{_shown(name)}", f"unknown; known are {', '.join(_MEMBERS)}")
    operations = _operations(document.get("operations"))
    output = document.get("output")
    if output not in OUTPUTS:
        raise Refused("actions.output", f"must be one of {', '.join(OUTPUTS)}, not {_shown(output)}")
    _check_quality(operations, output)
    bad_files = document.get("bad_files", _REFUSE)
    if bad_files not in (_REFUSE, _FAIL):
        raise Refused("actions.bad_files", f"must be {_REFUSE} or {_FAIL}, not {_shown(bad_files)}")
    return Order(
        operations=operations,
        output=output,
        paths=_paths(document.get("paths", [])),
        lets_files_fail=bad_files == _FAIL,
    )


def _document(raw: bytes) -> dict[str, Any]:
    try:
        document = decode(raw)
    except UnicodeDecodeError as error:
        raise Refused("actions", f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Refused("actions", f"not JSON at character {error.pos}: {error.msg}") from error
    except ValueError as error:
        raise Refused("actions", f"JSON that is refused: {error}") from error
    if not isinstance(document, dict):
        raise Refused("actions", "must be a JSON object with operations and output")
    return document


def _operations(given: object) -> tuple[Operation, ...]:
    field = "actions.operations"
    if given is None:
        raise Refused(field, "missing; give a list such as [['resize', '200x300']]".replace("'", '"'))
    if not isinstance(given, list) or len(given) > MAX_OPERATIONS:
        raise Refused(field, f"must be a list of at most {MAX_OPERATIONS} operations")
    operations = tuple(_operation(f"{field}[{number}]", entry) for number, entry in enumerate(given))
    if sum(name == "split" for name, _ in operations) > MAX_SPLITS:
        raise Refused(field, f"may hold split {MAX_SPLITS} times at most")
    return operations


def _check_quality(operations: tuple[Operation, ...], output: str) -> None:
    """It is of the output: one is enough, and one that loses nothing has none."""
    places = [number for number, (name, _) in enumerate(operations) if name == QUALITY]
    if len(places) > 1:
        raise Refused(f"actions.operations[{places[1]}]", "quality may be given once only")
    if places and output in LOSSLESS:
        raise Refused(
            f"actions.operations[{places[0]}]", f"quality is for jpg and webp; {output} loses nothing"
        )


def _operation(field: str, entry: object) -> Operation:
    if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
        raise Refused(field, f"must be a pair of name and value, not {_shown(entry)}")
    name, value = entry
    check = _CHECKS.get(name)
    if check is None:
        raise Refused(field, f"unknown operation {_shown(name)}; known are {', '.join(_CHECKS)}")
    if reason := check(value):
        raise Refused(field, f"{name} {reason}, not {_shown(value)}")
    return name, value


def _resize(value: object) -> str | None:
    """Why ``value`` is no size to resize to; None if it is one."""
    form = "must be like 200x300, 200x, x300 or 50%"
    if not isinstance(value, str):
        return form
    if (percent := _PERCENT.fullmatch(value)) and float(percent[1]):
        return None
    if not (sides := _SIDES.fullmatch(value)) or value == "x":
        return form
    width, height = (int(side or 1) for side in sides.groups())
    if max(width, height) > MAX_SIDE:
        return f"must give at most {MAX_SIDE:,} pixels a side"
    if width * height > MAX_RESULT_PIXELS:
        return f"must give fewer pixels, at most {MAX_RESULT_PIXELS:,} in all"
    return None


def _fit(value: object) -> str | None:
    is_box = isinstance(value, str) and value != "x" and _SIDES.fullmatch(value)
    return None if is_box else "must be like 200x300, 200x or x300"


def _crop(value: object) -> str | None:
    is_area = isinstance(value, str) and _AREA.fullmatch(value)
    return None if is_area else "must be like 200x300 or 200x300+10+20"


def _quality(value: object) -> str | None:
    is_quality = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100
    return None if is_quality else "must be a whole number from 1 to 100"


def _split(value: object) -> str | None:
    return None if value is True else "must be true"


def _blur(value: object) -> str | None:
    return None if isinstance(value, str) and value in BLURS else f"must be one of {', '.join(BLURS)}"


_CHECKS: Mapping[str, Callable[[object], str | None]] = {
    "resize": _resize,
    "split": _split,
    "blur": _blur,
    "fit": _fit,
    "crop": _crop,
    QUALITY: _quality,
}


def _paths(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise Refused("actions.paths", "must be a list of paths")
    for number, path in enumerate(given):
        if not isinstance(path, str) or not path or "\0" in path:
            raise Refused(f"actions.paths[{number}]", f"must be the path of an image, not {_shown(path)}")
    return tuple(given)


def _shown(value: object) -> str:
    """A value as a message shows it: short, whatever it is."""
    return reprlib.repr(value)
