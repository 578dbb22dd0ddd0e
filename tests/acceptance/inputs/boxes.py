"""Detections made elsewhere, as detectors and labelling tools write them.

COCO: cocodataset.org, "Data format" and "Results format". YOLO: Ultralytics' "Object detection datasets".
Label Studio: "Label Studio JSON format of annotated tasks" (percent of the image). CVAT: "XML annotation format 1.1"
(edges in pixels).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.inputs.scene import Json, Scene, View

LABEL = "traffic_sign"
_SCORE = 0.9


def coco(scene: Scene, *, name: Callable[[View], str] = lambda view: view.image, scale: float = 1.0) -> Json:
    """The town's detections as a COCO data set; ``scale`` for a detector that saw the images at another size."""
    images: list[Json] = []
    annotations: list[Json] = []
    for number, view in enumerate(scene.views, start=1):
        images.append(
            {
                "id": number,
                "file_name": name(view),
                "width": round(view.width * scale),
                "height": round(view.height * scale),
            }
        )
        for box in view.boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": [round(value * scale, 4) for value in box],
                    "area": round(box[2] * box[3] * scale**2, 4),
                    "iscrowd": 0,
                    "score": _SCORE,
                }
            )
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": LABEL}]}


def write_coco(
    folder: Path, scene: Scene, change: Callable[[Json], object] | None = None, **how: object
) -> None:
    """detections.json; ``change`` may spoil the document in place."""
    document = coco(scene, **how)  # type: ignore[arg-type]
    if change:
        change(document)
    write_json(folder / "detections.json", document)


def write_json(path: Path, document: object, encoding: str = "utf-8") -> None:
    """A document as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding=encoding)


def write_coco_results(folder: Path, scene: Scene, *, by_name: bool = False) -> None:
    """COCO's results format: a bare list; the images' names stand in another file, or are the ids themselves."""
    document = coco(scene)
    names = {image["id"]: image["file_name"] for image in document["images"]}
    results = [
        {
            "image_id": names[annotation["image_id"]] if by_name else annotation["image_id"],
            **{key: annotation[key] for key in ("category_id", "bbox", "score")},
        }
        for annotation in document["annotations"]
    ]
    write_json(folder / "detections.json", results)
    if not by_name:
        write_json(folder / "instances.json", {**document, "annotations": []})


def write_yolo(folder: Path, scene: Scene, *, classes: bool = True, scores: bool = True) -> None:
    """A file of lines ``class x y w h [score]`` for each image, relative to its size, in labels/."""
    labels = folder / "labels"
    labels.mkdir(parents=True, exist_ok=True)
    for view in scene.views:
        lines = []
        for x, y, w, h in view.boxes:
            numbers = [(x + w / 2) / view.width, (y + h / 2) / view.height, w / view.width, h / view.height]
            lines.append(" ".join(["0", *(f"{n:.8f}" for n in numbers), *([str(_SCORE)] if scores else [])]))
        path = (labels / view.image).with_suffix(".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n" if lines else "")
    if classes:
        (folder / "classes.txt").write_text(LABEL + "\n")


def write_label_studio(folder: Path, scene: Scene) -> None:
    """An export of Label Studio: its server has put a hash before each uploaded file's name."""
    tasks = []
    for number, view in enumerate(scene.views, start=1):
        results = [
            {
                "id": f"{number}-{place}",
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": view.width,
                "original_height": view.height,
                "image_rotation": 0,
                "value": {
                    "x": 100 * x / view.width,
                    "y": 100 * y / view.height,
                    "width": 100 * w / view.width,
                    "height": 100 * h / view.height,
                    "rotation": 0,
                    "rectanglelabels": [LABEL],
                },
            }
            for place, (x, y, w, h) in enumerate(view.boxes)
        ]
        data = {"image": f"/data/upload/1/{number:08x}-{view.image}"}
        tasks.append({"id": number, "data": data, "annotations": [{"id": number, "result": results}]})
    write_json(folder / "detections.json", tasks)


def write_cvat(folder: Path, scene: Scene) -> None:
    """An export of CVAT, "CVAT for images 1.1"."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations><version>1.1</version>"]
    lines.append(f"<meta><task><labels><label><name>{LABEL}</name></label></labels></task></meta>")
    for number, view in enumerate(scene.views):
        size = f'width="{view.width}" height="{view.height}"'
        lines.append(f'<image id="{number}" name="{view.image}" {size}>')
        for x, y, w, h in view.boxes:
            edges = f'xtl="{x:.4f}" ytl="{y:.4f}" xbr="{x + w:.4f}" ybr="{y + h:.4f}"'
            lines.append(f'<box label="{LABEL}" source="manual" occluded="0" {edges} z_order="0"></box>')
        lines.append("</image>")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "annotations.xml").write_text("\n".join([*lines, "</annotations>"]), encoding="utf-8")
