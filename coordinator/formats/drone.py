"""What DJI's drones write into XMP: signed degrees, and the direction of the gimbal that holds the camera."""

from __future__ import annotations

from coordinator.formats.exiftags import number
from coordinator.formats.geotag import Geotag, Heading, Tilt, placed, raised, tilted, turned
from coordinator.formats.row import North
from coordinator.formats.xmp import DJI, Xmp

_LONGITUDES = ("GpsLongitude", "GpsLongtitude", "Longitude")
"""The second as DJI's own programs spell it."""
_LATITUDES = ("GpsLatitude", "Latitude")


def geotag(xmp: Xmp) -> Geotag:
    """The place and altitude that the drone tells."""
    longitude, latitude = xmp.get(DJI, *_LONGITUDES), xmp.get(DJI, *_LATITUDES)
    if longitude is None and latitude is None:
        return Geotag()
    found = placed(number(longitude), number(latitude))
    altitude = xmp.get(DJI, "AbsoluteAltitude")
    return found if altitude is None else raised(found, number(altitude))


def heading(xmp: Xmp) -> Heading | None:
    """The gimbal's direction from true north, if there is one."""
    yaw = xmp.get(DJI, "GimbalYawDegree")
    return None if yaw is None else turned(number(yaw), North.TRUE)


def tilt(xmp: Xmp) -> Tilt:
    """The gimbal's pitch and roll."""
    return tilted(xmp.get(DJI, "GimbalPitchDegree"), xmp.get(DJI, "GimbalRollDegree"))
