"""Train the weights: ``python -m steps.training.recognise.train --gtsrb DIR [--gtsdb DIR] [--background BATCH ...]``.

The classes are learnt from drawn signs (:mod:`images.render.signs`) before drawn and real backgrounds, and from the
``train/`` part of a GTSRB sample; the background class from drawn distractors, from random pieces of street
photographs and from what the classical detector takes for a sign in them. Softmax regression with Adam
(Kingma and Ba, 2015) and a little weight decay. One seed fixes everything. The fit is then measured on real
crops it did not learn from; how the committed weights came about is written next to them, in weights.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from images.render.signs import faces
from steps.recognise import classifier
from steps.recognise.classifier import BACKGROUND, Classifier
from steps.recognise.crop import patch
from steps.recognise.features import features
from steps.stepkit.arrays import F32, Image, Index
from steps.training.recognise import clutter, negatives
from steps.training.recognise.augment import CANVAS, Behind, drawn_view, photographed, turned_view
from steps.training.recognise.gtsrb import read_gtsrb
from steps.training.recognise.sample import Sample
from steps.training.recognise.scenes import Scene, read_batch, read_gtsdb

NAMES = (*faces.CATEGORIES, BACKGROUND)
_NOTHING = len(faces.CATEGORIES)
_FACE = 128


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How many samples of each kind to make."""

    drawn_per_category: int = 300
    views_per_crop: int = 30
    distractors: int = 3000
    mistaken_per_scene: int = 120
    anywhere_per_scene: int = 40
    scenes_per_batch: int = 40


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """How the softmax regression is fitted; ``scale`` makes up for features far below one."""

    epochs: int = 20
    batch: int = 256
    rate: float = 3e-3
    decay: float = 3e-4
    scale: float = 15.0


def main() -> None:
    """Make the samples, fit, measure, write the weights and their provenance."""
    arguments = _arguments()
    rng, amounts, settings = np.random.default_rng(arguments.seed), Amounts(), Fitting()
    crops = read_gtsrb(arguments.gtsrb, "train")
    scenes = read_scenes(rng, arguments.gtsdb, arguments.background, amounts)
    parts = make_samples(rng, crops, scenes, amounts)
    inputs, classes = described(sample for part in parts.values() for sample in part)
    fitted = fit(inputs, classes, settings, arguments.seed)
    classifier.save(fitted, arguments.out)
    report = {
        "seed": arguments.seed,
        "amounts": asdict(amounts),
        "fit": asdict(settings),
        "sources": {"gtsrb_train_crops": len(crops), "street_photographs": len(scenes)},
        "samples": {name: len(part) for name, part in parts.items()},
        "accuracy": {
            "training": _accuracy(fitted, inputs, classes),
            "gtsrb_test": _accuracy(fitted, *described(read_gtsrb(arguments.gtsrb, "test"))),
        },
        "made_with": {"numpy": np.__version__, "opencv": cv2.__version__},
    }
    arguments.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report))


def read_scenes(rng: Generator, gtsdb: Path | None, batches: Iterable[Path], amounts: Amounts) -> list[Scene]:
    """The photographs that backgrounds come from: all of GTSDB's, and so many of each batch."""
    scenes = read_gtsdb(gtsdb) if gtsdb else []
    for folder in batches:
        batch = read_batch(folder)
        scenes += [batch[i] for i in sorted(rng.permutation(len(batch))[: amounts.scenes_per_batch])]
    return scenes


def make_samples(
    rng: Generator, crops: Iterable[Sample], scenes: Iterable[Scene], amounts: Amounts
) -> dict[str, list[Sample]]:
    """The training samples by kind; the kinds are made one after the other from the one generator."""
    nothing, behind = gather_streets(rng, scenes, amounts)
    views = range(amounts.views_per_crop)
    return {
        "drawn": drawn(rng, behind, amounts.drawn_per_category),
        "real": [photographed(rng, turned_view(rng, crop)) for crop in crops for _ in views],
        "distractors": [distractor(rng, behind) for _ in range(amounts.distractors)],
        "streets": [photographed(rng, one) for one in nothing],
    }


