"""Inputs: cameras that are not those of the images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right, Told
from tests.acceptance.inputs.parts import Part, coco, given, images, settings, table
from tests.acceptance.inputs.photographs import directed, jpeg, panorama, phone
from tests.acceptance.inputs.scene import FORWARD, Json, Scene, View, town
from tests.acceptance.inputs.tables import Row, but, canonical, rename


def forward() -> Scene:
    return town(camera=FORWARD)


def scaled(factor: float) -> Json:
    """The forward camera calibrated at another resolution."""
    return {name: value if name == "model" else value * factor for name, value in FORWARD.items()}


def by_settings(
    name: str, what: str, expect: Expected, camera: Json, scene: Callable[[], Scene] = forward
) -> Input:
    """Photographs with positions, and a camera for all of them in batch.yaml."""
    return given(name, what, expect, images(directed), settings(camera=camera), coco(), scene=scene)


def by_table(name: str, what: str, expect: Expected, row: Row, *more: Part) -> Input:
    """A table with the columns of a camera."""
    return given(name, what, expect, images(), table(row), settings(), coco(), *more, scene=forward)


def some_upright(folder: Path, scene: Scene) -> None:
    """Every second photograph is a portrait, with the camera of the landscapes."""
    for view in scene.views[1::2]:
        (folder / view.image).write_bytes(jpeg(view.height, view.width))


def lens(**changes: object) -> Row:
    return but(canonical, **{name: _always(value) for name, value in changes.items()})


def _always(value: object) -> Callable[[View], object]:
    return lambda view: value


SIZE = "camera|centre|size|resolution|cx|pixels"
EITHER = Either(of=(Refused(SIZE), Told(SIZE)))

INPUTS = (
    by_settings("camera-of-settings", "a camera in batch.yaml", Right(), FORWARD),
    by_settings("camera-other-size", "a calibration at twice the images' size", EITHER, scaled(2)),
    by_settings("camera-smaller-size", "a calibration at half the images' size", EITHER, scaled(0.5)),
    by_settings("camera-slightly-other-size", "a calibration at 1.25 times the size", EITHER, scaled(1.25)),
    by_settings("camera-normalised", "a calibration relative to the image's width", EITHER, scaled(1 / 360)),
    by_settings(
        "camera-focal-of-other-size",
        "a focal length in pixels of images of four times the size, and the right centre",
        Told("focal length"),
        {**FORWARD, "fx": 4 * FORWARD["fx"], "fy": 4 * FORWARD["fy"]},
    ),
    given(
        "camera-other-than-exif",
        "a focal length of twice that of EXIF",
        Told("another focal length.*EXIF"),
        images(phone),
        settings(camera={**FORWARD, "fx": 2 * FORWARD["fx"], "fy": 2 * FORWARD["fy"]}),
        coco(),
        scene=forward,
    ),
    by_settings(
        "camera-no-centre",
        "a centre of 0, 0, as left out elsewhere",
        EITHER,
        {**FORWARD, "cx": 0.0, "cy": 0.0},
    ),
    by_settings(
        "camera-millimetres",
        "a focal length in millimetres",
        Either(of=(Refused("focal|fx|mm|view"), Told("focal|fx|mm|view"))),
        {**FORWARD, "fx": 24.0, "fy": 24.0},
    ),
    by_settings(
        "camera-panorama-for-photographs",
        "equirectangular for photographs",
        EITHER,
        {"model": "equirectangular"},
    ),
    by_settings(
        "camera-pinhole-for-panoramas",
        "a lens for panoramas",
        Either(of=(Right(), Refused(SIZE), Told(f"{SIZE}|panorama|no object"))),
        {**FORWARD, "cx": 99.5, "cy": 49.5},
        town,
    ),
    by_table(
        "table-camera-other-size",
        "columns of a calibration at twice the size",
        EITHER,
        lens(**scaled(2), camera="pinhole"),
    ),
    by_table("table-camera-swapped", "cx and cy swapped", EITHER, lens(cx=FORWARD["cy"], cy=FORWARD["cx"])),
    by_table(
        "table-camera-portraits",
        "portraits among landscapes, with one camera",
        EITHER,
        canonical,
        some_upright,
    ),
    by_table(
        "table-size-differs",
        "a width and height that are not the files', for which the camera was calibrated",
        Either(of=(Right(), Refused("size|width|720x480"), Told("size|width|720x480"))),
        lens(**scaled(2), camera="pinhole", width=720, height=480),
    ),
    by_table(
        "table-camera-no-centre",
        "no cx and cy",
        Either(of=(Right(), Refused("cx"), Told("cx"))),
        rename(canonical, cx=None, cy=None),
    ),
    by_table(
        "table-camera-no-focal",
        "a pinhole without a focal length",
        Either(of=(Refused("fx"), Told("fx"))),
        rename(canonical, fx=None),
    ),
    given(
        "table-camera-capital",
        "Equirectangular, 360 and spherical for the camera",
        Either(of=(Right(), Refused("camera|model"))),
        images(),
        table(
            but(
                canonical,
                camera=lambda view: ("Equirectangular", "360", "spherical")[int(view.image[1:4]) % 3],
            )
        ),
        settings(),
        coco(),
    ),
    given(
        "camera-two",
        "GPano says panorama, batch.yaml has a lens: the photograph's own word counts",
        Right(),
        images(panorama),
        settings(camera=FORWARD),
        coco(),
    ),
)
