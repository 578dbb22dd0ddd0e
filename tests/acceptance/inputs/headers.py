"""Headers of photographs as devices get them right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.inputs.photographs import (
    DESCRIPTION,
    FOCAL,
    FOCAL_35MM,
    MAKE,
    MODEL,
    ORIENTATION,
    Header,
    Tagged,
    directed,
    gpano,
    hundredths,
    jpeg,
    located,
    panorama,
    whole_area,
    xmp,
)
from tests.acceptance.inputs.scene import (
    FORWARD,
    Place,
    Scene,
    View,
    seen,
    town,
)


def but(**gps: Callable[[View], object] | object) -> Header:
    """A panorama's header with other GPS tags, computed from the recording where they are functions."""

    def header(view: View) -> Tagged:
        tags = {name: value(view) if callable(value) else value for name, value in gps.items()}
        return panorama(view).with_gps(tags)

    return header


def every_other(header: Header, otherwise: Header = panorama) -> Header:
    return lambda view: (header if number(view) % 2 else otherwise)(view)


def first(header: Header, otherwise: Header = panorama) -> Header:
    return lambda view: (header if number(view) == 0 else otherwise)(view)


def number(view: View) -> int:
    return int(view.image[1:4])


def decimal_minutes(degrees: float, last: tuple[int, int] | None) -> list[tuple[int, int]]:
    whole = abs(degrees)
    parts = [(int(whole), 1), (round((whole - int(whole)) * 60 * 10**7), 10**7)]
    return [*parts, last] if last else parts


def minutes(last: tuple[int, int] | None) -> Header:
    """Degrees, decimal minutes, and ``last`` for the seconds."""
    return but(
        lat=lambda view: decimal_minutes(view.latitude, last),
        lon=lambda view: decimal_minutes(view.longitude, last),
    )


def magnetic(place: Place, reference: str | None = "M") -> Header:
    """Directions from magnetic north, by the place's declination."""
    return but(
        direction=lambda view: hundredths((view.true_heading - place.declination) % 360),
        direction_ref=reference,
    )


def pose(view: View) -> dict[str, object]:
    """GPano's pose."""
    return {
        "PoseHeadingDegrees": f"{view.true_heading % 360:.6f}",
        "PosePitchDegrees": f"{view.pitch:.4f}",
        "PoseRollDegrees": f"{view.roll:.4f}",
    }


def in_xmp(view: View) -> str:
    """Adobe's way for positions: degrees, decimal minutes and a letter; and GPano in the same packet."""

    def minutes(degrees: float, letters: str) -> str:
        whole = abs(degrees)
        return f"{int(whole)},{(whole - int(whole)) * 60:.8f}{letters[degrees < 0]}"

    place = xmp(
        {
            "GPSLatitude": minutes(view.latitude, "NS"),
            "GPSLongitude": minutes(view.longitude, "EW"),
            "GPSAltitude": f"{round(view.z * 1000)}/1000",
            "GPSAltitudeRef": "0",
        },
        "exif",
        "http://ns.adobe.com/exif/1.0/",
    )
    inner = gpano(whole_area(view) | pose(view))
    description = inner[inner.index("<rdf:Description") : inner.index("</rdf:RDF>")]
    return place.replace("</rdf:RDF>", description + "</rdf:RDF>")


def described(view: View) -> Tagged:
    """What mapillary_tools leaves in an image: JSON in ImageDescription, its position in EXIF."""
    plain = located(view).but(xmp=gpano(whole_area(view)))
    heading = view.true_heading % 360
    said = f'{{"MAPCompassHeading": {{"TrueHeading": {heading:.6f}, "MagneticHeading": {heading:.6f}}}}}'
    return Tagged({**plain.main, DESCRIPTION: said}, plain.exif, plain.gps, plain.xmp)


def known(view: View) -> Tagged:
    """A full-frame camera, whose sensor is 35.8 mm wide (its maker's data sheet), with a lens of 24 mm."""
    plain = directed(view)
    return Tagged(
        {MAKE: "Canon", MODEL: "Canon EOS 6D"}, {**plain.exif, FOCAL: (2387, 100)}, plain.gps, plain.xmp
    )


def upright() -> Scene:
    """The forward camera held upright: 240 x 360 pixels as one sees them."""
    camera = {**FORWARD, "cx": FORWARD["cy"], "cy": FORWARD["cx"]}
    scene = town(camera=FORWARD)
    views = []
    for view in scene.views:
        turned = view.on(camera=camera, width=view.height, height=view.width)
        views.append(turned.on(boxes=seen(turned, scene.signs)))
    return Scene(place=scene.place, signs=scene.signs, views=tuple(views))


def lying(folder: Path, scene: Scene) -> None:
    """The files of the upright camera: stored lying, to be turned clockwise (orientation 6)."""
    for view in scene.views:
        plain = directed(view).but(exif={FOCAL_35MM: 24})
        tagged = Tagged({**plain.main, ORIENTATION: 6}, plain.exif, plain.gps)
        (folder / view.image).write_bytes(jpeg(view.height, view.width, tagged))


def copies(folder: Path, scene: Scene) -> None:
    for view in scene.views:
        path = folder / "copy" / view.image
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((folder / view.image).read_bytes())
