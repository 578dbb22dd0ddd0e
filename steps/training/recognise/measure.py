"""Figures of the sign network on what it has not learnt from; the temperature that makes its probabilities hold.

The tracks and photographs that are held out are halved: the temperature is fitted on one half, everything else
measured on the other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steps.recognise.combining import combined
from steps.recognise.params import Params
from steps.recognise.recognise import UNKNOWN, decided
from steps.signs.classes import CLASSES, NOTHING, OTHER
from steps.signs.judging import judge
from steps.signs.patches import patch
from steps.stepkit.arrays import F64, Index
from steps.training.recognise import drawings, windows
from steps.training.recognise.augment import moved, varied
from steps.training.recognise.clutter import background
from steps.training.recognise.drawn import CANVAS, drawn_view
from steps.training.recognise.gtsrb import Crop, read_gtsrb
from steps.training.recognise.pool import split
from steps.training.recognise.sample import Sample

_NOTHING = CLASSES.index(NOTHING)
_TENTH = 0.1
_BINS = 15


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Samples' probabilities, shape (n, K), their true classes, shape (n,), and their boxes' larger sides in pixels."""

    seen: F64
    truth: Index
    sizes: F64

    @property
    def right(self) -> float:
        """The share whose most probable class, no sign among them, is the true one."""
        return float((self.seen.argmax(axis=1) == self.truth).mean())

    @property
    def calibration_error(self) -> float:
        """The expected calibration error: how far sureness and share of right ones are apart, in 15 bins of equal
        width.

        Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.
        """
        sure, right = self.seen.max(axis=1), self.seen.argmax(axis=1) == self.truth
        bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
        return float(sum(abs((right[bins == b] - sure[bins == b]).sum()) for b in range(_BINS)) / len(sure))

    def answers(self) -> list[str]:
        """What the recognise step would say of each, seen once, with its default parameters."""
        single = (combined(seen[None], size[None]) for seen, size in zip(self.seen, self.sizes, strict=True))
        return [decided(posterior.tolist(), Params())[0] for posterior in single]


def judged(samples: Sequence[Sample], weights: Path) -> Judged:
    """The samples as the network at ``weights`` sees them, each in its own box."""
    patches = np.stack([patch(one.image, None, one.bbox) for one in samples])
    return Judged(
        seen=judge(patches, weights),
        truth=np.array([one.category for one in samples], np.intp),
        sizes=np.array([max(one.bbox[2:]) for one in samples]),
    )


def nudged(samples: Iterable[Sample], seed: int = 1) -> list[Sample]:
    """The samples with every edge of their boxes moved by up to a tenth of its side, three times each."""
    rng = np.random.default_rng(seed)
    return [
        Sample(image=one.image, bbox=moved(rng, one.bbox, _TENTH), category=one.category)
        for one in samples
        for _ in range(3)
    ]


def told(found: Judged) -> dict[str, float]:
    """The figures of signs: shares right and called rightly, wrongly, unknown and no sign by the step."""
    answers = found.answers()
    outcomes = Counter(
        _outcome(answer, truth) for answer, truth in zip(answers, found.truth.tolist(), strict=True)
    )
    return {
        "views": len(answers),
        "top1": round(found.right, 5),
        "calibration_error": round(found.calibration_error, 5),
        **{name: outcomes[name] for name in ("right", "wrong", "unknown", "dropped")},
    }


def _outcome(answer: str, truth: int) -> str:
    if answer in (CLASSES[truth], UNKNOWN):
        return UNKNOWN if answer == UNKNOWN else "right"
    return "dropped" if answer == NOTHING else "wrong"


def let_through(found: Judged) -> dict[str, float]:
    """Of windows that show no sign: how many get a category, how many are unknown; the rest is dropped."""
    answers = Counter(found.answers())
    named = len(found.truth) - answers[NOTHING] - answers[UNKNOWN]
    return {
        "windows": len(found.truth),
        "named": named,
        "unknown": answers[UNKNOWN],
        "let_through": round(named / len(found.truth), 5),
    }


