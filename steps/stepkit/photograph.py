"""Reading photographs that may be damaged, huge or not photographs at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from steps.stepkit.loop import BadInput

Image = NDArray[np.uint8]
"""BGR, shape (height, width, 3)."""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}


def read(path: str | Path, size: tuple[int, int] | None = None) -> Image:
    """The photograph at ``path``, 8 bit BGR, turned upright by its EXIF orientation.

    16-bit, grey, alpha and CMYK files are converted. ``size`` is the (width, height) the batch promises.
    Raises BadInput, with the reason, for a file that is missing, empty, truncated, not an image or not of
    the promised size.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read image {str(path)!r}: {error.strerror}") from error
    if reason := damage(data):
        raise BadInput(f"image {str(path)!r} {reason}")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise BadInput(f"image {str(path)!r} cannot be decoded: {error.err}") from error
    if image is None:
        raise BadInput(f"image {str(path)!r} cannot be decoded")
    height, width = image.shape[:2]
    if size is not None and size != (width, height):
        raise BadInput(
            f"image {str(path)!r} is {width}x{height}, the batch says {size[0]}x{size[1]}; "
            "correct the table, or leave the size out to take the file's own"
        )
    return np.asarray(image, dtype=np.uint8)


def damage(data: bytes) -> str | None:
    """Why an image file's bytes are not a whole image, or None. OpenCV pads truncated files silently."""
    if not data:
        return "is empty"
    if data.startswith(_JPEG):
        return None if _jpeg_is_whole(data) else "is a truncated JPEG"
    if data.startswith(_PNG):
        return None if b"IEND" in data[-64:] else "is a truncated PNG"
    return None


def _jpeg_is_whole(data: bytes) -> bool:
    """Whether an end-of-image marker follows the start of scan (a thumbnail's own marker comes before it)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return False
        marker = data[at + 1]
        if marker == 0xDA:
            return data.rfind(b"\xff\xd9", at) > 0
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False
