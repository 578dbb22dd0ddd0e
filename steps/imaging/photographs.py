"""Image files to pixels: upright, in the colours of sRGB, with the channels and the depth that they have there.

JPEG and PNG by OpenCV, HEIC by pi-heif, the others by Pillow. A decoder is asked only behind the checks of
:mod:`steps.imaging.reading`.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from PIL import Image

from steps.imaging import avif, colour, heic, nclx, png
from steps.imaging.image import MAX_PIXELS
from steps.stepkit import imagefile
from steps.stepkit.arrays import Pixels
from steps.stepkit.decoding import decode
from steps.stepkit.loop import BadInput
from steps.stepkit.orientation import upright

_OTHERS = ("WEBP", "GIF", "AVIF")
_UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow lets through of what its parsers stumble over."""


def kind(data: bytes) -> str | None:
    """The format that a file's bytes begin like; None if it is none of those that are read."""
    if data.startswith(imagefile.JPEG):
        return "JPEG"
    if data.startswith(imagefile.PNG):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return heic.coding(data)


def size(data: bytes) -> tuple[int, int] | None:
    """(width, height) that a file promises, as stored (HEIC: as shown); None where its header is damaged."""
    if data.startswith((imagefile.JPEG, imagefile.PNG)):
        return imagefile.size(data)
    if heic.coding(data) == "HEIC":
        return heic.size(data)
    try:
        with _quietly(), Image.open(io.BytesIO(data), formats=_OTHERS) as image:
            return image.size
    except _UNREADABLE:
        return None


def decoded(data: bytes) -> Pixels:
    """The pixels of a file, shape (height, width, ...).

    Of several pictures the first, of a PNG the default one, of a HEIC the primary one.

    Raises BadInput, with the reason, for one that cannot be decoded whole.
    """
    if data.startswith(imagefile.JPEG):
        return upright(_jpeg(data), imagefile.exif(data))
    if data.startswith(imagefile.PNG):
        return upright(_png(data), imagefile.exif(data))
    return heic.decoded(data) if heic.coding(data) == "HEIC" else _other(data)


def _jpeg(data: bytes) -> Pixels:
    image = decode(data, cv2.IMREAD_UNCHANGED)
    profile = imagefile.profile(data)
    if not profile:
        return image
    return _inks(data, profile, image) if imagefile.has_inks(data) else colour.to_srgb(image, profile)


def _inks(data: bytes, profile: bytes, image: Pixels) -> Pixels:
    """A JPEG's picture from its inks, which OpenCV does not give; ``image``, as OpenCV sees it, if it is not theirs."""
    try:
        with _quietly(), Image.open(io.BytesIO(data), formats=["JPEG"]) as inks:
            found = colour.cmyk_to_srgb(inks, profile)
    except _UNREADABLE as error:
        raise BadInput(f"cannot be decoded: {error}") from error
    return image if found is None else found


def _png(data: bytes) -> Pixels:
    image = decode(png.picture(data), cv2.IMREAD_UNCHANGED)
    is_transparent = png.transparent(image, data)  # by the file's own colours, not by those of sRGB
    profile = imagefile.profile(data)
    converted = colour.to_srgb(image, profile, png.is_grey(data)) if profile else image
    return converted if is_transparent is None else png.with_alpha(converted, is_transparent)


def _other(data: bytes) -> Pixels:
    try:
        with _quietly(), Image.open(io.BytesIO(data), formats=_OTHERS) as image:
            exif = image.info.get("exif", b"")
            profile = image.info.get("icc_profile") or _by_numbers(image.format, data)
            pixels = _pixels(image)
    except _UNREADABLE as error:
        raise BadInput(f"cannot be decoded: {error}") from error
    return upright(colour.to_srgb(pixels, profile) if profile else pixels, exif)


def _by_numbers(kind: str | None, data: bytes) -> bytes:
    """A profile of the colours that an AVIF tells by numbers, as a HEIC's are told; none of other files."""
    numbers = avif.colours(data) if kind == "AVIF" else None
    return nclx.profile(nclx.told(*numbers)) if numbers else b""


def _pixels(image: Image.Image) -> Pixels:
    """Grey, BGR or BGR with alpha."""
    if image.has_transparency_data:
        return cv2.cvtColor(np.asarray(image.convert("RGBA")), cv2.COLOR_RGBA2BGRA)
    if image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    return cv2.cvtColor(np.asarray(image.convert("RGB")), cv2.COLOR_RGB2BGR)


@contextmanager
def _quietly() -> Iterator[None]:
    """Pillow within this step's limits, without its warnings, of which nothing follows."""
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
