"""What a file's first bytes promise of its pixels, for an estimate: samples, depth, and the scans of a JPEG. Pure.

It looks at files that have been examined; what it cannot follow counts as the most that such a file can have.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterable

from coordinator.formats import heic, jpeg
from coordinator.service.costs import Raster

Buffer = bytes | mmap.mmap

_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}
"""By the colour type; transparency of another kind (a tRNS chunk) makes it four."""
_MOST_SAMPLES = 4
MOST_SEGMENTS = 5_000
"""Of a JPEG; cameras and editors write some hundreds at most."""


def raster(
    data: Buffer, suffix: str, width: int, height: int, parts: Iterable[jpeg.Part] | None = None
) -> Raster:
    """The raster of a file of ``suffix`` whose upright image has so many pixels.

    ``parts`` are those of a JPEG, where they are known.
    """
    samples, depth, scanned = _MOST_SAMPLES, 1, 0.0
    if suffix == ".png":
        samples, depth = _png(data)
    elif suffix == ".jpg":
        samples, scanned = _jpeg(data, jpeg.parts(data) if parts is None else parts)
    elif suffix == ".heic":
        samples = _MOST_SAMPLES if heic.picture(data).has_alpha else 3
    return Raster(
        suffix=suffix,
        width=width,
        height=height,
        samples=samples,
        depth=depth,
        file_bytes=len(data),
        scanned=scanned,
    )


def _png(data: Buffer) -> tuple[int, int]:
    """Samples and bytes of each."""
    depth, colour = data[24], data[25]
    pixels_at = data.find(b"IDAT", 0)
    has_transparency = data.find(b"tRNS", 0, max(pixels_at, 0)) >= 0
    samples = _MOST_SAMPLES if has_transparency else _PNG_SAMPLES.get(colour, _MOST_SAMPLES)
    return samples, 2 if depth == 16 else 1


def _jpeg(data: Buffer, segments: Iterable[jpeg.Part]) -> tuple[int, float]:
    """Samples, and how many of them all scans go over for each pixel; 0 for that if the only scan has them all."""
    parts: dict[int, float] = {}
    scans = 0
    scanned = 0.0
    for number, (kind, begin, end) in enumerate(segments):
        if number == MOST_SEGMENTS:
            return _MOST_SAMPLES, math.inf
        if kind in jpeg.FRAMES and not parts:
            parts = _parts(data[begin + 4 : end])
        elif kind == jpeg.SCAN:
            scans += 1
            count = max(data[begin + 4 : begin + 5], default=0)
            scanned += sum(parts.get(name, 1.0) for name in data[begin + 5 : begin + 5 + 2 * count : 2])
    samples = 1 if len(parts) == 1 else _MOST_SAMPLES if len(parts) == 4 else 3
    return samples, scanned if scans > 1 else 0.0


def _parts(frame: bytes) -> dict[int, float]:
    """By a component's name, how many samples it has for each pixel."""
    areas = {
        name: (factors >> 4) * (factors & 15) for name, factors in zip(frame[6::3], frame[7::3], strict=False)
    }
    largest = max(areas.values(), default=1) or 1
    return {name: area / largest for name, area in areas.items()}
