"""What an image file's header says of itself: size, camera, place, direction and time. No pixel is decoded.

Of each fact the first source counts that has it: the panorama's pose (XMP-GPano), what mapillary_tools wrote, EXIF,
the same tags in XMP, a drone's XMP. What had to be decided or could not be used is a remark.
"""

from __future__ import annotations

import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from PIL import Image, UnidentifiedImageError

from coordinator.formats import drone, exifgps, exiftime, mapillarytags, panorama, png
from coordinator.formats.devices import sees_all_around
from coordinator.formats.exiftags import (
    CUSTOM_RENDERED,
    MAKE,
    MODEL,
    ORIENTATION,
    Tags,
    block_tags,
    named,
    number,
    read_tags,
    tell_damage,
)
from coordinator.formats.geotag import Geotag, Heading, first_heading, first_place
from coordinator.formats.imagelimits import MAX_BYTES, MAX_PIXELS, NO_FILE
from coordinator.formats.orientation import UPRIGHT, turning
from coordinator.formats.pinhole import has_focal_length, pinhole
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North
from coordinator.formats.xmp import EXIF, PHOTOSHOP, TIFF, XMP, Xmp, read_xmp
from coordinator.strictjson import Json

Size = tuple[int, int]
"""Width and height in pixels."""
Told = list[warnings.WarningMessage]
"""What Pillow warns of."""
Found = TypeVar("Found")
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
_DAMAGED = "is not an image: its header is damaged"
_NO_IMAGE = "is not an image (JPEG, PNG, TIFF, BMP or WebP)"
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
TURNED_BY_90 = {5, 6, 7, 8}
"""Orientations that change the sides."""
_APPLE_PANORAMA = 6
"""CustomRendered of the panoramas that telephones of Apple make: cylindrical ones."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What one image tells of itself; None stands for what it does not tell, or not so that it could be used.

    ``width`` and ``height`` are the upright image's, in pixels, and ``camera`` (one of
    :data:`coordinator.formats.camera.CAMERA`) is of that image. The place is in degrees of WGS84 and metres above the
    sea, ``heading`` in degrees clockwise from ``north`` (None: not told), of the centre of the image, or of the whole
    panorama of which it is a part. ``pitch`` and ``roll`` are in degrees, up and clockwise as the camera sees it.
    ``accuracy`` of the place is in metres, ``dop`` its dilution of precision, as its receiver gives them, unchecked.
    ``taken`` is in seconds since 1970, of UTC; without a known zone the clock's reading is taken for UTC.
    """

    width: int
    height: int
    camera: Json | None = None
    longitude: float | None = None
    latitude: float | None = None
    altitude: float | None = None
    heading: float | None = None
    north: North | None = None
    pitch: float | None = None
    roll: float | None = None
    taken: float | None = None
    taken_zone_known: bool = False
    accuracy: float | None = None
    dop: float | None = None
    remarks: tuple[Remark, ...] = ()


class TooLarge(str):
    """The reason why a file is no image that steps can read, if it is nothing but its size."""

    __slots__ = ()


