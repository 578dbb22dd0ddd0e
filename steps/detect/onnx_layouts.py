"""What a detection network's output means: its layouts, told apart by shape and by what the exporter wrote.

===========  ================  ====================================================================
``yolov5``   n x N x (5 + C)   centre x, centre y, width, height, objectness, C class scores
``yolov8``   n x (4 + C) x N   centre x, centre y, width, height, C class scores: YOLOv8, 11, 12 and their like
                               (also untransposed, n x N x (4 + C))
``nms``      n x N x 6         left, top, right, bottom, score, class number: suppressed in the model
                               (ultralytics' nms=True, YOLOv10 and YOLO26 end to end)
===========  ================  ====================================================================

All in pixels of the network's input. N follows from that input's size for the first two, with one place or three for
every 8, 16 and 32 pixels (and 64 in some); that and the number of classes tell ``auto`` which one it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steps.stepkit.arrays import F32, Index
from steps.stepkit.loop import BadInput

_STRIDES = (8, 16, 32, 64)
_ROUNDED = 1e-3
"""By so much a score may lie outside of 0..1."""
_SHARES = 2.0
"""A network whose boxes are all smaller than this tells shares of its input instead of pixels."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is known of an output before it is seen."""

    layout: str
    """One of the table's, or auto."""
    classes: int = 0
    """How many there are; 0 if that is not known."""
    size: tuple[int, int] = (0, 0)
    """(height, width) of the network's input."""
    suppressed: bool = False
    """Whether the file says that it suppresses overlapping boxes itself."""


@dataclass(frozen=True, kw_only=True)
class Boxes:
    """Raw boxes of one image: ``corners`` (n, 4) in pixels of the input, ``scores`` (n,), class numbers (n,)."""

    corners: F32
    scores: F32
    classes: Index


def table(outputs: Sequence[F32]) -> F32:
    """Of a network's outputs the one that holds boxes, shape (n, rows, columns). Raises BadInput if that is unclear."""
    found = [output for output in outputs if output.ndim == 3]
    if len(found) != 1:
        shapes = ", ".join(_shape(output.shape) for output in outputs)
        raise BadInput(f"the model's output is {shapes}, not one table of images x boxes x values")
    if not np.isfinite(found[0]).all():
        raise BadInput("the model's output holds numbers that are not finite")
    return found[0]


def decode(raw: F32, expected: Expected) -> Boxes:
    """The boxes of one image out of its table, shape (rows, columns).

    Raises BadInput for an output of another form, with what to set.
    """
    layout = _layout(raw.shape, expected)
    if layout == "nms":
        if raw.shape[1] != 6:
            raise _misfit(raw.shape, "layout nms, which has 6 values a box")
        if (raw[:, 5] != np.round(raw[:, 5])).any():
            raise _misfit(raw.shape, "layout nms, whose last value is the number of a class")
        boxes = Boxes(corners=raw[:, :4], scores=raw[:, 4], classes=raw[:, 5].astype(np.intp))
    else:
        boxes = _from_centres(raw, layout, expected)
    if len(boxes.scores) and not (boxes.scores.min() >= -_ROUNDED and boxes.scores.max() <= 1 + _ROUNDED):
        raise _misfit(
            raw.shape,
            f"layout {layout}: its scores would run from {boxes.scores.min():.3g} to {boxes.scores.max():.3g}",
        )
    if len(boxes.corners) and 0 < np.abs(boxes.corners).max() < _SHARES:
        raise BadInput("the model's boxes are shares of its input, not pixels of it; export it with pixels")
    return boxes


def _from_centres(raw: F32, layout: str, expected: Expected) -> Boxes:
    values = 5 if layout == "yolov5" else 4
    wanted = values + expected.classes if expected.classes else None
    if wanted is None:
        is_turned = layout == "yolov8" and raw.shape[0] < raw.shape[1]
    else:
        is_turned = layout == "yolov8" and raw.shape[1] != wanted
    rows = raw.T if is_turned else raw
    if rows.shape[1] <= values or (wanted is not None and rows.shape[1] != wanted):
        named = f" and {expected.classes} classes" if expected.classes else ""
        raise _misfit(raw.shape, f"layout {layout}{named}")
    scores = rows[:, 5:] * rows[:, 4:5] if layout == "yolov5" else rows[:, 4:]
    best = scores.argmax(axis=1)
    half = rows[:, 2:4] / 2
    return Boxes(
        corners=np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1),
        scores=scores[np.arange(len(scores)), best],
        classes=best,
    )


def _layout(shape: tuple[int, ...], expected: Expected) -> str:
    """Which of the layouts a table has. Raises BadInput if it could be several."""
    if expected.layout != "auto":
        return expected.layout
    if expected.suppressed:
        return "nms"
    likely = _by_classes(shape, expected.classes)
    if len(likely) > 1:
        likely = [layout for layout in likely if layout in _by_places(shape, expected.size)] or likely
    if len(likely) == 1:
        return likely[0]
    raise _misfit(shape, " and ".join(likely) + " alike" if likely else f"{expected.classes} classes")


def _by_classes(shape: tuple[int, ...], classes: int) -> list[str]:
    """The layouts that have so many values; where nobody says how many classes there are, those that have any."""
    rows, columns = shape
    fits = {
        "yolov8": 4 + classes in (rows, columns) if classes else min(rows, columns) > 4,
        "yolov5": columns == 5 + classes if classes else columns > 5 and rows > columns,
        "nms": columns == 6,
    }
    return [layout for layout, fit in fits.items() if fit]


def _by_places(shape: tuple[int, ...], size: tuple[int, int]) -> list[str]:
    """The layouts that have so many boxes for an input of this (height, width)."""
    rows, columns = shape
    places = {
        sum(-(-size[0] // stride) * -(-size[1] // stride) for stride in _STRIDES[:count]) for count in (3, 4)
    }
    if columns in places or rows in places:
        return ["yolov8"]
    if rows in {3 * count for count in places}:
        return ["yolov5"]
    # A table that is longer than wide, and of no known network's length.
    return ["yolov8"] if rows < columns else ["nms"] if columns == 6 else []


def _misfit(shape: tuple[int, ...], wanted: str) -> BadInput:
    return BadInput(
        f"the model's output of {_shape(shape)} an image does not fit {wanted}; set layout (yolov5, yolov8 or nms) "
        "and classes"
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
