"""Inputs: photographs alone, whose headers tell everything, as devices write them."""

from __future__ import annotations

from tests.acceptance.inputs.expected import Either, Expected, Input, Right, Told
from tests.acceptance.inputs.headers import (
    but,
    described,
    in_xmp,
    minutes,
    pose,
)
from tests.acceptance.inputs.parts import Change, Part, called, coco, given, images
from tests.acceptance.inputs.photographs import (
    Header,
    Tagged,
    area,
    directed,
    gpano,
    located,
    panorama,
    phone,
    whole_area,
)
from tests.acceptance.inputs.scene import (
    AMSTERDAM,
    BUENOS_AIRES,
    CAPE_TOWN,
    FIJI,
    FORWARD,
    Place,
    town,
)


def alone(
    name: str,
    what: str,
    expect: Expected,
    header: Header,
    *more: Part,
    place: Place = AMSTERDAM,
    told: Change | None = None,
) -> Input:
    """Panoramas without anything beside them but the detections."""
    return given(name, what, expect, images(header), coco(), *more, scene=lambda: town(place), told=told)


INPUTS = (
    alone(
        "exif-canonical",
        "panoramas with position and true direction in EXIF, GPano's word for what they are",
        Right(),
        panorama,
    ),
    given(
        "exif-phone",
        "a phone's photographs: 35 mm focal length",
        Right(),
        images(phone),
        coco(),
        scene=lambda: town(camera=FORWARD),
    ),
    alone(
        "exif-lower-case", "hemispheres n and e", Right(), but(lat_ref="s", lon_ref="w"), place=BUENOS_AIRES
    ),
    alone(
        "exif-spelt-out",
        "hemispheres South and West",
        Right(),
        but(lat_ref="South", lon_ref="West"),
        place=BUENOS_AIRES,
    ),
    alone(
        "exif-spelt-out-capitals",
        "hemispheres SOUTH and EAST",
        Right(),
        but(lat_ref="SOUTH", lon_ref="EAST"),
        place=CAPE_TOWN,
    ),
    alone("exif-antimeridian", "a street across the antimeridian", Right(), panorama, place=FIJI),
    alone("exif-seconds-0-0", "decimal minutes, seconds 0/0", Right(), minutes((0, 0))),
    alone("exif-seconds-0-1", "decimal minutes, seconds 0/1", Right(), minutes((0, 1))),
    alone("exif-two-parts", "coordinates of two parts: degrees and decimal minutes", Right(), minutes(None)),
    alone(
        "exif-degrees-only",
        "decimal degrees in the first part, the others 0/1",
        Right(),
        but(
            lat=lambda view: [(round(view.latitude * 10**7), 10**7), (0, 1), (0, 1)],
            lon=lambda view: [(round(view.longitude * 10**7), 10**7), (0, 1), (0, 1)],
        ),
    ),
    alone(
        "exif-altitude-ref-2",
        "altitude above the ellipsoid (reference 2 of EXIF 3.0)",
        Right(),
        but(alt_ref=b"\2"),
    ),
    given(
        "exif-altitude-ref-1",
        "a polder below the sea (reference 1)",
        Right(),
        images(panorama),
        coco(),
        scene=lambda: town(altitude=-6.0),
    ),
    given(
        "exif-altitude-ref-3",
        "the same below the ellipsoid (reference 3)",
        Either(of=(Right(), Told("altitude"))),
        images(lambda view: panorama(view).but(alt_ref=b"\3")),
        coco(),
        scene=lambda: town(altitude=-6.0),
    ),
    alone("exif-status-a", "status A: the receiver had a fix", Right(), but(status="A")),
    alone(
        "xmp-pose",
        "pitch and roll in GPano",
        Right(),
        lambda view: located(view).but(xmp=gpano(whole_area(view) | pose(view))),
    ),
    given(
        "xmp-pose-tilted",
        "the same, tilted",
        Right(),
        images(lambda view: located(view).but(xmp=gpano(whole_area(view) | pose(view)))),
        coco(),
        scene=lambda: town(pitch=3.0, roll=-4.0),
    ),
    alone(
        "xmp-elements",
        "GPano as elements instead of attributes",
        Right(),
        lambda view: located(view).but(xmp=gpano(whole_area(view) | pose(view), elements=True)),
    ),
    alone(
        "xmp-resized",
        "a whole panorama that was made smaller: GPano has the old size",
        Right(),
        lambda view: directed(view).but(xmp=gpano(area(8000, 4000, 8000, 4000, 0, 0))),
    ),
    alone(
        "xmp-projection-only",
        "GPano that tells nothing but the projection",
        Right(),
        lambda view: directed(view).but(xmp=gpano({"ProjectionType": "equirectangular"})),
    ),
    alone(
        "xmp-position",
        "position in XMP's exif namespace only",
        Right(),
        lambda view: Tagged(xmp=in_xmp(view)),
    ),
    alone(
        "image-description",
        "the heading in ImageDescription, where mapillary_tools writes it",
        Right(),
        lambda view: described(view),
    ),
    given(
        "sub-folders",
        "photographs in sub-folders",
        Right(),
        images(panorama),
        coco(),
        scene=called("2024/north/r{}.jpg"),
    ),
)
