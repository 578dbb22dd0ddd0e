"""What an image of a request will cost before any work is spent on it: seconds of a worker, and its memory. Pure.

An estimate, and rather too high: from the number of pixels on their way through the operations, with factors measured
on one core of a server of 2023 with the code of ``steps/imaging`` (noise, which is the worst case for reading and
writing). A machine that is half as quick takes twice as long; the limits leave room for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coordinator.service.orders import Operation
from coordinator.service.sizes import after

_NANO = 1e-9
_READING: Mapping[str, float] = {".jpg": 3.0, ".png": 13.0, ".webp": 5.0, ".heic": 16.0}
_WRITING: Mapping[str, float] = {"jpg": 5.0, "png": 13.0, "webp": 75.0}
_BLURRING: Mapping[str, float] = {"gaussian": 2.5, "updownsampling": 2.0, "bilateral": 25.0, "median": 2.0}
_RESIZING, _OTHER = 4.0, 30.0
_SCAN = 4.0
"""Nanoseconds for each sample of an image (one number of one pixel) that an operation takes in or makes; in 16 bit
twice as many. ``_SCAN`` is for each sample that a scan of a JPEG goes over."""
_READING_BYTE: Mapping[str, float] = {".heic": 65.0}
"""For each byte of a file: the pixels of a HEIC are quick to read if there is little in them."""
_RESULT_SECONDS = 0.001
"""Of a worker for each result, however small."""
_WITH_ALPHA = 4
"""Samples of a pixel; those of inks are as many, and so a little too much is told for them."""
_COPIES = 3.5
"""Times an image's own size that memory holds while an operation works on it: what comes in, what goes out, and what
OpenCV puts a border around or encodes to."""
_BILATERAL_COPIES_16_BIT, _ALPHA_TO_JPG_COPIES, _HEIC_COPIES = 9.0, 4.5, 6.5
_COEFFICIENT_BYTES = 2
"""For each sample, while a JPEG of several scans is read."""


@dataclass(frozen=True, kw_only=True)
class Raster:
    """What a file's header promises: ``samples`` for each pixel, of ``depth`` bytes each, in a file of ``file_bytes``.

    ``scanned`` is how many samples all scans of a JPEG go over, for each pixel; 0 if one scan has them all.
    """

    suffix: str
    width: int
    height: int
    samples: int
    depth: int
    file_bytes: int
    scanned: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """``seconds`` of one worker, and the most ``memory`` that it holds at a time, in bytes."""

    seconds: float
    memory: int


def estimate(raster: Raster, operations: Sequence[Operation], output: str) -> Cost:
    """What one image costs from its file to its results."""
    walk = _Walk(raster)
    for operation in operations:
        walk.do(*operation)
    return walk.end(output)


class _Walk:
    """An image on its way through the operations. ``count`` images of the same size are there after splits."""

    def __init__(self, raster: Raster) -> None:
        self.sides = raster.width, raster.height
        self.samples, self.depth = raster.samples, raster.depth
        self.count = 1
        self.held = 0.0
        """Bytes of images of which quarters are still to be worked on."""
        scanned = raster.scanned * self.pixels
        self.seconds = _NANO * (_SCAN * scanned + _READING_BYTE.get(raster.suffix, 0.0) * raster.file_bytes)
        self._spend(_READING.get(raster.suffix, _OTHER), self.size)
        coefficients = _COEFFICIENT_BYTES * self.samples * self.pixels if scanned else 0
        copies = _HEIC_COPIES if raster.suffix == ".heic" else _COPIES
        self.memory = raster.file_bytes + copies * self.size + coefficients

    @property
    def pixels(self) -> int:
        return self.sides[0] * self.sides[1]

    @property
    def size(self) -> int:
        """Bytes of one of the images."""
        return self.pixels * self.samples * self.depth

    def do(self, name: str, value: object) -> None:
        """One operation on all images that are there."""
        before = self.size
        self.sides = after((name, value), self.sides)
        if name == "split":
            self.held += before
            self.count *= 4
        elif name in ("resize", "fit"):
            self._spend(_RESIZING, before + self.size)
            # With alpha, colours are weighted one after the other.
            self._hold((1.5 if self.samples == _WITH_ALPHA else 1) * before + 2 * self.size)
        elif name == "crop":
            self.held += before - self.size  # the part is a view of it
        elif name == "blur":
            self._spend(_BLURRING.get(str(value), _OTHER), before)
            wide = value == "bilateral" and self.depth > 1
            self._hold((_BILATERAL_COPIES_16_BIT if wide else _COPIES) * before)
        elif name != "quality":
            self._spend(_OTHER, before)
            self._hold(_COPIES * before)

    def end(self, output: str) -> Cost:
        """The cost once all images are written."""
        self._spend(_WRITING.get(output, _OTHER), self.size)
        overlaid = output == "jpg" and self.samples == 4
        self._hold((_ALPHA_TO_JPG_COPIES if overlaid else _COPIES) * self.size)
        seconds = self.seconds + self.count * _RESULT_SECONDS
        return Cost(seconds=seconds, memory=int(self.memory))

    def _spend(self, nanoseconds: float, size: float) -> None:
        """Time for each sample of ``size`` bytes; a sample of two bytes takes twice as long."""
        self.seconds += _NANO * nanoseconds * size * self.count

    def _hold(self, size: float) -> None:
        self.memory = max(self.memory, self.held + size)
