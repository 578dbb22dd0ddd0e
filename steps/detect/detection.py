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
    face: bool = False
    """Whether it shows the object's face, which cannot be seen from behind."""
    kind: str | None = None
    """Which sign it most likely is, a class of :mod:`steps.signs.classes`; None if no class is more likely than not."""

    def as_json(self) -> Json:
        """The contract's form; pixels to a thousandth. What is not known is left out."""
        found: Json = {"bbox": [round(edge, 3) for edge in self.bbox], "score": round(self.score, 4)}
        said = {"label": self.label, "face": self.face or None, "kind": self.kind}
        return {**found, **{name: value for name, value in said.items() if value is not None}}


Finder = Callable[[Image], list[Detection]]
"""Finds the signs of one perspective image."""


def once(found: Sequence[Detection], max_iou: float, turn: float | None = None) -> list[Detection]:
    """Each object once: the best of the detections whose boxes overlap by more than ``max_iou`` (or nest).

    ``turn`` is the width after which x repeats (a panorama's), if it does.
    """
    kept = boxes.nms([d.bbox for d in found], [d.score for d in found], max_iou, turn)
    return [found[i] for i in kept]
