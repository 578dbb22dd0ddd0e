"""A table's texts to values: numbers as people write them, paths as Windows writes them, words for nothing.

What is not a number at all stays the text that it is, for the check of the row to name it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from coordinator.core.paths import SCHEMES
from coordinator.formats.row import North

Convert = Callable[[str], Any]
"""A text, not empty, to its value; None if it says that there is none. Raises Unreadable."""

ABSENT = frozenset(
    {
        "NaN",
        "nan",
        "NAN",
        "null",
        "NULL",
        "Null",
        "None",
        "none",
        "NONE",
        "NA",
        "N/A",
        "n/a",
        "#N/A",
        "-",
        "--",
        "",
    }
)
_NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A comma that may be a decimal one or one between thousands."""
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:([.,' \u00a0\u2009\u202f’])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
_UNIT = re.compile(rf"({_NUMBER}(?:[eE][+-]?\d+)?)\s*([^\W\d_].*|['\"′″%])")
_DEGREE = re.compile(rf"\s*({_NUMBER})\s*(?:°|º|deg|degrees?)\s*", re.IGNORECASE)
_ANGLE = re.compile(
    r"""\s*(?P<before>[A-Za-z]+)?\s*(?P<sign>[+-])?
    (?P<degrees>\d+(?:[.,]\d+)?)\s*(?:°|º|deg(?:rees?)?|d|:|\s)?\s*
    (?:(?P<minutes>\d+(?:[.,]\d+)?)\s*(?:'|′|’|`|min|m|:|\s)?\s*
    (?:(?P<seconds>\d+(?:[.,]\d+)?)\s*(?:"|″|”|''|′′|’’|sec|s)?\s*)?)?
    (?P<after>[A-Za-z]+)?\s*""",
    re.VERBOSE,
)
_HEMISPHERES = {
    "latitude": {"n": 1, "north": 1, "s": -1, "south": -1},
    "longitude": {"e": 1, "east": 1, "w": -1, "west": -1},
}
_LETTERS = {"latitude": "N or S", "longitude": "E or W"}
_NORTHS = {
    **dict.fromkeys(("t", "true", "truenorth", "geographic"), North.TRUE.value),
    **dict.fromkeys(("m", "magnetic", "magneticnorth"), North.MAGNETIC.value),
    **dict.fromkeys(("g", "grid", "gridnorth"), North.GRID.value),
}
_CAMERAS = {
    **{model: model for model in ("equirectangular", "pinhole")},
    **dict.fromkeys(("spherical", "equirect", "360", "panorama", "pano"), "equirectangular"),
    **dict.fromkeys(("perspective", "planar"), "pinhole"),
}
_OTHER_MODELS = re.compile(r"fish.?eye|brown|cylind|cube|radial|opencv", re.IGNORECASE)
"""Models that no step knows, for the check of the row to refuse by name."""
_LONGEST = 80
"""Characters of a number or an angle: patterns are not tried on more."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_HERE = re.compile(r"(?:\./+)+")


class Unreadable(ValueError):
    """A value that must not be guessed; the message says why, and what to write."""


def text(value: str) -> str | None:
    """A text without the blanks around it."""
    value = value.strip()
    return None if value in ABSENT else value


def image(value: str) -> str | None:
    """A path below the batch, with ``/`` between its parts, or a URL of the web."""
    value = value.strip()
    if value in ABSENT:
        return None
    if ":" in value or "\\" in value:
        value = _unusual_path(value)
    return (_HERE.sub("", value, count=1) or None) if value.startswith("./") else value


def north(value: str) -> str | None:
    """What a heading counts from, as people and as EXIF spell it."""
    known = text(value)
    return known and _NORTHS.get(re.sub(r"[\s_-]", "", known).lower(), known)


def camera(value: str) -> str | None:
    """A camera's model, also by the other names that it goes by."""
    known = _CAMERAS.get(value) or text(value)
    return known and _CAMERAS.get(known.lower(), known)


def camera_or_device(value: str) -> str | None:
    """A camera's model, where the name of the device that it is may stand instead, which says nothing."""
    model = camera(value)
    return model if model in _CAMERAS or (model and _OTHER_MODELS.search(model)) else None


def number(*, decimal_comma: bool) -> Convert:
    """Reads a number; ``decimal_comma`` settles what ``2,000`` is, which otherwise is not guessed."""

    def convert(value: str) -> float | str | None:
        try:
            found = float(value.replace(",", ".") if decimal_comma else value)
        except ValueError:
            return _odd_number(value)
        return found if found == found else None  # NaN stands for no value

    return convert


def whole(value: str) -> str | float | None:
    """Reads a whole number: what has only digits is left to the check of the row."""
    return value if value.isdigit() else _odd_number(value)


def degrees(field: str) -> Convert:
    """Reads a latitude or a longitude: degrees, also with minutes, seconds and the letter of a hemisphere."""

    def convert(value: str) -> float | str | None:
        try:
            found = float(value.replace(",", "."))  # there are no thousands of degrees
        except ValueError:
            return _odd_degrees(value, field)
        return found if found == found else None

    return convert


def angle(value: str) -> float | str | None:
    """Reads the degrees of a direction."""
    try:
        found = float(value.replace(",", "."))
    except ValueError:
        plain = _DEGREE.fullmatch(value) if len(value) <= _LONGEST else None
        return float(plain[1].replace(",", ".")) if plain else _odd_number(value)
    return found if found == found else None


def hemisphere(value: float, letter: str, field: str) -> float:
    """A latitude or longitude with the hemisphere that stands beside it. Raises Unreadable if they disagree."""
    sign = _HEMISPHERES[field].get(letter.strip().lower())
    if sign is None:
        raise Unreadable(f"{letter!r} is no hemisphere of a {field}: write {_LETTERS[field]}")
    if value < 0 < sign:
        raise Unreadable(f"{value} and {letter!r} contradict each other: write one sign")
    return sign * abs(value)


def comma_evidence(value: str, *, direction: bool) -> bool | None:
    """Whether the commas of the table that ``value`` is from are decimal ones; None if it does not say.

    A ``direction`` has no thousands of degrees.
    """
    value = value.strip()
    if len(value) > _LONGEST:
        return None
    if _DECIMAL_COMMA.fullmatch(value):
        return True if direction or not _EITHER.fullmatch(value) else None
    return False if _THOUSANDS.fullmatch(value) else None


def _odd_number(value: str) -> float | str | None:
    value = value.strip()
    if value in ABSENT:
        return None
    if len(value) > _LONGEST:
        return value
    if _EITHER.fullmatch(value):
        comma, none = value.replace(",", "."), value.replace(",", "")
        raise Unreadable(f"{value!r} may be {comma} or {none}: write it without the comma")
    if _DECIMAL_COMMA.fullmatch(value):
        return float(value.replace(",", "."))
    if _THOUSANDS.fullmatch(value):
        raise Unreadable(f"{value!r} has signs between thousands: write the number without them")
    if unit := _UNIT.fullmatch(value):
        raise Unreadable(f"{value!r} has a unit ({unit[2]}): write the number alone")
    return value


def _odd_degrees(value: str, field: str) -> float | str | None:
    value = value.strip()
    if value in ABSENT:
        return None
    found = _ANGLE.fullmatch(value) if len(value) <= _LONGEST else None
    if not found:
        return _odd_number(value)
    parts = [float((found[name] or "0").replace(",", ".")) for name in ("degrees", "minutes", "seconds")]
    if parts[1] >= 60 or parts[2] >= 60:
        raise Unreadable(f"{value!r} has 60 or more minutes or seconds")
    size = parts[0] + parts[1] / 60 + parts[2] / 3600
    letters = [letter for letter in (found["before"], found["after"]) if letter]
    if len(letters) > 1:
        raise Unreadable(f"{value!r} has two letters: write one, {_LETTERS[field]}")
    if not letters:
        if found["minutes"] and not found["sign"]:
            raise Unreadable(f"{value!r} names no hemisphere: write {_LETTERS[field]} behind it")
        return -size if found["sign"] == "-" else size
    return hemisphere(-size if found["sign"] == "-" else size, letters[0], field)


def _unusual_path(value: str) -> str:
    scheme = _SCHEME.match(value)
    if scheme and scheme[1].lower() in SCHEMES:
        return value
    if scheme or value.lower().startswith("file:"):
        kind = scheme[1] if scheme else "file"
        raise Unreadable(f"{value!r} is a {kind} URL: name the file by its path below the batch folder")
    if _DRIVE.match(value):
        raise Unreadable(f"{value!r} leaves the batch: name the file by its path below the batch folder")
    return value.replace("\\", "/")
