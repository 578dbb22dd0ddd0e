"""Everything there is to say of a batch before a run: what was seen of its recordings, put into findings.

What makes a map impossible is an error, what makes it doubtful a warning; a run that makes no map has no such errors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coordinator.batch.accuracies import SURVEYORS
from coordinator.batch.look import MAX_TILT, Group, Look
from coordinator.batch.placing import MAX_APART
from coordinator.batch.weighing import POOR
from coordinator.findings import Finding, Level, named
from coordinator.formats.remarks import Remark

_MISSING = {
    "position": "give x and y, or latitude and longitude, in recordings.csv, or photographs with GPS in their EXIF",
    "heading": "give a column 'heading', or photographs with GPSImgDirection",
    "height": "give z or altitude for all of them, or for none",
    "camera": "name it in batch.yaml or in a column 'camera' (equirectangular, or pinhole with fx, fy, cx, cy)",
}
_GIVE_ACCURACY = (
    "write  accuracy: {position_m: 4, heading_deg: 8}  into batch.yaml, or columns 'position_accuracy' and "
    "'heading_accuracy'"
)
_LEADS_TO = "they take no part in positioning"
_REMARKS = {
    Remark.NO_FIX: "have a GPS position that the receiver calls void (GPSStatus V); it is not used",
    Remark.NULL_ISLAND: "lie at longitude and latitude 0, which a receiver without a fix writes; it is not used",
    Remark.NO_HEMISPHERE: "have a GPS position without N or S, E or W (GPSLatitudeRef, GPSLongitudeRef); it is not "
    "used, because no hemisphere is guessed",
    Remark.BAD_POSITION: "have a GPS position that is no place on Earth or cannot be read; it is not used",
    Remark.COARSE_POSITION: "have a GPS position without seconds, or without minutes: it may be off by a mile or more",
    Remark.BAD_ALTITUDE: "have a GPS altitude that cannot be one; it is not used",
    Remark.BAD_POSE: "have a heading, a pitch or a roll that is no angle; it is not used",
    Remark.BAD_CROP: "are parts of a panorama (GPano), but not told rightly of which; they have no camera: mend the "
    "CroppedArea and FullPano sizes, or name the camera in the table",
    Remark.UNKNOWN_PROJECTION: "are panoramas of a projection that is not read (GPano ProjectionType: cylindrical or "
    "another); convert them to equirectangular ones",
    Remark.BAD_METADATA: "have EXIF, XMP or a description that cannot be read; what it tells is not used",
    Remark.POSITION_DISAGREES: f"lie more than {MAX_APART:g} m from where their photographs' own GPS puts them: is the "
    "crs the right one, and do rows and images belong together?",
    Remark.MAGNETIC_HEADING: "have magnetic headings, which were turned to true north by the declination of their "
    "place and date (World Magnetic Model); a compass in a car is easily off by several degrees",
    Remark.MAGNETIC_UNDATED: "have magnetic headings and no date; they were turned to true north by the declination "
    "of 2025",
    Remark.MAGNETIC_UNUSED: "have magnetic headings of a date for which there is no model of the Earth's field; "
    "they are not used",
    Remark.NORTH_UNKNOWN: "have headings that do not say whether they count from true or from magnetic north "
    "(GPSImgDirectionRef); they are taken as from true north",
    Remark.HEADING_FROM_TRACK: "have no heading of the image, only the direction of motion (GPSTrack); it is taken, as "
    "if the camera looked ahead",
    Remark.HEADING_FROM_TRAVEL: "have no heading; the direction of travel is taken, as if the camera looked ahead",
    Remark.HEIGHT_FROM_NEIGHBOUR: "have no height; that of the recording beside them is taken",
    Remark.NO_HEIGHT: f"have no height, and none is beside them; {_LEADS_TO}",
    Remark.CAMERA_GUESSED: "say nothing of their focal length; it is guessed, and objects will be off; calibrate the "
    "camera and name it in batch.yaml",
    Remark.FOCAL_DISAGREES: "have another focal length (fx, fy) than their photographs' own EXIF tells: is it in "
    "pixels of images of this size, and of this camera?",
    Remark.PANORAMA_GUESSED: "are twice as wide as high and say nothing of their projection; they are taken as whole "
    "panoramas; name the camera in batch.yaml if they are not",
    Remark.FLAT: "have no height, as all others; they are taken to stand at 0 m, and heights of objects are above the "
    "camera's",
    Remark.POSITION_FROM_TRACK: "take their position from a GPX track, by the time when they were taken",
    Remark.NOT_ON_TRACK: "were taken when the GPX track has no place",
    Remark.NO_TIME: "have no time (EXIF DateTimeOriginal), and so no place in the GPX track",
    Remark.NO_ACCURACY: f"have the position of a receiver (EXIF, GPX, Mapillary, Panoramax), and no accuracy is given: "
    f"it passes for a surveyor's ({SURVEYORS}), where a telephone has 3 to 5 m and 5 to 10 degrees; {_GIVE_ACCURACY}",
    Remark.NO_HEADING_ACCURACY: "have the heading of a device, and no accuracy of it is given: it passes for a "
    f"surveyor's ({SURVEYORS}), where a telephone has 5 to 10 degrees; write  accuracy: {{heading_deg: 8}}  into "
    "batch.yaml, or a column 'heading_accuracy'",
    Remark.BAD_ACCURACY: "have an accuracy that can be none (metres from 0.001 to 10,000, degrees from 0.001 to 180, "
    "one standard deviation); it is not used",
    Remark.SHARED_ALONE: "have a 'shared_accuracy' and no 'position_accuracy': it counts only beside that, and is not "
    "used; add the column, or  accuracy: {position_m: 4}  to batch.yaml",
    Remark.SHARED_HEADING_ALONE: "have a 'shared_heading_accuracy' and no 'heading_accuracy': it counts only beside "
    "that, and is not used; add the column, or  accuracy: {heading_deg: 8}  to batch.yaml",
    Remark.POOR_POSITION: f"are known to no better than {POOR:g} m, by what they say themselves: they tell nothing of "
    "where objects stand in a street",
    Remark.IMAGE_MISSING: "name an image file that is not there",
}
"""What is said of the recordings that have a remark."""
_NOTES = frozenset({Remark.POSITION_FROM_TRACK, Remark.FLAT})
"""The remarks after which nothing is doubtful."""
_NO_MAP = "; what comes before positioning runs alone with --until"
_NO_BASELINE = 0.5
"""Metres."""
_ENOUGH = 6
_HIGH = 5.0
"""Metres of height, beyond which 0 is not the height of a neighbour."""
_AHEAD = 30.0
"""Degrees from the direction of travel within which a camera looks ahead."""
_TWICE = "of two recordings with one id the second fails"
_MOSTLY = 0.5


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What the recordings are for: what keeps it from being done is an error.

    ``makes_map``: positions are to be worked out from their poses and cameras, and ``of_detections``: from detections,
    too. ``at_once``: the first step does so, and there is nothing that could be done without. ``reads_images``: the
    first step looks at each one's image. ``limited``: they are only the first of the batch.
    """

    makes_map: bool = False
    of_detections: bool = True
    at_once: bool = False
    reads_images: bool = False
    limited: bool = False


