"""The figures of ``score-detections``, and how they are printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from coordinator.commands.boxscore import COCO, PIXELS, Judged, Matched, Size, match
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Group:
    """The figures of a class of size or of a label: what is None cannot be told."""

    name: str
    objects: int
    recall: float | None
    ap50: float | None = None
    ap: float | None = None
    false_positives: float | None = None
    """A photograph."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The threshold with the highest F1, and what it brings."""

    threshold: float
    f1: float
    recall: float
    false_positives: float


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All of it. Recall, precision and false positives are at an IoU of 0.5 and the run's own scores."""

    photographs: int
    empty: int
    """Photographs without an object."""
    objects: int
    found: int
    ap50: float | None
    ap: float | None
    recall: float | None
    precision: float | None
    false_positives: float | None
    """A photograph."""
    best: Best | None
    mean_ap50: float | None
    """Over the labels of the truth."""
    mean_ap: float | None
    sizes: tuple[Group, ...]
    coco: tuple[Group, ...]
    labels: tuple[Group, ...]

    def as_json(self) -> Json:
        return asdict(self)


def figures(images: Sequence[Judged], labels: Sequence[str], *, comparable: bool) -> Figures:
    """Judges what was found in ``images``. ``labels`` are the truth's; ``comparable``: the run gives such ones, too."""
    matched = match(images)
    precisions = matched.precisions()
    wrong = ~matched.hits[0]
    by_label = tuple(_label(images, label, matched, comparable) for label in labels)
    of_labels = [one for one in by_label if one.ap is not None and one.ap50 is not None]
    return Figures(
        photographs=len(images),
        empty=sum(not len(image.true.boxes) for image in images),
        objects=len(matched.wanted),
        found=len(matched.scores),
        ap50=None if precisions is None else float(precisions[0]),
        ap=None if precisions is None else float(precisions.mean()),
        recall=_share(matched.met[0]),
        precision=_share(matched.hits[0]),
        false_positives=_ratio(int(wrong.sum()), len(images)),
        best=_best(matched, len(images)),
        mean_ap50=_mean([one.ap50 for one in of_labels]),
        mean_ap=_mean([one.ap for one in of_labels]),
        sizes=tuple(_size(images, size, matched) for size in PIXELS),
        coco=tuple(_size(images, size, matched) for size in COCO),
        labels=by_label,
    )


def _size(images: Sequence[Judged], size: Size, matched: Matched) -> Group:
    precisions = match(images, size).precisions()
    true = np.concatenate([size.holds(image.true) for image in images])
    wrong = ~matched.hits[0] & np.concatenate([size.holds(image.found) for image in images])
    return Group(
        name=size.name,
        objects=int(true.sum()),
        recall=_share(matched.met[0][true]),
        ap50=None if precisions is None else float(precisions[0]),
        ap=None if precisions is None else float(precisions.mean()),
        false_positives=_ratio(int(wrong.sum()), len(images)),
    )


def _label(images: Sequence[Judged], label: str, matched: Matched, comparable: bool) -> Group:
    """Recall whatever the found label is; the rest among the boxes of this label alone."""
    true = np.concatenate([[one == label for one in image.true.labels] for image in images]).astype(bool)
    group = Group(name=label, objects=int(true.sum()), recall=_share(matched.met[0][true]))
    if not comparable:
        return group
    alone = match(
        [
            replace(image, found=image.found.of_label(label), true=image.true.of_label(label))
            for image in images
        ]
    )
    precisions = alone.precisions()
    assert precisions is not None  # a label of the truth has an object
    return replace(
        group,
        ap50=float(precisions[0]),
        ap=float(precisions.mean()),
        false_positives=_ratio(int((~alone.hits[0]).sum()), len(images)),
    )


def _best(matched: Matched, photographs: int) -> Best | None:
    """The highest threshold with the highest F1; boxes of the same score are in or out together."""
    wanted = len(matched.wanted)
    if not wanted or not len(matched.scores):
        return None
    order = np.argsort(-matched.scores, kind="mergesort")
    scores, right = matched.scores[order], np.cumsum(matched.hits[0][order])
    f1 = 2 * right / (np.arange(1, len(scores) + 1) + wanted)
    f1[np.flatnonzero(scores[:-1] == scores[1:])] = -1
    at = int(f1.argmax())
    return Best(
        threshold=float(scores[at]),
        f1=float(f1[at]),
        recall=float(right[at] / wanted),
        false_positives=float((at + 1 - right[at]) / photographs),
    )


def lines(found: Figures) -> Iterator[str]:
    """The figures as a table for people."""
    yield f"photographs         {found.photographs:,}, {found.empty:,} of them without an object"
    yield f"boxes               {found.found:,} found, {found.objects:,} true"
    yield f"AP50                {_text(found.ap50)}"
    yield f"AP                  {_text(found.ap)} (IoU 0.50 to 0.95)"
    yield f"recall              {_text(found.recall)} at IoU 0.5 and the run's scores"
    yield f"precision           {_text(found.precision)}"
    yield f"false positives     {_text(found.false_positives)} a photograph"
    if found.best is not None:
        best = found.best
        yield (
            f"best F1             {best.f1:.3f} at threshold {best.threshold:.3g}: recall {best.recall:.3f}, "
            f"{best.false_positives:.3f} false positives a photograph"
        )
    if found.mean_ap is not None:
        yield f"mean over labels    AP50 {_text(found.mean_ap50)}, AP {_text(found.mean_ap)}"
    for title, groups in (
        ("larger side", found.sizes),
        ("COCO's size", found.coco),
        ("label", found.labels),
    ):
        if groups:
            yield ""
            yield from _table(title, groups)


def _table(title: str, groups: Sequence[Group]) -> Iterator[str]:
    width = max(len(title), *(len(group.name) for group in groups)) + 2
    yield f"{title:{width}} {'objects':>8} {'recall':>7} {'AP50':>7} {'AP':>7} {'false/photograph':>17}"
    for group in groups:
        texts = [_text(value) for value in (group.recall, group.ap50, group.ap)]
        cells = " ".join(f"{text:>7}" for text in texts)
        yield f"{group.name:{width}} {group.objects:>8,} {cells} {_text(group.false_positives):>17}"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float | None:
    return float(chosen.mean()) if len(chosen) else None


def _ratio(count: int, among: int) -> float | None:
    return count / among if among else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
