"""The samples that the sign network learns from, by kind, and in what shares a batch takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from steps.signs.classes import CLASSES, GTSRB_CLASSES, NOTHING
from steps.stepkit.arrays import U8, Image, Index
from steps.training.recognise import clutter, drawings, negatives, windows
from steps.training.recognise.augment import varied
from steps.training.recognise.drawn import CANVAS, drawn_view
from steps.training.recognise.gtsrb import Crop, read_gtsrb
from steps.training.recognise.sample import Sample
from steps.training.recognise.scenes import read_batch

HELD_OUT = 5
"""Every so many of a class's tracks is held out: in turn one to fit the temperature by, and one to measure with."""
_MISTAKEN = "mistaken for signs"


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How many samples of each kind are made once; they are varied anew whenever they are taken."""

    views_per_gtsrb_face: int = 90
    views_per_face: int = 70
    views_per_other: int = 20
    distractors: int = 1500
    beside: int = 3000
    anywhere: int = 3000
    scenes_per_town: int = 30
    mistaken_per_scene: int = 40


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Samples that are alike, and how many of a hundred are of them; ``evenly`` by class rather than as they come."""

    name: str
    samples: Sequence[Sample]
    share: int
    evenly: bool = False


class Pool:
    """All that there is to learn from; :meth:`batch` draws from it."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self.kinds = [kind for kind in kinds if kind.samples]
        self._ends = np.cumsum([kind.share for kind in self.kinds])
        self._classes = [_by_class(kind.samples) if kind.evenly else [] for kind in self.kinds]

    def batch(self, rng: Generator, count: int) -> tuple[U8, Index]:
        """``count`` patches, shape (count, SIDE, SIDE, 3), BGR, and their classes, shape (count,)."""
        made = [varied(rng, self._drawn(rng)) for _ in range(count)]
        return np.stack([patch for patch, _ in made]), np.array([number for _, number in made], np.intp)

    def counts(self) -> dict[str, int]:
        """How many samples of each kind there are."""
        return {kind.name: len(kind.samples) for kind in self.kinds}

    def hardened(self, more: Iterable[Kind], mistaken: Sequence[Sample], share: int) -> Pool:
        """This pool, with kinds in place of those of the same name, and no-signs that a network took for signs."""
        kinds = {kind.name: kind for kind in (*self.kinds, *more) if kind.name != _MISTAKEN}
        return Pool([*kinds.values(), Kind(name=_MISTAKEN, samples=mistaken, share=share)])

    def no_signs(self) -> list[Sample]:
        """All samples that show no sign, once each."""
        kinds = (kind for kind in self.kinds if kind.name != _MISTAKEN)
        return [one for kind in kinds for one in kind.samples if CLASSES[one.category] == NOTHING]

    def _drawn(self, rng: Generator) -> Sample:
        which = int(np.searchsorted(self._ends, rng.uniform(0, self._ends[-1]), side="right"))
        kind, classes = self.kinds[which], self._classes[which]
        if not classes:
            return kind.samples[int(rng.integers(len(kind.samples)))]
        one = classes[int(rng.integers(len(classes)))]
        return kind.samples[one[int(rng.integers(len(one)))]]


def split(crops: Iterable[Crop]) -> tuple[list[Crop], list[Crop], list[Crop]]:
    """Crops to learn from, to fit the temperature by, and to measure with; no track is in two of them."""
    crops = list(crops)
    parts: dict[tuple[int, str], int] = {}
    for category in range(GTSRB_CLASSES):
        tracks = sorted({crop.track for crop in crops if crop.track[0] == category})
        parts |= {track: _part(number) for number, track in enumerate(tracks)}
    learn, fit, measure = ([crop for crop in crops if parts[crop.track] == part] for part in range(3))
    return learn, fit, measure


def make_pool(rng: Generator, realdata: Path, towns: Sequence[Path], amounts: Amounts) -> Pool:
    """The pool from the folder of real data and rendered towns, made in a fixed order from the one generator."""
    photographs, truth = realdata / "gtsdb_train", realdata / "gtsdb" / "gt_all900.txt"
    learn, _, _ = split(read_gtsrb(realdata / "gtsrb_train.tar"))
    real = [crop.sample for crop in learn]
    anywhere, backdrops = windows.anywhere(rng, photographs, truth, amounts.anywhere)
    return Pool(
        [
            Kind(name="real", samples=real, share=30),
            Kind(name="real, evenly", samples=real, share=26, evenly=True),
            *_drawn(rng, realdata / "sign_svg" / "DE_svgs.tar.gz", backdrops, amounts),
            *proposed(photographs, rounds=1),
            Kind(name="beside signs", samples=_beside(rng, realdata, amounts.beside), share=4),
            Kind(name="anywhere", samples=anywhere, share=1),
            Kind(name="distractors", samples=_distractors(rng, backdrops, amounts.distractors), share=1),
            Kind(name="proposed in towns", samples=_mistaken(rng, towns, amounts), share=3),
        ]
    )


def _drawn(rng: Generator, archive: Path, backdrops: list[Image], amounts: Amounts) -> list[Kind]:
    """Drawn signs: GTSRB's, those with a class beyond them, and those without a class."""
    faces, others, _ = drawings.read_faces(archive)
    known = {number: views for number, views in faces.items() if number < GTSRB_CLASSES}
    beyond = {number: views for number, views in faces.items() if number >= GTSRB_CLASSES}
    rest = {drawings.other_class(): others}
    ours = _views(rng, known, backdrops, amounts.views_per_gtsrb_face)
    more = _views(rng, beyond, backdrops, amounts.views_per_face)
    return [
        Kind(name="drawn", samples=ours, share=12, evenly=True),
        Kind(name="drawn beyond GTSRB", samples=more, share=9, evenly=True),
        Kind(name="drawn, no class", samples=_views(rng, rest, backdrops, amounts.views_per_other), share=4),
    ]


