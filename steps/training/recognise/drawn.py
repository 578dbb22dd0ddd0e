"""Drawn signs put up in a street: weathered, on a post, seen from some side, with leaves or an edge before them.

Everything is drawn from one random generator, so that a seed fixes the training set.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from steps.detect.boxes import Box
from steps.stepkit.arrays import F32, F64, U8, Floats, Image
from steps.training.recognise import clutter
from steps.training.recognise.sample import Sample

CANVAS = 192
"""Width and height in pixels of the pictures that are made."""


def drawn_view(rng: Generator, face: U8, category: int, behind: Image) -> Sample:
    """A drawn face, shape (N, N, 4) BGRA, put up before a background and photographed from some side.

    ``behind`` is BGR, at least (CANVAS, CANVAS, 3), of which the sample shows that much.
    """
    scene = behind[:CANVAS, :CANVAS].astype(np.float32)
    side = rng.uniform(0.45, 0.62) * CANVAS
    turn = _projection(rng, face.shape[0], side)
    warped = cv2.warpPerspective(_weathered(rng, face), turn, (CANVAS, CANVAS), flags=cv2.INTER_LINEAR)
    alpha = warped[..., 3:] / 255
    bbox = _extent(alpha[..., 0])
    _put_up_post(rng, scene, bbox)
    scene += (warped[..., :3] - scene) * alpha
    if rng.random() < 0.15:
        _occlude(rng, scene, bbox)
    return Sample(image=scene.clip(0, 255).astype(np.uint8), bbox=bbox, category=category)


def _projection(rng: Generator, face: int, side: float) -> F64:
    """The homography of a face of ``face`` pixels turned in space and set in the canvas's middle."""
    yaw, pitch = rng.normal(0, math.radians(22)), rng.normal(0, math.radians(6))
    yaw = float(np.clip(yaw, -math.radians(60), math.radians(60)))
    roll = rng.normal(0, math.radians(4))
    spin, _ = cv2.Rodrigues(np.array([pitch, yaw, 0.0]))
    flat, _ = cv2.Rodrigues(np.array([0.0, 0.0, roll]))
    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) @ (spin @ flat).T
    distance = rng.uniform(6, 30)
    seen = corners[:, :2] * (distance / (distance + corners[:, 2:])) * side / 2
    middle = CANVAS / 2 + rng.uniform(-0.05, 0.05, 2) * CANVAS
    source = np.array([[0, 0], [face, 0], [face, face], [0, face]], dtype=np.float32) - 0.5
    return np.asarray(cv2.getPerspectiveTransform(source, (seen + middle).astype(np.float32)))


def _weathered(rng: Generator, face: U8) -> F32:
    """The face with faded, dirty or differently printed colours."""
    colours = face[..., :3].astype(np.float32)
    grey = colours.mean(axis=2, keepdims=True)
    colours = grey + (colours - grey) * rng.uniform(0.5, 1.15)
    black, white = rng.uniform(0, 50), rng.uniform(170, 255)
    colours = black + colours / 255 * (white - black)
    colours += rng.normal(0, 8, 3) * (face[..., :3] < 100)
    if rng.random() < 0.3:
        dirt = cv2.resize(rng.normal(size=(6, 6)), face.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        colours *= 1 - 0.15 * np.abs(dirt)[..., None]
    return np.concatenate([colours.clip(0, 255), face[..., 3:].astype(np.float32)], axis=2).astype(np.float32)


def _extent(alpha: Floats) -> Box:
    """The box of what is at least half covered."""
    rows, columns = np.nonzero((alpha >= 0.5).any(axis=1))[0], np.nonzero((alpha >= 0.5).any(axis=0))[0]
    x, y = float(columns[0]), float(rows[0])
    return x, y, float(columns[-1] + 1) - x, float(rows[-1] + 1) - y


def _put_up_post(rng: Generator, scene: F32, bbox: Box) -> None:
    """Behind the sign a post, and below or above it now and then a plate or the rim of another sign."""
    x, y, w, h = bbox
    middle = x + w / 2
    grey = float(rng.uniform(60, 200))
    if rng.random() < 0.7:
        half = w * rng.uniform(0.03, 0.07)
        cv2.rectangle(
            scene, (round(middle - half), round(y)), (round(middle + half), CANVAS), (grey, grey, grey), -1
        )
    kind = rng.random()
    gap = h * rng.uniform(0.01, 0.1)
    if kind < 0.25:
        top = y + h + gap
        colour = (rng.uniform(150, 255),) * 3
        cv2.rectangle(scene, (round(x), round(top)), (round(x + w), round(top + h / 2)), colour, -1)
        cv2.rectangle(scene, (round(x), round(top)), (round(x + w), round(top + h / 2)), (20, 20, 20), 1)
    elif kind < 0.45:
        colour = ((30.0, 20.0, 180.0), (150.0, 70.0, 20.0))[rng.integers(2)]
        centre_y = y + h * 1.5 + gap if kind < 0.35 else y - h * 0.5 - gap
        cv2.circle(scene, (round(middle), round(centre_y)), round(w / 2), colour, -1, cv2.LINE_AA)


def _occlude(rng: Generator, scene: F32, bbox: Box) -> None:
    """Leaves or an edge over up to a quarter of the sign, coming from one side."""
    x, y, w, h = bbox
    patch = clutter.background(rng, CANVAS).astype(np.float32)
    angle = rng.uniform(0, 2 * math.pi)
    across, along = np.meshgrid((np.arange(CANVAS) - x - w / 2) / w, (np.arange(CANVAS) - y - h / 2) / h)
    ragged = cv2.resize(rng.normal(0, 0.06, (16, 16)), (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
    hidden = across * math.cos(angle) + along * math.sin(angle) + ragged > rng.uniform(0.27, 0.45)
    scene[hidden] = patch[hidden]