def fitted_temperature(realdata: Path, weights: Path) -> float:
    """The temperature with the least cross-entropy on the half of what is held out that nothing is measured on.

    Signs in their own boxes and in moved ones, and proposals that show none. Golden-section search.
    """
    _, fit, _ = split(read_gtsrb(realdata / "gtsrb_train.tar"))
    signs = [crop.sample for crop in fit]
    found = judged(signs + nudged(signs) + proposals(realdata, 0), weights)
    logs = np.log(np.maximum(found.seen, 1e-12))

    def loss(temperature: float) -> float:
        scaled = logs / temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(scaled, found.truth[:, None], axis=1)[:, 0]
        return float((np.log(np.exp(scaled).sum(axis=1)) - chosen).mean())

    low, high, golden = 0.2, 5.0, (math.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        one, other = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, other) if loss(one) < loss(other) else (one, high)
    return (low + high) / 2


def proposals(realdata: Path, half: int, *, other: bool = False) -> list[Sample]:
    """What a detector proposes in one half of the photographs held out: no signs, or signs that are none of GTSRB's."""
    found = windows.listed(realdata / "gtsdb_train", held_out=True)
    chosen = [one for n, name in enumerate(sorted(found)) if n % 2 == half for one in found[name]]
    return [one for one in chosen if (one.category != _NOTHING) == other]


def figures(realdata: Path, weights: Path) -> dict[str, dict[str, float]]:
    """All figures on what is held out, by what they are of."""
    _, _, crops = split(read_gtsrb(realdata / "gtsrb_train.tar"))
    signs = [crop.sample for crop in crops]
    others = [one for half in range(2) for one in proposals(realdata, half, other=True)]
    return {
        "gtsrb": told(judged(signs, weights)),
        "gtsrb, boxes moved by up to a tenth": told(judged(nudged(signs), weights)),
        "gtsrb, whole tracks": _tracks(crops, weights),
        "no signs that a detector proposes": let_through(judged(proposals(realdata, 1), weights)),
        "other signs that a detector proposes": told(judged(others, weights)),
        **_drawn_figures(realdata, weights),
    }


def _tracks(crops: Sequence[Crop], weights: Path) -> dict[str, float]:
    """Whole objects: six views of each track, as the step takes them."""
    tracks: dict[tuple[int, str], list[Sample]] = {}
    for crop in crops:
        tracks.setdefault(crop.track, []).append(crop.sample)
    outcomes: Counter[str] = Counter()
    for (category, _), views in tracks.items():
        found = judged(sorted(views, key=lambda one: -max(one.bbox[2:]))[: Params().max_views], weights)
        answer, _ = decided(combined(found.seen, found.sizes).tolist(), Params())
        outcomes[_outcome(answer, category)] += 1
    return {
        "objects": len(tracks),
        **{name: outcomes[name] for name in ("right", "wrong", "unknown", "dropped")},
    }


def _drawn_figures(realdata: Path, weights: Path) -> dict[str, dict[str, float]]:
    """Signs beyond GTSRB, drawn anew with another seed: those with a class, and drawings that were never learnt
    from."""
    rng = np.random.default_rng(99)
    faces, _, kept = drawings.read_faces(realdata / "sign_svg" / "DE_svgs.tar.gz")
    beyond = {number: views for number, views in faces.items() if number >= 43}
    groups = {"drawn, beyond GTSRB": beyond, "drawn, never learnt from": {CLASSES.index(OTHER): kept}}
    found = {}
    for name, group in groups.items():
        samples = []
        for category, views in sorted(group.items()):
            for face in views:
                for _ in range(8):
                    seen = drawn_view(rng, face, category, background(rng, CANVAS))
                    pixels, _ = varied(rng, seen, 0.05)
                    side = float(pixels.shape[0])
                    rim = side / 12
                    box = (rim, rim, side - 2 * rim, side - 2 * rim)
                    samples.append(Sample(image=pixels, bbox=box, category=category))
        found[name] = told(judged(samples, weights))
    return found
