"""The demo's batch, written as every format that is read, gives the objects of the original.

What a format has no place for is named beside it: the demo is then taken as if the cameras had been so, and the
original with it, so that 0.05 m hold for every format.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT
from tests.acceptance.inputs import models, records
from tests.acceptance.inputs.demo import at_one_height, demo, level, level_forward, whole_focal_length
from tests.acceptance.inputs.expected import Came, Right, attempt
from tests.acceptance.inputs.parts import Part, coco, given, images, lines, settings, table
from tests.acceptance.inputs.photographs import (
    FOCAL_35MM,
    Tagged,
    directed,
    gpano,
    hundredths,
    taken,
    whole_area,
)
from tests.acceptance.inputs.scene import AMSTERDAM, Scene, View
from tests.acceptance.inputs.tables import but, canonical, geographic

WITHIN = 0.05
"""Metres between an object of the original and the same one of a format."""
SIGNS = 9
Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A way to write the demo. ``lost`` says what it has no place for, and ``scene`` is the demo without that."""

    name: str
    parts: tuple[Part, ...]
    lost: str = "nothing"
    scene: Callable[[], Scene] = demo


def tilted(view: View) -> dict[str, object]:
    """GPano's tags of a whole panorama, pitched and rolled."""
    return whole_area(view) | {"PosePitchDegrees": view.pitch, "PoseRollDegrees": view.roll}


def camera_of(view: View, plain: Tagged) -> Tagged:
    """With what EXIF and XMP can say of a camera: a panorama's pose, or a whole 35 mm focal length."""
    if view.camera["model"] == "equirectangular":
        return plain.but(xmp=gpano(tilted(view)))
    return plain.but(exif={FOCAL_35MM: round(view.camera["fx"] * 36.0 / view.width)})


def whole(view: View) -> Tagged:
    """A photograph's header that tells all that EXIF can."""
    return camera_of(view, directed(view))


def unplaced(view: View) -> Tagged:
    """The same without a position and a direction."""
    return camera_of(view, Tagged(exif=taken(view)))


def timed(view: View) -> Tagged:
    """The same with a direction."""
    return unplaced(view).but(direction_ref="T", direction=hundredths(view.true_heading))


def as_exif() -> Scene:
    return demo(level_forward, whole_focal_length)


def semicolons(view: View) -> dict[str, object]:
    return {
        name: value if name == "image" else str(value).replace(".", ",")
        for name, value in all_of(view).items()
    }


def all_of(view: View) -> dict[str, object]:
    """A row in degrees that tells everything."""
    angles = {"pitch": f"{view.pitch:.6f}", "roll": f"{view.roll:.6f}"}
    return {**geographic(view), **angles, "width": view.width, "height": view.height}


EXIF_LOSES = "pitch and roll of forward cameras, fractions of a millimetre of their focal lengths"

FORMATS = (
    Format(name="csv-lat-lon", parts=(images(), table(all_of), settings())),
    Format(
        name="csv-semicolon-decimal-comma", parts=(images(), table(semicolons, delimiter=";"), settings())
    ),
    Format(
        name="csv-tab-utf-8-bom", parts=(images(), table(delimiter="\t", encoding="utf-8-sig"), settings())
    ),
    Format(
        name="csv-windows-paths",
        parts=(images(), table(but(canonical, image=lambda view: view.image.replace("/", "\\"))), settings()),
    ),
    Format(name="jsonl", parts=(images(), lines(all_of), settings())),
    Format(name="exif-alone", parts=(images(whole), settings()), lost=EXIF_LOSES, scene=as_exif),
    Format(
        name="mapillary-description",
        parts=(images(unplaced), records.write_descriptions, settings()),
        lost=f"the camera, which the photographs tell: {EXIF_LOSES}",
        scene=as_exif,
    ),
    Format(
        name="mapillary-api",
        parts=(images(), records.write_api_records, settings()),
        scene=lambda: records.by_mapillary_id(demo()),
    ),
    Format(name="stac", parts=(images(), records.write_stac, settings())),
    Format(
        name="panoramax",
        parts=(images(), lambda folder, scene: records.write_stac(folder, scene, heights=False), settings()),
        lost="heights",
        scene=lambda: demo(at_one_height),
    ),
    Format(
        name="panoramax-azimuth",
        parts=(
            images(),
            lambda folder, scene: records.write_stac(folder, scene, heights=False, angles=False),
            settings(),
        ),
        lost="pitch, roll and heights",
        scene=lambda: demo(level, at_one_height),
    ),
    Format(name="opensfm", parts=(images(), models.write_opensfm, settings())),
    Format(
        name="colmap",
        parts=(images(), models.write_colmap, settings()),
        lost="panoramas: COLMAP's cameras have lenses",
        scene=lambda: demo(only="pinhole"),
    ),
    Format(
        name="gpx-and-photographs",
        parts=(images(timed), models.write_gpx_through, settings()),
        lost=f"direction and camera, which the photographs tell: {EXIF_LOSES}",
        scene=as_exif,
    ),
)


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_the_demo_written_otherwise_gives_the_same_objects(form: Format, tmp_path: Path) -> None:
    scene = form.scene()
    original = objects(ran(scene, tmp_path / "original", images(), table(), settings()))
    assert len(original) >= SIGNS - 1, "the demo's own signs are not found"
    came = ran(scene, tmp_path / "other", *form.parts)
    found = objects(came)
    assert len(found) == len(original), came.out + came.err
    assert farthest(original, found) < WITHIN


def ran(scene: Scene, folder: Path, *parts: Part) -> Came:
    """How the scene's batch of these parts went."""
    batch = given("demo", "the demo", Right(), *parts, coco(), scene=lambda: scene)
    _, came = attempt(batch, folder, ROOT, sys.executable)
    assert came.code == 0, came.out + came.err
    return came


def objects(came: Came) -> list[Point]:
    """The objects' x, y, z in metres of the demo's CRS."""
    document = json.loads((came.run / "objects.geojson").read_text(encoding="utf-8"))
    assert {feature["properties"]["crs"] for feature in document["features"]} == {AMSTERDAM.crs}
    return [
        (float(facts["x"]), float(facts["y"]), float(facts["z"]))
        for facts in (feature["properties"] for feature in document["features"])
    ]


def farthest(original: list[Point], found: list[Point]) -> float:
    """The largest distance in metres of an object from its own in the original, each taken once."""
    left, worst = list(found), 0.0
    for point in original:
        nearest = min(left, key=lambda other: math.dist(point, other))
        left.remove(nearest)
        worst = max(worst, math.dist(point, nearest))
    return worst
