"""What a column is called by those who make tables, and which of :class:`Row`'s fields is meant by it.

Names are compared by their words: case, blanks, quotes and ``_ - . :`` between them do not matter, nor does a unit
that is the field's own (``heading [deg]``, ``x_m``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from coordinator.formats.row import North

_ALIASES = {
    "id": "recordingid imageid photoid pictureid recid imgid uuid",
    "image": "imagepath imagefile imagefilename imagename imagefilepath file filename filepath path photo photoname "
    "photopath photofile img imgname imgpath imgfile picture pic sourcefile bestand bestandsnaam foto fotonaam bild "
    "bilddatei datei dateiname",
    "x": "easting east e rdx xrd utmx xutm utmeasting eastingutm coordx xcoord xcoordinate posx positionx pointx "
    "xpos posex localx projectedx xcoordinaat rechtswert rightvalue",
    "y": "northing n rdy yrd utmy yutm utmnorthing northingutm coordy ycoord ycoordinate posy positiony pointy "
    "ypos posey localy projectedy ycoordinaat hochwert",
    "z": "elevation elev coordz zcoord zcoordinate posz positionz pointz zpos posez rdz utmz znap nap hoogtenap",
    "longitude": "lon long lng gpslon gpslong gpslng gpslongitude lonwgs wgslon lonwgs84 wgs84lon longitudewgs84 "
    "wgs84longitude xwgs84 wgs84x locationlongitude lengtegraad längengrad",
    "latitude": "lat gpslat gpslatitude latwgs wgslat latwgs84 wgs84lat latitudewgs84 wgs84latitude ywgs84 wgs84y "
    "locationlatitude breedtegraad breitengrad",
    "altitude": "alt ele gpsalt gpsele gpsaltitude altitudewgs84 altwgs84 altitudemsl altmsl amsl "
    "heightabovesealevel heightmsl mslaltitude",
    "heading": "yaw bearing azimuth compass compassangle compassheading compassbearing direction imgdirection "
    "imagedirection gpsimgdirection hdg heading360 viewdirection viewazimuth camerayaw cameraheading camerabearing "
    "cameradirection cameraazimuth camheading camyaw posyaw poseyaw poseheading yawangle headingangle richting "
    "kijkrichting richtung blickrichtung",
    "north": "northref headingref headingreference headingnorth gpsimgdirectionref northtype",
    "pitch": "camerapitch campitch posepitch pitchangle",
    "roll": "cameraroll camroll poseroll rollangle",
    "camera": "cameramodel cameratype projection projectiontype cameraprojection imageprojection",
    "width": "imagewidth imgwidth imgw imagew pixelwidth widthpixels exifimagewidth",
    "height": "imageheight imgheight imgh imageh pixelheight heightpixels exifimageheight",
    "fx": "focalx focallengthx fpx",
    "fy": "focaly focallengthy",
    "cx": "ppx principalpointx principalx",
    "cy": "ppy principalpointy principaly",
    "k1": "", "k2": "", "p1": "", "p2": "", "k3": "",
    "full_width": "fullwidth", "full_height": "fullheight", "left": "", "top": "",
    "f": "focalpixels focallengthpixels",
    "time": "timestamp datetime datetimeoriginal captured capturedat capturetime capturedate captureat takenat "
    "datetaken timetaken gpsdatetime gpstime timeutc utctime datetimeutc utc tijd tijdstip zeit zeitstempel",
    "position_accuracy": "positionaccuracy positionm gpsaccuracy locationaccuracy horizontalaccuracy haccuracy hacc "
    "gpshaccuracy gpshorizontalaccuracy gpshpositioningerror hpositioningerror horizontalpositioningerror "
    "horizontalerror positionerror gpserror poserror posaccuracy positionsigma sigmaposition positionstd "
    "positionstddev positionstdev gpsstd xyaccuracy accuracyxy accuracyposition accuracygps mapgpsaccuracymeters "
    "qualityhorizontalaccuracy positienauwkeurigheid positionsgenauigkeit lagegenauigkeit",
    "heading_accuracy": "headingaccuracy headingerror headingsigma sigmaheading headingstd headingstddev headingstdev "
    "yawaccuracy yawerror yawstd azimuthaccuracy bearingaccuracy bearingaccuracydegrees compassaccuracy "
    "directionaccuracy orientationaccuracy angleaccuracy attitudeaccuracy accuracyheading richtungsgenauigkeit",
    "shared_accuracy": "sharedaccuracy sharedm",
    "shared_heading_accuracy": "sharedheadingaccuracy shareddeg",
    "dop": "hdop gpsdop gpshdop horizontaldop horizontaldilution",
    "latitude ref": "latref latituderef gpslatref gpslatituderef lathemisphere latitudehemisphere",
    "longitude ref": "lonref lngref longref longituderef gpslonref gpslongituderef lonhemisphere "
    "longitudehemisphere",
}  # fmt: skip
"""By field, without the sign between words; ``f`` is one focal length for both axes."""
_WEAK = {
    "image": "url imageurl photourl uri href link",
    "heading": "course cog courseoverground track gpstrack gpscourse gpsheading gpsbearing traveldirection "
    "directionoftravel",
    "position_accuracy": "accuracy gpsprecision precision nauwkeurigheid genauigkeit",
    "heading_accuracy": "courseaccuracy",
    "dop": "pdop gpspdop positiondop",
}
"""Names that count if there is no other of the field: they often mean something else beside it."""
TRAVEL = frozenset(_WEAK["heading"].split())
_HINTS = {
    "tilt": "pitch",
    **dict.fromkeys(["hoogte", "höhe", "hohe", "hauteur"], "z"),
    **dict.fromkeys(["latlon", "latlong", "latlng", "lonlat", "coordinates", "coords", "gps"], "latitude"),
}
"""Names too vague to be read as the field, which is probably meant."""

_KNOWN = {alias.lower(): field for field, names in _ALIASES.items() for alias in (field, *names.split())}
_KNOWN.update({alias: field for field, names in _WEAK.items() for alias in names.split()})
_WEAKER = frozenset(alias for names in _WEAK.values() for alias in names.split())

ACCURACIES = {
    "position_m": "position_accuracy",
    "heading_deg": "heading_accuracy",
    "shared_m": "shared_accuracy",
    "shared_deg": "shared_heading_accuracy",
}
"""The fields of an accuracy's parts, as ``batch.yaml`` and steps call those."""
METRES = frozenset({"x", "y", "z", "altitude", "position_accuracy", "shared_accuracy"})
DEGREES = frozenset(
    {"longitude", "latitude", "heading", "pitch", "roll", "heading_accuracy", "shared_heading_accuracy"}
)
PIXELS = frozenset(
    {"width", "height", "full_width", "full_height", "left", "top", "fx", "fy", "cx", "cy", "f"}
)
_GROUPS = frozenset(
    {"exif", "xmp", "composite", "properties", "attributes", "pose", "position", "location", "loc"}
)
"""What stands before a number's name to say where it is from, as ``EXIF:GPSLatitude``."""
_UNITS = {
    **dict.fromkeys(["m", "metre", "metres", "meter", "meters", "mtr"], "metres"),
    **dict.fromkeys(["deg", "degs", "degree", "degrees", "°", "º", "dd", "dms"], "degrees"),
    **dict.fromkeys(["px", "pixel", "pixels"], "pixels"),
    **dict.fromkeys(["rad", "rads", "radian", "radians"], "radians"),
    **dict.fromkeys(["gon", "gons", "grad", "grads"], "gon"),
    **dict.fromkeys(["ft", "feet", "foot", "usft"], "feet"),
    **{unit: unit for unit in ("km", "dm", "cm", "mm", "yd", "mrad")},
}
_NORTHS = {"true": North.TRUE, "magnetic": North.MAGNETIC, "magn": North.MAGNETIC, "mag": North.MAGNETIC,
           "grid": North.GRID}  # fmt: skip

