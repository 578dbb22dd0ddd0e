"""Inputs: tables that are wrong as tables: columns, rows, names of images."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.inputs import tables
from tests.acceptance.inputs.expected import Either, Failed, Refused, Right, Told
from tests.acceptance.inputs.of_wrong_poses import number, spoiled
from tests.acceptance.inputs.parts import (
    coco,
    given,
    images,
    lines,
    settings,
    table,
    text,
    turned,
)
from tests.acceptance.inputs.photographs import located
from tests.acceptance.inputs.scene import Scene
from tests.acceptance.inputs.tables import but, canonical, geographic, rename


def header_twice(folder: Path, scene: Scene) -> None:
    """A table with two columns of the same name, of which the second is the old compass."""
    rows = [canonical(view) for view in scene.views]
    text = tables.as_csv(rows)
    head, *body = text.splitlines()
    lines = [head + ",heading", *(f"{line},0.0" for line in body)]
    (folder / "recordings.csv").write_text("\n".join(lines) + "\n")


def spelt(degrees: float, letter: str) -> str:
    minutes = degrees % 1 * 60
    return f"{int(degrees)}°{int(minutes)}'{minutes % 1 * 60:.4f}\"{letter}"


def broken_line(folder: Path, scene: Scene) -> None:
    path = folder / "recordings.jsonl"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows[:3], rows[3][:20], *rows[4:]]) + "\n")


def remove_two(folder: Path, scene: Scene) -> None:
    for view in scene.views[6:]:
        (folder / view.image).unlink()


INPUTS = (
    spoiled(
        "table-height",
        "a column height, which is the camera's or the image's",
        Either(of=(Right(), Refused("height"), Told("height"))),
        rename(canonical, z="height"),
    ),
    spoiled(
        "table-degree-sign",
        "headings with a degree sign",
        Either(of=(Right(), Refused("heading|°"), Told("heading|°"))),
        but(canonical, heading=lambda view: f"{view.heading}°"),
    ),
    given(
        "table-minutes-and-seconds",
        "degrees, minutes and seconds as text",
        Either(of=(Right(), Refused("lat|degrees"), Told("lat|degrees"))),
        images(),
        table(
            but(
                geographic,
                lat=lambda view: spelt(view.latitude, "N"),
                lon=lambda view: spelt(view.longitude, "E"),
            )
        ),
        settings(),
        coco(),
    ),
    given(
        "jsonl-broken-line",
        "a line of recordings.jsonl that is no JSON",
        Either(of=(Told("line|row|r003"), Refused("line|row"), Failed("JSON"))),
        images(),
        lines(),
        broken_line,
        settings(),
        coco(),
    ),
    spoiled(
        "table-headng",
        "a column Headng",
        Told("did you mean.*heading|Headng.*heading"),
        rename(canonical, heading="Headng"),
    ),
    spoiled(
        "table-no-image-column",
        "no column for the image",
        Refused("image"),
        rename(canonical, image="recording_nr"),
    ),
    spoiled(
        "table-unknown-position",
        "columns for the position that nobody knows",
        Refused("position|no column"),
        rename(canonical, x="coord_1", y="coord_2"),
    ),
    given(
        "table-column-twice",
        "two columns of one name, the second with an old compass",
        Refused("twice|two columns|more than once"),
        images(),
        header_twice,
        settings(),
        coco(),
    ),
    given(
        "table-column-aliases",
        "heading and yaw, which disagree",
        Either(of=(Refused("yaw.*heading|heading.*yaw"), Told("yaw"))),
        images(),
        table(but(canonical, yaw=lambda view: 0.0)),
        settings(),
        coco(),
    ),
    spoiled(
        "table-rows-twice",
        "a row twice",
        Either(of=(Told("twice|duplicate|same id|more than once"), Refused("twice|duplicate|same id"))),
        but(canonical, id=lambda view: f"r{min(number(view), 6):03d}"),
    ),
    given(
        "table-images-missing-some",
        "two images of the table are not there",
        Told(r"r006|2 image"),
        images(),
        table(),
        settings(),
        coco(),
        remove_two,
    ),
    given(
        "table-images-missing-all",
        "the table is there, the images are elsewhere",
        Refused("image"),
        table(),
        settings(),
        coco(),
    ),
    given(
        "table-other-case",
        "names in another case than the files'",
        Either(of=(Right(), Refused("case|R000"), Told("case|R000"))),
        images(),
        table(but(canonical, image=lambda view: view.image.upper())),
        settings(),
        coco(),
    ),
    given(
        "table-two",
        "recordings.csv beside an older recordings.jsonl",
        Either(of=(Refused("recordings.jsonl"), Told("recordings.jsonl"))),
        images(),
        table(),
        lambda folder, scene: tables.write_jsonl(folder, turned(lambda index, heading: 0.0)(scene)),
        settings(),
        coco(),
    ),
    given(
        "table-other-name",
        "poses.csv, which is not recordings.csv",
        Either(of=(Right(saying="poses.csv"), Refused("poses.csv"))),
        images(),
        table(name="poses.csv"),
        settings(),
        coco(),
    ),
    given(
        "table-header-only",
        "a table without a row",
        Refused("no row|holds no"),
        images(),
        text("recordings.csv", "id,image,x,y,z,heading,camera\n"),
        settings(),
        coco(),
    ),
    given(
        "table-not-a-number",
        "n/a for numbers in some rows",
        Either(of=(Told("n/a|r003|row 4"), Right(saying="n/a"))),
        images(),
        table(but(canonical, heading=lambda view: "n/a" if number(view) == 3 else view.heading)),
        settings(),
        coco(),
    ),
    given(
        "table-thousands",
        "commas between thousands",
        Either(of=(Refused("121,8|number"), Told("121,8|number"), Right())),
        images(),
        table(but(canonical, x=lambda view: f"{view.x:,.3f}", y=lambda view: f"{view.y:,.3f}")),
        settings(),
        coco(),
    ),
    given(
        "table-camera-unknown",
        "a camera model that is not known",
        Refused("fisheye|camera"),
        images(),
        table(but(canonical, camera=lambda view: "fisheye")),
        settings(),
        coco(),
    ),
    given(
        "table-without-camera",
        "panoramas, no column for the camera, no GPano",
        Either(of=(Right(saying="panorama"), Refused("camera"))),
        images(located),
        table(rename(canonical, camera=None)),
        settings(),
        coco(),
    ),
)
