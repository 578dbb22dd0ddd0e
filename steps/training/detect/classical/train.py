"""Train the verification weights: ``python -m steps.training.detect.train REALDATA [--batch FOLDER ...]``.

Scenes are made by laying the drawn sign faces of :mod:`images.render.signs` over photographs of streets, at random
size, view, light, blur and JPEG quality, some stacked on one pole, some partly hidden. The detector's own
candidates in them become the samples: those that match a laid-in sign are that sign's label, those apart from
all signs are background. Real sign crops (GTSRB: Stallkamp et al., 2012) and the candidates in real and drawn
streets are added. No photograph of GTSDB is used: it stays unseen, for ``steps.training.detect.evaluate``.

Run by hand, never at detection time; the seed is fixed, so the same pictures give the same weights.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.classical import verify
from steps.detect.labels import SHAPES
from steps.stepkit.arrays import F32
from steps.training.detect.classical.samples import BACKGROUND, Samples, gtsrb, samples_of
from steps.training.detect.classical.streets import batch, photographs, without
from steps.training.detect.scenes import scene

_KEPT_OF_SCENE, _KEPT_OF_DRAWN = 40, 1000
_SEED = 20
_WEIGHT, _RARITY = 1.5, 100.0
"""How much background weighs against signs in training, and how many candidates there are to a sign's."""


def fit(samples: Samples, rounds: int = 250, decay: float = 3e-4, rate: float = 0.02) -> verify.Verifier:
    """Softmax regression by full-batch Adam (Kingma and Ba, 2015).

    In training the labels count alike, however many samples each has, and background half as much again as
    all of them. In a street signs are far rarer among the candidates, so the bias of background is then raised
    to that prior (Saerens, Latinne and Decaestecker, 2002): a score of 0.5 means as likely a sign as not.
    """
    labels = BACKGROUND + 1
    x, y = samples.descriptors, samples.classes
    share = np.where(np.arange(labels) < BACKGROUND, 1 / BACKGROUND, _WEIGHT)
    each = (share / np.maximum(np.bincount(y, minlength=labels), 1))[y]
    each = (each / each.sum()).astype(np.float32)[:, None]
    mean, scale = x.mean(axis=0), 1 / (x.std(axis=0) + 0.02)
    z = np.concatenate([(x - mean) * scale, np.ones((len(x), 1), np.float32)], axis=1)
    target = np.eye(labels, dtype=np.float32)[y]
    w = np.zeros((z.shape[1], labels), np.float32)
    first, second = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, rounds + 1):
        slope = z.T @ ((_softmax(z @ w) - target) * each)
        slope[:-1] += decay * w[:-1]
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope**2
        w -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    weights = w[:-1] * scale[:, None]
    bias = w[-1] - mean @ weights
    bias[BACKGROUND] += math.log(_RARITY / _WEIGHT)
    return verify.Verifier(weights.astype(np.float32), bias.astype(np.float32))


def _softmax(logits: F32) -> F32:
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exp / exp.sum(axis=1, keepdims=True), np.float32)


def gather(realdata: Path, batches: Sequence[Path], scenes: int, rng: Generator) -> Samples:
    """All samples: streets, photographed and drawn, real crops, and scenes laid over both kinds of street."""
    real = list(photographs(realdata))
    parts = [samples_of(image, [], [], rng) for image in real]
    parts.extend(gtsrb(realdata / "gtsrb", rng))
    drawn = []
    for folder in batches:
        for image, signs_there in batch(folder):
            parts.append(samples_of(image, [], signs_there, rng, keep=_KEPT_OF_DRAWN))
            drawn.append(without(image, signs_there))
    for index in range(scenes):
        streets = drawn if drawn and index % 3 == 0 else real
        image, laid = scene(streets[int(rng.integers(len(streets)))], rng)
        parts.append(samples_of(image, laid, [], rng, keep=_KEPT_OF_SCENE))
    return Samples(
        np.concatenate([part.descriptors for part in parts]), np.concatenate([part.classes for part in parts])
    )


def main() -> None:
    """Read the command line, train and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m steps.training.detect.train", description=__doc__)
    parser.add_argument("realdata", type=Path, help="folder with amsterdam/, exif_photos/ and gtsrb/")
    parser.add_argument(
        "--batch", type=Path, action="append", default=[], help="a drawn batch; may be repeated"
    )
    parser.add_argument("--scenes", type=int, default=1500, help="how many scenes to lay out")
    parser.add_argument("--out", type=Path, default=verify.WEIGHTS)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    samples = gather(arguments.realdata, arguments.batch, arguments.scenes, np.random.default_rng(_SEED))
    verifier = fit(samples)
    found = verifier.probabilities(samples.descriptors).argmax(axis=1)
    for number, label in enumerate((*SHAPES, "background")):
        ours = samples.classes == number
        print(f"{label:18} {ours.sum():7} samples, {(found[ours] == number).mean():.3f} right")
    np.savez_compressed(arguments.out, weights=verifier.weights.astype(np.float16), bias=verifier.bias)


if __name__ == "__main__":
    main()
