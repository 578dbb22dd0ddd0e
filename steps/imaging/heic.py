"""HEIC, as telephones write it, to pixels, by pi-heif: libheif and libde265, which decode only.

They turn, mirror and cut the picture as the file's boxes say. Its EXIF may tell of the same turn once more, and does
not count (ISO/IEC 23008-12, annex A).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from steps.imaging import colour, nclx
from steps.imaging.image import ALPHA, has_alpha
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_AVIF = (b"avif", b"avis")
_EITHER = (b"mif1", b"msf1")
"""A brand of files of pictures, however these are encoded; further brands tell."""
_MOST_BRANDS = 64
_UNREADABLE = (OSError, RuntimeError, ValueError, SyntaxError, EOFError, IndexError)
"""What it raises of damaged files, and of those whose pictures are larger than they promise."""


def coding(data: bytes) -> str | None:
    """``HEIC`` or ``AVIF`` by the brands that a file begins with; None for other files."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), 16 + 4 * _MOST_BRANDS)
    further = [data[at : at + 4] for at in range(16, end, 4)] if data[8:12] in _EITHER else []
    for brand in (data[8:12], *further):
        if brand in _HEIC or brand in _AVIF:
            return "HEIC" if brand in _HEIC else "AVIF"
    return "AVIF" if data[8:12] in _EITHER else None


def size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of the primary picture as it is shown; None where the file's boxes are damaged."""
    try:
        width, height = _opened(data).size
    except _UNREADABLE:
        return None
    return width, height


def decoded(data: bytes) -> Pixels:
    """The primary picture, upright, in the colours of sRGB and 8 bit: shape (height, width), (..., 3) or (..., 4).

    Raises BadInput, with the reason, for one that cannot be decoded whole.
    """
    try:
        picture = _opened(data)
        image = _straight(np.array(picture), picture.premultiplied_alpha)
        profile = picture.info.get("icc_profile") or nclx.profile(picture.info.get("nclx_profile"))
    except _UNREADABLE as error:
        raise BadInput(f"cannot be decoded: {str(error).strip()}") from error
    return colour.to_srgb(image, profile) if profile else image


def _opened(data: bytes) -> Any:
    """The primary picture, of which nothing is decoded yet."""
    import pi_heif  # here, because it takes 25 ms, and few workers ever meet a HEIC

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    opened = pi_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=True)
    return opened[opened.primary_index]


def _straight(image: Pixels, is_premultiplied: bool) -> Pixels:
    """Grey, BGR or BGR with alpha, whose colours are as they would be without it."""
    if image.ndim == 3 and image.shape[2] == 2:
        grey, alpha = cv2.split(image)
        image = cv2.merge((grey, grey, grey, alpha))
    if is_premultiplied and has_alpha(image):
        alpha = cv2.extractChannel(image, ALPHA)
        for channel in range(ALPHA):
            image[..., channel] = cv2.divide(cv2.extractChannel(image, channel), alpha, scale=255)
    return image
