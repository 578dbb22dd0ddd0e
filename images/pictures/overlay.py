"""Photographs of a run with its detections and objects drawn in.

Boxes of final objects carry category and id; detections that became no object are drawn faintly. Everything is
drawn on a transparent layer twice as large, so that the lines come out smooth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from images.pictures.findings import Capture, Colour, Findings, Mapped, Rectangle, label
from images.pictures.placing import Box, line, place

WIDTH = 1600
_GAP = 10
_HEIGHTS = (400, 600)
"""The least and the greatest height of one photograph's band."""
_ABOVE, _BELOW = 190.0, 110.0
"""What is shown above and below the objects of a band: labels go above them."""
_LARGER = 2
_SPREAD = 4.0
"""How far a box is drawn outside of the detection, so that it does not hide the edge."""
_NAME, _ID = 21, 15
_FACE = 40.0
"""Objects that are smaller in the picture are shown a second time, enlarged, in their label."""
_PADDING = 8
_BAR = 6.0
_CAPTION = 18


@dataclass(frozen=True)
class Seen:
    """One object's rectangle in one photograph, in the band's pixels."""

    thing: Mapped
    box: Box

    @property
    def frame(self) -> Box:
        """What is drawn around it."""
        return self.box.grown(_SPREAD)

    @property
    def small(self) -> bool:
        return max(self.box.width, self.box.height) < _FACE


@dataclass(frozen=True)
class Marks:
    """What is drawn into one photograph: views of objects, and detections that became none."""

    seen: tuple[Seen, ...]
    faint: tuple[Box, ...]


def draw(findings: Findings) -> Image.Image:
    """The panorama and the perspective photograph with the most recognised objects, one above the other.

    Raises ValueError if no object was seen in any photograph, OSError if one cannot be read.
    """
    chosen = [capture for panorama in (True, False) if (capture := _richest(findings, panorama=panorama))]
    if not chosen:
        raise ValueError("no object of the run was seen in any recording of the batch")
    bands = [_band(findings, capture) for capture in chosen]
    height = sum(band.height for band in bands) + _GAP * (len(bands) - 1)
    picture = Image.new("RGB", (WIDTH, height), (255, 255, 255))
    y = 0
    for band in bands:
        picture.paste(band, (0, y))
        y += band.height + _GAP
    return picture


def views(findings: Findings, capture: Capture) -> list[tuple[Mapped, Rectangle]]:
    """The objects seen in a recording, with their rectangles in its image."""
    return [
        (thing, view.box)
        for thing in findings.objects
        for view in thing.observations
        if view.recording == capture.id
    ]


def _richest(findings: Findings, *, panorama: bool) -> Capture | None:
    """The recording of a kind that shows the most recognised objects; of equals, the one that shows them larger."""

    def worth(capture: Capture) -> tuple[int, float]:
        recognised = [box for thing, box in views(findings, capture) if thing.recognised]
        return len(recognised), sum(box[2] * box[3] for box in recognised)

    of_kind = [capture for capture in findings.captures if capture.panorama == panorama]
    best = max(of_kind, key=worth, default=None)
    return best if best is not None and worth(best)[0] > 0 else None


def _band(findings: Findings, capture: Capture) -> Image.Image:
    """One photograph, cut to the band of its objects, with everything drawn in."""
    with Image.open(capture.file) as file:
        photograph = ImageOps.exif_transpose(file).convert("RGB")
    scale = WIDTH / photograph.width
    photograph = photograph.resize((WIDTH, round(photograph.height * scale)), Image.Resampling.LANCZOS)
    found = views(findings, capture)
    top, bottom = rows([_scaled(box, scale, 0) for _, box in found], photograph.height)
    photograph = photograph.crop((0, top, WIDTH, bottom))

    marks = _marks(findings, capture, scale, top)
    layer = Image.new("RGBA", (WIDTH * _LARGER, photograph.height * _LARGER), (255, 255, 255, 0))
    pen = ImageDraw.Draw(layer)
    _boxes(pen, marks, findings.colours)
    caption = _caption(pen, capture, photograph.height, marks)
    _labels(layer, photograph, marks, caption, findings.colours)
    layer = layer.resize(photograph.size, Image.Resampling.LANCZOS)
    return Image.alpha_composite(photograph.convert("RGBA"), layer).convert("RGB")


def _marks(findings: Findings, capture: Capture, scale: float, top: int) -> Marks:
    found = views(findings, capture)
    used = {box for _, box in found}
    rest = [box for box in findings.detections.get(capture.name, ()) if box not in used]
    return Marks(
        seen=tuple(Seen(thing, part) for thing, box in found for part in _wrapped(_scaled(box, scale, top))),
        faint=tuple(part for box in rest for part in _wrapped(_scaled(box, scale, top))),
    )


def rows(boxes: Sequence[Box], height: int) -> tuple[int, int]:
    """First row and the one after the last of the band that shows ``boxes`` of a photograph ``height`` high."""
    first = min(box.y for box in boxes) - _ABOVE
    last = max(box.y + box.height for box in boxes) + _BELOW
    size = round(min(max(last - first, _HEIGHTS[0]), _HEIGHTS[1], height))
    top = round(min(max((first + last - size) / 2, 0), height - size))
    return top, top + size


def _scaled(box: Rectangle, scale: float, top: int) -> Box:
    x, y, width, height = (value * scale for value in box)
    return Box(x, y - top, width, height)


def _wrapped(box: Box) -> list[Box]:
    """The box, and its other half if it crosses a panorama's seam."""
    if box.x + box.width <= WIDTH:
        return [box]
    return [box, Box(box.x - WIDTH, box.y, box.width, box.height)]


