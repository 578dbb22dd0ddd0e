"""Names on disk from the names that clients gave, which are data and never paths. Pure."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable

_MAX_STEM, _MAX_BYTES = 80, 200
"""Maximum number of characters of a stem, and of its bytes: a name on disk has 255 with all that is added."""
_SUFFIX = re.compile(r"\.(jpe?g|png|webp|gif|avif|hei[cf])$", re.IGNORECASE)
_PLAIN = frozenset(string.ascii_letters.encode() + string.digits.encode() + b"/._-~")
_NAMELESS = "image"


def stems(names: Iterable[str]) -> tuple[str, ...]:
    """For every name a stem that is safe in paths and, percent-encoded, in URLs.

    It is unique among them however its letters are cased or composed: ``photo.jpg``, ``photo.png`` and another
    ``photo.jpg`` become ``photo``, ``photo_2`` and ``photo_3``.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        stem = _unique(_safe(name), taken)
        taken.add(_alike(stem))
        found.append(stem)
    return tuple(found)


def result_name(stem: str, number: int, output: str) -> str:
    """The file name of a result. Different stems never give the same one: what follows the last dash is a number."""
    return f"{stem}-{number}.{output}"


def link(*parts: str) -> str:
    """An absolute path of the service's from its parts, which may have letters of any script."""
    return "".join(f"/{quoted(part)}" for part in parts)


def quoted(name: str) -> str:
    """A name as it stands in a URL, where all but plain letters, digits and ``/._-~`` are percent-encoded."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in name.encode())


def _safe(name: str) -> str:
    last = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    kept = "".join(letter if _is_safe(letter) else "\0" for letter in _SUFFIX.sub("", last))
    return _cut(re.sub("\0+", "_", kept).lstrip(".-"), _MAX_STEM) or _NAMELESS


def _is_safe(letter: str) -> bool:
    """Letters, their marks and digits of all scripts. Not what only looks like nothing, or turns the direction."""
    return letter in "._-" or unicodedata.category(letter)[0] in "LMN"


def _cut(stem: str, length: int) -> str:
    """The beginning of a stem: so many characters at most, in as many bytes as a name may have."""
    return stem[:length].encode()[:_MAX_BYTES].decode(errors="ignore")


def _unique(stem: str, taken: set[str]) -> str:
    candidate, number = stem, 1
    while _alike(candidate) in taken:
        number += 1
        ending = f"_{number}"
        candidate = _cut(stem, _MAX_STEM - len(ending)) + ending
    return candidate


def _alike(stem: str) -> str:
    """The same for all names that some file system, or some reader, would take for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stem).casefold())
