"""What an image file's header says of itself: size, EXIF orientation and GPS, XMP-GPano. No pixel is decoded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.messages import Json

_MAX_PIXELS = 1_000_000_000
"""A header that promises more is taken for a decompression bomb."""
_ORIENTATION, _EXIF_IFD, _GPS_IFD = 0x0112, 0x8769, 0x8825
_FOCAL_35MM = 0xA405
_TURNED_BY_90 = {5, 6, 7, 8}


@dataclass(frozen=True, kw_only=True)
class Header:
    """Size of the upright image in pixels; angles in degrees, heading clockwise from true north."""

    width: int
    height: int
    equirectangular: bool = False
    focal_35mm: float | None = None
    longitude: float | None = None
    latitude: float | None = None
    altitude: float | None = None
    heading: float | None = None
    pitch: float = 0.0
    roll: float = 0.0

    def pinhole(self) -> Json | None:
        """A pinhole camera from the 35 mm equivalent focal length, or None without it."""
        if not self.focal_35mm:
            return None
        focal = self.focal_35mm / 36.0 * max(self.width, self.height)
        centre = {"cx": (self.width - 1) / 2, "cy": (self.height - 1) / 2}
        return {"model": "pinhole", "fx": focal, "fy": focal, **centre}


def read(path: Path) -> Header | str:
    """The header of the image at ``path``, or the reason why it is not an image."""
    from PIL import Image, UnidentifiedImageError

    # Pillow's own, lower limit only warns and would refuse large panoramas; ours is checked below.
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
    try:
        if path.stat().st_size == 0:
            return "is empty"
        with Image.open(path) as image:
            width, height = image.size
            if width * height > _MAX_PIXELS:
                return f"promises {width}x{height} pixels, more than {_MAX_PIXELS:,}"
            return _header(image, width, height)
    except FileNotFoundError:
        return "does not exist"
    except UnidentifiedImageError:
        return "is not an image file"
    except Image.DecompressionBombError:
        return f"promises more than {_MAX_PIXELS:,} pixels"
    except (OSError, ValueError, SyntaxError) as error:
        return f"cannot be read: {error}"


def _header(image: Any, width: int, height: int) -> Header:
    exif = _exif(image)
    if exif.get(_ORIENTATION) in _TURNED_BY_90:
        width, height = height, width
    gps = exif.get_ifd(_GPS_IFD)
    pano = _gpano(image)
    heading = pano.get("PoseHeadingDegrees")
    longitude = _degrees(gps.get(4), gps.get(3), negative="W")
    latitude = _degrees(gps.get(2), gps.get(1), negative="S")
    if longitude is None or latitude is None:
        longitude = latitude = None
    return Header(
        width=width,
        height=height,
        equirectangular=bool(pano.get("equirectangular")),
        focal_35mm=_number(exif.get_ifd(_EXIF_IFD).get(_FOCAL_35MM)),
        longitude=longitude,
        latitude=latitude,
        altitude=_altitude(gps),
        heading=heading if heading is not None else _number(gps.get(17)),
        pitch=pano.get("PosePitchDegrees", 0.0),
        roll=pano.get("PoseRollDegrees", 0.0),
    )


def _exif(image: Any) -> Any:
    """The EXIF block; of a PNG only one that comes before the pixels, which Pillow would decode to look behind."""
    from PIL import Image

    return image.getexif() if image.format != "PNG" or "exif" in image.info else Image.Exif()


def _gpano(image: Any) -> dict[str, float]:
    """The pose and projection of Google's Photo Sphere XMP, as attributes or as elements."""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    text = xmp.decode(errors="replace") if isinstance(xmp, bytes) else str(xmp)
    found = {}
    for name, value in re.findall(r"GPano:(\w+)(?:\s*=\s*[\"']|>)([^\"'<]+)", text):
        if name == "ProjectionType":
            found["equirectangular"] = float(value.strip().lower() == "equirectangular")
        elif name.startswith("Pose") and (number := _number(value)) is not None:
            found[name] = number
    return found


def _degrees(parts: Any, reference: Any, *, negative: str) -> float | None:
    """Degrees from EXIF's degrees, minutes and seconds; None if absent or nonsense (a zero denominator)."""
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60.0 + seconds / 3600.0
    if not 0.0 <= value <= (90.0 if negative == "S" else 180.0):
        return None
    return -value if str(reference).strip("\0 ").upper() == negative else value


def _altitude(gps: Any) -> float | None:
    altitude = _number(gps.get(6))
    below_sea = gps.get(5) in (1, b"\x01")
    return -altitude if altitude is not None and below_sea else altitude


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if number == number and abs(number) != float("inf") else None
