"""What of a photograph is looked at: of a large panorama the rows that its tiles show, less than half of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from steps.detect.detection import Detection
from steps.stepkit.arrays import Image
from steps.stepkit.camera import Sphere, read_model, sphere
from steps.stepkit.loop import BadInput, Json

_LARGE = 50_000_000
"""Pixels, 150 MB, up to which a panorama stays whole: there is little to be gained."""
_AROUND = 5.0
"""Degrees above and below what the tiles' middle columns show: there is room for what lies around a sign at an edge."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A photograph as far as it is looked at."""

    image: Image
    """BGR, shape (rows, width, 3)."""
    camera: Json | None
    """Of these rows."""
    top: int
    """Rows of the photograph above them."""

    def leave(self, found: Sequence[Detection]) -> list[Detection]:
        """Detections in these rows, in the photograph's pixels."""
        return [replace(one, bbox=(one.bbox[0], one.bbox[1] + self.top, *one.bbox[2:])) for one in found]


def sight(image: Image, camera: object, elevation: tuple[float, float]) -> Sight:
    """What of a BGR image, shape (height, width, 3), detect looks at with this ``elevation`` in degrees.

    The image is used up: a large one is cut down in its own memory, where there is no room for a copy beside it.
    ``camera`` is the item's. Raises BadInput for what is no camera of a known model, and for a crop that is none.
    """
    known = read_model(camera, "the photograph")
    if known is None or known["model"] != "equirectangular":
        return Sight(image=image, camera=known, top=0)
    height, width = image.shape[:2]
    whole = in_panorama(known, width, height)
    top, bottom = _rows(whole, height, elevation)
    if width * height <= _LARGE or bottom <= top:
        return Sight(image=image, camera=known, top=0)
    crop = {
        "full_width": whole.width,
        "full_height": whole.height,
        "left": whole.left,
        "top": whole.top + top,
    }
    return Sight(image=_cut_down(image, top, bottom), camera={**known, "crop": crop}, top=top)


def _cut_down(image: Image, top: int, bottom: int) -> Image:
    """The rows from ``top`` up to ``bottom``, moved to the beginning; the memory behind them is given back."""
    at_once = max(top, 1)
    for row in range(top, bottom, at_once):
        rows = slice(row, min(row + at_once, bottom))
        image[rows.start - top : rows.stop - top] = image[rows]
    image.resize((bottom - top, *image.shape[1:]), refcheck=False)
    return image


def in_panorama(camera: Json, width: int, height: int) -> Sphere:
    """Where an equirectangular image lies. Raises BadInput for a crop that is none."""
    try:
        return sphere(camera, width, height)
    except ValueError as error:
        raise BadInput(f"camera cannot be used: {error}") from error


def _rows(whole: Sphere, height: int, elevation: tuple[float, float]) -> tuple[int, int]:
    """The first row of the image that is looked at, and the first one that is not any more."""
    per_degree = whole.height / 180
    top = math.floor((90 - elevation[1] - _AROUND) * per_degree - whole.top)
    bottom = math.ceil((90 - elevation[0] + _AROUND) * per_degree - whole.top)
    return max(top, 0), min(bottom, height)