def survey(look: Look, purpose: Purpose, *, convergence: float = 0.0) -> Iterator[Finding]:
    """What there is to say of the recordings that ``look`` has seen.

    ``convergence`` is the angle in degrees from true to grid north where they lie.
    """
    makes_map = purpose.makes_map
    if makes_map and look.bad.count and not look.total:
        text = f"no recording can be used: {look.reasons[0]}"
        more = f"; and {look.bad.count - 1:,} more" if look.bad.count > 1 else ""
        yield Finding(kind="no-recordings", level=Level.ERROR, text=text + more)
    elif look.bad.count:
        text = f"{_of(look.bad, look.total + look.bad.count)} cannot be used: {look.reasons[0]}"
        yield _warning("bad-recordings", text)
    yield from _missing(look, purpose)
    if makes_map and purpose.of_detections and look.total and look.detections == 0:
        text = "no recording has a detection: nothing can be positioned"
        yield Finding(kind="no-detections", level=Level.ERROR, text=text)
    for remark, group in look.remarks.items():
        level = Level.NOTE if remark in _NOTES else Level.WARNING
        if (
            remark is Remark.IMAGE_MISSING
            and makes_map
            and purpose.reads_images
            and group.count == look.total
        ):
            level = Level.ERROR
        yield Finding(kind=remark.value, level=level, text=f"{_of(group, look.total)} {_REMARKS[remark]}")
    yield from _unstated(look)
    yield from _cameras(look, makes_map=makes_map)
    yield from _twice(look)
    yield from _ground(look, purpose)
    yield from _headings(look, convergence)
    yield from _tilts(look)


def _missing(look: Look, purpose: Purpose) -> Iterator[Finding]:
    """What recordings lack, and whether any is left of which a map can be made."""
    makes_map = purpose.makes_map
    nowhere = look.without["position"].count
    lacking = {
        name: group
        for name, group in look.without.items()
        if name in _MISSING and group.count > (nowhere if name in ("heading", "height") else 0)
    }
    if makes_map and look.total and not look.usable:
        what = "; ".join(f"{_of(group, look.total)} have no {name}" for name, group in lacking.items())
        advice = "; ".join(_MISSING[name] for name, group in lacking.items() if group.count == look.total)
        told = f"no recording can be used for positioning: {what}; {advice or _MISSING['heading']}{_no_map(purpose)}"
        yield Finding(kind="nothing-to-position", level=Level.ERROR, text=told)
        return
    if not makes_map:
        return
    for name, group in lacking.items():
        yield _warning(
            f"no-{name}", f"{_of(group, look.total)} have no {name}: {_LEADS_TO}; {_MISSING[name]}"
        )


