"""Signs of one perspective image by the committed network: seen in full resolution, and in a quarter if large.

How the network was made and measured is in ``weights.json`` beside it, and in :mod:`steps.training.detect`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from steps.detect import boxes, heat
from steps.detect.detection import Detection, once
from steps.detect.heat import CLASSES, STRIDE, Maps, Peaks
from steps.detect.settings import Settings
from steps.stepkit import network
from steps.stepkit.arrays import F32, Image
from steps.stepkit.network import Network

WEIGHTS = Path(__file__).with_name("weights.onnx")
_MULTIPLE = 32
"""The network's coarsest map has a place for so many pixels; its input is filled up to a multiple of them."""
_SIGHT = 224
"""Nothing farther than this many pixels away changes what the network says of a place (its receptive field is 383)."""
_CORE = 1600
"""Of larger images so many pixels are looked at in one go, with what is in sight around them: 210 MB of memory."""
_COARSER = 4
"""So much coarser is the look for signs that are too large for the one before: it takes a sixteenth of the time."""
_LARGEST, _HANDED_ON = 230.0, 180.0
"""Signs up to the first size, in the network's pixels, are taken from a look, those above the second from the coarser
one, too."""
_SHARE = 0.7
"""No coarser look is taken at a picture for signs that fill more than this share of its smaller side."""


def find(image: Image, settings: Settings) -> list[Detection]:
    """Signs of a perspective image, BGR, shape (height, width, 3), each once; boxes are COCO edges in its pixels.

    Raises BadInput if the weights or the device cannot be used.
    """
    wanted = tuple(i for i, label in enumerate(CLASSES.values()) if label in settings.labels)
    loaded = network.load(WEIGHTS, settings.device)
    labels = tuple(CLASSES.values())
    found = []
    for look in _looks(image.shape[:2], settings):
        peaks = _seen(image, look, wanted, loaded, settings.threshold)
        found += [
            Detection(bbox=(x, y, width, height), score=float(score), label=labels[number])
            for (x, y, width, height), score, number in zip(
                peaks.boxes.tolist(), peaks.scores, peaks.classes, strict=True
            )
        ]
    return once(found, settings.overlap)


@dataclass(frozen=True, kw_only=True)
class Look:
    """One pass of the network over a picture."""

    scale: int
    """So many pixels across and down are made one first."""
    least: float
    most: float
    """Sizes of signs, in pixels of the picture, that are taken from it: the larger sides of their boxes."""


def _looks(shape: tuple[int, ...], settings: Settings) -> list[Look]:
    """One at full resolution, and coarser ones as far as the largest sign in a picture of this shape asks."""
    largest = min(settings.max_size, _SHARE * min(shape))
    looks, least = [], settings.min_size
    scale = 1
    while scale * _LARGEST < largest and min(shape) >= scale * _COARSER:
        looks.append(Look(scale=scale, least=least, most=scale * _LARGEST))
        least = max(scale * _HANDED_ON, settings.min_size)
        scale *= _COARSER
    return [*looks, Look(scale=scale, least=least, most=settings.max_size)]


def _seen(image: Image, look: Look, wanted: tuple[int, ...], loaded: Network, threshold: float) -> Peaks:
    """The signs that a look is for, in the image's pixels."""
    height, width = image.shape[0] // look.scale, image.shape[1] // look.scale
    peaks = heat.peaks(maps(_shrunk(image, width, height, look.scale), loaded), wanted, threshold)
    whole = peaks.boxes * look.scale
    corners = np.concatenate([whole[:, :2], whole[:, :2] + whole[:, 2:]], axis=1)
    shown = boxes.within(corners, image.shape[1], image.shape[0])
    sizes = shown[:, 2:].max(axis=1, initial=0)
    taken = (sizes >= look.least) & (sizes <= look.most) & (boxes.areas(shown) >= boxes.areas(whole) / 2)
    return Peaks(boxes=shown[taken], scores=peaks.scores[taken], classes=peaks.classes[taken])


def _shrunk(image: Image, width: int, height: int, scale: int) -> Image:
    if scale == 1:
        return image
    whole = image[: height * scale, : width * scale]
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def maps(image: Image, loaded: Network) -> Maps:
    """The network's maps of an image of any size, BGR, shape (height, width, 3).

    Of large ones they are put together from parts, each seen with all that bears on it: the same as of the whole.
    """
    height, width = (-(-side // _MULTIPLE) * _MULTIPLE for side in image.shape[:2])
    shape = height // STRIDE, width // STRIDE
    whole = Maps(heat=np.empty((len(CLASSES), *shape), np.float32), edges=np.empty((4, *shape), np.float32))
    for rows in _cores(height):
        for columns in _cores(width):
            _fill(whole, image, rows, columns, loaded)
    return whole


def _cores(side: int) -> list[slice]:
    """Where the parts lie along a side, without what they see around them."""
    if side <= _CORE + _SIGHT:
        return [slice(0, side)]
    return [slice(first, min(first + _CORE, side)) for first in range(0, side, _CORE)]


def _fill(whole: Maps, image: Image, rows: slice, columns: slice, loaded: Network) -> None:
    """Write a part of the maps."""
    height, width = (side * STRIDE for side in whole.edges.shape[1:])
    top, left = max(rows.start - _SIGHT, 0), max(columns.start - _SIGHT, 0)
    bottom, right = min(rows.stop + _SIGHT, height), min(columns.stop + _SIGHT, width)
    told = loaded.run(_inputs(image[top:bottom, left:right], bottom - top, right - left))
    here = tuple(slice(one.start // STRIDE, one.stop // STRIDE) for one in (rows, columns))
    inside = tuple(
        slice((one.start - first) // STRIDE, (one.stop - first) // STRIDE)
        for one, first in ((rows, top), (columns, left))
    )
    for target, part in zip((whole.heat, whole.edges), told, strict=True):
        target[:, *here] = part[0][:, *inside]


def _inputs(image: Image, height: int, width: int) -> F32:
    """The image as a network's input of shape (1, 3, height, width), BGR, 0..255, filled up with black."""
    inputs = np.zeros((1, 3, height, width), np.float32)
    inputs[0, :, : image.shape[0], : image.shape[1]] = image.transpose(2, 0, 1)
    return inputs
