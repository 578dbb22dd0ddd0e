"""Detections made elsewhere, as every reader gives them: boxes by the name that their file has for an image.

A box is ``[x, y, width, height]`` in pixels as COCO has it (x and y are edges of pixels, from the top left), or in
parts of the image's width and height where the file's format is *normalised*: then the pixels follow once the image
is known (``batch/detections.py``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from coordinator.findings import Finding, Level, Tell, named
from coordinator.formats.jsondocument import number
from coordinator.strictjson import Json, readable

_KEPT_NAMES = 3


@dataclass(frozen=True, kw_only=True)
class ImageDetections:
    """What a file says of one image; its size in pixels is None where the file does not tell it."""

    name: str
    width: int | None = None
    height: int | None = None
    detections: list[Json] = field(default_factory=list)
    normalised: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """The detections of a file or folder, by image name. ``lists_empty``: images without boxes are named, too."""

    format: str
    path: Path
    images: dict[str, ImageDetections]
    lists_empty: bool = True


class Loss(StrEnum):
    """Why annotations of a file are left out, or taken otherwise than they stand there; the kind of the finding."""

    BAD_BOX = "bad-boxes"
    BAD_SCORE = "bad-scores"
    UNKNOWN_IMAGE = "unknown-image-ids"
    UNKNOWN_CATEGORY = "unknown-categories"
    CROWD = "crowds"
    NO_BOX = "other-shapes"
    ROTATED = "rotated-boxes"
    NO_NAME = "images-without-name"
    NOT_NORMALISED = "not-normalised"
    ID_TWICE = "annotation-ids-twice"
    MERGED = "images-merged"
    NO_TRACE = "no-annotations-object"


_SAID = {
    Loss.BAD_BOX: "boxes that are not four finite numbers with a width and a height above 0 are left out",
    Loss.BAD_SCORE: "boxes whose score is not a number from 0 to 1 are left out",
    Loss.UNKNOWN_IMAGE: "boxes of an image that the file does not list are left out",
    Loss.UNKNOWN_CATEGORY: "boxes of a category that the file does not list have no label",
    Loss.CROWD: "boxes around a crowd of objects (iscrowd) are left out",
    Loss.NO_BOX: "annotations that are no box, polygon or ellipse are left out",
    Loss.ROTATED: "rotated boxes are taken by the upright box around them",
    Loss.NO_NAME: "entries that name no image are left out",
    Loss.NOT_NORMALISED: "boxes that do not lie in 0..1, as parts of the image's width and height, are left out",
    Loss.ID_TWICE: "annotation ids stand there twice (both are taken)",
    Loss.MERGED: "images are listed more than once; their boxes are put together",
    Loss.NO_TRACE: "annotations that are not JSON objects are left out",
}


class Gathering:
    """The images and boxes of one file as its reader meets them; what is lost is told once for each kind."""

    def __init__(self, where: str, tell: Tell, *, normalised: bool = False) -> None:
        self._where = where
        self._tell = tell
        self._normalised = normalised
        self._lost: Counter[Loss] = Counter()
        self._names: defaultdict[Loss, list[str]] = defaultdict(list)
        self._met = 0
        self.images: dict[str, ImageDetections] = {}

    def image(self, name: str, width: int | None = None, height: int | None = None) -> None:
        """An image that the file lists; sizes that come later than the first are taken if there was none."""
        known = self.images.get(name)
        if known is None:
            self.images[name] = ImageDetections(
                name=name, width=width, height=height, normalised=self._normalised
            )
        elif known.width is None or known.height is None:
            self.images[name] = replace(known, width=width, height=height)
        elif width and height and (width, height) != (known.width, known.height):
            self.error(
                "images-twice",
                f"image {readable(name)!r} is listed twice with different sizes, {known.width}x{known.height} "
                f"and {width}x{height}; list it once",
            )

    def box(
        self, image: str, box: Sequence[float] | None, *, where: str, score: object = None, label: str | None
    ) -> None:
        """A box of an image that is known; one that cannot be used is lost by itself. ``where`` names it."""
        self._met += 1
        if box is None:
            self.lose(Loss.BAD_BOX, where)
            return
        sure = 1.0 if score is None else number(score)
        if sure is None or sure < 0:
            self.lose(Loss.BAD_SCORE, where)
            return
        detection: Json = {"bbox": list(box), "score": sure}
        if label is not None:
            detection["label"] = label
        self.images[image].detections.append(detection)

    def lose(self, kind: Loss, where: str) -> None:
        """Something that is left out, or was mended; the first few names are kept."""
        self._lost[kind] += 1
        if len(self._names[kind]) < _KEPT_NAMES:
            self._names[kind].append(where)

    def error(self, kind: str, text: str) -> None:
        self._tell(Finding(kind=kind, level=Level.ERROR, text=f"{self._where}: {text}"))

    def warn(self, kind: str, text: str) -> None:
        self._tell(Finding(kind=kind, level=Level.WARNING, text=f"{self._where}: {text}"))

    def note(self, kind: str, text: str) -> None:
        self._tell(Finding(kind=kind, level=Level.NOTE, text=f"{self._where}: {text}"))

    def done(self) -> dict[str, ImageDetections]:
        """All there is, after what was noticed has been told."""
        self._check_scores()
        for kind, count in self._lost.items():
            names = named(self._names[kind], count)
            self.warn(kind, f"{_SAID[kind]}: {count:,} ({names})")
        if not any(image.detections for image in self.images.values()):
            self.error(
                "no-detections", "there is no box that can be used; nothing can be placed without detections"
            )
        return self.images

    def _check_scores(self) -> None:
        """Scores are parts of one; some programs write percents."""
        every = [box for image in self.images.values() for box in image.detections]
        high = max((box["score"] for box in every), default=0.0)
        if high <= 1:
            return
        if high <= 100:
            for box in every:
                box["score"] /= 100
            self.warn(
                "scores-in-percent",
                f"scores go up to {high:g}: they are taken as percents, {high:g} as {high / 100:g}",
            )
            return
        for image in self.images.values():
            for box in image.detections:
                if box["score"] > 1:
                    self.lose(Loss.BAD_SCORE, f"a box of {image.name} with score {box['score']:g}")
            image.detections[:] = [box for box in image.detections if box["score"] <= 1]


def from_corners(x0: float, y0: float, x1: float, y1: float) -> list[float] | None:
    """A COCO box from two opposite corners; None if there is no area between them in this order."""
    return checked((x0, y0, x1 - x0, y1 - y0))


def checked(box: object) -> list[float] | None:
    """``box`` if it is four finite numbers with a width and a height above 0, else None."""
    if not isinstance(box, list | tuple) or len(box) != 4:
        return None
    edges = [number(edge) for edge in box]
    if any(edge is None for edge in edges):
        return None
    x, y, width, height = (edge for edge in edges if edge is not None)
    return [x, y, width, height] if width > 0 and height > 0 else None


def around(points: Iterable[tuple[float, float]]) -> list[float] | None:
    """The upright COCO box around points; None if it has no area."""
    every = list(points)
    if not every:
        return None
    xs, ys = [x for x, _ in every], [y for _, y in every]
    return from_corners(min(xs), min(ys), max(xs), max(ys))