def read(path: Path, formats: tuple[str, ...] = _FORMATS, max_pixels: int = MAX_PIXELS) -> Header | str:
    """The header of the image at ``path``, or the reason why it is not an image that steps can read.

    ``formats`` are those that may be read, as Pillow names them, and ``max_pixels`` is the number that a refusal
    names: the caller's own limit, if that is lower.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # to open a named pipe would be to wait for its writer
            return NO_FILE
        if state.st_size == 0:
            return "is empty"
        if state.st_size > MAX_BYTES:
            return TooLarge(f"has {state.st_size:,} bytes, more than {MAX_BYTES:,}")
        with path.open("rb") as file:
            if "PNG" in formats and file.read(len(png.SIGNATURE)) == png.SIGNATURE:
                return _whole_png(file, max_pixels)
            return _opened(file, formats, max_pixels, _whole)
    except FileNotFoundError:
        return "does not exist"
    except Exception as error:  # Pillow lets through whatever its parsers stumble over in a damaged file
        return f"cannot be read: {error}"


def read_size(file: BinaryIO, kind: str, max_pixels: int) -> Size | str:
    """The upright size alone of an image in a ``file`` of that ``kind``, or why it is none, as :func:`read` says it."""
    try:
        if kind != "PNG":
            return _opened(file, (kind,), max_pixels, _upright_size)
        size = _png_size(file, max_pixels)
        return size if isinstance(size, str) else _turned(size, turning(png.exif(file)))
    except Exception as error:
        return f"cannot be read: {error}"


def read_orientation(path: Path) -> int:
    """How EXIF says that the image at ``path``, as it is stored, is to be turned; 1 if it says nothing of use."""
    try:
        with path.open("rb") as file:
            if file.read(len(png.SIGNATURE)) == png.SIGNATURE:
                return turning(png.exif(file))
            found = _opened(file, _FORMATS, MAX_PIXELS, lambda image, _: read_tags(image))
    except Exception:  # Pillow lets through whatever its parsers stumble over
        return UPRIGHT
    return int(found.image.get(ORIENTATION, UPRIGHT)) if isinstance(found, Tags) else UPRIGHT


def _opened(
    file: BinaryIO, formats: tuple[str, ...], max_pixels: int, look: Callable[[Any, Told], Found]
) -> Found | str:
    """What ``look`` finds in the image that Pillow makes of a file, if that is one, and not too large."""
    # Pillow's own limit is lower, for large panoramas, of which it only warns; ours is checked below.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with _hearing() as told:
        try:
            with Image.open(file, formats=formats) as image:
                width, height = _stored_size(image)
                return _too_large(width, height, max_pixels) or look(image, told)
        except UnidentifiedImageError:
            return _NO_IMAGE if formats == _FORMATS else _DAMAGED
        except Image.DecompressionBombError:
            return TooLarge(f"promises more than {max_pixels:,} pixels")


@contextmanager
def _hearing() -> Iterator[Told]:
    """What Pillow warns of: what is damaged is a value here, and no line on the user's terminal."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield told


def _too_large(width: int, height: int, max_pixels: int) -> TooLarge | None:
    if width * height <= MAX_PIXELS:
        return None
    return TooLarge(f"promises {width}x{height} pixels, more than {max_pixels:,}")


def _whole_png(file: BinaryIO, max_pixels: int) -> Header | str:
    size = _png_size(file, max_pixels)
    if isinstance(size, str):
        return size
    with _hearing() as told:
        tags = block_tags(png.exif(file))
    return _header(_of_doubt(tags, told), read_xmp(png.xmp(file)), *size)


def _png_size(file: BinaryIO, max_pixels: int) -> Size | str:
    """The size as stored. Not by Pillow, which reads no PNG of which any chunk is damaged."""
    size = png.size(file)
    return _DAMAGED if size is None else _too_large(*size, max_pixels) or size


def _whole(image: Any, told: Told) -> Header:
    xmp = read_xmp(_packet(image))
    return _header(_of_doubt(read_tags(image), told), xmp, *_stored_size(image))


def _of_doubt(tags: Tags, told: Told) -> Tags:
    return replace(tags, is_broken=True) if tell_damage(told) else tags


def _upright_size(image: Any, told: Told) -> Size:
    return _turned(image.size, turning(image.info.get("exif") or b""))


def _turned(size: Size, orientation: Any) -> Size:
    return size[::-1] if orientation in TURNED_BY_90 else size


def _stored_size(image: Any) -> Size:
    """The size before any turning: Pillow has already exchanged a turned TIFF's sides."""
    if image.format == "TIFF":
        return image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]
    width, height = image.size
    return width, height


def _packet(image: Any) -> bytes | str:
    """The XMP of ``image``, taken out of it: Pillow would take an orientation from it by which no decoder turns."""
    packet: bytes | str | None = image.info.pop("xmp", None)
    return packet or b""


