"""Inputs: parts of panoramas, and panoramas of other kinds."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.inputs.expected import Either, Refused, Right, Told
from tests.acceptance.inputs.parts import Part, coco, given, images, settings, table
from tests.acceptance.inputs.photographs import (
    Header,
    area,
    directed,
    gpano,
    jpeg,
    whole_area,
)
from tests.acceptance.inputs.scene import (
    Scene,
    View,
    town,
)


def cropped(
    left: int, top: int, width: int, height: int, *, scale: int = 1, header: Header = directed
) -> tuple[Part, Part]:
    """Photographs and detections of parts of the town's panoramas; GPano tells of them at ``scale`` times the size."""

    def part(view: View) -> View:
        boxes = [(x - left, y - top, w, h) for x, y, w, h in view.boxes]
        inside = [
            box
            for box in boxes
            if box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= width and box[1] + box[3] <= height
        ]
        return view.on(width=width, height=height, boxes=tuple(inside))

    def photographs(folder: Path, scene: Scene) -> None:
        for view in scene.views:
            sizes = (width, height, view.width, view.height, left, top)
            tagged = header(view).but(xmp=gpano(area(*(size * scale for size in sizes))))
            (folder / view.image).write_bytes(jpeg(width, height, tagged))

    def detections(folder: Path, scene: Scene) -> None:
        coco()(folder, Scene(place=scene.place, signs=scene.signs, views=tuple(map(part, scene.views))))

    return photographs, detections


INPUTS = (
    given(
        "crop-around-middle",
        "the middle of a panorama",
        Right(),
        *cropped(50, 25, 100, 50),
        scene=lambda: town(count=12),
    ),
    given(
        "crop-left",
        "a panorama without its left third: the middle of the image is not the heading",
        Right(),
        *cropped(60, 0, 140, 100),
    ),
    given("crop-bottom", "a panorama without the car below", Right(), *cropped(0, 0, 200, 70)),
    given(
        "crop-top-and-bottom",
        "a phone's photo sphere: all around, but neither sky nor ground",
        Right(),
        *cropped(0, 20, 200, 60),
    ),
    given(
        "crop-other-scale",
        "the same, GPano in the pixels of the original that was four times as large",
        Right(),
        *cropped(50, 20, 120, 60, scale=4),
    ),
    given(
        "crop-named-panorama",
        "a part of a panorama that the table calls equirectangular, and no more",
        Right(),
        *cropped(60, 0, 140, 100),
        table(),
        settings(),
    ),
    given(
        "crop-outside",
        "an area that lies outside of its panorama",
        Either(of=(Refused("crop|GPano|area"), Told("crop|GPano|area"))),
        images(lambda view: directed(view).but(xmp=gpano(area(200, 100, 200, 100, 150, 80)))),
        coco(),
    ),
    given(
        "xmp-cylindrical",
        "a cylindrical panorama",
        Either(of=(Refused("cylindrical"), Told("cylindrical"))),
        images(
            lambda view: directed(view).but(xmp=gpano(whole_area(view) | {"ProjectionType": "cylindrical"}))
        ),
        coco(),
    ),
)