_BRACKETS = re.compile(r"[\[({<]([^\])}>]*)[\])}>]")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+|[°º]")
_NEAR = 0.8
_LONGEST = 100
"""Characters: no name that is known has more."""
_SHORT = 3
"""Letters: what has no more is too short to be told from another by likeness."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a name says. ``own`` is the field's own name, but for case and signs; ``unit`` is one that does not fit."""

    field: str
    own: bool = False
    weak: bool = False
    travel: bool = False
    north: North | None = None
    unit: str | None = None


def bare(name: str) -> str:
    """A column's name without what editors and exports put around it."""
    return name.replace("\ufeff", "").strip().strip("\"'`").strip()


@lru_cache(maxsize=4096)
def meaning(name: str) -> Meaning | None:
    """The field that a column's name means; None if it is none that is known."""
    text = bare(name)
    if len(text) > _LONGEST:
        return None
    said = [word.lower() for inner in _BRACKETS.findall(text) for word in _WORD.findall(inner)]
    words = [word.lower() for word in _WORD.findall(_BRACKETS.sub(" ", text))]
    unit = next((_UNITS[word] for word in said if word in _UNITS), None)
    found = _field(words, unit)
    if found is None or found.field in ("heading", "north"):
        return _heading(words, said, unit) or found
    return found


