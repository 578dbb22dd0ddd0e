"""What mapillary_tools writes into a photograph: a JSON object as EXIF's ImageDescription.

It leaves the device's own tags as they are and writes what it has corrected beside them: positions interpolated along
a track, directions of travel. So where there is such an object, it is before EXIF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from coordinator import strictjson
from coordinator.formats.exiftags import DESCRIPTION, Tags, number, text
from coordinator.formats.exiftime import Taken, moment
from coordinator.formats.geotag import Geotag, Heading, placed, raised, turned
from coordinator.formats.row import North


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The object, empty if there is none; ``is_broken`` says that there is one that cannot be read."""

    values: Mapping[str, Any] = field(default_factory=dict)
    is_broken: bool = False


def description(tags: Tags) -> Description:
    """Mapillary's object among the tags."""
    told = text(tags.image.get(DESCRIPTION))
    if not told.startswith("{") or '"MAP' not in told:
        return Description()
    try:
        values = strictjson.decode(told.encode("latin-1"))
    except ValueError:
        return Description(is_broken=True)
    return Description(values=values)


def geotag(description: Description) -> Geotag:
    """The place and altitude that it tells."""
    values = description.values
    if "MAPLatitude" not in values and "MAPLongitude" not in values:
        return Geotag()
    found = placed(number(values.get("MAPLongitude")), number(values.get("MAPLatitude")))
    if found.has_place:
        found = replace(found, accuracy=number(values.get("MAPGPSAccuracyMeters")) or None)
    altitude = values.get("MAPAltitude")
    return found if altitude is None else raised(found, number(altitude))


def heading(description: Description, of_exif: Heading | None) -> Heading | None:
    """The heading that it tells.

    One that is EXIF's was copied from there, without the word whether it is magnetic: EXIF's counts. Both zero is
    what old versions wrote for an unknown one, and a negative one is what phones write.
    """
    told = description.values.get("MAPCompassHeading")
    if not isinstance(told, dict):
        return None
    true, magnetic = number(told.get("TrueHeading")), number(told.get("MagneticHeading"))
    degrees, north = (true, North.TRUE) if true is not None else (magnetic, North.MAGNETIC)
    if degrees is None or degrees < 0 or (true == 0 and magnetic == 0):
        return None
    found = turned(degrees, north)
    is_copied = of_exif is not None and _is_same(found.degrees, of_exif.degrees)
    return of_exif if is_copied else found


def taken(description: Description) -> Taken | None:
    """The moment that it tells: of UTC by the format's definition, but old versions wrote the camera's clock."""
    found = moment(description.values.get("MAPCaptureTime"))
    return found and Taken(found.seconds, zone_known=False)


def _is_same(degrees: float | None, other: float | None) -> bool:
    return degrees is not None and other is not None and abs(degrees - other) < 0.01
