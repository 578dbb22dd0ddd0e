"""Detect traffic signs in one photograph: the step's pure function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from steps.detect import boxes
from steps.detect.boxes import Box
from steps.detect.settings import Settings
from steps.detect.tiles import tiles
from steps.stepkit.arrays import Image
from steps.stepkit.loop import BadInput, Json


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


def detect(image: Image, camera: Json | None, settings: Settings) -> list[Detection]:
    """The signs in a BGR image, best first.

    ``camera`` is the item's: an equirectangular image is looked at through perspective tiles, with
    0 <= x < width and x + width beyond the image's where a sign crosses the seam. Any other image is taken as
    it is. Raises BadInput for a camera model that is neither, or a model file that cannot be used.
    """
    find = _finder(settings)
    if camera is not None and camera.get("model") == "equirectangular":
        found = _around(image, find, settings)
    elif camera is None or camera.get("model") == "pinhole":
        found = find(image)
    else:
        raise BadInput(f"unknown camera model {camera.get('model')!r}; known are equirectangular and pinhole")
    best = sorted(found, key=lambda d: (-round(d.score, 4), d.bbox))
    return best[: settings.max_detections]


def _finder(settings: Settings) -> Finder:
    if settings.model is not None:
        from steps.detect import onnx_model

        return onnx_model.finder(settings)
    from steps.detect import classical

    return lambda image: classical.find(image, settings)


def _around(image: Image, find: Finder, settings: Settings) -> list[Detection]:
    """Detections of all the tiles in the panorama's frame, each sign once."""
    found = [
        Detection(bbox=tile.box_in_panorama(one.bbox), score=one.score, label=one.label)
        for tile in tiles(image, settings.elevation)
        for one in find(tile.image)
        if not tile.cuts(one.bbox)
    ]
    # Away from a tile's middle a sign is larger there than in the panorama.
    sized = [d for d in found if settings.min_size <= max(d.bbox[2:]) <= settings.max_size]
    return once(sized, settings.overlap, turn=image.shape[1])


def once(found: Sequence[Detection], most: float, turn: float | None = None) -> list[Detection]:
    """Each object once: the best of the detections that overlap by more than ``most`` (or nest)."""
    kept = boxes.suppress([d.bbox for d in found], [d.score for d in found], most, turn)
    return [found[i] for i in kept]
