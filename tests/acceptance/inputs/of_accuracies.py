"""Inputs: how well poses are known, as people and devices say it, rightly, wrongly or not at all."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.inputs.boxes import write_json
from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right, Told
from tests.acceptance.inputs.headers import but, first
from tests.acceptance.inputs.of_photographs import alone
from tests.acceptance.inputs.parts import Part, coco, given, images, settings, table
from tests.acceptance.inputs.photographs import panorama
from tests.acceptance.inputs.records import description, stac_item
from tests.acceptance.inputs.scene import Json, Scene, View
from tests.acceptance.inputs.tables import canonical

_SURVEYED = {"position_m": 0.05, "heading_deg": 0.2}
_UNTOLD = "no accuracy is given.*telephone.*accuracy: {position_m"
_ONE = "tell nothing of where objects stand"


def stated(name: str, what: str, expect: Expected, accuracy: object) -> Input:
    """The canonical table, and an accuracy in batch.yaml."""
    return given(name, what, expect, table(), images(), settings(accuracy=accuracy), coco())


def listed(name: str, what: str, expect: Expected, **columns: object) -> Input:
    """The canonical table with further columns, each of one value, or of one for each recording."""

    def value(column: object, view: View) -> object:
        number = int(view.image[1:4])
        return column[number % len(column)] if isinstance(column, tuple) else column

    def row(view: View) -> Json:
        return {**canonical(view), **{name: value(column, view) for name, column in columns.items()}}

    return given(name, what, expect, table(row), images(), settings(), coco())


def described(**more: object) -> Part:
    """mapillary_image_description.json with further fields."""

    def write(folder: Path, scene: Scene) -> None:
        entries = [{**description(view), **more} for view in scene.views]
        write_json(folder / "mapillary_image_description.json", entries)

    return write


def catalogued(**more: object) -> Part:
    """STAC items with further properties."""

    def write(folder: Path, scene: Scene) -> None:
        items = [stac_item(view) for view in scene.views]
        for item in items:
            item["properties"] |= more
        write_json(folder / "items.json", {"type": "FeatureCollection", "features": items, "links": []})

    return write


SAID = (
    stated("accuracy-of-all", "batch.yaml says how good the poses are", Right(), _SURVEYED),
    listed(
        "accuracy-columns",
        "columns gps_accuracy and heading_accuracy_deg",
        Right(saying="'gps_accuracy' as position_accuracy, 'heading_accuracy_deg' as heading_accuracy"),
        gps_accuracy=0.05,
        heading_accuracy_deg=0.2,
    ),
    listed("accuracy-hdop", "a column hdop", Right(saying="'HDOP' as dop"), HDOP=0.05),
    alone(
        "exif-positioning-error",
        "EXIF's GPSHPositioningError beside an accuracy of headings in batch.yaml",
        Right(),
        but(positioning_error=(5, 100)),
        settings(None, accuracy={"heading_deg": 0.2}),
    ),
    given(
        "mapillary-accuracy",
        "MAPGPSAccuracyMeters of 5 cm, and nothing of the compass",
        Right(saying="heading of a device, and no accuracy of it"),
        described(MAPGPSAccuracyMeters=0.05),
        images(panorama),
        coco(),
    ),
    given(
        "stac-accuracy",
        "quality:horizontal_accuracy of Panoramax, and nothing of the compass",
        Right(saying="heading of a device, and no accuracy of it"),
        catalogued(**{"quality:horizontal_accuracy": 0.05}),
        images(),
        coco(),
    ),
)
UNSAID = (
    alone(
        "exif-no-accuracy",
        "a receiver's positions, and nobody says how good",
        Right(saying=_UNTOLD),
        panorama,
    ),
    given(
        "mapillary-no-accuracy",
        "Mapillary's description, and nobody says how good it is",
        Right(saying=_UNTOLD),
        described(),
        images(panorama),
        coco(),
    ),
)
WRONG = (
    listed(
        "accuracy-zero",
        "accuracies of 0 and -1, which stand for unknown ones",
        Right(saying="accuracy that can be none"),
        accuracy=(0, -1),
    ),
    listed(
        "accuracy-million",
        "an accuracy of 1000000 m",
        Right(saying="accuracy that can be none"),
        position_accuracy_m=(0.05, 1e6),
    ),
    listed(
        "accuracy-word",
        "accuracies in words",
        Right(saying="accuracy that can be none"),
        accuracy=("good", "poor"),
    ),
    alone(
        "exif-cell-tower",
        "one photograph of eight that knows no more than the next cell of the network",
        Either(of=(Right(saying=_ONE), Told(_ONE))),
        first(but(positioning_error=(1414, 1)), but(positioning_error=(5, 100))),
        settings(None, accuracy={"heading_deg": 0.2}),
    ),
    listed(
        "accuracy-with-unit",
        "accuracies as 10 ft, in every row",
        Refused("no recording can be used: .*'10 ft' has a unit"),
        accuracy="10 ft",
    ),
    listed(
        "accuracy-feet",
        "a column accuracy_ft",
        Refused("accuracy_ft.*in feet.*metres"),
        accuracy_ft=10,
    ),
    stated(
        "accuracy-millimetres",
        "an accuracy in batch.yaml that is in millimetres",
        Refused("accuracy.position_m: .*less than or equal to 100, got 3000.*in metres"),
        {"position_m": 3000},
    ),
    stated(
        "accuracy-none-at-all",
        "an accuracy of 0 in batch.yaml",
        Refused("accuracy.position_m: .*greater than or equal to 0.001, got 0"),
        {"position_m": 0, "heading_deg": 0},
    ),
    stated(
        "accuracy-other-key",
        "an accuracy in batch.yaml by another name",
        Refused("accuracy.position: .*did you mean 'position_m'"),
        {"position": 3, "heading": 5},
    ),
    stated(
        "accuracy-bare", "a bare number as accuracy in batch.yaml", Refused("accuracy: .*position_m: 3"), 3
    ),
)
INPUTS = (*SAID, *UNSAID, *WRONG)