def _corners(box: Box) -> tuple[float, float, float, float]:
    return (
        box.x * _LARGER,
        box.y * _LARGER,
        (box.x + box.width) * _LARGER,
        (box.y + box.height) * _LARGER,
    )


def _boxes(pen: ImageDraw.ImageDraw, marks: Marks, colours: dict[str, Colour]) -> None:
    for box in marks.faint:
        pen.rectangle(_corners(box.grown(1)), outline=(20, 20, 20, 60), width=_LARGER)
        pen.rectangle(_corners(box), outline=(255, 255, 255, 130), width=_LARGER)
    for one in marks.seen:
        outside, colour = one.frame.grown(1), (*colours[one.thing.category], 255)
        pen.rounded_rectangle(_corners(outside), 4 * _LARGER, outline=(255, 255, 255, 230), width=5 * _LARGER)
        pen.rounded_rectangle(_corners(one.frame), 3 * _LARGER, outline=colour, width=3 * _LARGER)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface, so that the picture is the same on every machine."""
    return ImageFont.load_default(size * _LARGER)


def _length(words: str, size: int) -> float:
    return float(_font(size).getlength(words)) / _LARGER


def _caption(pen: ImageDraw.ImageDraw, capture: Capture, height: int, marks: Marks) -> Box:
    kind = "panorama" if capture.panorama else "forward view"
    counts = f"{len(marks.seen)} objects, {len(marks.faint)} other detections"
    words = f"{capture.name}   {kind}, {counts}"
    box = Box(12, height - 42, _length(words, _CAPTION) + 20, 30)
    pen.rounded_rectangle(_corners(box), 5 * _LARGER, fill=(20, 24, 28, 190))
    _write(pen, (box.x + 10, box.y + box.height / 2), words, _CAPTION, (255, 255, 255, 255))
    return box


def _write(
    pen: ImageDraw.ImageDraw,
    place: tuple[float, float],
    words: str,
    size: int,
    colour: tuple[int, int, int, int],
) -> None:
    """Write ``words`` from a point at the middle of the line's height."""
    pen.text((place[0] * _LARGER, place[1] * _LARGER), words, colour, _font(size), anchor="lm")


def _labels(
    layer: Image.Image, photograph: Image.Image, marks: Marks, caption: Box, colours: dict[str, Colour]
) -> None:
    """A label near each box, the most crowded first; one that has no room is left out."""
    bounds = Box(0, 0, *photograph.size).grown(-8)
    taken = [caption.grown(4), *(one.frame for one in marks.seen)]
    avoided = np.array([box.middle for box in marks.faint], dtype=np.float64).reshape(-1, 2)
    for one in sorted(marks.seen, key=lambda one: (-_crowd(one, marks.seen), one.box.y, one.box.x)):
        box = place(one.frame, _plate_size(one), bounds=bounds, taken=taken, avoided=avoided)
        if box is not None:
            taken.append(box.grown(5))
            _plate(layer, photograph, one, box, colours[one.thing.category])


def _crowd(one: Seen, seen: Sequence[Seen]) -> int:
    """How many objects stand close by."""
    return sum(one.box.grown(50).meets(other.box) for other in seen)


def _plate_size(one: Seen) -> tuple[float, float]:
    words = max(_length(label(one.thing.category), _NAME), _length(one.thing.id, _ID))
    height = _NAME + _ID + 2 * _PADDING + 2.0
    return words + 2 * _PADDING + (height if one.small else _BAR), height


def _plate(layer: Image.Image, photograph: Image.Image, one: Seen, box: Box, colour: Colour) -> None:
    pen = ImageDraw.Draw(layer)
    ends = [value * _LARGER for point in line(one.frame, box) for value in point]
    pen.line(ends, fill=(255, 255, 255, 230), width=5 * _LARGER)
    pen.line(ends, fill=(*colour, 255), width=2 * _LARGER)
    pen.rounded_rectangle(_corners(box), 5 * _LARGER, fill=(20, 24, 28, 225))
    head = Box(box.x, box.y, box.height if one.small else _BAR, box.height)
    left = (True, False, False, True)
    pen.rounded_rectangle(_corners(head), 5 * _LARGER, fill=(*colour, 255), corners=left)
    if one.small:
        _face(layer, photograph, one.box, head.grown(-3))
    x = head.x + head.width + _PADDING
    _write(pen, (x, box.y + _PADDING + _NAME / 2), label(one.thing.category), _NAME, (255, 255, 255, 255))
    low = box.y + box.height - _PADDING - _ID / 2
    _write(pen, (x, low), one.thing.id, _ID, (196, 204, 212, 255))


def _face(layer: Image.Image, photograph: Image.Image, box: Box, room: Box) -> None:
    """The object itself, enlarged into a square."""
    x, y = box.middle
    half = 0.58 * max(box.width, box.height)
    corners = _corners(room)
    size = (round(corners[2]) - round(corners[0]), round(corners[3]) - round(corners[1]))
    face = photograph.resize(size, Image.Resampling.BICUBIC, _clipped(photograph, x, y, half))
    layer.paste(face.convert("RGBA"), (round(corners[0]), round(corners[1])))


def _clipped(photograph: Image.Image, x: float, y: float, half: float) -> tuple[float, float, float, float]:
    """A square around (x, y), pushed into the photograph."""
    left = min(max(x - half, 0.0), photograph.width - 2 * half)
    top = min(max(y - half, 0.0), photograph.height - 2 * half)
    return left, top, left + 2 * half, top + 2 * half
