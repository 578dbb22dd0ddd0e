"""Detections made elsewhere, joined to the batch's recordings by name and fitted to their pixels, never silently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator.batch.boxfit import Fitted, Sphere, are_parts, fitted, like_corners, sphere_of
from coordinator.batch.imagenames import SAID, How, Names, match
from coordinator.batch.recording import Recording
from coordinator.findings import Finding, Level, named
from coordinator.formats.boxes import Found, ImageDetections
from coordinator.formats.detections import files, read
from coordinator.strictjson import Json, readable


@dataclass(frozen=True, kw_only=True)
class Detections:
    """A batch's detections by image, and what there is to say of them once every recording has taken its own.

    To take an image's detections again, in another pass, changes nothing of that.
    """

    found: Found
    names: Names
    told: tuple[Finding, ...] = ()
    """What the file's reader noticed."""
    as_parts: bool = False
    """Boxes of a format that has pixels are taken as parts of the image, because all of them lie in 0..1."""
    _misfits: dict[str, str] = field(default_factory=dict)
    _scaled: dict[str, str] = field(default_factory=dict)
    _cut: dict[str, int] = field(default_factory=dict)
    _outside: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Found, images: Iterable[str], told: Iterable[Finding] = ()) -> Detections:
        """``images`` are the batch's, as :meth:`take` will name them; they are gone through once."""
        plain = not any(image.normalised for image in found.images.values())
        as_parts = plain and are_parts(found.images.values())
        if as_parts:
            parts = {name: replace(image, normalised=True) for name, image in found.images.items()}
            found = replace(found, images=parts)
        return cls(found=found, names=match(found.images, images), told=tuple(told), as_parts=as_parts)

    def of_image(self, image: str) -> ImageDetections | None:
        """What the file says of an image of the batch, as it stands there."""
        pair = self.names.pairs.get(image)
        return None if pair is None else self.found.images[pair[0]]

    def take(
        self, image: str, width: int | None, height: int | None, *, sphere: Sphere | None = None
    ) -> list[Json]:
        """The detections of an image of the batch, in the pixels of its upright ``width`` x ``height``.

        ``sphere`` is the panorama that it is, or is a part of. Empty if the file does not have the image, or has it
        in a size that cannot be its own.
        """
        theirs = self.of_image(image)
        if theirs is None or not theirs.detections:
            return []
        fit = fitted(theirs, width, height, sphere=sphere)
        if not isinstance(fit, Fitted):
            self._misfits[image] = fit
            return []
        if fit.scaled:
            self._scaled[image] = f"{theirs.width}x{theirs.height} to {width}x{height}"
        if fit.cut:
            self._cut[image] = fit.cut
        if fit.outside:
            self._outside[image] = fit.outside
        return fit.detections

    def take_for(self, recording: Recording) -> list[Json]:
        """Those of a recording's image, by what its item tells of size and camera."""
        width, height = recording.item["width"], recording.item["height"]
        sphere = sphere_of(recording.item["camera"], width, height)
        return self.take(recording.image, width, height, sphere=sphere)

    def findings(self) -> list[Finding]:
        """What the reader noticed, how names matched, and how boxes fitted the images taken so far."""
        parts: tuple[Callable[[], Iterable[Finding]], ...]
        parts = (self._of_names, self._of_absent, self._of_sizes, self._of_edges, self._of_corners)
        return [*self.told, *(finding for part in parts for finding in part())]

    @property
    def where(self) -> str:
        return self.found.path.name

    def _said(self, kind: str, level: Level, text: str) -> Finding:
        return Finding(kind=kind, level=level, text=f"{self.where}: {text}")

    # -- names ----------------------------------------------------------------------------------------

    def _of_names(self) -> Iterable[Finding]:
        names, total = self.names, len(self.found.images)
        if total and not names.pairs and names.unmatched:
            ours = f"the batch has {readable(names.example)!r}" if names.example else "the batch has none"
            text = (
                f"none of the {total:,} images in it is in the batch: it names "
                f"{readable(names.unmatched[0])!r}, {ours}; give the images the names that they have there"
            )
            yield self._said("detections-unmatched", Level.ERROR, text)
        elif names.unmatched:
            text = f"{len(names.unmatched):,} of {total:,} images in it are not in the batch: "
            yield self._said("detections-unmatched", Level.WARNING, text + named(names.unmatched))
        if names.ambiguous:
            level = Level.WARNING if names.pairs else Level.ERROR
            text = (
                f"{len(names.ambiguous):,} names of images fit several images of the batch, or several of them "
                f"the same one: {named(names.ambiguous)}; their boxes are left out: give the paths as they are "
                "below the batch's folder"
            )
            yield self._said("detections-ambiguous", level, text)
        counts = Counter(how for _, how in names.pairs.values())
        for how, count in sorted(counts.items()):
            if how is How.EXACT or (how >= How.END and not self.found.lists_empty and _bare(self.found)):
                continue
            ours, theirs = next((ours, theirs) for ours, (theirs, by) in names.pairs.items() if by is how)
            example = f"{readable(theirs)!r} is {readable(ours)!r}"
            text = f"{count:,} images are found {SAID[how]} ({example})"
            yield self._said("detections-by-name", Level.NOTE, text)

    def _of_absent(self) -> Iterable[Finding]:
        absent = self.names.batch - len(self.names.pairs)
        if absent > 0 and self.names.pairs:
            level = Level.WARNING if self.found.lists_empty else Level.NOTE
            text = f"{absent:,} of {self.names.batch:,} images of the batch are not in it: without detections"
            yield self._said("images-without-detections", level, text)

    # -- boxes ----------------------------------------------------------------------------------------

    def _of_sizes(self) -> Iterable[Finding]:
        if self._misfits:
            told = (f"{image}: {reason}" for image, reason in self._misfits.items())
            level = Level.WARNING if len(self._misfits) < self._with_boxes() else Level.ERROR
            text = (
                f"the boxes of {len(self._misfits):,} images were made on images of another shape, and are left "
                f"out: {named(told, len(self._misfits))}; detect on the batch's own images, turned upright"
            )
            yield self._said("detections-other-size", level, text)
        if self._scaled:
            told = (f"{image}: {sizes}" for image, sizes in self._scaled.items())
            text = f"the boxes of {len(self._scaled):,} images are scaled to their size: "
            yield self._said("detections-scaled", Level.NOTE, text + named(told, len(self._scaled)))
        if not self.as_parts and self._tells_no_size():
            text = "it tells no image's size: its boxes are taken as pixels of the photographs as they are, upright"
            yield self._said("detections-without-size", Level.NOTE, text)
        if self.as_parts:
            text = "all boxes lie in 0..1: they are taken as parts of the image's width and height"
            yield self._said("detections-in-parts", Level.NOTE, text)

    def _of_edges(self) -> Iterable[Finding]:
        if self._outside:
            count = sum(self._outside.values())
            left = sum(len(image.detections) for image in self._matched()) - count
            text = (
                f"{count:,} boxes lie outside of their images, all or more than half of them, and are left out, in "
                f"{named(self._outside)}; were they made on these images?"
            )
            yield self._said("boxes-outside", Level.WARNING if left > 0 else Level.ERROR, text)
        if self._cut:
            text = f"{sum(self._cut.values()):,} boxes stick out of their images and are cut at the edge, in "
            yield self._said("boxes-cut", Level.NOTE, text + named(self._cut))

    def _of_corners(self) -> Iterable[Finding]:
        possible, surely = like_corners(self.found.images.values())
        if surely or (possible and (self._cut or self._outside)):
            text = (
                "the boxes look like two corners [x1, y1, x2, y2]: each is wider than it is far from the left and "
                "higher than it is far from the top; COCO has [x, y, width, height]"
            )
            yield self._said("boxes-like-corners", Level.WARNING, text)

    def _matched(self) -> Iterable[ImageDetections]:
        return (self.found.images[theirs] for theirs, _ in self.names.pairs.values())

    def _tells_no_size(self) -> bool:
        pixels = [image for image in self._matched() if image.detections and not image.normalised]
        return bool(pixels) and all(image.width is None or image.height is None for image in pixels)

    def _with_boxes(self) -> int:
        return sum(bool(image.detections) for image in self._matched())


def _bare(found: Found) -> bool:
    """Whether the format's names have no endings, so that it means nothing to match them without."""
    return not any("." in name.rpartition("/")[2] for name in found.images)


def read_detections(folder: Path, images: Iterable[str]) -> Detections | None:
    """The detections that lie in a batch's folder, matched to its images; None if there are none.

    Raises BatchError for a file that cannot be read.
    """
    told: list[Finding] = []
    found = read(folder, told.append)
    return None if found is None else Detections.of(found, images, told)


def detection_files(folder: Path) -> list[Path]:
    """The files and folders of a batch that look like detections, what counts first."""
    return files(folder)
