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
import csv
import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from images.render.signs import faces
from steps.detect import boxes, classical, pyramid, verify
from steps.detect.boxes import Box
from steps.detect.labels import LABELS
from steps.stepkit import Json, camera, photograph
from steps.stepkit.arrays import F32, F64, Image, Index

LABEL_OF_CATEGORY = {
    **dict.fromkeys(range(43), "red-circle"),
    **dict.fromkeys((6, 32, 41, 42), "grey-circle"),
    **dict.fromkeys((11, *range(18, 32)), "red-triangle"),
    **dict.fromkeys(range(33, 41), "blue-circle"),
    12: "yellow-diamond",
    13: "red-triangle-down",
    14: "red-octagon",
}
_SCENE = (640, 480)
_MATCH, _APART, _TOUCH = 0.68, 0.4, 0.3
"""IoU from which a candidate is the sign, up to which it is background, and share that touches."""
_LEAST_SIGN, _MOST_SIGN = 12, 400
_KEPT_OF_SCENE, _KEPT_OF_DRAWN = 40, 1000
_FAR = 80.0
_SEED = 20
_WEIGHT, _RARITY = 1.5, 100.0
"""How much background weighs against signs in training, and how many candidates there are to a sign's."""
_HIDDEN = _MOVING = 0.25
_PANORAMA = {"model": "equirectangular"}
_BACKGROUND = len(LABELS)


@dataclass(frozen=True)
class Samples:
    """Descriptors (n, d) and their classes (n,): an index into LABELS, or len(LABELS) for background."""

    descriptors: F32
    classes: Index


def scene(background: Image, rng: Generator) -> tuple[Image, list[tuple[Box, int]]]:
    """A background cut-out with signs laid in, and their (box, category)."""
    image = _cut(background, rng).astype(np.float32)
    laid: list[tuple[Box, int]] = []
    for _ in range(rng.integers(2, 6)):
        size = float(np.exp(rng.uniform(np.log(12), np.log(170))))
        x, y = rng.uniform(0, _SCENE[0]), rng.uniform(0, _SCENE[1] * 0.9)
        view = _view(rng)
        light = _light(rng)
        if any(np.hypot(x - bx - bw / 2, y - by - bh / 2) < size + bh for (bx, by, bw, bh), _ in laid):
            continue
        for _ in range(rng.choice([1, 1, 2, 3])):
            category = (
                int(rng.integers(43))
                if rng.random() < 0.75
                else int(rng.choice([6, 12, 13, 14, 17, 32, 41, 42]))
            )
            box = _lay(image, category, (x, y), size, view, light, rng)
            if box is None:
                break
            laid.append((box, category))
            y += box[3] * rng.uniform(0.98, 1.15)
    return _camera(image, rng), laid


def _cut(background: Image, rng: Generator) -> Image:
    scale = float(rng.uniform(0.6, 1.4))
    width, height = (min(round(s * scale), b) for s, b in zip(_SCENE, background.shape[1::-1], strict=True))
    x = int(rng.integers(background.shape[1] - width + 1))
    y = int(rng.integers(background.shape[0] - height + 1))
    cut = background[y : y + height, x : x + width]
    return np.asarray(
        cv2.resize(cut[:, :: int(rng.choice([-1, 1]))], _SCENE, interpolation=cv2.INTER_AREA), np.uint8
    )


def _view(rng: Generator) -> F64:
    """A 2x2 matrix: turned about the pole (squeezed), rolled a little, sheared a little."""
    turn = np.cos(np.radians(min(abs(rng.normal(0, 32)), 68)))
    roll = np.radians(rng.normal(0, 4))
    spin = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.asarray(spin @ np.array([[turn, 0], [rng.normal(0, 0.04), 1]]))


def _light(rng: Generator) -> F32:
    """Gain and offset per channel: exposure, colour of the light, haze and how faded the paint is."""
    gain = np.exp(rng.uniform(np.log(0.18), np.log(1.25))) * np.exp(rng.normal(0, 0.09, 3))
    haze = rng.uniform(0, 60) * rng.random()
    return np.stack([gain, np.full(3, haze), np.full(3, rng.uniform(0, 0.45))]).astype(np.float32)


