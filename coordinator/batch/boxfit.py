"""Boxes that were made on an image of some size, in the pixels of the photograph that the batch has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from coordinator.formats.boxes import ImageDetections
from coordinator.strictjson import Json

_INSIDE = 0.5
"""The part of a box's area that has to lie in the image: of the rest of it nothing was seen."""
_SURELY_CORNERS = 5
"""So many boxes, all of them wider than far from the left and higher than far from the top, are corners."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Detections in the photograph's pixels. ``outside`` boxes were left out, ``cut`` ones end at its edge."""

    detections: list[Json]
    scaled: bool = False
    cut: int = 0
    outside: int = 0


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """The whole panorama that an image is, or is a part of: its size, and where the image's edges lie, in pixels.

    Boxes may cross its seam. What was detected in the whole of it is told in the pixels of the part, and may lie beyond
    the part's edges.
    """

    width: float
    height: float
    left: float = 0.0
    top: float = 0.0


def sphere_of(camera: Json | None, width: int | None, height: int | None) -> Sphere | None:
    """The panorama that an image of ``width`` x ``height`` pixels is, or is a part of; None for any other."""
    if camera is None or camera["model"] != "equirectangular" or width is None or height is None:
        return None
    crop = camera.get("crop")
    if crop is None:
        return Sphere(width=width, height=height)
    return Sphere(width=crop["full_width"], height=crop["full_height"], left=crop["left"], top=crop["top"])


def fitted(
    found: ImageDetections, width: int | None, height: int | None, *, sphere: Sphere | None = None
) -> Fitted | str:
    """The detections in an upright photograph of ``width`` x ``height`` pixels, or why they do not fit it.

    Without a size there is nothing to fit pixels to, and they stay as they are.
    """
    if width is None or height is None:
        if found.normalised:
            return "its size is not known, and the boxes are parts of it"
        return Fitted(detections=found.detections)
    theirs = found.width, found.height
    if found.width is not None and found.height is not None and theirs != (width, height):
        if not _same_shape((found.width, found.height), (width, height)):
            return _other_shape((found.width, found.height), (width, height))
        scaled = True
    else:
        scaled = False
    if found.normalised:
        scale = float(width), float(height)
    elif scaled and found.width and found.height:
        scale = width / found.width, height / found.height
    else:
        return _placed(found.detections, width, height, sphere)
    across, down = scale
    moved = [
        {**one, "bbox": [x * across, y * down, w * across, h * down]}
        for one in found.detections
        for x, y, w, h in (one["bbox"],)
    ]
    return replace(_placed(moved, width, height, sphere), scaled=scaled and not found.normalised)


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is the other made smaller: its sides are off by no more than a pixel's rounding."""
    (a, b), (c, d) = sorted((one, other))
    return abs(a - c * b / d) <= 1 or abs(b - d * a / c) <= 1


def _other_shape(theirs: tuple[int, int], ours: tuple[int, int]) -> str:
    told = f"the file has it as {theirs[0]}x{theirs[1]}, the image is {ours[0]}x{ours[1]}"
    if _same_shape(theirs[::-1], ours):
        return f"{told} when it is turned upright"
    return told


def _placed(detections: list[Json], width: int, height: int, sphere: Sphere | None) -> Fitted:
    """Within the image, or within the whole panorama that it is a part of."""
    if sphere is None:
        return _within(detections, width, height, wraps=False)
    if not (sphere.left or sphere.top):
        return _within(detections, sphere.width, sphere.height, wraps=True)
    there = [_moved(one, sphere.left, sphere.top) for one in detections]
    fit = _within(there, sphere.width, sphere.height, wraps=True)
    return replace(fit, detections=[_moved(one, -sphere.left, -sphere.top) for one in fit.detections])


def _moved(detection: Json, right: float, down: float) -> Json:
    x, y, w, h = detection["bbox"]
    return {**detection, "bbox": [x + right, y + down, w, h]}


def _within(detections: list[Json], width: float, height: float, *, wraps: bool) -> Fitted:
    """Boxes that stick out are cut; those of which the image shows less than half are left out."""
    if all(_is_inside(one["bbox"], width, height) for one in detections):
        return Fitted(detections=detections)
    kept = []
    cut = outside = 0
    for one in detections:
        box = _cut(one["bbox"], width, height, wraps)
        if box is None:
            outside += 1
            continue
        cut += box[2:] != one["bbox"][2:]
        kept.append(one if box == one["bbox"] else {**one, "bbox": box})
    return Fitted(detections=kept, cut=cut, outside=outside)


def _is_inside(box: list[float], width: float, height: float) -> bool:
    x, y, w, h = box
    return x >= 0 and y >= 0 and x + w <= width and y + h <= height


def _cut(box: list[float], width: float, height: float, wraps: bool) -> list[float] | None:
    """The part of the box in the image, all of it across a panorama's seam; None if that is less than half."""
    x, y, w, h = box
    top, deep = _overlap(y, h, height)
    begins = -width < x < 2 * width and w <= width  # some turn the panorama before they detect
    left, wide = (x % width, w) if wraps and begins else _overlap(x, w, width)
    return [left, top, wide, deep] if wide > 0 and deep > 0 and wide * deep >= _INSIDE * w * h else None


def _overlap(start: float, length: float, end: float) -> tuple[float, float]:
    """Where the stretch begins in 0..end, and how long it is there; the very same numbers if all of it is."""
    if start >= 0 and start + length <= end:
        return start, length
    first = max(0.0, start)
    return first, min(float(end), start + length) - first


def are_parts(images: Iterable[ImageDetections]) -> bool:
    """Whether all boxes of all images lie in 0..1: no detector finds things of one pixel in the corner of an image."""
    edges = [edge for image in images for one in image.detections for edge in _far_corner(one["bbox"])]
    whole = all(edge == int(edge) for edge in edges)
    return bool(edges) and not whole and all(0 <= edge <= 1.001 for edge in edges)


def _far_corner(box: list[float]) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y + h]


def like_corners(images: Iterable[ImageDetections]) -> tuple[bool, bool]:
    """Whether all boxes could be two corners, x, y, x, y, and whether they are so many that they surely are."""
    boxes = [one["bbox"] for image in images if not image.normalised for one in image.detections]
    possible = bool(boxes) and all(w > x and h > y for x, y, w, h in boxes)
    return possible, possible and len(boxes) >= _SURELY_CORNERS
