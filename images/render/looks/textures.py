"""Pictures of trees, hedges, poles, lamps, plates and posters."""

from __future__ import annotations

import cv2
import numpy as np

from images.render.looks.brush import AWNINGS, PAINT, Colour, choice, rectangle, shaded
from images.render.looks.noise import cloudy, speckled
from steps.stepkit.arrays import U8


def crown(random: np.random.Generator, *, bush: bool) -> U8:
    """A crown of leaves as BGRA: ragged outline, light from above, holes near the rim."""
    size = 256
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    lumps = cloudy(random, size, size, 60, 3)
    leaves = cloudy(random, size, size, 9, 3)
    reach = 0.8 + 0.09 * lumps + 0.045 * leaves
    radius = np.hypot(x, y if not bush else np.where(y > 0, y * 0.55, y))
    alpha = np.clip((reach - radius) * 16, 0, 1) * np.clip(1.6 + leaves * 0.9 + (0.6 - radius) * 3, 0, 1)
    light = 0.72 - 0.34 * y + 0.16 * lumps + 0.2 * leaves
    hue = np.array([[38, 92, 70], [34, 84, 84], [44, 98, 60], [30, 74, 96]], np.float64)[
        int(random.integers(4))
    ]
    picture = np.clip(hue * np.clip(light, 0.2, 1.7)[..., None], 0, 255)
    return np.asarray(np.dstack([picture, alpha * 255]), dtype=np.uint8)


def bark() -> U8:
    """A trunk, lit from the left."""
    shade = np.sin(np.linspace(0.25, np.pi - 0.05, 48))[None, :, None]
    return np.asarray(
        np.broadcast_to(np.array([52, 66, 78]) * (0.45 + 0.75 * shade), (128, 48, 3)), dtype=np.uint8
    )


def tube(grey: int) -> U8:
    """A metal pole's round shading."""
    shade = np.sin(np.linspace(0.3, np.pi - 0.1, 48))[None, :, None]
    return np.asarray(np.broadcast_to(grey * (0.45 + 0.6 * shade), (192, 48, 3)), dtype=np.uint8).copy()


def globe(colour: Colour) -> U8:
    """A round lamp as BGRA."""
    size = 64
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius = np.hypot(x, y)
    light = np.clip(1.1 - 0.45 * np.hypot(x + 0.35, y + 0.4), 0.4, 1.15)[..., None]
    alpha = np.clip((0.97 - radius) * 30, 0, 1) * 255
    return np.asarray(np.dstack([np.clip(np.array(colour) * light, 0, 255), alpha]), dtype=np.uint8)


def signal_head(random: np.random.Generator) -> U8:
    """A traffic light's head with one lamp lit."""
    head = np.full((132, 48, 3), 34, np.uint8)
    lit = int(random.integers(3))
    for i, colour in enumerate(((40, 40, 235), (30, 170, 240), (130, 220, 60))):
        shown = colour if i == lit else shaded(colour, 0.25)
        cv2.circle(head, (24, 24 + 42 * i), 16, shown, -1, cv2.LINE_AA)
    return head


def hedge(random: np.random.Generator) -> U8:
    """A clipped hedge, 4 m x 1 m."""
    width, height = 320, 80
    leaves = cloudy(random, width, height, 10, 4) * 0.2 + cloudy(random, width, height, 70, 2) * 0.08
    light = np.clip(np.linspace(1.2, 0.6, height)[:, None] + leaves, 0.15, 1.8)
    return np.asarray(np.clip(np.array([38, 84, 66]) * light[..., None], 0, 255), dtype=np.uint8)


def plate(random: np.random.Generator) -> U8:
    """A supplementary plate: black on white, a few words too small to read."""
    picture = np.full((110, 200, 3), 244, np.uint8)
    rectangle(picture, 6, 6, 193, 103, (24, 24, 24), 4)
    word = str(random.choice(["100 m", "Anlieger frei", "7 - 19 h", "Radfahrer frei", "500 m"]))
    size = 1.4 if len(word) < 8 else 0.72
    (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, size, 2)
    place = (100 - width // 2, 55 + height // 2)
    cv2.putText(picture, word, place, cv2.FONT_HERSHEY_DUPLEX, size, (24, 24, 24), 2, cv2.LINE_AA)
    return picture


def poster(random: np.random.Generator) -> U8:
    """An advertisement in a grey frame: fields, a disc or a ring, and a word."""
    picture = np.full((490, 250, 3), 96, np.uint8)
    ground, ink = choice(random, PAINT), choice(random, ((240, 240, 240), (40, 200, 245), (30, 30, 30)))
    rectangle(picture, 10, 10, 240, 360, ground)
    blend = cloudy(random, 230, 350, 120)[..., None] * 16
    picture[10:360, 10:240] = np.clip(picture[10:360, 10:240] + blend, 0, 255)
    centre = (int(random.integers(80, 170)), int(random.integers(90, 200)))
    radius = int(random.integers(35, 75))
    second = choice(random, AWNINGS)
    kind = int(random.integers(4))
    if kind == 0:
        cv2.circle(picture, centre, radius, second, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.ellipse(picture, centre, (radius, int(radius * 0.6)), 30, 0, 360, second, -1, cv2.LINE_AA)
    elif kind == 2:
        rectangle(picture, 10, 120, 240, 220, second)
    else:
        cv2.fillPoly(picture, [np.array([[30, 300], [centre[0], 60], [220, 300]])], second, cv2.LINE_AA)
    word = str(random.choice(["KERMIS", "SALE", "NU!", "THEATER", "FRIS", "CIRCUS", "MUSEUM"]))
    cv2.putText(picture, word, (22, 335), cv2.FONT_HERSHEY_TRIPLEX, 1.3, ink, 3, cv2.LINE_AA)
    rectangle(picture, 0, 370, 250, 490, (84, 84, 84))
    return speckled(picture, random, 2.0)


def plain(colour: Colour) -> U8:
    """One colour."""
    return np.full((160, 160, 3), colour, np.uint8)
