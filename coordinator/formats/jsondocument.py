"""JSON files as programs of other people write them: any Unicode encoding, with or without a mark, NaN and all.

What is taken out of such a file is checked value by value, so that one bad number does not lose the rest; what goes
on to steps is strict JSON again (``strictjson``).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from coordinator.errors import BatchError
from coordinator.plainfile import read_file


def load(path: Path) -> Any:
    """The file's one JSON document. Raises BatchError that says where it ceases to be one."""
    try:
        content = read_file(path)
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise BatchError(f"{path} is empty: it should hold a JSON document")
    try:
        return json.loads(content.decode(json.detect_encoding(content)))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BatchError(f"{path} is not JSON: {error.msg} at {place}; is the file complete?") from error
    except UnicodeDecodeError as error:
        raise BatchError(f"{path} is not JSON: byte {error.start} is no {error.encoding}") from error
    except (ValueError, RecursionError) as error:
        raise BatchError(f"{path} cannot be read as JSON: {error}") from error


def number(value: object) -> float | None:
    """``value`` if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def count(value: object) -> int | None:
    """``value`` if it is a whole number above 0, else None."""
    found = number(value)
    return int(found) if found is not None and found > 0 and found == int(found) else None


def text(value: object) -> str | None:
    """``value`` if it is text that can be passed on as UTF-8 and is not empty, else None."""
    if not isinstance(value, str) or not value:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def shape(document: object) -> str:
    """What a document is, in words, for one that is not what was expected."""
    if isinstance(document, dict):
        keys = ", ".join(repr(key) for key in list(document)[:5])
        return f"an object with the keys {keys}" if keys else "an empty object"
    if isinstance(document, list):
        first = f" that begins with {shape(document[0])}" if document else ""
        return f"a list{first}" if document else "an empty list"
    if document is None or isinstance(document, bool):
        return json.dumps(document)
    return "text" if isinstance(document, str) else "a number"
