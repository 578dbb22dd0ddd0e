"""Detect traffic signs in one photograph: the step's pure function."""

from __future__ import annotations

from steps.detect import classical, onnx_model
from steps.detect.boxes import Box
from steps.detect.detection import Detection, Finder, once
from steps.detect.settings import Settings
from steps.detect.tiles import tiles
from steps.stepkit.arrays import Image
from steps.stepkit.camera import Sphere, sphere
from steps.stepkit.loop import BadInput, Json


def detect(image: Image, camera: Json | None, settings: Settings) -> list[Detection]:
    """The signs in a BGR image, shape (height, width, 3), best first; boxes are COCO edges in its pixels.

    ``camera`` is the item's: an equirectangular image is looked at through perspective tiles, with
    0 <= x < width and x + width beyond the image's where a sign crosses the seam, which a part of a panorama has
    only if it goes all the way round. Any other image is taken as it is. Raises BadInput for a camera model that is
    neither, a crop that is none, or a model file that cannot be used.
    """
    find = _finder(settings)
    if camera is not None and camera.get("model") == "equirectangular":
        found = _around(image, _sphere(camera, image), find, settings)
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


def _sphere(camera: Json, image: Image) -> Sphere:
    try:
        return sphere(camera, image.shape[1], image.shape[0])
    except ValueError as error:
        raise BadInput(f"camera cannot be used: {error}") from error


def _around(image: Image, whole: Sphere, find: Finder, settings: Settings) -> list[Detection]:
    """Detections of all the tiles in the image's frame, each sign once."""
    found = [
        Detection(bbox=box, score=one.score, label=one.label)
        for tile in tiles(image, whole, settings.elevation)
        for one in find(tile.image)
        if not tile.cuts(one.bbox) and (box := _shown(tile.box_in_panorama(one.bbox), whole, image))
    ]
    # Away from a tile's middle a sign is larger there than in the panorama.
    sized = [d for d in found if settings.min_size <= max(d.bbox[2:]) <= settings.max_size]
    return once(sized, settings.overlap, turn=whole.width)


def _shown(box: Box, whole: Sphere, image: Image) -> Box | None:
    """A box as far as a part of a panorama shows it; None if it shows less than half of it."""
    if not whole.is_part:
        return box
    x, y, width, height = box
    right = x + width if whole.closed else min(x + width, float(image.shape[1]))
    left = x if whole.closed else max(x, 0.0)
    top, bottom = max(y, 0.0), min(y + height, float(image.shape[0]))
    if right <= left or bottom <= top or (right - left) * (bottom - top) < width * height / 2:
        return None
    return left, top, right - left, bottom - top
