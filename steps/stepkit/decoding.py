"""Decoding by OpenCV, and what its decoder complains of on the way.

libjpeg goes on where a JPEG's data is damaged, fills what is missing with grey or with what it makes of the rest, and
only writes a line to stderr; OpenCV passes nothing of it on. That line is the one sure sign: whether a run of zeros is
damage or a plain sky depends on the file's own tables, and who decodes knows. So it is overheard. What it does not
notice either is a stretch of some ten bytes that ends where it should, and one in the last refining scan of a
progressive JPEG, which changes brightness by little. WebP, BMP and TIFF without compression have nothing to notice
it by.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from steps.stepkit import imagefile, tiff
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import BadInput

_STDERR = 2
_DAMAGE = re.compile(
    r"premature end of data segment|bad Huffman code|bad arithmetic code|Premature end of JPEG file"
    r"|found marker 0x[0-9a-f]+ instead of RST"
)
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]+)")
_SMALL = 64 * 1024
_FEW = 8
"""Bytes that careless encoders leave behind a scan. A stretch of damage seldom leaves so few."""
_LOOKED_AHEAD = 64
"""Number of bytes of padding that a decoder may take for data of its last block."""


def decode(data: bytes, flags: int) -> Pixels:
    """The pixels of an image file, shape (height, width, ...), as OpenCV gives them with these flags (``IMREAD_``).

    Raises BadInput, with the reason, for one that cannot be decoded or whose pixels are not those that were written.
    """
    is_tiff = tiff.is_tiff(data)
    if is_tiff and (reason := tiff.unreadable(data)):
        raise BadInput(reason)
    if data.startswith(imagefile.JPEG):
        data = imagefile.without_strays(data)
    said: list[str] = []
    try:
        with _overhearing(said):
            image = _pixels(data, flags)
    except cv2.error as error:
        raise BadInput(f"cannot be decoded: {error.err}") from error
    if image is None:
        described = tiff.described(data) if is_tiff else None
        raise BadInput(described or "cannot be decoded: it is truncated or damaged")
    if data.startswith(imagefile.JPEG) and (complaint := _damage(data, said[0])):
        raise BadInput(
            f"is a damaged JPEG ({complaint}): part of it would be wrong or grey; get it anew from where it was taken"
        )
    return np.asarray(image)


def _pixels(data: bytes, flags: int) -> Pixels | None:
    """``cv2.imdecode`` in half of the memory: only ``imread``, told to make the array itself, gives no copy of it.

    Not of a small file, for which that takes longer than it saves; nor of a TIFF, which its decoder turns upright in an
    array of its own, as ``imread`` then complains.
    """
    if len(data) < _SMALL or tiff.is_tiff(data):
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    with os.fdopen(os.memfd_create("image"), "wb", buffering=0) as file:
        file.write(data)
        return cv2.imread(f"/proc/self/fd/{file.fileno()}", None, flags)


def _damage(data: bytes, said: str) -> str | None:
    """The complaint among what a decoder said that means damage; None without one."""
    if found := _DAMAGE.search(said):
        return found[0]
    if found := _LEFT_OVER.search(said):
        count = int(found[1])
        if count > _FEW and not (
            found[2] == "d9" and imagefile.padding(data) in range(count, count + _LOOKED_AHEAD)
        ):
            return f"{count} bytes too many in its pixels"
    return None


@contextmanager
def _overhearing(said: list[str]) -> Iterator[None]:
    """Puts into ``said`` what is written to stderr in the meantime, and passes it on."""
    own = os.dup(_STDERR)
    heard = os.memfd_create("stderr")
    os.dup2(heard, _STDERR)
    try:
        yield
    finally:
        os.dup2(own, _STDERR)
        os.close(own)
        length = os.lseek(heard, 0, os.SEEK_CUR)
        text = os.pread(heard, length, 0)
        os.close(heard)
        said.append(text.decode(errors="replace"))
        if text:
            os.write(_STDERR, text)
