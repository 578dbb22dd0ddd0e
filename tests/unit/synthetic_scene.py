"""Made-up streets with known signs, seen by noisy detectors from noisy poses: truth for testing ``position``.

A scene is drawn from a seed. Signs stand along streets that recordings follow; what a recording detects is
computed by projecting each sign's four corners, then spoiled: noise on the box's edges, misses, false
positives, and a pose that is reported a little wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steps.stepkit.camera import rays_to_pixels, rotation

Array = NDArray[np.float64]
Json = dict[str, Any]

PANORAMA: Json = {"camera": {"model": "equirectangular"}, "width": 4000, "height": 2000}
DASHCAM: Json = {
    "camera": {"model": "pinhole", "fx": 1000.0, "fy": 1000.0, "cx": 960.0, "cy": 540.0},
    "width": 1920,
    "height": 1080,
}
_CAMERA_HEIGHT = 2.1
_SEEN_FROM, _SEEN_TO = 4.0, 35.0
_STEEPEST = np.cos(np.radians(75))


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A square sign: its centre in metres, its side, the heading its face looks to, and its label."""

    centre: tuple[float, float, float]
    side: float
    facing: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How far the reported scene is from the true one; standard deviations and shares."""

    position_m: float = 0.0
    angle_deg: float = 0.0
    pixels: float = 0.0
    missed: float = 0.0
    false_positives: float = 0.0
    wrong_label: float = 0.0


def along(start: Sequence[float], stop: Sequence[float], spacing: float) -> list[Json]:
    """True poses of recordings driven from start to stop (x, y), the first half a spacing after the start."""
    away = np.subtract(stop, start)
    length = float(np.hypot(*away))
    heading = float(np.degrees(np.arctan2(away[0], away[1])))
    steps = np.arange(spacing / 2, length, spacing) / length
    ground = [np.add(start, step * away).tolist() for step in steps]
    return [
        {"x": x, "y": y, "z": _CAMERA_HEIGHT, "heading": heading, "pitch": 0.0, "roll": 0.0}
        for x, y in ground
    ]


def beside(rng: np.random.Generator, start: Sequence[float], stop: Sequence[float], count: int) -> list[Sign]:
    """Signs on both sides of a street, one in five with a second sign 0.8 m below it on the same pole."""
    away = np.subtract(stop, start)
    heading = float(np.degrees(np.arctan2(away[0], away[1])))
    to_the_right = np.array([away[1], -away[0]]) / np.hypot(*away)
    signs: list[Sign] = []
    poles = (np.arange(count) + rng.uniform(0.3, 0.7, count)) / count
    for pole in poles:
        lane = rng.choice([-1.0, 1.0])
        x, y = np.add(start, pole * away) + to_the_right * lane * rng.uniform(4.0, 6.5)
        facing = heading + (180.0 if lane > 0 else 0.0) + rng.uniform(-15, 15)
        z, side = rng.uniform(2.6, 3.2), rng.uniform(0.55, 0.75)
        label = str(rng.choice(["red-circle", "red-triangle", "blue-circle"]))
        signs.append(Sign(centre=(float(x), float(y), float(z)), side=side, facing=facing, label=label))
        if rng.random() < 0.2:
            signs.append(
                Sign(centre=(float(x), float(y), float(z) - 0.8), side=side, facing=facing, label=label)
            )
    return signs[:count]


def street(
    seed: int, *, signs: int = 40, recordings: int = 200, spacing: float = 5.0
) -> tuple[list[Sign], list[Json]]:
    """One street that turns right after half its recordings: (signs, true poses)."""
    rng = np.random.default_rng(seed)
    leg = recordings * spacing / 2
    corners = [(0.0, 0.0), (0.0, leg), (leg, leg)]
    standing, poses = [], []
    for start, stop in pairwise(corners):
        # No signs at the ends, where too few recordings see them.
        margin = 0.08 * np.subtract(stop, start)
        standing += beside(
            rng, np.add(start, margin).tolist(), np.subtract(stop, margin).tolist(), signs // 2
        )
        poses += along(start, stop, spacing)
    return standing, poses


def town(seed: int, tiles: int) -> list[Json]:
    """Recordings of crossroads 100 m apart: 40 recordings and about 170 detections a tile, a tenth of them false."""
    noise = Noise(position_m=0.05, angle_deg=0.1, pixels=1.0, missed=0.05, false_positives=0.1)
    columns = int(np.ceil(np.sqrt(tiles)))
    items: list[Json] = []
    for tile in range(tiles):
        rng = np.random.default_rng([seed, tile])
        x, y = 100.0 * (tile % columns), 100.0 * (tile // columns)
        streets = [((x, y + 50), (x + 100, y + 50)), ((x + 50, y), (x + 50, y + 100))]
        signs = [sign for start, stop in streets for sign in beside(rng, start, stop, 9)]
        poses = [pose for start, stop in streets for pose in along(start, stop, 5.0)]
        items += record(rng, signs, poses, noise, prefix=f"t{tile:05d}/")
    return items


def record(
    rng: np.random.Generator,
    signs: Sequence[Sign],
    poses: Sequence[Json],
    noise: Noise,
    *,
    view: Json = PANORAMA,
    prefix: str = "",
) -> list[Json]:
    """The recordings as the step gets them: reported poses and detections, sorted by score."""
    items = []
    for number, pose in enumerate(poses):
        detections = _detections(rng, signs, pose, noise, view)
        for _ in range(rng.poisson(noise.false_positives * len(detections))):
            detections.append(_false_positive(rng, view))
        detections.sort(key=lambda found: -found["score"])
        identifier = f"{prefix}r{number:04d}.jpg"
        reported = {**pose}
        for names, sigma in (("xyz", noise.position_m), (("heading", "pitch", "roll"), noise.angle_deg)):
            for name in names:
                reported[name] = pose[name] + rng.normal() * sigma
        items.append(
            {
                "id": identifier,
                "image": f"/batch/{identifier}",
                **view,
                "pose": reported,
                "detections": detections,
            }
        )
    return items


def _detections(
    rng: np.random.Generator, signs: Sequence[Sign], pose: Json, noise: Noise, view: Json
) -> list[Json]:
    camera = np.array([pose["x"], pose["y"], pose["z"]])
    turn = rotation(pose["heading"], pose["pitch"], pose["roll"])
    found = []
    for sign in signs:
        box = _box(sign, camera, turn, view)
        if box is None or rng.random() < noise.missed:
            continue
        left, top, right, bottom = box + rng.normal(size=4) * noise.pixels
        if right - left < 1 or bottom - top < 1:
            continue
        label = "other" if rng.random() < noise.wrong_label else sign.label
        bbox = [float(left % view["width"]), float(top), float(right - left), float(bottom - top)]
        found.append({"bbox": bbox, "score": round(rng.uniform(0.5, 1.0), 3), "label": label})
    return found


def _box(sign: Sign, camera: Array, turn: Array, view: Json) -> Array | None:
    """The sign's box as left, top, right, bottom edges, or None where it cannot be seen."""
    centre = np.array(sign.centre)
    offset = centre - camera
    distance = float(np.sqrt(offset @ offset))
    facing = np.radians(sign.facing)
    face = np.array([np.sin(facing), np.cos(facing), 0.0])
    if not _SEEN_FROM <= distance <= _SEEN_TO or -offset @ face < _STEEPEST * distance:
        return None
    sideward, upward = np.array([face[1], -face[0], 0.0]) * sign.side / 2, np.array([0.0, 0.0, sign.side / 2])
    corners = offset + np.array([[0, 0], [-1, -1], [-1, 1], [1, -1], [1, 1]]) @ np.stack([sideward, upward])
    u, v = rays_to_pixels(view["camera"], view["width"], view["height"], corners @ turn).T
    if view["camera"]["model"] == "equirectangular":
        u = u[0] + (u - u[0] + view["width"] / 2) % view["width"] - view["width"] / 2
    elif not (np.all(u >= 0) and np.all(u < view["width"]) and np.all(v >= 0) and np.all(v < view["height"])):
        return None
    return np.array([u[1:].min(), v[1:].min(), u[1:].max(), v[1:].max()]) + 0.5


