"""Panoramas: what Google's Photo Sphere XMP tells of one, and which part of the whole sphere an image is.

Source: "Photo Sphere XMP Metadata", https://developers.google.com/streetview/spherical-metadata
"""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.formats.exiftags import number
from coordinator.formats.geotag import Heading, Tilt, tilted, turned
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North
from coordinator.formats.xmp import GPANO, Xmp
from coordinator.strictjson import Json

_TOLERANCE = 0.01
"""Share by which the numbers of a packet may disagree, but at least a pixel: sizes are rounded."""
_LARGEST = 1e7
"""Pixels across that a whole panorama can have."""
_SIZES = (
    "FullPanoWidthPixels",
    "FullPanoHeightPixels",
    "CroppedAreaImageWidthPixels",
    "CroppedAreaImageHeightPixels",
    "CroppedAreaLeftPixels",
    "CroppedAreaTopPixels",
)


@dataclass(frozen=True, slots=True)
class Projection:
    """The camera of a panorama, or the reason why it has none."""

    camera: Json | None = None
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One direction of a part of a panorama: sizes of the whole and of the part, and where the part begins."""

    full: float
    size: float
    start: float

    @property
    def is_possible(self) -> bool:
        end = self.start + self.size
        return self.size >= 1.0 and self.start >= 0.0 and end <= self.full + 1.0 and self.full <= _LARGEST

    @property
    def is_whole(self) -> bool:
        return self.full == self.size


def projection(xmp: Xmp, width: int, height: int) -> Projection | None:
    """The camera of an image of ``width`` x ``height`` pixels, upright; None if its packet is not of a panorama."""
    if not xmp.names_panorama:
        return None
    if xmp.is_broken:
        return Projection()
    kind = xmp.get(GPANO, "ProjectionType")
    told = [xmp.get(GPANO, name) for name in _SIZES]
    if kind is None and all(value is None for value in told[:4]):
        return None
    if kind is not None and kind.lower() != "equirectangular":
        return Projection(remarks=(Remark.UNKNOWN_PROJECTION,))
    sizes = [number(value) for value in told]
    if any(size is None and value is not None for size, value in zip(sizes, told, strict=True)):
        return Projection(remarks=(Remark.BAD_CROP,))
    full_width, full_height, part_width, part_height, left, top = sizes
    if all(size is None for size in sizes):  # no word of a part: it is the whole
        part_width, part_height = width, height
    across, down = _part(full_width, part_width, left), _part(full_height, part_height, top)
    camera = _camera(across, down, width, height)
    return Projection(camera, () if camera else (Remark.BAD_CROP,))


def heading(xmp: Xmp) -> Heading | None:
    """The heading of the whole panorama's centre, from true north, if there is one."""
    told = xmp.get(GPANO, "PoseHeadingDegrees")
    return None if told is None else turned(number(told), North.TRUE)


def tilt(xmp: Xmp) -> Tilt:
    """The pitch and roll of the whole panorama."""
    return tilted(xmp.get(GPANO, "PosePitchDegrees"), xmp.get(GPANO, "PoseRollDegrees"))


def _part(full: float | None, size: float | None, start: float | None) -> _Part | None:
    """One direction of a part; None if it is not told where in the whole it lies."""
    full, size = full or size, size or full
    if full is None or size is None or (start is None and full != size):
        return None
    return _Part(full, size, start or 0.0)


def _camera(across: _Part | None, down: _Part | None, width: int, height: int) -> Json | None:
    """The camera of an image that is this part of a panorama; None if it cannot be."""
    if across is None or down is None or not (across.is_possible and down.is_possible):
        return None
    scale = width / across.size
    is_twice_as_wide = abs(across.full - 2 * down.full) <= 2 * _slack(down.full)
    is_same_part = abs(down.size * scale - height) <= _slack(height)
    if not (is_twice_as_wide and is_same_part):
        return None
    if across.is_whole and down.is_whole:
        return {"model": "equirectangular"}
    crop = {
        "full_width": across.full * scale,
        "full_height": down.full * height / down.size,
        "left": across.start * scale,
        "top": down.start * height / down.size,
    }
    return {"model": "equirectangular", "crop": crop}


def _slack(size: float) -> float:
    return max(1.0, _TOLERANCE * size)
