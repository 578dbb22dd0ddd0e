"""What a camera does to a picture: blur, exposure, vignetting, noise. One set of effects a recording."""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np

from steps.stepkit.arrays import F32, F64, U8

_NOISE_SEED = 20240513


def develop(image: U8, random: np.random.Generator, *, panorama: bool) -> U8:
    """The picture as the camera would hand it over; geometry stays as it is.

    Motion blur is for the moving pinhole camera only: a survey's panoramas are exposed briefly.
    """
    blurred = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.45, 0.75)))
    trouble = random.random()
    if trouble < 0.1:
        blurred = cv2.GaussianBlur(blurred, (0, 0), float(random.uniform(0.7, 1.3)))
    elif trouble < 0.3 and not panorama:
        blurred = cv2.filter2D(
            blurred, -1, _motion(float(random.uniform(2, 6)), float(random.normal(0, 0.35)))
        )
    gain = math.exp(float(random.normal(0, 0.16))) * np.exp(random.normal(0, 0.025, 3))
    toned = cv2.LUT(np.asarray(blurred, dtype=np.uint8), _tone(gain))
    if not panorama:
        toned = cv2.multiply(toned, _vignette(image.shape[1], image.shape[0]), scale=1 / 255, dtype=cv2.CV_8U)
    return _with_noise(np.asarray(toned, dtype=np.uint8), random, float(random.uniform(1.0, 3.6)))


def encode(image: U8, quality: int) -> bytes:
    """The picture as a JPEG file's bytes."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)


def _motion(length: float, angle: float) -> F32:
    """A straight-line kernel through its centre, ``length`` pixels long, so that nothing shifts."""
    side = 2 * math.ceil(length / 2) + 3
    fine = np.zeros((side * 8, side * 8), np.float32)
    middle, reach = side * 4, length * 4
    start = (round(middle - reach * math.cos(angle)), round(middle - reach * math.sin(angle)))
    end = (round(middle + reach * math.cos(angle)), round(middle + reach * math.sin(angle)))
    cv2.line(fine, start, end, 1.0, 8)
    kernel = np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)
    symmetric = kernel + kernel[::-1, ::-1]
    return np.asarray(symmetric / symmetric.sum(), dtype=np.float32)


def _tone(gain: F64) -> U8:
    """A camera's curve for each channel: gain and a soft shoulder instead of a hard clip, shape (1, 256, 3)."""
    level = np.arange(256)[:, None] / 255 * gain
    soft = np.where(level < 0.8, level, 0.8 + 0.2 * np.tanh((level - 0.8) / 0.2))
    return np.asarray(np.rint(np.clip(soft, 0, 1) * 255), dtype=np.uint8)[None]


@functools.lru_cache(maxsize=4)
def _vignette(width: int, height: int) -> U8:
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 255 * (1 - 0.13 * (x * x + y * y * 0.5))
    return np.ascontiguousarray(np.repeat(np.asarray(light, dtype=np.uint8)[..., None], 3, axis=2))


@functools.lru_cache(maxsize=4)
def _grain(width: int, height: int) -> F32:
    """Sensor noise of unit strength with some room to shift, mostly grey, partly coloured, slightly soft."""
    random = np.random.default_rng(_NOISE_SEED)
    colour = random.standard_normal((height + 64, width + 64, 3), dtype=np.float32)
    grey = random.standard_normal((height + 64, width + 64, 1), dtype=np.float32)
    mixed = cv2.GaussianBlur(colour * np.float32(0.7) + grey, (0, 0), 0.5)
    return np.asarray(mixed / mixed.std(), dtype=np.float32)


def _with_noise(image: U8, random: np.random.Generator, strength: float) -> U8:
    height, width = image.shape[:2]
    dx, dy = (int(shift) for shift in random.integers(0, 64, 2))
    grain = _grain(width, height)[dy : dy + height, dx : dx + width]
    noisy = cv2.scaleAdd(grain, strength, image.astype(np.float32))
    return np.asarray(cv2.add(noisy, np.zeros(4), dtype=cv2.CV_8U), dtype=np.uint8)  # rounded, and 0 to 255
