"""Whether a camera can be that of its image."""

from __future__ import annotations

from enum import StrEnum

from coordinator.strictjson import Json

_RATIO = 0.02
"""Share by which a panorama's width may differ from twice its height."""
_OFF, _FAR_OFF = 0.12, 0.3
"""Shares of the image by which the principal point may lie off its middle: beyond the first it is odd, beyond the
second it is another image's."""
_MIN_FOCAL, _MAX_FOCAL = 0.15, 30.0
"""Focal lengths over the image's longer side: 146 degrees, and a long telephoto lens."""
_LONG_FOCAL = 2.0
"""The same of 28 degrees, which no camera has that looks at a street."""
_SAME_FOCAL = 1.25
"""Times that a focal length may differ from EXIF's, which some give by the diagonal, or before stabilisation."""


_ROUNDED = 1.0
"""Pixels by which an image may be larger than the whole panorama that it is part of: sides are rounded when scaled."""


class Fault(StrEnum):
    """What is wrong with a camera; the value says it in words."""

    NOT_A_SPHERE = "equirectangular, but the image is not twice as wide as high"
    OFF_CENTRE = "a principal point (cx, cy) away from the middle of the image: is it that of another size?"
    OTHER_SIZE = "a principal point (cx, cy) far from the middle of the image: it is that of another size"
    LIKE_PANORAMA = (
        "pinhole, but the image is exactly twice as wide as high: is it a panorama (equirectangular)?"
    )
    NORMALISED = "a focal length (fx, fy) that is not in pixels: multiply it by the image's size"
    LONG = (
        "a focal length (fx, fy) of more than twice the image's longer side, as telephoto lenses have: is it that of a "
        "larger image?"
    )
    FOCAL_LENGTH = "a focal length (fx, fy) that is not that of an image of this size"

    @property
    def is_certain(self) -> bool:
        """Whether no map can come of it."""
        return self not in (Fault.OFF_CENTRE, Fault.LIKE_PANORAMA, Fault.LONG)


def disagree(camera: Json | None, told: Json | None) -> bool:
    """Whether two cameras of one image are pinholes of different fields of view."""
    if camera is None or told is None or not camera["model"] == told["model"] == "pinhole":
        return False
    return not 1.0 / _SAME_FOCAL <= camera["fx"] / told["fx"] <= _SAME_FOCAL


def leaves_panorama(camera: Json | None, width: int | None, height: int | None) -> bool:
    """Whether an image does not lie in the whole panorama of which ``camera`` says that it is a part.

    Positioning asks the same, and refuses the whole region for one such image.
    """
    crop = camera.get("crop") if camera is not None else None
    if crop is None or width is None or height is None:
        return False
    fits = width <= crop["full_width"] + _ROUNDED and crop["top"] + height <= crop["full_height"] + _ROUNDED
    return not fits or crop["left"] > crop["full_width"]


def fault(camera: Json, width: int | None, height: int | None) -> Fault | None:
    """What is wrong with ``camera`` for an image of ``width`` x ``height`` pixels, as far as that is known."""
    if camera["model"] == "equirectangular":
        if width is None or height is None or width == 2 * height or "crop" in camera:
            return None
        return Fault.NOT_A_SPHERE if abs(width / height - 2.0) > 2.0 * _RATIO else None
    fx = camera["fx"]
    if fx < 10.0 or camera["fy"] < 10.0:
        return Fault.NORMALISED
    if not width or not height:
        return None
    longer = max(width, height)
    if not _MIN_FOCAL < fx / longer < _MAX_FOCAL:
        return Fault.FOCAL_LENGTH
    off = max(abs(camera["cx"] / width - 0.5), abs(camera["cy"] / height - 0.5))
    if off <= _OFF:
        if width == 2 * height:
            return Fault.LIKE_PANORAMA
        return Fault.LONG if fx > _LONG_FOCAL * longer else None
    return Fault.OTHER_SIZE if off > _FAR_OFF else Fault.OFF_CENTRE
