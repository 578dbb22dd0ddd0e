"""Inputs: photographs whose headings, heights or cameras are wrong or wanting."""

from __future__ import annotations

from tests.acceptance.inputs.expected import Either, Refused, Right, Told
from tests.acceptance.inputs.headers import (
    but,
    every_other,
    known,
    magnetic,
)
from tests.acceptance.inputs.of_photographs import alone
from tests.acceptance.inputs.parts import coco, given, images
from tests.acceptance.inputs.photographs import (
    FOCAL_35MM,
    directed,
    hundredths,
)
from tests.acceptance.inputs.scene import (
    CAPE_TOWN,
    FORWARD,
    SEATTLE,
    town,
)

INPUTS = (
    alone(
        "exif-altitude-some",
        "an altitude in half of them, 42 m",
        Either(of=(Right(saying="height|altitude"), Told("height|altitude"))),
        every_other(but(alt=None, alt_ref=None), but(alt=(42, 1))),
    ),
    alone(
        "exif-altitude-0-0",
        "an altitude of 0/0 in half of them",
        Either(of=(Right(saying="height|altitude"), Told("height|altitude"))),
        every_other(but(alt=(0, 0)), but(alt=(42, 1))),
    ),
    alone(
        "exif-altitude-none",
        "no altitude at all",
        Right(saying="height|altitude", heights=False),
        but(alt=None, alt_ref=None),
    ),
    alone(
        "exif-no-heading",
        "no heading at all",
        Either(of=(Right(saying="travel|heading"), Told("heading"), Refused("heading"))),
        but(direction=None, direction_ref=None),
    ),
    alone(
        "exif-no-heading-some",
        "no heading in half of them",
        Either(of=(Right(saying="heading"), Told("heading"))),
        every_other(but(direction=None, direction_ref=None)),
    ),
    alone(
        "exif-track-only",
        "only the direction of movement",
        Right(saying="track|movement|moved"),
        but(
            direction=None,
            direction_ref=None,
            track_ref="T",
            track=lambda view: hundredths(view.true_heading),
        ),
    ),
    alone(
        "exif-heading-0-0",
        "a heading of 0/0",
        Either(of=(Right(saying="heading"), Told("heading"), Refused("heading"))),
        but(direction=(0, 0)),
    ),
    alone(
        "exif-heading-radians",
        "headings in radians",
        Either(of=(Told("radian|travel"), Refused("radian"))),
        but(direction=lambda view: hundredths(0.34)),
    ),
    alone(
        "exif-magnetic",
        "compass headings, 15 degrees off",
        Either(of=(Right(saying="magnetic|declination"), Told("magnetic|declination"))),
        magnetic(SEATTLE),
        place=SEATTLE,
    ),
    alone(
        "exif-magnetic-south",
        "the same where it is 26 degrees to the west",
        Either(of=(Right(saying="magnetic|declination"), Told("magnetic|declination"))),
        magnetic(CAPE_TOWN),
        place=CAPE_TOWN,
    ),
    alone(
        "exif-magnetic-no-ref",
        "compass headings that do not say so",
        Told("north|magnetic"),
        magnetic(SEATTLE, None),
        place=SEATTLE,
    ),
    alone(
        "exif-magnetic-empty-ref",
        "the same with an empty letter",
        Told("north|magnetic"),
        magnetic(SEATTLE, ""),
        place=SEATTLE,
    ),
    alone(
        "exif-no-camera",
        "panoramas without GPano",
        Either(of=(Right(saying="panorama"), Refused("camera|panorama"))),
        directed,
    ),
    given(
        "exif-no-camera-4-3",
        "a camera that tells no focal length at all",
        Either(of=(Refused("camera|focal"), Told("camera|focal"))),
        images(directed),
        coco(),
        scene=lambda: town(camera=FORWARD),
    ),
    given(
        "exif-focal-only",
        "a focal length in mm, of a camera whose sensor is known",
        Either(of=(Right(saying="focal|sensor"), Told("focal|sensor"), Refused("focal|sensor|camera"))),
        images(lambda view: known(view)),
        coco(),
        scene=lambda: town(camera=FORWARD),
    ),
    given(
        "exif-focal-35-zero",
        "a 35 mm focal length of 0, which means unknown",
        Either(of=(Refused("camera|focal"), Told("camera|focal"))),
        images(lambda view: directed(view).but(exif={FOCAL_35MM: 0})),
        coco(),
        scene=lambda: town(camera=FORWARD),
    ),
)
