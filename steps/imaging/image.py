"""What an image is to the operations, and how large one may be."""

from __future__ import annotations

from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

MAX_PIXELS = 100_000_000
MAX_SIDE = 32_767
MAX_SCANNED = 20 * MAX_PIXELS
"""Maximum number of pixels that a decoder goes over: those of a progressive JPEG once for each of its scans."""
ALPHA = 3
"""The index of the alpha channel."""


def size_of(image: Pixels) -> tuple[int, int]:
    """(width, height) in pixels of an image of shape (height, width, ...)."""
    return image.shape[1], image.shape[0]


def has_alpha(image: Pixels) -> bool:
    """Whether there is a fourth channel: shape (height, width, 4)."""
    return image.ndim == 3 and image.shape[2] > ALPHA


def check_size(what: str, width: int, height: int) -> None:
    """Raises BadInput for an image that is larger than the limits; ``what`` begins the message."""
    if width > MAX_SIDE or height > MAX_SIDE:
        raise BadInput(f"{what} is {width}x{height}; a side has at most {MAX_SIDE:,} pixels")
    if width * height > MAX_PIXELS:
        raise BadInput(f"{what} is {width}x{height}; an image has at most {MAX_PIXELS:,} pixels")


def check_scans(what: str, scans: int, width: int, height: int) -> None:
    """Raises BadInput for a progressive JPEG that is all scans; ``what`` begins the message."""
    if scans * width * height > MAX_SCANNED:
        raise BadInput(
            f"{what} has {scans} scans of {width}x{height} pixels; together at most {MAX_SCANNED:,} are decoded"
        )
