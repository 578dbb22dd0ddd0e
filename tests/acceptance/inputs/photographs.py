"""Tiny photographs with the headers that devices write, byte by byte: EXIF 2.32 (JEITA CP-3451) and XMP.

The blocks are made here and not by Pillow, so that what is written is what the specification says, and may be wrong
where a device writes it wrong.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import cast

from PIL import Image

from tests.acceptance.inputs.scene import Scene, View

Ratio = tuple[int, int]
Tags = dict[int, object]
Header = Callable[[View], "Tagged"]

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL = 1, 2, 3, 4, 5
_EXIF_POINTER, _GPS_POINTER = 0x8769, 0x8825
MAKE, MODEL, ORIENTATION, DESCRIPTION = 0x010F, 0x0110, 0x0112, 0x010E
FOCAL, FOCAL_35MM = 0x920A, 0xA405
TAKEN, OFFSET, SUBSECOND = 0x9003, 0x9011, 0x9291
LAT_REF, LAT, LON_REF, LON, ALT_REF, ALT = 1, 2, 3, 4, 5, 6
STATUS, TRACK_REF, TRACK, DIRECTION_REF, DIRECTION, DATE = 9, 14, 15, 16, 17, 29
DOP, POSITIONING_ERROR = 11, 31


class Tagged:
    """What a photograph's header says: main, EXIF and GPS tags, and XMP as text."""

    def __init__(
        self, main: Tags | None = None, exif: Tags | None = None, gps: Tags | None = None, xmp: str = ""
    ):
        self.main, self.exif, self.gps, self.xmp = main or {}, exif or {}, gps or {}, xmp

    def but(self, xmp: str | None = None, exif: Tags | None = None, **gps: object) -> Tagged:
        """The same with another XMP, more EXIF tags, and GPS tags as for :meth:`with_gps`."""
        changed = self.with_gps(gps)
        return Tagged(self.main, {**self.exif, **(exif or {})}, changed.gps, self.xmp if xmp is None else xmp)

    def with_gps(self, gps: Mapping[str, object]) -> Tagged:
        """The same with other GPS tags, by names as in this module in small letters; None takes one out."""
        tags = {**self.gps, **{globals()[name.upper()]: value for name, value in gps.items()}}
        return Tagged(
            self.main, self.exif, {tag: value for tag, value in tags.items() if value is not None}, self.xmp
        )


def write_photographs(folder: Path, scene: Scene, header: Header | None = None) -> None:
    """A file for every recording, with the header that ``header`` makes of it, or with none."""
    for view in scene.views:
        path = folder / view.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(view.width, view.height, header(view) if header else None))


def jpeg(width: int, height: int, tagged: Tagged | None = None) -> bytes:
    """A grey photograph with the header."""
    plain = _plain(width, height)
    segments = b""
    if tagged and (tagged.main or tagged.exif or tagged.gps):
        segments += _segment(b"Exif\0\0" + exif_block(tagged))
    if tagged and tagged.xmp:
        segments += _segment(b"http://ns.adobe.com/xap/1.0/\0" + tagged.xmp.encode())
    return plain[:2] + segments + plain[2:]


@lru_cache(maxsize=16)
def _plain(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), 128).save(file, "JPEG", quality=30)
    return file.getvalue()


