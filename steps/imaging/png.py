"""What a PNG file is made of: which of its chunks make the picture, and which colour in it is transparent. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from steps.stepkit import imagefile
from steps.stepkit.arrays import Pixels

_GREY, _COLOUR, _GREY_WITH_ALPHA = 0, 2, 4
_OF_THE_PICTURE = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


class Chunk(NamedTuple):
    """A chunk's kind, its content, and all of it as it lies in the file."""

    kind: bytes
    content: bytes
    whole: bytes


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a PNG up to its end; what lies behind that is none."""
    at = len(imagefile.PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        yield Chunk(kind, data[at + 8 : end - 4], data[at:end])
        if kind == b"IEND":
            return
        at = end


def picture(data: bytes) -> bytes:
    """The same file with nothing but its default picture.

    An animation's further pictures are left out, as is what no pixel needs and may be damaged, and the transparent
    colour of grey and coloured files, which OpenCV drops or takes for one of 8 bit: see :func:`transparent`.
    """
    kept = _OF_THE_PICTURE | (set() if _colour_type(data) in (_GREY, _COLOUR) else {b"tRNS"})
    return imagefile.PNG + b"".join(chunk.whole for chunk in chunks(data) if chunk.kind in kept)


def is_grey(data: bytes) -> bool:
    """Whether a PNG's picture is one of grey, with alpha or without."""
    return _colour_type(data) in (_GREY, _GREY_WITH_ALPHA)


def transparent(image: Pixels, data: bytes) -> Pixels | None:
    """Which pixels of a PNG's picture, as it was decoded, its tRNS chunk makes transparent.

    Shape (height, width), bool; None if the chunk names no colour. No pixel need have the one that it names.
    """
    colour = _transparent_colour(data)
    if colour is None:
        return None
    is_it: Pixels = image == colour
    return is_it if image.ndim == 2 else np.all(is_it, axis=2)


def with_alpha(image: Pixels, is_transparent: Pixels) -> Pixels:
    """A picture of grey or BGR as BGR with alpha, shape (height, width, 4), opaque where it is not transparent."""
    made = cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA if image.ndim == 2 else cv2.COLOR_BGR2BGRA)
    made[is_transparent, 3] = 0
    return made


def _transparent_colour(data: bytes) -> Pixels | None:
    """One grey or BGR, in steps of the decoded image; None if there is none."""
    channels = {_GREY: 1, _COLOUR: 3}.get(_colour_type(data))
    content = next((chunk.content for chunk in chunks(data) if chunk.kind == b"tRNS"), b"")
    if channels is None or len(content) != 2 * channels:
        return None
    bits = data[24]
    levels = np.frombuffer(content, ">u2")[::-1] & (1 << bits) - 1
    return levels.astype(np.uint16) * (255 // ((1 << bits) - 1) if bits < 8 else 1)


def _colour_type(data: bytes) -> int:
    return data[25] if len(data) > 25 else _GREY
