"""What a batch is put together from: each part writes its files into the batch's folder for the town."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.acceptance.inputs import areas, boxes, photographs, tables
from tests.acceptance.inputs.expected import POSITION, Expected, Input
from tests.acceptance.inputs.scene import AMSTERDAM, Json, Scene, town

Part = Callable[[Path, Scene], object]
Change = Callable[[Scene], Scene]


def given(
    name: str,
    what: str,
    expect: Expected,
    *parts: Part,
    scene: Callable[[], Scene] = town,
    told: Change | None = None,
    arguments: tuple[str, ...] = POSITION,
) -> Input:
    """An input of these parts. ``told`` makes of the true town the one that wrong files tell of."""

    def build(folder: Path) -> Scene:
        true = scene()
        shown = told(true) if told else true
        for part in parts:
            part(folder, shown)
        return true

    return Input(name=name, what=what, build=build, expect=expect, arguments=arguments)


def images(header: photographs.Header | None = None) -> Part:
    """The photographs."""
    return lambda folder, scene: photographs.write_photographs(folder, scene, header)


def table(row: tables.Row = tables.canonical, **how: Any) -> Part:
    """recordings.csv."""
    return lambda folder, scene: tables.write_csv(folder, scene, row, **how)


def lines(row: tables.Row = tables.canonical, **how: Any) -> Part:
    """recordings.jsonl."""
    return lambda folder, scene: tables.write_jsonl(folder, scene, row, **how)


def settings(crs: str | None = AMSTERDAM.crs, **more: object) -> Part:
    """batch.yaml."""
    return lambda folder, scene: tables.write_settings(folder, crs, **more)


def coco(change: Callable[[Json], object] | None = None, **how: Any) -> Part:
    """detections.json as a COCO data set."""
    return lambda folder, scene: boxes.write_coco(folder, scene, change, **how)


def regions(make: Callable[[Scene], list[Json]], crs: str | None = None) -> Part:
    """regions.geojson."""
    return lambda folder, scene: areas.write_regions(folder, make(scene), crs)


def text(name: str, content: str, encoding: str = "utf-8") -> Part:
    """Any other file."""

    def write(folder: Path, scene: Scene) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(encoding))

    return write


def moved(shift: Callable[[int], tuple[float, float]]) -> Change:
    """The recordings told somewhere else: metres east and north by their numbers, in the plane only."""

    def change(scene: Scene) -> Scene:
        told = []
        for number, view in enumerate(scene.views):
            east, north = shift(number)
            told.append(view.on(x=view.x + east, y=view.y + north))
        return Scene(place=scene.place, signs=scene.signs, views=tuple(told))

    return change


def turned(heading: Callable[[int, float], float]) -> Change:
    """The headings told otherwise, grid and true ones, by the recording's number and its heading."""

    def change(scene: Scene) -> Scene:
        told = [
            view.on(heading=heading(number, view.heading), true_heading=heading(number, view.true_heading))
            for number, view in enumerate(scene.views)
        ]
        return Scene(place=scene.place, signs=scene.signs, views=tuple(told))

    return change


def called(pattern: str) -> Callable[[], Scene]:
    """The town with photographs that are named by a pattern, ``{}`` the number."""

    def make() -> Scene:
        scene = town()
        views = tuple(view.on(image=pattern.format(number)) for number, view in enumerate(scene.views))
        return Scene(place=scene.place, signs=scene.signs, views=views)

    return make