def _unstated(look: Look) -> Iterator[Finding]:
    """Recordings without an accuracy among others that have one: with ``accuracy`` in batch.yaml there are none."""
    if look.accuracies.stated and look.unstated.count:
        text = (
            f"{_of(look.unstated, look.total)} state no accuracy, where others do, and are taken for a surveyor's "
            f"({SURVEYORS}, the defaults of positioning): they outweigh the others; write for those  "
            "accuracy: {position_m: 4, heading_deg: 8}  into batch.yaml"
        )
        yield _warning("some-without-accuracy", text)


def _cameras(look: Look, *, makes_map: bool) -> Iterator[Finding]:
    for fault, group in look.faults.items():
        hopeless = makes_map and fault.is_certain and group.count == look.total
        level = Level.ERROR if hopeless else Level.WARNING
        verb = "has" if group.count == 1 else "have"
        text = f"{_of(group, look.total)} {verb} a camera that is not that of the image: {fault.value}"
        kind = "camera-" + fault.name.lower().replace("_", "-")
        yield Finding(kind=kind, level=level, text=text)


def _twice(look: Look) -> Iterator[Finding]:
    if look.ids_twice.count:
        yield _warning("ids-twice", f"ids are used twice: {look.ids_twice}; {_TWICE}")
    if look.places_twice.count:
        text = (
            f"recordings with exactly the place and the heading of another: {look.places_twice}; are photographs in "
            "the batch twice?"
        )
        yield _warning("places-twice", text)
    if look.images_twice.count:
        yield _warning("images-twice", f"images are used twice, by {look.images_twice}")


def _ground(look: Look, purpose: Purpose) -> Iterator[Finding]:
    ground = look.ground
    if purpose.makes_map and look.usable and ground.spread < _NO_BASELINE:
        text = (
            f"all {ground.count:,} recordings stand at one place: nothing can be triangulated from it; "
            f"two places a few metres apart are needed{_no_map(purpose)}"
        )
        level = Level.WARNING if purpose.limited else Level.ERROR  # a try of the first few
        yield Finding(kind="one-place", level=level, text=text)
    elif ground.count >= _ENOUGH and ground.standing > _MOSTLY * ground.steps:
        text = (
            f"{ground.standing:,} of {ground.steps + 1:,} recordings were taken by a standing car, at the place of the "
            "one before: they add no baseline, and objects that are seen from one stop alone get no position"
        )
        yield _warning("standing", text)
    count, names = ground.far_off()
    if count:
        yield _warning(
            "far-off",
            f"{count:,} recordings lie tens of kilometres away from the others: {named(names, count)}",
        )
    if 0 < ground.at_zero_height < ground.count and max(map(abs, ground.heights)) > _HIGH:
        text = (
            f"{ground.at_zero_height:,} of {ground.count:,} recordings have the height 0, others up to "
            f"{ground.heights[1]:.0f} m: leave it out where it is not known"
        )
        yield _warning("height-zero", text)


def _tilts(look: Look) -> Iterator[Finding]:
    if look.tilted.count:
        text = (
            f"{_of(look.tilted, look.total)} have a pitch or a roll of more than {MAX_TILT:g} degrees: pitch counts "
            "upwards from the horizon, roll clockwise, in degrees"
        )
        yield _warning("tilted", text)


def _headings(look: Look, convergence: float) -> Iterator[Finding]:
    headings = look.headings
    if headings.are_radians(convergence):
        text = "the headings look like radians: as such they go with the direction of travel; give degrees"
        yield _warning("headings-radians", text)
    elif headings.are_all_zero:
        text = "all headings are 0, but the way is not to the north: leave them out where they are not known"
        yield _warning("headings-zero", text)
    elif headings.are_adrift:
        text = (
            f"the headings have nothing to do with the direction of travel, over {headings.steps:,} steps: are they "
            "degrees clockwise from north, and are x and y (or latitude and longitude) the right way round?"
        )
        yield _warning("headings-adrift", text)
    elif (offset := headings.steady_offset) is not None and abs(offset) > _AHEAD:
        text = (
            f"the headings disagree with the direction of travel, by {offset:+.0f} degrees on the whole: right if the "
            "camera looks there; else give degrees clockwise from north at the middle of the image, and see that x and "
            "y (latitude and longitude) are not exchanged"
        )
        yield _warning("headings-off", text)


def _no_map(purpose: Purpose) -> str:
    return "" if purpose.at_once else _NO_MAP


def _of(group: Group, total: int) -> str:
    return f"{group.count:,} of {total:,} recordings ({group})"


def _warning(kind: str, text: str) -> Finding:
    return Finding(kind=kind, level=Level.WARNING, text=text)
