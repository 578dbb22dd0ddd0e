"""Names on disk from the names that clients gave, which are data and never paths. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MAX_STEM = 80
"""Maximum number of characters of a stem."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SUFFIX = re.compile(r"\.(jpe?g|png|webp|gif|avif)$", re.IGNORECASE)
_NAMELESS = "image"


def stems(names: Iterable[str]) -> tuple[str, ...]:
    """For every name a stem that is safe in paths and URLs, and unique among them however its letters are cased.

    ``photo.jpg``, ``photo.png`` and another ``photo.jpg`` become ``photo``, ``photo_2`` and ``photo_3``.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        stem = _unique(_safe(name), taken)
        taken.add(stem.casefold())
        found.append(stem)
    return tuple(found)


def result_name(stem: str, number: int, output: str) -> str:
    """The file name of a result. Different stems never give the same one: what follows the last dash is a number."""
    return f"{stem}-{number}.{output}"


def _safe(name: str) -> str:
    last = re.split(r"[/\\]", name)[-1]
    return _UNSAFE.sub("_", _SUFFIX.sub("", last)).lstrip(".-")[:_MAX_STEM] or _NAMELESS


def _unique(stem: str, taken: set[str]) -> str:
    candidate, number = stem, 1
    while candidate.casefold() in taken:
        number += 1
        ending = f"_{number}"
        candidate = stem[: _MAX_STEM - len(ending)] + ending
    return candidate