def _header(tags: Tags, xmp: Xmp, width: int, height: int) -> Header:
    width, height = _turned((width, height), tags.image.get(ORIENTATION))
    described = mapillarytags.description(tags)
    place = first_place(_geotags(tags, xmp, described))
    heading = first_heading(_headings(tags, xmp, described))
    projection = panorama.projection(xmp, width, height)
    camera, of_camera = (
        (projection.camera, projection.remarks) if projection else _camera(tags, xmp, width, height)
    )
    tilt = panorama.tilt(xmp) if projection else drone.tilt(xmp)
    taken = _taken(tags, xmp, described)
    is_broken = tags.is_broken or xmp.is_broken or described.is_broken
    remarks = (*place.remarks, *heading.remarks, *tilt.remarks, *of_camera)
    return Header(
        width=width,
        height=height,
        camera=camera,
        longitude=place.longitude,
        latitude=place.latitude,
        altitude=place.altitude,
        heading=heading.degrees,
        north=heading.north,
        pitch=tilt.pitch,
        roll=tilt.roll,
        taken=taken.seconds if taken else None,
        taken_zone_known=taken is not None and taken.zone_known,
        accuracy=place.accuracy,
        dop=place.dop,
        remarks=tuple(dict.fromkeys((*remarks, Remark.BAD_METADATA) if is_broken else remarks)),
    )


def _geotags(tags: Tags, xmp: Xmp, described: mapillarytags.Description) -> Iterator[Geotag]:
    yield mapillarytags.geotag(described)
    yield Geotag(remarks=(Remark.BAD_POSITION,)) if tags.is_gps_broken else exifgps.geotag(tags.gps)
    if xmp.values:
        yield exifgps.geotag(xmp.gps)
        yield drone.geotag(xmp)


def _headings(tags: Tags, xmp: Xmp, described: mapillarytags.Description) -> Iterator[Heading | None]:
    of_exif = exifgps.direction(tags.gps)
    yield panorama.heading(xmp)
    yield mapillarytags.heading(described, of_exif)
    yield of_exif
    yield exifgps.direction(xmp.gps)
    yield drone.heading(xmp)
    yield exifgps.track(tags.gps)
    yield exifgps.track(xmp.gps)


def _camera(tags: Tags, xmp: Xmp, width: int, height: int) -> tuple[Json | None, tuple[Remark, ...]]:
    """The camera of an image that does not tell a projection, and what had to be decided for it."""
    if not has_focal_length(tags) and xmp.values:
        of_xmp = {MAKE: xmp.get(TIFF, "Make"), MODEL: xmp.get(TIFF, "Model")}
        told = {tag: value for tag, value in of_xmp.items() if value}
        tags = replace(tags, image={**told, **tags.image}, photo={**tags.photo, **xmp.photo})
    if number(tags.photo.get(CUSTOM_RENDERED)) == _APPLE_PANORAMA:
        return None, (Remark.UNKNOWN_PROJECTION,)
    if width == 2 * height and (not has_focal_length(tags) or sees_all_around(*named(tags))):
        return {"model": "equirectangular"}, (Remark.PANORAMA_GUESSED,)
    found = pinhole(tags, width, height)
    if found is None:
        return None, ()
    return found.camera, (Remark.CAMERA_GUESSED,) if found.is_guessed else ()


def _taken(tags: Tags, xmp: Xmp, described: mapillarytags.Description) -> exiftime.Taken | None:
    found = exiftime.taken(tags)
    if found is None and xmp.values:
        found = (
            exiftime.moment(xmp.get(EXIF, "GPSTimeStamp"), is_utc=True)
            or exiftime.moment(xmp.get(EXIF, "DateTimeOriginal") or xmp.get(PHOTOSHOP, "DateCreated"))
            or exiftime.moment(xmp.get(XMP, "CreateDate"))
        )
    return found or mapillarytags.taken(described) or exiftime.changed(tags)
