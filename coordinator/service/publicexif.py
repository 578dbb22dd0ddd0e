"""Of an EXIF block what anybody may see: how to turn the picture, how it was taken, and whose it is."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from typing import Any

from PIL import Image

from coordinator.formats.exiftags import ORIENTATION, loaded
from coordinator.formats.orientation import UPRIGHT, turning

_PREFIX = b"Exif\0\0"
_PREFIXES = re.compile(rb"\A(?:Exif\0\0)*")
_ORDERS = {b"II": "<", b"MM": ">"}
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Of a value, by its type."""
_INLINE = 4
"""Bytes of values that stand in the entry itself."""
_TURNS = range(2, 9)
_PHOTO_IFD = 0x8769
_OF_IMAGE = {0x010F, 0x0110, ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x013B, 0x0213, 0x8298}
"""Make, model, orientation, resolution, software, time, artist, copyright."""
_OF_PHOTO = {
    0x829A, 0x829D, 0x8822, 0x8827, 0x8830, 0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9101, 0x9201, 0x9202,
    0x9203, 0x9204, 0x9205, 0x9207, 0x9208, 0x9209, 0x920A, 0x9290, 0x9291, 0x9292, 0xA000, 0xA001, 0xA002, 0xA003,
    0xA402, 0xA403, 0xA404, 0xA405, 0xA406, 0xA408, 0xA409, 0xA40A,
}  # fmt: skip
"""Exposure, focal length, flash, colour space, size, times."""


def public(block: bytes) -> bytes:
    """The block, as TIFF bytes, with nothing but the tags above; b"" if it has none.

    It is the very same if it has no others, nor bytes that belong to none. Of a block with values that cannot be read
    or written again, the orientation alone.
    """
    told = turning(block)
    turn = told if told in _TURNS else UPRIGHT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damage is a value here
            found = loaded(block)
            of_image, of_photo = dict(found), dict(found.get_ifd(_PHOTO_IFD))
    except Exception:  # Pillow lets through whatever its parser stumbles over
        return _turned_alone(turn)
    if not of_image:
        return _turned_alone(turn)
    if _is_public(_PREFIXES.sub(b"", block)):
        return block
    kept = {tag: value for tag, value in of_image.items() if tag in _OF_IMAGE}
    try:
        return _written(
            {**kept, ORIENTATION: turn}, {tag: of_photo[tag] for tag in of_photo.keys() & _OF_PHOTO}
        )
    except Exception:  # the same of its writer
        return _turned_alone(turn)


def _turned_alone(turn: int) -> bytes:
    return b"" if turn == UPRIGHT else _written({ORIENTATION: turn}, {})


def _is_public(block: bytes) -> bool:
    """Whether all of the block's bytes are those of tags above, or zeros that pad."""
    try:
        order = _ORDERS[block[:2]]
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        used = sorted([(0, 8), *_used(block, order, directory, _OF_IMAGE)])
    except (struct.error, KeyError, ValueError):
        return False
    at = 0
    for begin, end in [*used, (len(block), len(block))]:
        if block[at:begin].strip(b"\0"):
            return False
        at = max(at, end)
    return True


def _used(block: bytes, order: str, at: int, allowed: set[int]) -> Iterator[tuple[int, int]]:
    """Where a directory and its values stand. Raises KeyError or ValueError for what is not to be there."""
    (count,) = struct.unpack_from(f"{order}H", block, at)
    first, end = at + 2, at + 2 + 12 * count
    if block[end : end + 4].strip(b"\0"):
        raise ValueError("another directory: that of the thumbnail")
    yield at, end + 4
    seen = set()
    for entry in range(first, end, 12):
        tag, kind, number, offset = struct.unpack_from(f"{order}HHII", block, entry)
        length = _BYTES[kind] * number
        if tag in seen:
            raise ValueError("a tag that stands there twice")
        seen.add(tag)
        if tag == _PHOTO_IFD and allowed is _OF_IMAGE:
            yield from _used(block, order, offset, _OF_PHOTO)
        elif tag not in allowed or block[entry + 8 + length : entry + 12].strip(b"\0"):
            raise ValueError("another tag, or more than its value")
        elif length > _INLINE:
            yield offset, offset + length


def nothing() -> bytes:
    """A block, as TIFF bytes, that says that the picture stands upright."""
    return _written({ORIENTATION: UPRIGHT}, {})


def _written(of_image: dict[int, Any], of_photo: dict[int, Any]) -> bytes:
    made = Image.Exif()
    made.update(of_image)
    if of_photo:
        made.get_ifd(_PHOTO_IFD).update(of_photo)
    return made.tobytes().removeprefix(_PREFIX)
