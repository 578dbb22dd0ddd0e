"""The pinhole camera of a photograph from the focal length in its tags, or a guess that is said to be one."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.formats import devices
from coordinator.formats.exiftags import (
    APERTURE,
    DIGITAL_ZOOM,
    EXPOSURE,
    FOCAL,
    FOCAL_35MM,
    FOCAL_PLANE_RESOLUTION,
    FOCAL_PLANE_UNIT,
    MAKE,
    MODEL,
    PIXEL_X,
    PIXEL_Y,
    SENSITIVITY,
    Tags,
    named,
    number,
    positive,
)
from coordinator.strictjson import Json

_OF_CAMERA = frozenset((MAKE, MODEL, FOCAL, FOCAL_35MM, EXPOSURE, APERTURE, SENSITIVITY))
"""Tags that what no camera took does not have."""
_FILM_WIDTH = 36.0
"""Millimetres. The 35 mm equivalent is read as OpenSfM and most others do: of the longer side. Where a maker means the
diagonal, a 4:3 image's focal length is 4% off."""
_FOCAL_PRIOR = 0.85
"""Focal length of an unknown camera by the longer side, as OpenSfM's ``default_focal_prior``."""
_UNITS = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""Millimetres, by FocalPlaneResolutionUnit."""
_FILM_FOCALS = (1.0, 10_000.0)
"""Millimetres that a 35 mm equivalent can have: some write 65535 for an unknown one."""
_SENSORS = (1.0, 100.0)
"""Millimetres that a sensor can be wide."""
_RATIOS = (0.05, 100.0)
"""Focal lengths by the sensor's longer side: beyond fisheyes and telescopes they are mistakes."""
_MAX_ZOOM = 100.0
"""Times that a digital zoom can enlarge; more is a mistake."""
_SAME_SHAPE = 0.02
"""Share by which the shape of the file may differ from that of the photograph."""
_LONGEST = 2.5
"""Longer than this, an image has been cut, or put together of several."""


@dataclass(frozen=True, slots=True)
class Pinhole:
    """A camera of :data:`coordinator.formats.camera.CAMERA`; ``is_guessed`` says that its focal length may be wrong."""

    camera: Json
    is_guessed: bool


@dataclass(frozen=True, slots=True)
class _Focal:
    """In lengths of the image's longer side."""

    ratio: float
    is_guessed: bool = False


def has_focal_length(tags: Tags) -> bool:
    """Whether the photograph's tags have a focal length of any kind."""
    return any(positive(tags.photo.get(tag)) is not None for tag in (FOCAL, FOCAL_35MM))


def pinhole(tags: Tags, width: int, height: int) -> Pinhole | None:
    """The camera of an image of ``width`` x ``height`` pixels, upright; None if the tags are not of a camera."""
    focal = _of_film(tags) or _of_plane(tags) or _of_sensor(tags) or _supposed(tags)
    if focal is None:
        return None
    length = focal.ratio * max(width, height)
    camera = {
        "model": "pinhole",
        "fx": length,
        "fy": length,
        "cx": (width - 1) / 2,
        "cy": (height - 1) / 2,
    }
    return Pinhole(camera, focal.is_guessed or _is_doubtful(tags, width, height))


def _of_film(tags: Tags) -> _Focal | None:
    """From the 35 mm equivalent; whether that has the digital zoom in it is not settled: as in ExifTool, it has."""
    focal = positive(tags.photo.get(FOCAL_35MM))
    if focal is None or not _FILM_FOCALS[0] <= focal <= _FILM_FOCALS[1]:
        return None
    return _Focal(focal / _FILM_WIDTH, is_guessed=_zoom(tags) > 1.0)


def _of_plane(tags: Tags) -> _Focal | None:
    """From the focal length and the number of pixels on a millimetre of the sensor."""
    photo = tags.photo
    focal, resolution = positive(photo.get(FOCAL)), positive(photo.get(FOCAL_PLANE_RESOLUTION))
    sides = [positive(photo.get(tag)) for tag in (PIXEL_X, PIXEL_Y)]
    unit = _UNITS.get(int(number(photo.get(FOCAL_PLANE_UNIT, 2)) or 0))
    pixels = max((side for side in sides if side is not None), default=None)
    if focal is None or resolution is None or unit is None or pixels is None:
        return None
    return _on_sensor(tags, focal, pixels / resolution * unit)


def _of_sensor(tags: Tags) -> _Focal | None:
    """From the focal length and what is known of the camera."""
    focal = positive(tags.photo.get(FOCAL))
    sensor = devices.sensor_width(*named(tags))
    if focal is None or sensor is None:
        return None
    found = _on_sensor(tags, focal, sensor)
    return found and _Focal(found.ratio, is_guessed=True)


def _on_sensor(tags: Tags, focal: float, sensor: float) -> _Focal | None:
    """From millimetres of the focal length and of the sensor's longer side."""
    ratio = focal / sensor
    is_lens = _RATIOS[0] <= ratio <= _RATIOS[1] and _SENSORS[0] <= sensor <= _SENSORS[1]
    return _Focal(ratio * _zoom(tags)) if is_lens else None


def _supposed(tags: Tags) -> _Focal | None:
    """The usual one, of what a camera took: other images may be anything."""
    of_camera = not (_OF_CAMERA.isdisjoint(tags.image) and _OF_CAMERA.isdisjoint(tags.photo))
    return _Focal(_FOCAL_PRIOR * _zoom(tags), is_guessed=True) if of_camera else None


def _zoom(tags: Tags) -> float:
    """How many times a digital zoom enlarged the image; 0 stands for none."""
    zoom = positive(tags.photo.get(DIGITAL_ZOOM)) or 1.0
    return zoom if 1.0 < zoom <= _MAX_ZOOM else 1.0


def _is_doubtful(tags: Tags, width: int, height: int) -> bool:
    """Whether the image has another shape than the photograph had, or one that few cameras make: a panorama's."""
    longer, shorter = max(width, height), min(width, height)
    sides = [positive(tags.photo.get(tag)) for tag in (PIXEL_X, PIXEL_Y)]
    if longer > _LONGEST * shorter or width == 2 * height:
        return True
    if sides[0] is None or sides[1] is None:
        return False
    shape = max(sides[0], sides[1]) / min(sides[0], sides[1])
    return abs(longer / shorter / shape - 1) > _SAME_SHAPE + 1 / shorter
