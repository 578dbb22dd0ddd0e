"""What a reader had to decide for one recording, to be counted and told once for all of them."""

from __future__ import annotations

from enum import StrEnum


class Remark(StrEnum):
    """The kind of finding that it becomes; the look over a batch has the words (``batch/look.py``)."""

    NO_FIX = "no-gps-fix"
    """A position that its receiver calls void: not used."""
    NULL_ISLAND = "null-island"
    """Longitude and latitude 0, which receivers without a fix write: not used."""
    NO_HEMISPHERE = "no-hemisphere"
    """A longitude or latitude without a letter that says east or west, north or south: not used."""
    BAD_POSITION = "bad-position"
    """GPS tags that give no place on Earth, or cannot be read: not used."""
    MAGNETIC_HEADING = "magnetic-heading"
    """Turned to true north by the declination of its place and date."""
    NORTH_UNKNOWN = "north-unknown"
    """A heading that does not say which north it counts from: taken as from the true one."""
    HEADING_FROM_TRACK = "heading-from-track"
    """The direction in which the receiver moved, for want of the image's own."""
    HEADING_FROM_TRAVEL = "heading-from-travel"
    """The direction to the next recording, for want of any other."""
    HEIGHT_FROM_NEIGHBOUR = "height-from-neighbour"
    """Recordings beside it have one."""
    NO_HEIGHT = "no-height"
    """No height, and none beside it, where others of the batch have one: not positioned."""
    CAMERA_GUESSED = "camera-guessed"
    """A focal length worked out from the table of sensors, or supposed."""
    PANORAMA_GUESSED = "panorama-guessed"
    """An image twice as wide as high, without a word of its projection: taken as a whole panorama."""
    POSITION_FROM_TRACK = "position-from-gpx"
    """By the time when it was taken, from a GPX track."""
    IMAGE_MISSING = "image-missing"
    """The file that a row names is not there."""
