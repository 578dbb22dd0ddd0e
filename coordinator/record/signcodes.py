"""Official codes of traffic signs, and the tags that OpenStreetMap has for them: the table ``traffic_signs.csv``.

Codes are those of a country's catalogue of signs, as OpenStreetMap's ``traffic_sign`` writes them (``DE:274-50``): the
country's ISO code comes first, so that the table may hold the signs of many.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("traffic_signs.csv")
_CODE = re.compile(r"[A-Z]{2}:\S.{0,200}")


def is_sign_code(value: object) -> bool:
    """Whether it names a sign of a country's catalogue."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def sign_tags(code: str) -> Mapping[str, str]:
    """What OpenStreetMap says of a sign besides its code, as ``maxspeed=50``; nothing if it is not in the table."""
    return _table().get(code, {})


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return {row["traffic_sign"]: _tags(row["tags"]) for row in csv.DictReader(file)}


def _tags(text: str) -> Mapping[str, str]:
    return {key: value for key, _, value in (pair.partition("=") for pair in text.split(";")) if key}