def proposed(photographs: Path, rounds: int) -> list[Kind]:
    """What a detector proposes in photographs: other signs, and what is no sign."""
    listed = windows.listed(photographs, held_out=False, rounds=rounds)
    nothing, seen = CLASSES.index(NOTHING), [one for found in listed.values() for one in found]
    signs = [one for one in seen if one.category != nothing]
    return [
        Kind(name="other signs in photographs", samples=signs, share=2, evenly=True),
        Kind(name="proposed", samples=[one for one in seen if one.category == nothing], share=8),
    ]


def _beside(rng: Generator, realdata: Path, count: int) -> list[Sample]:
    truth = realdata / "gtsdb" / "gt_all900.txt"
    unused = realdata / "gtsdb" / "boxes_like_gtsrb_test.csv"
    return windows.beside_signs(rng, realdata / "gtsdb_train", truth, unused, count)


def _part(number: int) -> int:
    return 0 if number % HELD_OUT else 1 + number // HELD_OUT % 2


def _by_class(samples: Sequence[Sample]) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for number, sample in enumerate(samples):
        found.setdefault(sample.category, []).append(number)
    return [found[category] for category in sorted(found)]


def _views(rng: Generator, faces: dict[int, list[U8]], backdrops: list[Image], count: int) -> list[Sample]:
    """``count`` pictures of every class, and as many of every face without one; half before a piece of a photograph."""
    found = []
    for category, views in sorted(faces.items()):
        for face in views:
            for _ in range(count if category == drawings.other_class() else max(10, count // len(views))):
                seen = drawn_view(rng, face, category, _behind(rng, backdrops))
                found.append(windows.cut_out(seen.image, seen.bbox, category))
    return found


def _behind(rng: Generator, backdrops: list[Image]) -> Image:
    return backdrops[rng.integers(len(backdrops))] if rng.random() < 0.6 else clutter.background(rng, CANVAS)


def _distractors(rng: Generator, backdrops: list[Image], count: int) -> list[Sample]:
    """Drawn shapes in sign colours that are no signs."""
    drawn = [clutter.distractor(rng, _behind(rng, backdrops)) for _ in range(count)]
    return [windows.cut_out(image, box, CLASSES.index(NOTHING)) for image, box in drawn]


def _mistaken(rng: Generator, towns: Sequence[Path], amounts: Amounts) -> list[Sample]:
    """What the classical detector proposes in rendered towns and is no sign."""
    found = []
    for town in towns:
        scenes = read_batch(town)
        for number in sorted(rng.permutation(len(scenes))[: amounts.scenes_per_town]):
            image, scene = negatives.street(scenes[number])
            for box in negatives.mistaken(rng, image, scene, amounts.mistaken_per_scene):
                found.append(windows.cut_out(image, box, CLASSES.index(NOTHING)))
    return found
