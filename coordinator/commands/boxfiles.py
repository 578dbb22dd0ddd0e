"""What a run found in photographs and what is true of them, brought together by the names of the images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from coordinator.batch.boxfit import Sphere, sphere_of
from coordinator.batch.detections import Detections
from coordinator.commands.boxdoubts import doubts
from coordinator.commands.boxscore import Boxes, Judged
from coordinator.core.paths import unmounted
from coordinator.errors import BatchError, UsageError
from coordinator.findings import Finding, Level, named
from coordinator.formats import coco, detections
from coordinator.formats.boxes import Found, ImageDetections, checked
from coordinator.formats.jsondocument import load, number
from coordinator.record.history import History
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json

_OWN_WORDS = {"no-detections", "detections-unmatched", "images-without-detections", "detections-ambiguous"}
"""Findings about a batch that is to be run; of a truth there is something else to say."""
_FATAL = {"detections-other-size"}


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """One image of a run; its size is None where nobody says it, its camera where it is none but an ordinary one."""

    name: str
    width: int | None
    height: int | None
    detections: list[Json]
    camera: Json | None = None

    @property
    def sphere(self) -> Sphere | None:
        """The panorama that it is: by its camera, or because only a panorama's boxes cross its right edge."""
        if self.width is None or self.height is None:
            return None
        if self.camera is not None:
            return sphere_of(self.camera, self.width, self.height)
        crosses = any(box[0] + box[2] > self.width + 1 for box in _bboxes(self.detections))
        return Sphere(width=self.width, height=self.height) if crosses else None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The images that are judged, the labels of the truth, and whether the run has any of them."""

    images: list[Judged]
    labels: tuple[str, ...]
    comparable: bool
    findings: list[Finding] = field(default_factory=list)


def compare(run: Path, truth: Path, *, common: bool, threshold: float) -> Comparison:
    """A run's detections beside the truth's boxes.

    ``run`` is a run folder or a file of detections, ``truth`` a file or folder of any format that a batch's detections
    may have. ``common``: only the images that both have; else what the run lacks counts as not found. Raises UsageError
    for what cannot be compared.
    """
    told: list[Finding] = []
    try:
        true = _read_truth(truth, told)
        photographs = _read_run(run, truth, told)
        comparison = _Comparing(photographs, true, told).compare(common=common, threshold=threshold)
    except BatchError as error:
        raise UsageError(str(error)) from error
    return comparison


def _read_truth(path: Path, told: list[Finding]) -> Found:
    read = detections.read if path.is_dir() else detections.read_json
    found = read(path, told.append)
    if found is None:
        raise UsageError(
            f"{path}: there are no boxes in this folder, in no format that is known (docs/running.md)"
        )
    lost = [one.text for one in told if one.kind not in _OWN_WORDS]
    if lost and not any(image.detections for image in found.images.values()):
        raise UsageError(f"{path}: not a box is left of the truth; {'; '.join(lost)}")
    return found


def _read_run(path: Path, truth: Path, told: list[Finding]) -> list[Photograph]:
    if path.is_dir():
        return _from_journal(path)
    document = load(path)
    if coco.is_results(document) or document == []:
        # Results name images and categories by the truth's numbers.
        whole: Any = None if truth.is_dir() else load(truth)
        if not coco.is_data_set(whole):
            raise UsageError(
                f"{path} is a list of COCO results: the truth must be the COCO file that its numbers are of"
            )
        listed = {"images": whole["images"], "categories": whole.get("categories"), "annotations": document}
        found = coco.from_data_set(path, listed, told.append)
    else:
        found = detections.read_json(path, told.append)
    return [
        Photograph(name=image.name, width=image.width, height=image.height, detections=image.detections)
        for image in found.images.values()
    ]


def _from_journal(folder: Path) -> list[Photograph]:
    """The images of the first step of a run that gives detections."""
    with History(RunFolder(folder).journal) as history:
        steps = history.facts.steps
        for step in steps:
            found = [
                _photograph(item) for item in history.items(step) if isinstance(item.get("detections"), list)
            ]
            if found:
                return found
    raise UsageError(f"{folder}: none of its steps ({', '.join(steps) or 'none'}) has given detections yet")


def _photograph(item: Json) -> Photograph:
    size = [value if isinstance(value, int) else None for value in (item.get("width"), item.get("height"))]
    camera = item.get("camera")
    return Photograph(
        name=unmounted(str(item.get("image"))),
        width=size[0],
        height=size[1],
        detections=[one for one in item["detections"] if isinstance(one, dict)],
        camera=camera if isinstance(camera, dict) and "model" in camera else None,
    )


class _Comparing:
    """The images of both sides on their way to pairs; what is told of it is gathered."""

    def __init__(self, photographs: Sequence[Photograph], true: Found, told: list[Finding]) -> None:
        self._photographs = photographs
        self._true = true
        self._detections = Detections.of(true, (one.name for one in photographs), told)
        self._told: list[Finding] = []
        self._bad: list[str] = []
        self._unscored: list[str] = []
        self._outside: list[str] = []

    def compare(self, *, common: bool, threshold: float) -> Comparison:
        names = self._detections.names
        if names.ambiguous:
            raise UsageError(
                f"{self._where}: {len(names.ambiguous):,} names of images fit several of the run's, or several of them "
                f"the same one: {named(names.ambiguous)}; give paths that tell them apart"
            )
        if not names.pairs:
            theirs = next(iter(self._true.images), "none")
            raise UsageError(
                f"{self._where}: none of its images is in the run: it has {theirs!r}, the run has {names.example!r}"
            )
        images = [self._judged(one, threshold) for one in self._photographs if one.name in names.pairs]
        self._tell_missing(names.unmatched, common=common)
        if not common:
            images += [self._not_in_run(self._true.images[name]) for name in names.unmatched]
        self._tell_boxes()
        self._told += doubts(images, unscored=self._unscored, threshold=threshold)
        labels, comparable = self._labels(images)
        return Comparison(images=images, labels=labels, comparable=comparable, findings=self._findings())

    @property
    def _where(self) -> str:
        return self._true.path.name

    def _judged(self, photograph: Photograph, threshold: float) -> Judged:
        sphere = photograph.sphere
        true = self._detections.take(photograph.name, photograph.width, photograph.height, sphere=sphere)
        usable = [one for one in photograph.detections if checked(one.get("bbox")) is not None]
        if len(usable) < len(photograph.detections):
            self._bad.append(photograph.name)
        if any(number(one.get("score")) is None for one in usable):
            self._unscored.append(photograph.name)
        if sphere is None and photograph.width and photograph.height:
            limits = np.array([photograph.width, photograph.height]) + 1
            if any(
                (edges[:2] < -1).any() or (edges[:2] + edges[2:] > limits).any() for edges in _bboxes(usable)
            ):
                self._outside.append(photograph.name)
        found = _boxes(usable)
        return Judged(
            name=photograph.name,
            found=found.only(found.scores >= threshold),
            true=_boxes(true),
            turn=None if sphere is None else sphere.width,
        )

    def _not_in_run(self, image: ImageDetections) -> Judged:
        if image.normalised and image.detections:
            raise UsageError(
                f"{self._where}: the run lacks {image.name!r}, whose size is unknown; compare what both have: --common"
            )
        return Judged(name=image.name, found=_boxes([]), true=_boxes(image.detections))

    def _tell_missing(self, lacking: Sequence[str], *, common: bool) -> None:
        total = len(self._true.images)
        if lacking:
            objects = sum(len(self._true.images[name].detections) for name in lacking)
            counted = "are left out" if common else "count as not found (--common leaves them out)"
            self._warn(
                "images-not-in-run",
                f"{len(lacking):,} of {total:,} images of the truth are not in the run, or failed there; their "
                f"{objects:,} objects {counted}: {named(lacking)}",
            )
        extra = [one.name for one in self._photographs if one.name not in self._detections.names.pairs]
        if extra:
            self._warn(
                "images-without-truth",
                f"{len(extra):,} of {len(self._photographs):,} images of the run are not in the truth and are left "
                f"out: {named(extra)}",
            )

    def _tell_boxes(self) -> None:
        if self._bad:
            text = "detections of the run that are no boxes are left out, in "
            self._warn("bad-boxes", text + named(self._bad))
        if self._outside:
            self._warn(
                "boxes-outside", f"boxes of the run lie outside of their images, in {named(self._outside)}"
            )

    def _labels(self, images: Iterable[Judged]) -> tuple[tuple[str, ...], bool]:
        """The truth's labels, and whether the run gives any of them."""
        pairs = [(image.true.labels, image.found.labels) for image in images]
        true = {label for labels, _ in pairs for label in labels if label is not None}
        found = {label for _, labels in pairs for label in labels if label is not None}
        if true and found and not true & found:
            self._warn(
                "other-labels",
                f"the run's labels ({named(sorted(found))}) are none of the truth's ({named(sorted(true))}): by label "
                "there is recall alone, whatever was found",
            )
        elif true and found - true:
            self._warn(
                "labels-without-truth",
                f"labels of the run are none of the truth's: {named(sorted(found - true))}; their boxes count for the "
                "figures over all, and for no label's",
            )
        return tuple(sorted(true)), bool(true & found)

    def _findings(self) -> list[Finding]:
        found = [one for one in self._detections.findings() if one.kind not in _OWN_WORDS]
        for one in found:
            if one.level is Level.ERROR or one.kind in _FATAL:
                raise UsageError(one.text)
        return found + self._told

    def _warn(self, kind: str, text: str) -> None:
        self._told.append(Finding(kind=kind, level=Level.WARNING, text=text))


def _bboxes(found: Iterable[Json]) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    return [np.array(one["bbox"], float) for one in found if checked(one.get("bbox")) is not None]


def _boxes(found: Sequence[Json]) -> Boxes:
    """Detections whose boxes have been checked; a score that is missing is 1."""
    scores = [number(one.get("score", 1.0)) for one in found]
    labels = [one.get("label") for one in found]
    return Boxes(
        boxes=np.array([one["bbox"] for one in found], float).reshape(-1, 4),
        scores=np.array([1.0 if score is None else score for score in scores], float),
        labels=tuple(str(label) if label is not None else None for label in labels),
    )