def drawn(rng: Generator, behind: Behind, count: int) -> list[Sample]:
    """``count`` pictures of every category's drawn face."""
    drawn_faces = [faces.draw(category, _FACE) for category in range(_NOTHING)]
    return [
        photographed(rng, drawn_view(rng, face, category, behind(rng)))
        for category, face in enumerate(drawn_faces)
        for _ in range(count)
    ]


def distractor(rng: Generator, behind: Behind) -> Sample:
    """A drawn shape in sign colours that is no sign."""
    image, box = clutter.distractor(rng, behind(rng))
    return photographed(rng, Sample(image=image, bbox=box, category=_NOTHING))


def gather_streets(rng: Generator, scenes: Iterable[Scene], amounts: Amounts) -> tuple[list[Sample], Behind]:
    """Negatives from the scenes, and a source of backgrounds: theirs and drawn ones, half and half."""
    nothing: list[Sample] = []
    backdrops: list[Image] = []
    for scene in scenes:
        image, known = negatives.street(scene)
        random_boxes = negatives.anywhere(rng, image, known, amounts.anywhere_per_scene)
        boxes = random_boxes + negatives.mistaken(rng, image, known, amounts.mistaken_per_scene)
        nothing += [negatives.cut_out(image, box, _NOTHING) for box in boxes]
        backdrops += [negatives.backdrop(image, box) for box in random_boxes]

    def behind(rng: Generator) -> Image:
        if backdrops and rng.random() < 0.5:
            return backdrops[rng.integers(len(backdrops))]
        return clutter.background(rng, CANVAS)

    return nothing, behind


def described(samples: Iterable[Sample]) -> tuple[F32, Index]:
    """Feature vectors, shape (N, D), and classes, shape (N,), of samples."""
    inputs, classes = [], []
    for sample in samples:
        inputs.append(features(patch(sample.image, None, sample.bbox)))
        classes.append(sample.category)
    return np.stack(inputs), np.array(classes, dtype=np.intp)


def fit(inputs: F32, classes: Index, settings: Fitting, seed: int) -> Classifier:
    """Softmax regression by Adam, its rate falling to zero; the classes' shares are taken out of the bias.

    ``inputs`` are feature vectors, shape (N, D), ``classes`` their categories' numbers, shape (N,).
    """
    rng = np.random.default_rng(seed)
    weights = np.zeros((inputs.shape[1] + 1, len(NAMES)), dtype=np.float32)
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    order = np.concatenate([rng.permutation(len(inputs)) for _ in range(settings.epochs)])
    steps = len(order) // settings.batch
    for step in range(steps):
        chosen = order[step * settings.batch : (step + 1) * settings.batch]
        gradient = _gradient(weights, inputs[chosen] * settings.scale, classes[chosen], settings.decay)
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient * gradient - second)
        unbiased = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        weights -= settings.rate * (1 - step / steps) * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    shares = np.bincount(classes, minlength=len(NAMES)) / len(classes)
    bias = (weights[-1] - np.log(shares)).astype(np.float32)
    return Classifier(categories=NAMES, weights=weights[:-1] * np.float32(settings.scale), bias=bias)


def _accuracy(fitted: Classifier, inputs: F32, classes: Index) -> float:
    """The share of single views whose best class, the background among them, is the right one."""
    best = fitted.log_posteriors(inputs).argmax(axis=1)
    return round(float((best == classes).mean()), 4)


def _gradient(weights: F32, inputs: F32, classes: Index, decay: float) -> F32:
    """Gradient of the mean cross-entropy and the decay of the weights, the bias (last row) left out."""
    scores = np.asarray(inputs @ weights[:-1] + weights[-1], dtype=np.float64)
    errors = np.exp(classifier.log_softmax(scores)).astype(np.float32)
    errors[np.arange(len(classes)), classes] -= 1
    errors /= len(classes)
    return np.concatenate([inputs.T @ errors + decay * weights[:-1], errors.sum(axis=0)[None]])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="steps.training.recognise.train", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--gtsrb", type=Path, required=True, help="folder of a GTSRB sample (labels.csv and a zip)"
    )
    parser.add_argument("--gtsdb", type=Path, help="folder of GTSDB photographs with gt_all900.txt")
    parser.add_argument(
        "--background", type=Path, action="append", default=[], help="a batch with truth.geojson"
    )
    parser.add_argument("--out", type=Path, default=classifier.WEIGHTS, help="where the weights go (.npz)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
