"""Detect traffic signs in one photograph: the step's pure function."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial

from steps.detect import learned, onnx_model, second
from steps.detect.boxes import Box
from steps.detect.detection import Detection, Finder, once
from steps.detect.settings import Settings
from steps.detect.sight import in_panorama
from steps.detect.tiles import tiles
from steps.stepkit.arrays import Image
from steps.stepkit.camera import Sphere, read_model
from steps.stepkit.loop import Json

_ALL = 100_000
"""As many boxes as any image may have."""

Look = Generator[Image, list[Detection], list[Detection]]
"""Gives the perspective images to look at, takes each one's detections, and returns those of the photograph."""


def detect(image: Image, camera: Json | None, settings: Settings) -> list[Detection]:
    """The signs in a BGR image, shape (height, width, 3), best first; boxes are COCO edges in its pixels.

    ``camera`` is the item's: an equirectangular image is looked at through perspective tiles, with
    0 <= x < width and x + width beyond the image's where a sign crosses the seam, which a part of a panorama has
    only if it goes all the way round. Any other image is taken as it is. Raises BadInput for a camera model that is
    neither, a crop that is none, or a model file that cannot be used.
    """
    if not _is_learned(settings):
        return _found(image, camera, settings)
    likely = replace(settings, threshold=second.WORTH, max_detections=_ALL)
    judged = second.judged(image, camera, _found(image, camera, likely), settings.device)
    return _best([one for one in judged if one.score >= settings.threshold], settings)


def _is_learned(settings: Settings) -> bool:
    """Whether the committed network finds signs, whose boxes get a second look."""
    return settings.model is None and settings.method == "network"


def _found(image: Image, camera: Json | None, settings: Settings) -> list[Detection]:
    find = _finder(settings)
    return together([look(image, camera, settings)], lambda images: [find(image) for image in images])[0]


def look(image: Image, camera: Json | None, settings: Settings) -> Look:
    """What :func:`detect` does but for the finding and the second look, which are left to who takes its images.

    ``image`` is BGR, shape (height, width, 3). Raises BadInput as :func:`detect` does.
    """
    known = read_model(camera, "the photograph")
    if known is not None and known["model"] == "equirectangular":
        found = yield from _around(image, in_panorama(known, image.shape[1], image.shape[0]), settings)
    else:
        found = yield image
    return _best(found, settings)


def _best(found: list[Detection], settings: Settings) -> list[Detection]:
    best = sorted(found, key=lambda d: (-round(d.score, 4), d.bbox))
    return best[: settings.max_detections]


def together(
    looks: Sequence[Look], find: Callable[[list[Image]], list[list[Detection]]]
) -> list[list[Detection]]:
    """Several photographs' detections, each as :func:`detect` gives them; ``find`` gets an image of each at once."""
    done: dict[int, list[Detection]] = {}
    waiting: dict[int, Image] = {}

    def go_on(number: int, step: Callable[[], Image]) -> None:
        try:
            waiting[number] = step()
        except StopIteration as end:
            done[number] = end.value

    for number, one in enumerate(looks):
        go_on(number, one.__next__)
    while waiting:
        found = dict(zip(waiting, find(list(waiting.values())), strict=True))
        waiting.clear()
        for number, detections in found.items():
            go_on(number, partial(looks[number].send, detections))
    return [done[number] for number in range(len(looks))]


def _finder(settings: Settings) -> Finder:
    if settings.model is not None:
        return onnx_model.finder(settings)
    if settings.method == "classical":
        find = _load_classical()
        return lambda image: find(image, settings)
    return lambda image: learned.find(image, settings)


def _load_classical() -> Callable[[Image, Settings], list[Detection]]:
    """Loaded late: the network's users have no need of it."""
    from steps.detect.classical import finder

    return finder.find


def _around(image: Image, whole: Sphere, settings: Settings) -> Look:
    """Detections of all the tiles in the image's frame, each sign once."""
    found = []
    for tile in tiles(image, whole, settings.elevation):
        for one in (yield tile.image):
            if not tile.cuts(one.bbox) and (box := _shown(tile.box_in_panorama(one.bbox), whole, image)):
                found.append(replace(one, bbox=box))
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