def _false_positive(rng: np.random.Generator, view: Json) -> Json:
    side = float(rng.uniform(12, 80))
    left, top = rng.uniform(0, view["width"] - side), view["height"] * rng.uniform(0.4, 0.55)
    label = str(rng.choice(["red-circle", "red-triangle", "blue-circle"]))
    return {
        "bbox": [float(left), float(top), side, side],
        "score": round(rng.uniform(0.3, 0.8), 3),
        "label": label,
    }


def matches(signs: Sequence[Sign], objects: Sequence[Json], within: float) -> list[float]:
    """Distances in metres of signs to objects matched one to one, the closest pairs first."""
    truth = np.array([sign.centre for sign in signs]).reshape(-1, 3)
    found = np.array([[thing["position"][axis] for axis in "xyz"] for thing in objects]).reshape(-1, 3)
    apart = np.sqrt(((truth[:, None] - found[None]) ** 2).sum(axis=2))
    matched = []
    while apart.size and apart.min() <= within:
        sign, thing = np.unravel_index(apart.argmin(), apart.shape)
        matched.append(float(apart[sign, thing]))
        apart[sign, :] = apart[:, thing] = np.inf
    return matched


def grid_regions(items: list[Json], size: float, halo: float) -> Iterator[tuple[Json, list[Json]]]:
    """Grid cells with a recording in core or halo, each with those recordings."""
    ground = np.array([[item["pose"]["x"], item["pose"]["y"]] for item in items])
    low, high = np.floor((ground.min(axis=0) - halo) / size), np.floor((ground.max(axis=0) + halo) / size)
    for column in range(int(low[0]), int(high[0]) + 1):
        for row in range(int(low[1]), int(high[1]) + 1):
            left, bottom = column * size, row * size
            right, top = left + size, bottom + size
            inside = np.all(
                (ground >= (left - halo, bottom - halo)) & (ground <= (right + halo, top + halo)), axis=1
            )
            ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
            core = {"type": "Polygon", "coordinates": [ring]}
            if inside.any():
                members = [items[at] for at in np.flatnonzero(inside).tolist()]
                yield {"id": f"{column}_{row}", "core": core, "halo": halo}, members
