"""The camera of a STAC item: ``pers:interior_orientation``, and the photograph's EXIF as Panoramax passes it on.

Panoramax names EXIF tags as Exiv2 does, with values as text; a rational is ``numerator/denominator``.
"""

from __future__ import annotations

import math
from typing import Any

from coordinator.formats.jsonrecords import number, numbers
from coordinator.formats.lens import same_shape
from coordinator.strictjson import Json

_INTERIOR = "pers:interior_orientation"
_WHOLE = 360.0
_FILM = 36.0
"""Width of 35 mm film in mm."""
_ALIKE = 1.0
"""Degrees between which a heading was rounded on its way."""


def camera(properties: Json, exif: Json, size: tuple[int, int] | None) -> Json | str:
    """A camera for an image of ``size``; {} if nothing is said of it, a text if it cannot be used."""
    interior = properties.get(_INTERIOR)
    interior = interior if isinstance(interior, dict) else {}
    dimensions = sensor(properties)
    if _is_sphere(interior, exif):
        return _sphere(interior, exif, dimensions, size)
    if size is None:
        return {}
    if is_part(properties):
        return "a part of an image, by its visible_area"
    if dimensions and not same_shape(size, dimensions):
        return f"the image is {size[0]}x{size[1]}, the sensor {dimensions[0]}x{dimensions[1]}"
    for name in ("principal_point_offset", "radial_distortion", "affine_distortion"):
        if any(numbers(interior.get(name), 1) or ()):
            return f"{name}, which is not read"
    focal = _focal(properties, interior, exif, dimensions, size)
    if focal is None:
        return {}
    width, height = size
    return {"model": "pinhole", "fx": focal, "fy": focal, "cx": (width - 1) / 2, "cy": (height - 1) / 2}


def sensor(properties: Json) -> tuple[int, int] | None:
    """The pixels of the sensor, which in most cases are those of the original image."""
    interior = properties.get(_INTERIOR)
    found = numbers(interior.get("sensor_array_dimensions"), 2) if isinstance(interior, dict) else None
    return (int(found[0]), int(found[1])) if found and min(found[:2]) >= 1 else None


def is_part(properties: Json) -> bool:
    """Whether the image is only a part of what the sensor saw, so that it has another size."""
    interior = properties.get(_INTERIOR)
    return isinstance(interior, dict) and any(numbers(interior.get("visible_area"), 4) or ())


def altitude(exif: Json) -> float | None:
    """Metres, from the photograph's EXIF."""
    found = _rational(exif.get("Exif.GPSInfo.GPSAltitude"))
    below = str(exif.get("Exif.GPSInfo.GPSAltitudeRef", "0")).strip() in ("1", "3")
    return -found if found is not None and below else found


def is_magnetic(exif: Json, heading: float | None) -> bool:
    """Whether the heading is the one of the photograph's EXIF, and that one counts from magnetic north."""
    direction = _rational(exif.get("Exif.GPSInfo.GPSImgDirection"))
    reference = str(exif.get("Exif.GPSInfo.GPSImgDirectionRef", "")).strip().upper()[:1]
    if heading is None or direction is None or reference != "M":
        return False
    return abs((direction - heading + 180.0) % 360.0 - 180.0) < _ALIKE


def _is_sphere(interior: Json, exif: Json) -> bool:
    projection = str(exif.get("Xmp.GPano.ProjectionType", "")).strip().lower()
    return number(interior.get("field_of_view")) == _WHOLE or projection == "equirectangular"


def _sphere(
    interior: Json, exif: Json, dimensions: tuple[int, int] | None, size: tuple[int, int] | None
) -> Json | str:
    """A whole panorama, or the part of one that an image of ``size`` is."""
    whole: Json = {"model": "equirectangular"}
    area = _visible(interior, dimensions) or _cropped(exif)
    if area is None or area[:2] == area[2:4]:
        return whole
    full_width, full_height, width, height, left, top = area
    if min(width, height) <= 0 or min(left, top) < 0:
        return f"a part of a panorama, {width:g}x{height:g} at {left:g}, {top:g}"
    if size is None:
        return "a part of a panorama that is not in the folder; download it"
    scale = size[0] / width
    crop = {"full_width": full_width, "full_height": full_height, "left": left, "top": top}
    return {**whole, "crop": {name: value * scale for name, value in crop.items()}}


def _visible(interior: Json, dimensions: tuple[int, int] | None) -> list[float] | None:
    """Panoramax' visible_area, the margins left, top, right and bottom of the whole: as _cropped gives it."""
    margins = numbers(interior.get("visible_area"), 4)
    if margins is None or dimensions is None:
        return None
    (width, height), (left, top, right, bottom) = dimensions, margins[:4]
    return [width, height, width - left - right, height - top - bottom, left, top]


def _cropped(exif: Json) -> list[float] | None:
    """GPano's sizes of the whole and of the part, and where the part lies."""
    sizes = "FullPanoWidth", "FullPanoHeight", "CroppedAreaImageWidth", "CroppedAreaImageHeight"
    names = (*sizes, "CroppedAreaLeft", "CroppedAreaTop")
    values = [_rational(exif.get(f"Xmp.GPano.{name}Pixels")) for name in names]
    given = [value for value in values if value is not None]
    return given if len(given) == len(values) else None


def _focal(
    properties: Json, interior: Json, exif: Json, dimensions: tuple[int, int] | None, size: tuple[int, int]
) -> float | None:
    """The focal length in pixels of an image of ``size``: by the pixels' spacing, else the angle, else 35 mm film."""
    focal, spacing = number(interior.get("focal_length")), numbers(interior.get("pixel_spacing"), 1)
    if focal and spacing and spacing[0] > 0 and dimensions:
        return focal / spacing[0] * size[0] / dimensions[0]
    angle = number(interior.get("field_of_view"))
    if angle and 0 < angle < 180:
        # Panoramax takes it from the sensor's longer side, however the photograph was held.
        side = max(size) if any(name.startswith("geovisio:") for name in properties) else size[0]
        return side / 2 / math.tan(math.radians(angle) / 2)
    film = _rational(exif.get("Exif.Photo.FocalLengthIn35mmFilm"))
    return film / _FILM * max(size) if film else None


def _rational(value: Any) -> float | None:
    """A number, or a text of a number or of ``numerator/denominator``."""
    if not isinstance(value, str):
        return number(value)
    above, _, below = value.partition("/")
    try:
        found = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return found if math.isfinite(found) else None