def _segment(content: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


# -- headers as devices write them --------------------------------------------------------------------


def located(view: View) -> Tagged:
    """Where a photograph was taken, when and by whom: no direction, no camera."""
    gps: Tags = {
        LAT_REF: "N" if view.latitude >= 0 else "S",
        LAT: sexagesimal(view.latitude),
        LON_REF: "E" if view.longitude >= 0 else "W",
        LON: sexagesimal(view.longitude),
        ALT_REF: b"\0" if view.z >= 0 else b"\1",
        ALT: (round(abs(view.z) * 1000), 1000),
        DATE: view.time.strftime("%Y:%m:%d"),
    }
    return Tagged({MAKE: "Maker", MODEL: "Model"}, taken(view), gps)


def taken(view: View) -> Tags:
    """When it was taken, with its offset from UTC."""
    return {TAKEN: view.time.strftime("%Y:%m:%d %H:%M:%S"), OFFSET: "+00:00"}


def directed(view: View) -> Tagged:
    """The same with a direction from true north: all that EXIF can say of a pose."""
    return located(view).but(direction_ref="T", direction=hundredths(view.true_heading))


def panorama(view: View) -> Tagged:
    """A whole panorama with position and direction in EXIF, and GPano's word for what it is."""
    return directed(view).but(xmp=gpano(whole_area(view)))


def phone(view: View) -> Tagged:
    """A photograph of a camera with a focal length as of 35 mm film, which gives its field of view."""
    focal = view.camera["fx"] * 36.0 / view.width
    tags: Tags = {FOCAL_35MM: round(focal), FOCAL: (4250, 1000)}
    return directed(view).but(exif=tags)


def sexagesimal(degrees: float) -> list[Ratio]:
    """Degrees, minutes, and seconds to a ten-millionth."""
    whole = abs(degrees)
    minutes = (whole - int(whole)) * 60
    seconds = (minutes - int(minutes)) * 60
    return [(int(whole), 1), (int(minutes), 1), (round(seconds * 10**7), 10**7)]


def hundredths(value: float) -> Ratio:
    """A direction as a ratio, to a ten-thousandth of a degree."""
    return round(value * 10**4), 10**4


# -- XMP ------------------------------------------------------------------------------------------------


def whole_area(view: View) -> dict[str, object]:
    """GPano's tags of a panorama that shows all of the sphere."""
    return area(view.width, view.height, view.width, view.height, 0, 0)


def area(
    width: int, height: int, full_width: int, full_height: int, left: int, top: int
) -> dict[str, object]:
    """GPano's tags of an image that is a part of a panorama."""
    return {
        "ProjectionType": "equirectangular",
        "CroppedAreaImageWidthPixels": width,
        "CroppedAreaImageHeightPixels": height,
        "FullPanoWidthPixels": full_width,
        "FullPanoHeightPixels": full_height,
        "CroppedAreaLeftPixels": left,
        "CroppedAreaTopPixels": top,
    }


def gpano(tags: Mapping[str, object], *, elements: bool = False) -> str:
    """Photo Sphere XMP, its tags as attributes or as elements: both are the same RDF."""
    return xmp(tags, "GPano", "http://ns.google.com/photos/1.0/panorama/", elements=elements)


def xmp(tags: Mapping[str, object], prefix: str, namespace: str, *, elements: bool = False) -> str:
    """An XMP packet with one namespace's tags."""
    attributes = "".join(f' {prefix}:{name}="{value}"' for name, value in tags.items())
    inner = "".join(f"<{prefix}:{name}>{value}</{prefix}:{name}>" for name, value in tags.items())
    described = f">{inner}</rdf:Description>" if elements else f"{attributes}/>"
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:{prefix}="{namespace}"{described}</rdf:RDF></x:xmpmeta>'
    )


# -- the EXIF block -------------------------------------------------------------------------------------


def exif_block(tagged: Tagged) -> bytes:
    """A little-endian TIFF structure with the main, EXIF and GPS directories."""
    main = dict(tagged.main)
    for pointer, tags in ((_EXIF_POINTER, tagged.exif), (_GPS_POINTER, tagged.gps)):
        if tags:
            main[pointer] = 0
    places, offset = {}, 8 + len(_directory(main, 8))
    for pointer, tags in ((_EXIF_POINTER, tagged.exif), (_GPS_POINTER, tagged.gps)):
        if tags:
            places[pointer] = offset
            offset += len(_directory(tags, offset))
    main.update(places)
    block = b"II*\0" + struct.pack("<I", 8) + _directory(main, 8)
    for pointer, tags in ((_EXIF_POINTER, tagged.exif), (_GPS_POINTER, tagged.gps)):
        if tags:
            block += _directory(tags, places[pointer])
    return block


def _directory(tags: Tags, offset: int) -> bytes:
    """One directory that stands at ``offset``, with its values behind it."""
    entries, values = b"", b""
    behind = offset + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        kind, count, content = _encoded(tag, value)
        if len(content) > 4:
            place = struct.pack("<I", behind + len(values))
            values += content + b"\0" * (len(content) % 2)
        else:
            place = content.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + place
    return struct.pack("<H", len(tags)) + entries + b"\0\0\0\0" + values


def _encoded(tag: int, value: object) -> tuple[int, int, bytes]:
    """A value's type, count and bytes: text, bytes, whole numbers, ratios."""
    if isinstance(value, str):
        content = value.encode() + b"\0"
        return _ASCII, len(content), content
    if isinstance(value, bytes):
        return _BYTE, len(value), value
    if isinstance(value, int):
        kind = _LONG if tag in (_EXIF_POINTER, _GPS_POINTER) else _SHORT
        return kind, 1, struct.pack("<I" if kind == _LONG else "<H", value)
    ratios: list[Ratio] = value if isinstance(value, list) else [cast(Ratio, value)]
    return _RATIONAL, len(ratios), b"".join(struct.pack("<II", *ratio) for ratio in ratios)
