"""What an uploaded file is, told by its header and its end, before any work is spent on it."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

from coordinator.formats import imageheader
from coordinator.service.orders import MAX_SIDE
from coordinator.service.refusal import TOO_LARGE, Refused

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_JPEG_END, _PNG_END = b"\xff\xd9", b"\0\0\0\0IEND"


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A JPEG or PNG; the size is in pixels, upright. ``suffix`` is its format's."""

    suffix: str
    width: int
    height: int


def examine(path: Path, field: str, max_pixels: int) -> Photograph:
    """What the file at ``path`` is. Raises Refused, which blames ``field``, for what cannot be worked on.

    ``max_pixels`` is the maximum number of its pixels.
    """
    with path.open("rb") as file:
        head = file.read(len(_PNG))
        length = file.seek(0, 2)
    if not length:
        raise Refused(field, "is empty")
    if head.startswith(_JPEG):
        suffix, end = ".jpg", _JPEG_END
    elif head == _PNG:
        suffix, end = ".png", _PNG_END
    else:
        raise Refused(field, "is neither a JPEG nor a PNG image")
    header = imageheader.read(path)
    if isinstance(header, imageheader.TooLarge):
        raise Refused(field, header, TOO_LARGE)
    if isinstance(header, str):
        raise Refused(field, f"begins like a {suffix[1:]} file, but {header}")
    if header.width * header.height > max_pixels or max(header.width, header.height) > MAX_SIDE:
        raise Refused(
            field,
            f"has {header.width}x{header.height} pixels; at most {max_pixels:,} are allowed, {MAX_SIDE:,} a side",
            TOO_LARGE,
        )
    if not _has(path, end):
        raise Refused(field, f"is truncated: its end is missing, after {length:,} bytes")
    return Photograph(suffix=suffix, width=header.width, height=header.height)


def _has(path: Path, end: bytes) -> bool:
    """Whether the image's end is there. Behind it some cameras write as much as they like."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.rfind(end) >= 0
