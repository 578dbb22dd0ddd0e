"""Reading what an item names: a photograph, or the pixels that an earlier task left."""

from __future__ import annotations

import numpy as np

from steps.imaging import photographs
from steps.imaging.image import check_scans, check_size, size_of
from steps.stepkit import imagefile
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput
from steps.stepkit.photograph import content

_ARRAY_SUFFIX = ".npy"


def read(path: str, size: tuple[int, int] | None = None) -> Pixels:
    """The image at ``path``, upright, shape (height, width, ...), with the channels and the depth that it has there.

    ``size`` is the (width, height) that its item promises. Raises BadInput, with the reason, for a file that is
    missing, too large, truncated, damaged, of no format that is read, or not of the promised size.
    """
    try:
        image = _array(path) if path.endswith(_ARRAY_SUFFIX) else _photograph(path)
    except OSError as error:
        raise BadInput(f"cannot read image {path!r}: {error.strerror or error}") from error
    if size is not None and size != size_of(image):
        width, height = size_of(image)
        raise BadInput(f"image {path!r} is {width}x{height}, its item says {size[0]}x{size[1]}")
    return image


def _photograph(path: str) -> Pixels:
    data = content(path)
    if photographs.kind(data) is None:
        raise BadInput(f"image {path!r} is neither a JPEG nor a PNG, nor a WebP, GIF, AVIF or HEIC")
    if kind := imagefile.truncated(data):
        raise BadInput(f"image {path!r} is a truncated {kind}")
    promised = photographs.size(data)
    if promised is None:
        raise BadInput(f"image {path!r} has a damaged header")
    check_size(f"image {path!r}", *promised)
    if data.startswith(imagefile.JPEG):
        check_scans(f"image {path!r}", imagefile.scans(data), *promised)
    try:
        return photographs.decoded(data)
    except BadInput as error:
        raise BadInput(f"image {path!r} {error}") from error


def _array(path: str) -> Pixels:
    """The pixels of a .npy file, mapped and not read: the first operation is what reads them."""
    try:
        image = np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"image {path!r} is not a whole array: {error}") from error
    if not _is_image(image):
        raise BadInput(f"image {path!r} is an array of {image.dtype}, shape {image.shape}, which is no image")
    check_size(f"image {path!r}", *size_of(image))
    return image


def _is_image(array: Pixels) -> bool:
    has_channels = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    return has_channels and array.size > 0 and array.dtype in (np.uint8, np.uint16)
