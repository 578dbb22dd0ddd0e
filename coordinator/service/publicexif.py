"""Of an EXIF block what anybody may see: how to turn the picture, how it was taken, and whose it is."""

from __future__ import annotations

import warnings
from typing import Any

from PIL import ExifTags, Image

from coordinator.formats.exiftags import ORIENTATION, orientation

_PREFIX = b"Exif\0\0"
_UPRIGHT = 1
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
    """The block, as TIFF bytes, with nothing but the tags above; the very same if it has no others, b"" if it has none.

    Of a block with values that cannot be read or written again, the orientation alone.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damage is a value here
            found = Image.Exif()
            found.load(block)
            of_image, of_photo = dict(found), dict(found.get_ifd(_PHOTO_IFD))
            has_thumbnail = bool(found.get_ifd(ExifTags.IFD.IFD1))
    except Exception:  # Pillow lets through whatever its parser stumbles over
        return b""
    if not (has_thumbnail or of_image.keys() - _OF_IMAGE - {_PHOTO_IFD} or of_photo.keys() - _OF_PHOTO):
        return block if of_image else b""
    turn = orientation(of_image.get(ORIENTATION))
    kept = {tag: value for tag, value in of_image.items() if tag in _OF_IMAGE}
    try:
        return _written(
            {**kept, ORIENTATION: turn}, {tag: of_photo[tag] for tag in of_photo.keys() & _OF_PHOTO}
        )
    except Exception:  # the same of its writer
        return b"" if turn == _UPRIGHT else _written({ORIENTATION: turn}, {})


def nothing() -> bytes:
    """A block, as TIFF bytes, that says that the picture stands upright."""
    return _written({ORIENTATION: _UPRIGHT}, {})


def _written(of_image: dict[int, Any], of_photo: dict[int, Any]) -> bytes:
    made = Image.Exif()
    made.update(of_image)
    if of_photo:
        made.get_ifd(_PHOTO_IFD).update(of_photo)
    return made.tobytes().removeprefix(_PREFIX)
