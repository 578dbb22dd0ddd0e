"""What the finders of signs give back: a sign in one image, each sign once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from steps.detect import boxes
from steps.detect.boxes import Box
from steps.stepkit.arrays import Image
from steps.stepkit.loop import Json


@dataclass(frozen=True, kw_only=True)
class Detection:
    """A sign's outer rim in one image: COCO edges in pixels, a probability, its shape and colour."""

    bbox: Box
    score: float
    label: str | None = None

    def as_json(self) -> Json:
        """The contract's form; pixels to a thousandth."""
        found: Json = {"bbox": [round(edge, 3) for edge in self.bbox], "score": round(self.score, 4)}
        return found if self.label is None else {**found, "label": self.label}


Finder = Callable[[Image], list[Detection]]
"""Finds the signs of one perspective image."""


def once(found: Sequence[Detection], max_iou: float, turn: float | None = None) -> list[Detection]:
    """Each object once: the best of the detections whose boxes overlap by more than ``max_iou`` (or nest).

    ``turn`` is the width after which x repeats (a panorama's), if it does.
    """
    kept = boxes.nms([d.bbox for d in found], [d.score for d in found], max_iou, turn)
    return [found[i] for i in kept]
