"""The EXIF block of an image: its tags by number, and their values as numbers and text, however they were written."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, TiffImagePlugin

from coordinator.formats.orientation import UPRIGHT, turning

Ifd = Mapping[int, Any]
"""Tags by their numbers in the standard; the values are as Pillow gives them."""

DESCRIPTION, MAKE, MODEL, ORIENTATION, DATE_TIME = 0x010E, 0x010F, 0x0110, 0x0112, 0x0132
_OF_IMAGE = (DESCRIPTION, MAKE, MODEL, ORIENTATION, DATE_TIME)

EXPOSURE, APERTURE, SENSITIVITY, CUSTOM_RENDERED = 0x829A, 0x829D, 0x8827, 0xA401
PIXEL_X, PIXEL_Y = 0xA002, 0xA003
FOCAL, FOCAL_35MM, DIGITAL_ZOOM = 0x920A, 0xA405, 0xA404
FOCAL_PLANE_RESOLUTION, FOCAL_PLANE_UNIT = 0xA20E, 0xA210
TIME_ORIGINAL, OFFSET_ORIGINAL, PART_ORIGINAL = 0x9003, 0x9011, 0x9291
TIME_DIGITIZED, OFFSET_DIGITIZED, PART_DIGITIZED = 0x9004, 0x9012, 0x9292
OFFSET, PART = 0x9010, 0x9290
"""The offset from UTC and the digits behind the second of DATE_TIME."""
_OF_PHOTO = (
    EXPOSURE, APERTURE, SENSITIVITY, CUSTOM_RENDERED, PIXEL_X, PIXEL_Y, FOCAL, FOCAL_35MM, DIGITAL_ZOOM,
    FOCAL_PLANE_RESOLUTION, FOCAL_PLANE_UNIT, TIME_ORIGINAL, OFFSET_ORIGINAL, PART_ORIGINAL, TIME_DIGITIZED,
    OFFSET_DIGITIZED, PART_DIGITIZED, OFFSET, PART,
)  # fmt: skip

LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE = 1, 2, 3, 4, 5, 6
TIME_STAMP, STATUS, TRACK_REF, TRACK, DIRECTION_REF, DIRECTION, DATE_STAMP = 7, 9, 14, 15, 16, 17, 29
DOP, POSITIONING_ERROR = 11, 31
_OF_GPS = (
    LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE, TIME_STAMP, STATUS, TRACK_REF, TRACK,
    DIRECTION_REF, DIRECTION, DATE_STAMP, DOP, POSITIONING_ERROR,
)  # fmt: skip

_PHOTO_IFD, _GPS_IFD = 0x8769, 0x8825
_BIG = re.compile(rb"(?:Exif\0\0)*(?:II\+\0|MM\0\+)")
"""How a BigTIFF begins, which Pillow reads and no decoder turns by: EXIF is TIFF of the classic kind."""
_EMPTY = 20
"""Bytes of an EXIF block without any tag."""
_DAMAGE = ("Corrupt EXIF", "Possibly corrupt EXIF", "Tag ", "Truncated File Read")
"""How Pillow's warnings of damaged tags begin; the others are of tags that it can read."""
_BLANK = "\0 \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What is read of an EXIF block: tags of the image, of the photograph and of the GPS receiver.

    ``is_broken`` says that there is more, which cannot be read; ``is_gps_broken`` that the receiver's can not.
    """

    image: Ifd = field(default_factory=dict)
    photo: Ifd = field(default_factory=dict)
    gps: Ifd = field(default_factory=dict)
    is_broken: bool = False
    is_gps_broken: bool = False


def read_tags(image: Any) -> Tags:
    """The EXIF tags of Pillow's ``image``, no PNG; a damaged block is a value, no exception."""
    if image.format != "TIFF":  # whose own tags they are
        return block_tags(image.info.get("exif") or b"")
    try:
        exif = image.getexif()
        return _tags(exif, orientation(exif.get(ORIENTATION)))
    except Exception:  # Pillow lets through whatever its parser stumbles over
        return Tags(is_broken=True)


def block_tags(block: bytes) -> Tags:
    """The tags of an EXIF block; a damaged one is a value, no exception."""
    turn = turning(block)
    try:
        exif = loaded(block)
        if exif:
            return _tags(exif, turn)
        is_broken = len(block) > _EMPTY
    except Exception:  # Pillow lets through whatever its parser stumbles over
        is_broken = True
    return Tags(image={ORIENTATION: turn}, is_broken=is_broken)


def _tags(exif: Any, turn: int) -> Tags:
    of_image = {**{tag: exif[tag] for tag in _OF_IMAGE if tag in exif}, ORIENTATION: turn}
    photo, gps = _ifd(exif, _PHOTO_IFD, _OF_PHOTO), _ifd(exif, _GPS_IFD, _OF_GPS)
    return Tags(
        image=of_image,
        photo=photo or {},
        gps=gps or {},
        is_broken=photo is None,
        is_gps_broken=gps is None,
    )


def loaded(block: bytes) -> Image.Exif:
    """The block's tags. Raises whatever Pillow's parser stumbles over."""
    exif = Image.Exif()
    if not _BIG.match(block):
        exif.load(block)
    return exif


def orientation(value: Any) -> int:
    """How the image is to be turned, written as SHORT, LONG or BYTE; 1, as it is, for whatever else stands there."""
    if isinstance(value, bytes) and len(value) == 1:
        return value[0]
    return value if isinstance(value, int) else UPRIGHT


def named(tags: Tags) -> tuple[str, str]:
    """Make and model of the camera, empty where they are not told."""
    return text(tags.image.get(MAKE)), text(tags.image.get(MODEL))


def tell_damage(told: Iterable[warnings.WarningMessage]) -> bool:
    """Whether Pillow's warnings are of EXIF tags that it passed over, for they end behind their block."""
    return any(str(warning.message).startswith(_DAMAGE) for warning in told)


def number(value: Any) -> float | None:
    """A finite number, also from text (``271/10``, ``52,5``); None if it is none, as anything over 0 is."""
    if value is None:
        return None
    try:
        if isinstance(value, tuple | list):  # the only one
            (value,) = value
        if isinstance(value, str | bytes):
            above, _, below = text(value).replace(",", ".").partition("/")
            value = float(above) / float(below or 1)
        found = float(value)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None
    return found if math.isfinite(found) else None


def positive(value: Any) -> float | None:
    """A finite number above 0, which by the standard is what 0 stands for: None."""
    found = number(value)
    return found if found is not None and found > 0 else None


def text(value: Any) -> str:
    """Text without the blanks and NULs around it; empty if it is none."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return value.strip(_BLANK) if isinstance(value, str) else ""


def letter(value: Any) -> str:
    """The first letter of a word, in upper case: references are letters, and some write them out. Empty if none."""
    return text(value)[:1].upper()


def _ifd(exif: Any, pointer: int, wanted: tuple[int, ...]) -> Ifd | None:
    """The wanted tags of a directory, empty if there is none; None if it cannot be read."""
    try:
        if (offset := exif.get(pointer)) is None:
            return {}
        # Exif.get_ifd would decode all tags, most of which nobody asks for, and fail with the first that is damaged.
        directory = TiffImagePlugin.ImageFileDirectory_v2(exif.head, group=pointer)
        exif.fp.seek(offset)
        directory.load(exif.fp)
        return (
            {tag: _single(directory[tag]) for tag in wanted if tag in directory} if len(directory) else None
        )
    except Exception:  # Pillow lets through whatever its parser stumbles over
        return None


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value
