"""What an image file's header says of itself: size, EXIF orientation and GPS, XMP-GPano. No pixel is decoded."""

from __future__ import annotations

import re
import stat
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from coordinator.strictjson import Json

MAX_PIXELS = 250_000_000
"""Maximum number of pixels: a header that promises more is a decompression bomb. The largest panoramas have a little
less (22,000 x 11,000); decoded, at 3 bytes a pixel, it is what still goes into a step's usual memory of 1 GiB."""
MAX_BYTES = 1024**3
"""Maximum size of a photograph's file: steps would have to read a larger one into memory."""
NO_FILE = "is not a regular file (but a directory, a pipe, a socket or a device)"
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_MAX_CHUNKS = 200_000
"""Maximum number of a PNG's chunks that are looked at: more than the largest photograph has, in pieces of 8 kB."""
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


class TooLarge(str):
    """The reason why a file is no image that steps can read, if it is nothing but its size."""

    __slots__ = ()


def read(path: Path) -> Header | str:
    """The header of the image at ``path``, or the reason why it is not an image that steps can read."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # to open a named pipe would be to wait for its writer
            return NO_FILE
        if state.st_size == 0:
            return "is empty"
        if state.st_size > MAX_BYTES:
            return TooLarge(f"has {state.st_size:,} bytes, more than {MAX_BYTES:,}")
        return _read(path)
    except FileNotFoundError:
        return "does not exist"
    except Exception as error:  # Pillow lets through whatever its parsers stumble over in a damaged file
        return f"cannot be read: {error}"


def _read(path: Path) -> Header | str:
    # Pillow's own, lower limit only warns and would refuse large panoramas; ours is checked below.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is damaged is a value here, and no line on the user's terminal
        try:
            with Image.open(path, formats=_FORMATS) as image:
                width, height = _stored_size(image)
                if width * height > MAX_PIXELS:
                    return TooLarge(f"promises {width}x{height} pixels, more than {MAX_PIXELS:,}")
                return _header(image, path, width, height)
        except UnidentifiedImageError:
            return "is not an image (JPEG, PNG, TIFF, BMP or WebP)"
        except Image.DecompressionBombError:
            return TooLarge(f"promises more than {MAX_PIXELS:,} pixels")


def _stored_size(image: Any) -> tuple[int, int]:
    """The size before any turning: Pillow has already exchanged a turned TIFF's sides."""
    if image.format == "TIFF":
        return image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]
    width, height = image.size
    return width, height


def _header(image: Any, path: Path, width: int, height: int) -> Header:
    pano = _gpano(image)
    exif = _exif(image, path)
    if exif.get(_ORIENTATION) in _TURNED_BY_90:
        width, height = height, width
    gps = exif.get_ifd(_GPS_IFD)
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


def _exif(image: Any, path: Path) -> Any:
    """The EXIF block by which OpenCV turns the image: of a PNG its eXIf chunk, wherever that stands."""
    if image.format != "PNG":
        return image.getexif()
    # Pillow would decode all pixels to look behind them, and takes a text chunk for EXIF as well.
    exif = Image.Exif()
    exif.load(_png_exif(path))
    return exif


def _png_exif(path: Path) -> bytes:
    """The content of a PNG's eXIf chunk; empty if it has none."""
    with path.open("rb") as file:
        file.seek(8)
        for _ in range(_MAX_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                break
            length, kind = struct.unpack(">I4s", head)
            if kind == b"eXIf":
                return file.read(length)
            file.seek(length + 4, 1)
    return b""


def _gpano(image: Any) -> dict[str, float]:
    """The pose and projection of Google's Photo Sphere XMP, as attributes or as elements.

    The XMP is taken out of ``image``: Pillow would take an orientation from it by which no decoder turns the image.
    """
    xmp = image.info.pop("xmp", None) or image.info.get("XML:com.adobe.xmp") or b""
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
