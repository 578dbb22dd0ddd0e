"""``import``: a batch of whatever format written as a plain one, so that one can look at what was read, and mend it."""

from __future__ import annotations

import argparse
import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import yaml

from coordinator.batch.companions import DETECTIONS, REGIONS
from coordinator.batch.folder import Batch, open_batch
from coordinator.batch.look import Look
from coordinator.batch.recording import BadRecording, Recording
from coordinator.batch.survey import Purpose, survey
from coordinator.commands.arguments import add_reading
from coordinator.errors import BatchError, ExitCode, UsageError
from coordinator.findings import Finding
from coordinator.record.disk import write_json, write_text, written_aside
from coordinator.strictjson import Json

_POSE = ("x", "y", "z", "heading", "pitch", "roll")
_CAMERA = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
_CROP = ("full_width", "full_height", "left", "top")
_COLUMNS = ("id", "image", *_POSE, "camera", *_CAMERA, *_CROP, "width", "height", "time")
TABLE, CONFIG = "recordings.csv", "batch.yaml"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what is to be read")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="BATCH",
        help="the batch to write; FOLDER itself adds to it",
    )
    add_reading(parser)


def main(options: argparse.Namespace) -> ExitCode:
    batch = open_batch(options.folder, format=options.format, time_offset=options.time_offset)
    out = options.out.resolve()
    taken = [name for name in (TABLE, CONFIG, DETECTIONS) if (out / name).exists()]
    if TABLE in taken or (out != batch.folder and taken):
        raise UsageError(f"{out / taken[0]} is there already; name another folder with --out")
    batch.check()
    out.mkdir(parents=True, exist_ok=True)
    written = _Import(batch, out)
    look = written.write()
    for finding in (*written.told, *survey(look, Purpose(makes_map=True))):
        print(finding)
    print(f"recordings  {look.total:,}, read as {batch.source.name}; {look.bad.count:,} left out")
    print(f"result      {out / TABLE}")
    return ExitCode.SOME_FAILED if look.bad.count else ExitCode.DONE


class _Import:
    """One batch on its way into the folder ``out``."""

    def __init__(self, batch: Batch, out: Path) -> None:
        self._batch = batch
        self._out = out
        self.told: list[Finding] = []

    def write(self) -> Look:
        """Writes all of it; the table comes last, so that a half-written batch has none. Raises BatchError."""
        look, found = Look(), []
        try:
            with written_aside(self._out / TABLE) as file:
                table = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
                table.writeheader()
                for recording in self._recordings():
                    look.see(recording)
                    if isinstance(recording, Recording):
                        table.writerow(_row(recording))
                        self._take_image(recording)
                        if detected := recording.item.get("detections"):
                            found.append((recording, detected))
            self._write_beside()
            if found:
                write_json(self._out / DETECTIONS, _coco(found))
        except OSError as error:
            raise BatchError(f"{self._out} cannot be written: {error}") from error
        return look

    def _recordings(self) -> Iterator[Recording | BadRecording]:
        has_detections = self._batch.detections is not None
        return self._batch.recordings(with_detections=has_detections, tell=self.told.append)

    def _take_image(self, recording: Recording) -> None:
        """The image's file under a second name, or a copy where the disk is another."""
        source, target = self._batch.folder / recording.image, self._out / recording.image
        if recording.url or target.exists() or not source.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    def _write_beside(self) -> None:
        if not (self._out / CONFIG).exists():
            config = self._batch.config.model_dump(mode="json", exclude_none=True, exclude={"camera"})
            projection = self._batch.projection
            crs = {"crs": projection.name} if projection else {}
            write_text(self._out / CONFIG, yaml.safe_dump({**config, **crs}, sort_keys=False))
        regions = self._batch.folder / REGIONS
        if regions.is_file() and not (self._out / REGIONS).exists():
            shutil.copy2(regions, self._out / REGIONS)


def _row(recording: Recording) -> Json:
    """A recording as a row of the table: its heading from grid north."""
    item, place, camera = recording.item, recording.place, recording.item["camera"] or {}
    known = {name: value for name in _POSE if place and (value := getattr(place, name)) is not None}
    return {
        "id": recording.id,
        "image": recording.image,
        **{name: round(value, 9) for name, value in known.items()},
        "camera": camera.get("model"),
        **camera,
        **camera.get("crop", {}),
        "width": item["width"],
        "height": item["height"],
        "time": item.get("time"),
    }


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
