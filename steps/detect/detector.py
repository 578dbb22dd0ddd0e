"""Detect traffic signs in one photograph: the step's pure function."""

from __future__ import annotations

from steps.detect import classical, onnx_model
from steps.detect.detection import Detection, Finder, once
from steps.detect.settings import Settings
from steps.detect.tiles import tiles
from steps.stepkit.arrays import Image
from steps.stepkit.loop import BadInput, Json


def detect(image: Image, camera: Json | None, settings: Settings) -> list[Detection]:
    """The signs in a BGR image, shape (height, width, 3), best first; boxes are COCO edges in its pixels.

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
        return onnx_model.finder(settings)
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
