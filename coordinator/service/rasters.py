"""What a file's first bytes promise of its pixels, for an estimate: samples, depth, and the scans of a JPEG. Pure.

It looks at files that have been examined; what it cannot follow counts as the most that such a file can have.
"""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Iterator

from coordinator.service.costs import Raster

Buffer = bytes | mmap.mmap

_PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 4, 6: 4}
"""By the colour type; transparency of another kind (a tRNS chunk) makes it four."""
_MOST_SAMPLES = 4
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
"""Where pixels end: stuffed bytes and restarts go on. It looks at each byte once, whatever a file is made of."""
_MOST_SEGMENTS = 5_000
"""Of a JPEG; cameras and editors write some hundreds at most."""


def raster(data: Buffer, suffix: str, width: int, height: int) -> Raster:
    """The raster of a file of ``suffix`` whose upright image has so many pixels."""
    samples, depth, scanned = _MOST_SAMPLES, 1, 0.0
    if suffix == ".png":
        samples, depth = _png(data)
    elif suffix == ".jpg":
        samples, scanned = _jpeg(data)
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
    pixels_at = data.find(b"IDAT")
    has_transparency = data.find(b"tRNS", 0, max(pixels_at, 0)) >= 0
    samples = _MOST_SAMPLES if has_transparency else _PNG_SAMPLES.get(colour, _MOST_SAMPLES)
    return samples, 2 if depth == 16 else 1


def _jpeg(data: Buffer) -> tuple[int, float]:
    """Samples, and how many of them all scans go over for each pixel; 0 for that if the only scan has them all."""
    parts: dict[int, float] = {}
    scans = 0
    scanned = 0.0
    for number, (kind, body) in enumerate(_segments(data)):
        if number == _MOST_SEGMENTS:
            return _MOST_SAMPLES, math.inf
        if kind in _FRAMES and not parts:
            parts = _parts(body)
        elif kind == _SCAN:
            scans += 1
            scanned += sum(parts.get(name, 1.0) for name in body[1 : 1 + 2 * max(body[:1], default=0) : 2])
    samples = 1 if len(parts) == 1 else _MOST_SAMPLES if len(parts) == 4 else 3
    return samples, scanned if scans > 1 else 0.0


def _parts(frame: bytes) -> dict[int, float]:
    """By a component's name, how many samples it has for each pixel."""
    areas = {
        name: (factors >> 4) * (factors & 15) for name, factors in zip(frame[6::3], frame[7::3], strict=False)
    }
    largest = max(areas.values(), default=1) or 1
    return {name: area / largest for name, area in areas.items()}


def _segments(data: Buffer) -> Iterator[tuple[int, bytes]]:
    """Every marker's kind and what it holds, up to the image's end."""
    position = 2
    while (found := _MARKER.search(data, position)) and found[1][0] != _END:
        length = int.from_bytes(data[found.end() : found.end() + 2], "big")
        yield found[1][0], data[found.end() + 2 : found.end() + length]
        position = found.end() + max(2, length)
