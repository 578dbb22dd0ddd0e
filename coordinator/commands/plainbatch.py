"""Recordings written as a plain batch: a table, ``batch.yaml``, detections and regions, beside the images' files."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from coordinator.batch.companions import DETECTIONS, REGIONS
from coordinator.batch.folder import Batch
from coordinator.batch.look import Look
from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.errors import BatchError
from coordinator.formats.columnnames import ACCURACIES
from coordinator.record.disk import write_json, write_text, written_aside
from coordinator.strictjson import Json

TABLE, CONFIG = "recordings.csv", "batch.yaml"
_POSE = ("x", "y", "z", "heading", "pitch", "roll")
_CAMERA = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
_CROP = ("full_width", "full_height", "left", "top")
_COLUMNS = (
    "id",
    "image",
    *_POSE,
    *ACCURACIES.values(),
    "camera",
    *_CAMERA,
    *_CROP,
    "width",
    "height",
    "time",
)


def write_batch(batch: Batch, recordings: Iterable[Recording | BadRecording], out: Path) -> Look:
    """Writes ``recordings``, which are the batch's or made of them, into ``out``; says what was seen of them.

    The table comes last, so that a half-written batch has none. Raises BatchError for what cannot be written.
    """
    look, found = Look(), []
    try:
        with written_aside(out / TABLE) as file:
            table = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
            table.writeheader()
            for recording in recordings:
                look.see(recording)
                if isinstance(recording, Recording):
                    table.writerow(_row(recording))
                    _take_image(batch, recording, out)
                    if detected := recording.item.get("detections"):
                        found.append((recording, detected))
        _write_beside(batch, out)
        if found:
            write_json(out / DETECTIONS, _coco(found))
    except OSError as error:
        raise BatchError(f"{out} cannot be written: {error}") from error
    return look


def _take_image(batch: Batch, recording: Recording, out: Path) -> None:
    """The image's file under a second name, or a copy where the disk is another."""
    source, target = batch.folder / recording.image, out / recording.image
    if recording.url or target.exists() or not source.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _write_beside(batch: Batch, out: Path) -> None:
    if not (out / CONFIG).exists():
        config = batch.config.model_dump(mode="json", exclude_none=True, exclude={"camera", "accuracy"})
        projection = batch.projection
        crs = {"crs": projection.name} if projection else {}
        write_text(out / CONFIG, yaml.safe_dump({**config, **crs}, sort_keys=False))
    regions = batch.folder / REGIONS
    if regions.is_file() and not (out / REGIONS).exists():
        shutil.copy2(regions, out / REGIONS)


def _row(recording: Recording) -> Json:
    """A recording as a row of the table: its heading from grid north."""
    item, place, camera = recording.item, recording.place, recording.item["camera"] or {}
    known = {name: value for name in _POSE if place and (value := getattr(place, name)) is not None}
    return {
        "id": recording.id,
        "image": recording.image,
        **{name: round(value, 9) for name, value in known.items()},
        **_accuracy(recording.place),
        "camera": camera.get("model"),
        **camera,
        **camera.get("crop", {}),
        "width": item["width"],
        "height": item["height"],
        "time": item.get("time"),
    }


def _accuracy(place: Place | None) -> Json:
    known = place.accuracy if place else None
    if known is None:
        return {}
    return {ACCURACIES[name]: value for name, value in known.as_json().items() if value > 0}


def _coco(found: list[tuple[Recording, list[Json]]]) -> Json:
    """The detections as a COCO data set."""
    labels = sorted({str(one.get("label", "object")) for _, detected in found for one in detected})
    numbers = {label: number for number, label in enumerate(labels, start=1)}
    images: list[Json] = []
    annotations: list[Json] = []
    for image, (recording, detected) in enumerate(found, start=1):
        item = recording.item
        images.append(
            {"id": image, "file_name": recording.image, "width": item["width"], "height": item["height"]}
        )
        for one in detected:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": numbers[str(one.get("label", "object"))],
                    "bbox": one["bbox"],
                    "score": one.get("score", 1.0),
                }
            )
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    return {"images": images, "annotations": annotations, "categories": categories}
