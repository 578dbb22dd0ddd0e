"""The names that people give a coordinate reference system, and those that they may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CODE = re.compile(r"(?:(?:\+?init=)?epsg\s*:{0,2}\s*)?(\d+)", re.IGNORECASE)
"""28992, epsg:28992, EPSG::28992, EPSG 28992, +init=epsg:28992."""
_SHOWN = 3
_LONG = 60
"""Characters of a name in a message; WKT has thousands."""


def plain(name: str | int) -> str:
    """A number of EPSG's register as ``EPSG:28992``, however it is written; any other name as it stands.

    >>> plain(28992), plain(" epsg: 28992 "), plain(" ESRI:102100")
    ('EPSG:28992', 'EPSG:28992', 'ESRI:102100')
    """
    text = str(name).strip()
    code = _CODE.fullmatch(text)
    return f"EPSG:{code[1]}" if code else text


def short(name: str) -> str:
    """For a message."""
    line = " ".join(name.split())
    return line if len(line) <= _LONG else f"{line[:_LONG]}..."


def meant(name: str, register: Iterable[tuple[str, str]]) -> str:
    """``did you mean ...`` for a name that the titles of a register contain, else an empty text.

    ``register`` has pairs of code and title, e.g. ("EPSG:28992", "Amersfoort / RD New").
    """
    wanted = _letters(name)
    if len(wanted) < 3:
        return ""
    found = [(len(title), code, title) for code, title in register if wanted in _letters(title)]
    listed = " or ".join(f"{code} ({title})" for _, code, title in sorted(found)[:_SHOWN])
    return f"did you mean {listed}?" if listed else ""


def is_same_datum(title: str, other: str) -> bool:
    """S-JTSK / Krovak and S-JTSK / Krovak East North."""
    return title.partition(" / ")[0] == other.partition(" / ")[0]


def is_like_datum(title: str, other: str) -> bool:
    """S-JTSK / Krovak and S-JTSK (Ferro) / Krovak, too."""
    return title.partition(" / ")[0].partition(" (")[0] == other.partition(" / ")[0].partition(" (")[0]


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