def _lay(
    image: F32,
    category: int,
    at: tuple[float, float],
    size: float,
    view: F64,
    light: F32,
    rng: Generator,
) -> Box | None:
    """Blend one sign into the image in place; its box, or None when it is not wholly inside."""
    left, top = (int(c - 0.8 * size) for c in at)
    side = int(1.6 * size) + 2
    window = image[top : top + side, left : left + side] if min(left, top) >= 0 else image[:0]
    if window.shape[:2] != (side, side):
        return None
    face = _squeezed(category, size, view, (at[0] - left, at[1] - top), side)
    alpha = face[..., 3:] / 255
    rows, columns = np.flatnonzero(alpha.max(axis=(1, 2)) > 0.5), np.flatnonzero(alpha.max(axis=(0, 2)) > 0.5)
    if len(rows) < 8 or len(columns) < 5:
        return None
    paint = face[..., :3]
    grey = paint.mean(axis=2, keepdims=True)
    paint = (paint + (grey - paint) * light[2]) * light[0] + alpha * light[1]
    slope = 1 + rng.uniform(-0.3, 0.3) * (np.arange(side, dtype=np.float32) / side - 0.5)
    paint = paint * slope[None, :, None]
    width, height = len(columns), len(rows)
    if rng.random() < _HIDDEN:
        seen = _seen(side, (columns[0], rows[0], width, height), rng)
        alpha, paint = alpha * seen, paint * seen
    window *= 1 - alpha
    window += paint
    return float(left + columns[0]), float(top + rows[0]), float(width), float(height)


def _squeezed(category: int, size: float, view: F64, at: tuple[float, float], side: int) -> F32:
    """A sign's face as the camera sees it: BGRA, colours multiplied by alpha, shape (side, side, 4)."""
    drawn = int(2 ** np.ceil(np.log2(max(size, 16) * 1.5)))
    face = faces.draw(category, drawn).astype(np.float32)
    face[..., :3] *= face[..., 3:] / 255
    matrix = np.zeros((2, 3))
    matrix[:, :2] = view * (size / drawn)
    matrix[:, 2] = np.asarray(at) - matrix[:, :2] @ np.full(2, (drawn - 1) / 2)
    face = np.asarray(cv2.GaussianBlur(face, (0, 0), 0.4 * drawn / size), np.float32)
    return np.asarray(cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_LINEAR), np.float32)


def _seen(side: int, box: tuple[int, int, int, int], rng: Generator) -> F32:
    """1 where the box is seen, 0 along a strip across it (a twig, a pole) or its edge (a wall, a leaf)."""
    x, y, w, h = box
    mask = np.ones((side, side, 1), np.float32)
    angle, thick = rng.uniform(0, np.pi), rng.uniform(0.05, 0.22) * h
    away = rng.choice([0.0, 0.35, 0.45]) * h
    centre = np.array([x + w / 2, y + h / 2]) + away * np.array([np.cos(angle), np.sin(angle)])
    along = np.array([-np.sin(angle), np.cos(angle)]) * 2 * h
    start, end = ((int(c[0]), int(c[1])) for c in (centre - along, centre + along))
    cv2.line(mask, start, end, 0, max(1, round(thick)))
    return mask


def _camera(drawn: F32, rng: Generator) -> Image:
    """Blur, noise and JPEG as a camera would add them."""
    blur = float(rng.choice([0.0, 0.5, 0.8, 1.1]))
    image = np.asarray(cv2.GaussianBlur(drawn, (0, 0), blur) if blur else drawn, np.float32)
    if rng.random() < _MOVING:
        length = int(rng.integers(2, 6))
        image = np.asarray(cv2.blur(image, (length, 1)), np.float32)
    noisy = np.clip(image + rng.normal(0, rng.uniform(0, 4), image.shape), 0, 255).astype(np.uint8)
    quality = int(rng.integers(55, 97))
    coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def samples_of(
    image: Image,
    true: Sequence[tuple[Box, int]],
    unsure: Sequence[Box],
    rng: Generator,
    keep: int = 10**9,
    match: float = _MATCH,
) -> Samples:
    """The image's candidates as samples: a sign's label where they match one, background where they are apart.

    Candidates that touch an ``unsure`` box are left out; of background at most ``keep`` are taken.
    """
    found = classical.propose(image, _LEAST_SIGN, _MOST_SIGN)
    classes = _classes(np.array([one.box for one in found]).reshape(-1, 4), true, unsure, match)
    background = rng.permutation(np.flatnonzero(classes == _BACKGROUND))[:keep]
    picked = np.concatenate([np.flatnonzero((classes >= 0) & (classes < _BACKGROUND)), background])
    descriptors = verify.describe(pyramid.build(image, _MOST_SIGN), [found[i] for i in picked])
    return Samples(descriptors, classes[picked])


def _classes(found: F64, true: Sequence[tuple[Box, int]], unsure: Sequence[Box], match: float) -> Index:
    """The class of each box of shape (n, 4); -1 for those to leave out."""
    classes = np.full(len(found), _BACKGROUND, np.intp)
    if unsure:
        classes[boxes.inside(found[:, None], unsure).max(axis=1) > _TOUCH] = -1
    if true:
        ious = boxes.iou(found[:, None], [sign for sign, _ in true])
        best, whose = ious.max(axis=1), ious.argmax(axis=1)
        labels = np.array([LABELS.index(LABEL_OF_CATEGORY[category]) for _, category in true], np.intp)
        classes[best > _APART] = -1
        classes[best >= match] = labels[whose[best >= match]]
    return classes


