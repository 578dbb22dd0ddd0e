"""Inputs: photographs whose positions or files are wrong or wanting."""

from __future__ import annotations

from tests.acceptance.inputs.expected import Either, Refused, Right, Told
from tests.acceptance.inputs.headers import (
    but,
    copies,
    every_other,
    first,
    lying,
    upright,
)
from tests.acceptance.inputs.of_photographs import alone
from tests.acceptance.inputs.parts import coco, given, images, text
from tests.acceptance.inputs.photographs import (
    panorama,
    sexagesimal,
)
from tests.acceptance.inputs.scene import (
    BUENOS_AIRES,
    SEATTLE,
)

HEMISPHERE = "hemisphere|north or south|east or west|GPS\\w*Ref"


ZERO = r"\b0, ?0\b|longitude and latitude 0|null island"
FAR = r"\bfar\b|\bkm\b|kilomet"

INPUTS = (
    alone(
        "exif-no-ref",
        "no letter for the hemisphere",
        Refused(HEMISPHERE),
        but(lat_ref=None, lon_ref=None),
        place=BUENOS_AIRES,
    ),
    alone(
        "exif-no-ref-some",
        "the same in half of them",
        Either(of=(Right(saying=HEMISPHERE), Told(HEMISPHERE))),
        every_other(but(lat_ref=None, lon_ref=None)),
    ),
    alone(
        "exif-odd-ref", "the letter X for the hemisphere", Refused(HEMISPHERE), but(lat_ref="X", lon_ref="Y")
    ),
    alone("exif-empty-ref", "an empty letter", Refused(HEMISPHERE), but(lat_ref="", lon_ref="")),
    alone("exif-status-v", "status V: no receiver had a fix", Refused("fix|status|void"), but(status="V")),
    alone(
        "exif-status-v-first",
        "status V and an old place in the first",
        Either(of=(Right(saying="fix|status|void"), Told("fix|status|void"))),
        first(but(status="V")),
    ),
    alone(
        "exif-null-island-first",
        "0, 0 in the first photograph",
        Either(of=(Right(saying=f"{ZERO}|fix|void"), Told(f"{ZERO}|fix|void"))),
        first(but(lat=[(0, 1)] * 3, lon=[(0, 1)] * 3, status="V")),
        place=SEATTLE,
    ),
    alone("exif-null-island-all", "0, 0 in all", Refused(ZERO), but(lat=[(0, 1)] * 3, lon=[(0, 1)] * 3)),
    alone(
        "exif-first-elsewhere",
        "the first photograph was taken at home, in another UTM zone",
        Either(of=(Told(FAR), Right(saying=FAR))),
        first(but(lat=lambda view: sexagesimal(40.4), lon=lambda view: sexagesimal(3.7), lon_ref="W")),
    ),
    alone(
        "exif-position-0-0",
        "0/0 for every part of the position",
        Refused("GPS|0/0"),
        but(lat=[(0, 0)] * 3, lon=[(0, 0)] * 3),
    ),
    alone(
        "exif-latitude-95",
        "a latitude of 95 degrees",
        Refused("GPS|latitude"),
        but(lat=lambda view: [(95, 1), (0, 1), (0, 1)]),
    ),
    given(
        "exif-turned",
        "a phone held upright: pixels lie on their side, orientation 6",
        Right(),
        lambda folder, scene: lying(folder, scene),
        coco(),
        scene=lambda: upright(),
    ),
    given(
        "other-files",
        "photographs as .heic, a film and a table of another name beside the right ones",
        Either(of=(Right(saying="heic"), Told("heic"))),
        images(panorama),
        coco(),
        text("IMG_1.HEIC", "x"),
        text("IMG_2.heic", "x"),
        text("drive.mp4", "x"),
    ),
    given(
        "only-heic",
        "nothing but .heic",
        Refused("heic"),
        text("IMG_1.HEIC", "x"),
        text("IMG_2.HEIC", "x"),
        coco(),
    ),
    given("nothing", "an empty folder", Refused("no recording|no image|holds no")),
    given("no-position", "photographs without any position", Refused("position"), images(), coco()),
    given(
        "photograph-damaged",
        "one file that is no image",
        Told("r003"),
        images(panorama),
        coco(),
        lambda folder, scene: (folder / "r003.jpg").write_text("this is no photograph"),
    ),
    given(
        "photographs-twice",
        "every photograph a second time in another folder",
        Told("twice|duplicate|same place|same image"),
        images(panorama),
        coco(),
        lambda folder, scene: copies(folder, scene),
    ),
)
