"""Inputs: detections made elsewhere, as detectors and labelling tools write them."""

from __future__ import annotations

from collections.abc import Callable

from tests.acceptance.inputs import boxes
from tests.acceptance.inputs.expected import Either, Expected, Input, Refused, Right
from tests.acceptance.inputs.headers import lying, upright
from tests.acceptance.inputs.parts import Part, called, coco, given, images, settings, table
from tests.acceptance.inputs.scene import FORWARD, Json, Scene, View, town


def found(name: str, what: str, expect: Expected, *parts: Part, scene: Callable[[], Scene] = town) -> Input:
    """A right table, and detections of some kind."""
    return given(name, what, expect, images(), table(), settings(), *parts, scene=scene)


def by(write: Callable[..., None], **how: object) -> Part:
    return lambda folder, scene: write(folder, scene, **how)


def named(
    name: str, what: str, expect: Expected, change: Callable[[View], str], pattern: str = "r{:03d}.jpg"
) -> Input:
    """A COCO data set whose names of files are not the batch's."""
    return found(name, what, expect, coco(name=change), scene=called(pattern))


def each(document: Json, change: Callable[[Json], object]) -> None:
    """Every annotation changed in place."""
    for annotation in document["annotations"]:
        change(annotation)


def text_ids(document: Json) -> None:
    for image in document["images"]:
        image["id"] = str(image["id"])
    each(document, lambda annotation: annotation.update(image_id=str(annotation["image_id"])))


INPUTS = (
    found("coco", "a COCO data set", Right(), coco()),
    found(
        "coco-results",
        "COCO's results list, the names in instances.json",
        Right(),
        by(boxes.write_coco_results),
    ),
    found(
        "coco-results-by-name",
        "COCO's results list with names of files as image ids",
        Right(),
        by(boxes.write_coco_results, by_name=True),
    ),
    found(
        "coco-results-alone",
        "COCO's results list whose numbers stand nowhere",
        Refused("image_id|names|instances"),
        by(boxes.write_coco_results),
        lambda folder, scene: (folder / "instances.json").unlink(),
    ),
    found(
        "coco-bom",
        "a byte order mark",
        Right(),
        lambda folder, scene: boxes.write_json(
            folder / "detections.json", boxes.coco(scene), encoding="utf-8-sig"
        ),
    ),
    found("coco-text-ids", "text for ids", Right(), coco(lambda document: text_ids(document))),
    found("yolo", "YOLO's text files with classes and scores", Right(), by(boxes.write_yolo)),
    found(
        "yolo-no-score",
        "YOLO's text files without scores, as labels are",
        Right(),
        by(boxes.write_yolo, scores=False),
    ),
    found(
        "yolo-no-classes",
        "YOLO's text files without names of classes",
        Right(),
        by(boxes.write_yolo, classes=False),
    ),
    found("label-studio", "an export of Label Studio", Right(), by(boxes.write_label_studio)),
    found("cvat", "an export of CVAT", Right(), by(boxes.write_cvat)),
    found(
        "cvat-forward",
        "the same of a forward camera",
        Right(),
        by(boxes.write_cvat),
        scene=lambda: town(camera=FORWARD),
    ),
    named(
        "coco-folder-prefix",
        "a folder before the names",
        Either(of=(Right(), Refused("names?|images"))),
        lambda view: f"images/train/{view.image}",
    ),
    named(
        "coco-absolute",
        "absolute paths",
        Either(of=(Right(), Refused("names?|images"))),
        lambda view: f"/data/street/{view.image}",
    ),
    named(
        "coco-backslashes",
        "backslashes in the names",
        Right(),
        lambda view: view.image.replace("/", "\\"),
        "front/r{:03d}.jpg",
    ),
    named("coco-dot-slash", "./ before the names", Right(), lambda view: f"./{view.image}"),
    named(
        "coco-url",
        "URLs of a labelling server",
        Either(of=(Right(), Refused("names?|images"))),
        lambda view: f"https://labels.example/data/{view.image}",
    ),
    named(
        "coco-upper-case",
        "names in another case",
        Either(of=(Right(), Refused("names?|images|case"))),
        lambda view: view.image.upper(),
    ),
    named(
        "coco-base-names",
        "names without their folders",
        Right(),
        lambda view: view.image.rpartition("/")[2],
        "front/r{:03d}.jpg",
    ),
    named(
        "coco-other-suffix",
        "names with another ending",
        Either(of=(Right(), Refused("names?|images"))),
        lambda view: view.image.replace(".jpg", ".png"),
    ),
    found("coco-half-size", "a detector that saw the images at half their size", Right(), coco(scale=0.5)),
    found("coco-double-size", "at twice their size", Right(), coco(scale=2.0)),
    given(
        "coco-turned",
        "sizes and boxes of a photograph that is stored lying, seen upright",
        Right(),
        lying,
        coco(),
        scene=upright,
    ),
    found(
        "coco-without-size",
        "no width and height",
        Right(),
        coco(lambda document: [image.pop("width") + image.pop("height") for image in document["images"]]),
    ),
    found(
        "coco-without-categories", "no categories", Right(), coco(lambda document: document.pop("categories"))
    ),
    found(
        "coco-without-score",
        "no scores, as people's boxes have none",
        Right(),
        coco(lambda document: each(document, lambda a: a.pop("score"))),
    ),
)