def gtsrb(folder: Path, rng: Generator) -> Iterator[Samples]:
    """Samples of real sign crops: a folder with ``labels.csv`` and ``gtsrb_sample_png.zip``."""
    frame = 6
    with zipfile.ZipFile(folder / "gtsrb_sample_png.zip") as archive, (folder / "labels.csv").open() as rows:
        for row in csv.DictReader(rows):
            stored = np.frombuffer(archive.read(row["file"]), np.uint8)
            crop = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
            image = np.pad(crop, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            x1, y1, x2, y2 = (int(row[corner]) for corner in ("x1", "y1", "x2", "y2"))
            box = (x1 + frame, y1 + frame, x2 - x1 + 1, y2 - y1 + 1)
            # A crop holds hardly any background, and its box is drawn by hand.
            yield samples_of(image, [(box, int(row["class_id"]))], [], rng, keep=0, match=0.6)


def without(image: Image, hidden: Sequence[Box]) -> Image:
    """The image with boxes painted over in their mean colour."""
    painted = image.copy()
    for x, y, width, height in hidden:
        rows = slice(max(0, int(y) - 4), max(0, int(y + height) + 5))
        columns = slice(max(0, int(x) - 4), max(0, int(x + width) + 5))
        if painted[rows, columns].size:
            painted[rows, columns] = painted[rows, columns].mean(axis=(0, 1)).astype(np.uint8)
    return painted


def photographs(realdata: Path) -> Iterator[Image]:
    """Photographs of streets that hold (next to) no signs: municipal panoramas' horizons, one of them halved."""
    for path in sorted((realdata / "amsterdam").glob("*.jpg")):
        panorama = photograph.read(path)
        horizon = panorama[panorama.shape[0] * 3 // 10 : panorama.shape[0] * 5 // 8]
        yield horizon
        yield pyramid.halved(horizon)
    for path in sorted((realdata / "exif_photos").glob("*.jpg")):
        yield photograph.read(path)


def batch(folder: Path) -> Iterator[tuple[Image, list[Box]]]:
    """Pictures of a drawn batch (``python -m images.render``) and generous boxes around its true signs."""
    features = json.loads((folder / "truth.geojson").read_text())["features"]
    objects = [feature["properties"] for feature in features]
    with (folder / "recordings.csv").open() as table:
        for row in csv.DictReader(table):
            image = photograph.read(folder / row["image"])
            height, width = image.shape[:2]
            if row["camera"] == "equirectangular":
                horizon = slice(height * 3 // 10, height * 5 // 8)
                around = [_seen_around(row, one, _PANORAMA, width, height) for one in objects]
                yield image[horizon], [(x, y - horizon.start, w, h) for x, y, w, h in around if w > 0]
            else:
                lens = {"model": "pinhole", **{name: float(row[name]) for name in ("fx", "fy", "cx", "cy")}}
                around = [_seen_around(row, one, lens, width, height) for one in objects]
                yield image, [box for box in around if box[2] > 0]


def _seen_around(row: dict[str, str], sign: Json, lens: Json, width: int, height: int) -> Box:
    """A box twice as large as the sign would be seen; empty if it lies behind the camera or far away."""
    away = np.array([float(sign[axis]) - float(row[axis]) for axis in "xyz"])
    distance = float(np.linalg.norm(away))
    turn = camera.rotation(*(float(row[angle]) for angle in ("heading", "pitch", "roll")))
    (u, v), *_ = camera.rays_to_pixels(lens, width, height, away @ turn)
    if not np.isfinite(u + v) or distance > _FAR:
        return 0.0, 0.0, 0.0, 0.0
    focal = width / (2 * math.pi) if lens == _PANORAMA else float(lens["fx"])
    side = 2 * float(sign["size"]) * focal / distance
    return float(u) - side / 2, float(v) - side / 2, side, side


def fit(samples: Samples, rounds: int = 250, decay: float = 3e-4, rate: float = 0.02) -> verify.Verifier:
    """Softmax regression by full-batch Adam (Kingma and Ba, 2015).

    In training the labels count alike, however many samples each has, and background half as much again as
    all of them. In a street signs are far rarer among the candidates, so the bias of background is then raised
    to that prior (Saerens, Latinne and Decaestecker, 2002): a score of 0.5 means as likely a sign as not.
    """
    labels = _BACKGROUND + 1
    x, y = samples.descriptors, samples.classes
    share = np.where(np.arange(labels) < _BACKGROUND, 1 / _BACKGROUND, _WEIGHT)
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
    bias[_BACKGROUND] += math.log(_RARITY / _WEIGHT)
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
    for number, label in enumerate((*LABELS, "background")):
        ours = samples.classes == number
        print(f"{label:18} {ours.sum():7} samples, {(found[ours] == number).mean():.3f} right")
    np.savez_compressed(arguments.out, weights=verifier.weights.astype(np.float16), bias=verifier.bias)


if __name__ == "__main__":
    main()
