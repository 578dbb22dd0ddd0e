"""The XMP packet of an image: its properties by namespace and name, whatever prefix their writer chose.

Properties stand as attributes or as elements; arrays are not read, nor is extended XMP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from coordinator.formats import exiftags
from coordinator.formats.exiftags import Ifd, number

GPANO, EXIF, TIFF, XMP, PHOTOSHOP, DJI = "GPano", "exif", "tiff", "xmp", "photoshop", "drone-dji"
_PANORAMA = "ns.google.com/photos/1.0/panorama"
_NAMESPACES = {
    _PANORAMA: GPANO,
    "ns.adobe.com/exif/1.0": EXIF,
    "ns.adobe.com/tiff/1.0": TIFF,
    "ns.adobe.com/xap/1.0": XMP,
    "ns.adobe.com/photoshop/1.0": PHOTOSHOP,
    "www.dji.com/drone-dji/1.0": DJI,
}
_DECLARED = " ".join(f'xmlns:{prefix}="http://{uri}/"' for uri, prefix in _NAMESPACES.items())
_ROOT = f'<packet xmlns:rdf="rdf" xmlns:x="x" {_DECLARED}>{{}}</packet>'
"""Some writers leave out the declarations; where a packet has its own, those count."""
_MAX_TEXT = 4 * 1024**2
"""Maximum number of a packet's characters: a segment of a JPEG holds 64 KiB."""
_DECLARATION = re.compile(r"<\?xml\s.*?\?>", re.DOTALL)
_EXIF_IFD = {
    "PixelXDimension": exiftags.PIXEL_X,
    "PixelYDimension": exiftags.PIXEL_Y,
    "FocalLength": exiftags.FOCAL,
    "FocalPlaneXResolution": exiftags.FOCAL_PLANE_RESOLUTION,
    "FocalPlaneResolutionUnit": exiftags.FOCAL_PLANE_UNIT,
    "CustomRendered": exiftags.CUSTOM_RENDERED,
    "DigitalZoomRatio": exiftags.DIGITAL_ZOOM,
    "FocalLengthIn35mmFilm": exiftags.FOCAL_35MM,
}
_GPS_IFD = {
    "GPSAltitudeRef": exiftags.ALTITUDE_REF,
    "GPSAltitude": exiftags.ALTITUDE,
    "GPSStatus": exiftags.STATUS,
    "GPSTrackRef": exiftags.TRACK_REF,
    "GPSTrack": exiftags.TRACK,
    "GPSImgDirectionRef": exiftags.DIRECTION_REF,
    "GPSImgDirection": exiftags.DIRECTION,
    "GPSDOP": exiftags.DOP,
    "GPSHPositioningError": exiftags.POSITIONING_ERROR,
}
_PLACE = {
    "GPSLatitude": (exiftags.LATITUDE_REF, exiftags.LATITUDE, "NS"),
    "GPSLongitude": (exiftags.LONGITUDE_REF, exiftags.LONGITUDE, "EW"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Xmp:
    """``values`` are texts by namespace and name; ``is_broken`` says that there is a packet that cannot be read."""

    values: Mapping[tuple[str, str], str] = field(default_factory=dict)
    is_broken: bool = False
    names_panorama: bool = False
    """Whether the packet, readable or not, speaks of a panorama."""
    has_exif: bool = False
    """Whether it has properties of EXIF."""

    def get(self, namespace: str, *names: str) -> str | None:
        """The first of a namespace's properties that is there."""
        for name in names:
            if (value := self.values.get((namespace, name))) is not None:
                return value
        return None

    @property
    def photo(self) -> Ifd:
        """EXIF's tags of the photograph, as far as the packet has them."""
        return {
            tag: self.values[EXIF, name] for name, tag in _EXIF_IFD.items() if (EXIF, name) in self.values
        }

    @property
    def gps(self) -> Ifd:
        """EXIF's tags of the receiver, as far as the packet has them."""
        if not self.has_exif:
            return {}
        tags: dict[int, Any] = {
            tag: self.values[EXIF, name] for name, tag in _GPS_IFD.items() if (EXIF, name) in self.values
        }
        for name, (ref, tag, letters) in _PLACE.items():
            if (value := self.values.get((EXIF, name))) is not None:
                tags[ref], tags[tag] = _coordinate(value, letters)
        return tags


def read_xmp(packet: bytes | str) -> Xmp:
    """The properties of ``packet``; none of one that is no XML, or that brings definitions of its own."""
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else packet
    names_panorama = f"{GPANO}:" in text or _PANORAMA in text
    if not names_panorama and not any(
        uri in text or f"{prefix}:" in text for uri, prefix in _NAMESPACES.items()
    ):
        return Xmp()
    try:
        values = _values(text)
    except (ElementTree.ParseError, ValueError):
        return Xmp(is_broken=True, names_panorama=names_panorama)
    has_exif = any(namespace == EXIF for namespace, _ in values)
    return Xmp(values=values, names_panorama=names_panorama, has_exif=has_exif)


def _values(text: str) -> dict[tuple[str, str], str]:
    """Raises ParseError or ValueError for what is not read: entities could grow without end, or name files."""
    if len(text) > _MAX_TEXT or "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("no packet of a camera's")
    body = _DECLARATION.sub("", text.strip("\ufeff\0 \t\r\n"), count=1)
    found: dict[tuple[str, str], str] = {}
    for element in ElementTree.fromstring(_ROOT.format(body)).iter():
        for name, value in ((element.tag, element.text), *element.items()):
            uri, _, local = name.rpartition("}")
            namespace = _NAMESPACES.get(uri.partition("://")[2].rstrip("/")) if value else None
            if namespace and value and (told := value.strip()):
                found.setdefault((namespace, local), told)
    return found


def _coordinate(value: str, letters: str) -> tuple[str, Any]:
    """EXIF's reference and parts from XMP's ``52,22.1N`` or ``52,22,30.5N``, or from signed degrees.

    A number without sign and letter tells no hemisphere: its reference is empty.
    """
    value = value.strip().replace("−", "-")
    last = value[-1:].upper()
    if last.isalpha():
        numbers = re.findall(r"\d+(?:\.\d+)?", value)
        if len(numbers) == 4:  # a decimal comma
            numbers = [*numbers[:2], f"{numbers[2]}.{numbers[3]}"]
        return last, tuple(numbers)
    degrees = number(value)
    if degrees is None:
        return "", value
    is_signed = value[0] in "+-" and "," not in value  # which may be a decimal comma, or stand before minutes
    return letters[degrees < 0] if is_signed else "", str(abs(degrees))