def suggestion(name: str) -> str | None:
    """The field that was probably meant by a name that is not known."""
    squeezed = "".join(word.lower() for word in _WORD.findall(bare(name)[:_LONGEST]))
    if squeezed in _HINTS:
        return _HINTS[squeezed]
    if len(squeezed) <= _SHORT:
        return None
    near = difflib.get_close_matches(squeezed, _LONG, n=1, cutoff=_NEAR)
    return _KNOWN[near[0]] if near else None


_LONG = sorted(name for name in _KNOWN if len(name) > _SHORT)


def _field(words: list[str], unit: str | None) -> Meaning | None:
    """The field of a name's words: as they are, without a unit at the end, without a group in front."""
    for core, its_unit in _readings(words, unit):
        name = "".join(core)
        field = _KNOWN.get(name)
        own_unit = unit_of(field) if field else None
        if field is None or (its_unit and own_unit is None and core != words):
            continue
        if field in ("width", "height") and its_unit == "metres":
            return Meaning(field="z") if field == "height" else None
        return Meaning(
            field=field,
            own=name == field.replace("_", ""),
            weak=name in _WEAKER,
            travel=name in TRAVEL,
            unit=its_unit if own_unit and its_unit != own_unit else None,
        )
    return None


def unit_of(field: str) -> str | None:
    """The unit that a field's values have."""
    kinds = (("metres", METRES), ("degrees", DEGREES), ("pixels", PIXELS))
    return next((unit for unit, fields in kinds if field in fields), None)


def _readings(words: list[str], unit: str | None) -> Iterator[tuple[list[str], str | None]]:
    yield words, unit
    if len(words) > 1 and words[-1] in _UNITS:
        yield words[:-1], _UNITS[words[-1]]
    if len(words) > 1 and words[0] in _GROUPS and _is_number(words[1:]):
        yield from _readings(words[1:], unit)


def _is_number(words: Iterable[str]) -> bool:
    """Whether the words begin the name of a number, and not of an id or a file: ``pose_id`` is no recording's id."""
    return _KNOWN.get("".join(words), "x") not in ("id", "image", "camera")


def _heading(words: list[str], said: list[str], unit: str | None) -> Meaning | None:
    """A heading whose name says from which north it counts."""
    north = next((_NORTHS[word] for word in (*words, *said) if word in _NORTHS), None)
    if north is None:
        return None
    core = [word for word in words if word not in _NORTHS and word != "north"]
    found = _field(core, unit)
    if found is None or found.field != "heading":
        return None
    return Meaning(field="heading", weak=found.weak, travel=found.travel, north=north, unit=found.unit)
