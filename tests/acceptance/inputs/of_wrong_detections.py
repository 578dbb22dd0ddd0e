"""Inputs: detections that are wrong, or of other images."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.inputs import boxes
from tests.acceptance.inputs.expected import Either, Refused, Right, Told
from tests.acceptance.inputs.headers import lying, upright
from tests.acceptance.inputs.of_detections import by, each, found, named
from tests.acceptance.inputs.parts import coco, given, images, settings, table, text
from tests.acceptance.inputs.scene import FORWARD, Json, Scene, View, town


def corners(annotation: Json) -> None:
    x, y, w, h = annotation["bbox"]
    annotation["bbox"] = [x, y, x + w, y + h]


def relative(document: Json) -> None:
    """Boxes from 0 to 1."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in document["images"]}

    def change(annotation: Json) -> None:
        width, height = sizes[annotation["image_id"]]
        x, y, w, h = annotation["bbox"]
        annotation["bbox"] = [x / width, y / height, w / width, h / height]

    each(document, change)


def one(field: str, value: object) -> Callable[[Json], object]:
    """Something wrong in the fifth annotation."""
    return lambda document: document["annotations"][4].update({field: value})


def not_in_batch(view: View) -> str:
    return f"frame_{int(view.image[1:4]) * 30:06d}.png"


def two_folders() -> Scene:
    """Two cameras whose files have the same names, in two folders."""
    scene = town()
    views = [view.on(image=f"{'ab'[index % 2]}/{index // 2}.jpg") for index, view in enumerate(scene.views)]
    return Scene(place=scene.place, signs=scene.signs, views=tuple(views))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil(path: Path) -> None:
    path.write_text(path.read_text() + "0 0.5 zero 0.1\n")


ID = r"\bids?\b"
BOX = "box|bbox|annotation"


INPUTS = (
    found(
        "coco-one-outside-forward",
        "one box outside of a forward camera's image",
        Told("outside"),
        coco(one("bbox", [400, 40, 8, 8])),
        scene=lambda: town(camera=FORWARD),
    ),
    given(
        "coco-unturned-size",
        "the size of a photograph as it is stored, lying: the boxes may be upright or not",
        Either(of=(Refused("size|turned|360x240|orientation"), Right())),
        lying,
        coco(lambda document: [image.update(width=360, height=240) for image in document["images"]]),
        scene=upright,
    ),
    named(
        "coco-other-names",
        "no name of the file is an image of the batch",
        Refused("8 of 8|none of|no(ne|t one)? of"),
        not_in_batch,
    ),
    named(
        "coco-some-names",
        "two names are no images of the batch",
        Told("2 of|r00[67]|other"),
        lambda view: view.image if int(view.image[1:4]) < 6 else f"other-{view.image}",
    ),
    found(
        "coco-ambiguous",
        "base names that two folders have",
        Either(of=(Refused("r0|name"), Told("r0|name"))),
        coco(name=lambda view: view.image[2:]),
        scene=lambda: two_folders(),
    ),
    found(
        "coco-other-ratio",
        "sizes of another shape than the images'",
        Refused("size|width|x50|100x"),
        coco(lambda document: [image.update(width=100, height=100) for image in document["images"]]),
    ),
    found(
        "coco-relative",
        "boxes from 0 to 1",
        Either(of=(Right(), Refused("0 (to|and|\\.\\.) ?1|relative|pixels"), Told("relative|0 to 1|pixels"))),
        coco(relative),
    ),
    found(
        "coco-corners",
        "corners instead of sizes",
        Either(of=(Refused("corner|x2|outside|xyxy"), Told("corner|x2|outside|xyxy"))),
        coco(lambda document: each(document, corners)),
    ),
    found("coco-one-bad-box", "one box of a negative size", Told(BOX), coco(one("bbox", [10, 10, -3, 5]))),
    found("coco-one-null-box", "one box that is null", Told(BOX), coco(one("bbox", None))),
    found("coco-one-three-numbers", "one box of three numbers", Told(BOX), coco(one("bbox", [10, 10, 5]))),
    found(
        "coco-one-outside",
        "one box outside of its image",
        Told("outside"),
        coco(one("bbox", [900, 40, 8, 8])),
    ),
    found(
        "coco-one-unknown-image",
        "one annotation of an image that the file does not know",
        Either(of=(Told("image_id|unknown image|99"), Refused("image_id|unknown image|99"))),
        coco(one("image_id", 99)),
    ),
    found(
        "coco-score-percent",
        "scores from 0 to 100",
        Either(of=(Right(), Told("score"), Refused("score"))),
        coco(lambda document: each(document, lambda a: a.update(score=90))),
    ),
    found(
        "coco-image-id-twice",
        "two images of one id",
        Either(of=(Refused(ID), Told(ID))),
        coco(lambda document: document["images"][1].update(id=1)),
    ),
    found(
        "coco-annotation-id-twice",
        "two annotations of one id",
        Either(of=(Right(), Told(ID))),
        coco(lambda document: document["annotations"][1].update(id=1)),
    ),
    found(
        "coco-broken",
        "JSON that ends in the middle",
        Refused("detections.json.*(JSON|line|column|end)"),
        coco(),
        lambda folder, scene: cut(folder / "detections.json"),
    ),
    found(
        "coco-no-annotations",
        "no annotation at all",
        Either(of=(Refused("no detection|no annotation|no box"), Told("no detection|no annotation"))),
        coco(lambda document: document["annotations"].clear()),
    ),
    found("coco-empty-object", "an empty object", Refused("detections.json"), text("detections.json", "{}")),
    found(
        "detections-none", "no detections.json although positioning is the first step", Refused("detections")
    ),
    found(
        "yolo-bad-line",
        "one line that is none",
        Told("r002|line"),
        by(boxes.write_yolo),
        lambda folder, scene: spoil(folder / "labels/r002.txt"),
    ),
    found(
        "cvat-broken",
        "XML that ends in the middle",
        Refused("annotations.xml"),
        by(boxes.write_cvat),
        lambda folder, scene: cut(folder / "annotations.xml"),
    ),
    found(
        "detections-two",
        "an export of CVAT beside detections.json",
        Either(of=(Refused("annotations.xml"), Told("annotations.xml"))),
        coco(),
        by(boxes.write_cvat),
    ),
    given(
        "own-pipeline",
        "a pipeline of one's own whose first step is position",
        Right(),
        images(),
        table(),
        settings(),
        coco(),
        text(
            "own.yaml",
            json.dumps(
                {
                    "name": "own",
                    "steps": [
                        {
                            "name": "position",
                            "image_ref": "coordinator/position",
                            "command": ["python3", "-m", "steps.position"],
                            "per": "region",
                            "writes": False,
                        }
                    ],
                }
            ),
        ),
        arguments=("--pipeline", "{batch}/own.yaml"),
    ),
)
