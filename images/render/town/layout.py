"""What stands where in a drawn municipality: houses, signs on poles and what stands in their way. Pure geometry.

Local metres: x east, y north, the ground at z = 0. Nothing here knows how things look.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from images.render.signs import faces
from images.render.town import sight
from images.render.town.sight import Box, Survey
from images.render.town.streets import Street
from images.render.town.things import House, Pole, Sign
from steps.stepkit.arrays import F64

_RARE = ("speed_limit_100", "speed_limit_120")
_TRIES_PER_SIGN = 400
_BEYOND = 34.0
"""Metres that houses and pavements go on beyond a street's ends."""
_LIKELY = (
    "yield",
    "stop",
    "priority_road",
    "do_not_enter",
    "speed_limit_30",
    "speed_limit_50",
    "no_entry_vehicles",
)


def build(random: np.random.Generator, streets: Sequence[Street]) -> list[House]:
    """Houses along both sides of every street, clear of the other streets and of each other."""
    houses: list[House] = []
    for street in streets:
        houses.extend(house for house in _vista(random, street) if _fits(house.box, streets, houses))
    for street in streets:
        for side in (-1, 1):
            garden = float(random.choice([0.0, 0.0, 1.2, 2.5]))
            distance = -_BEYOND + float(random.uniform(0, 6))
            while distance < street.length + _BEYOND:
                width = float(random.uniform(6, 11))
                house = _house(random, street, side, distance + width / 2, width, garden)
                distance += width
                if random.random() < 0.22:
                    distance += float(random.uniform(2, 6))
                if _fits(house.box, streets, houses):
                    houses.append(house)
    return houses


def _vista(random: np.random.Generator, street: Street) -> list[House]:
    """Houses across both ends of a street, so that it does not run out into nothing."""
    houses = []
    for end, ahead in ((street.length + _BEYOND, street.along), (-_BEYOND, -street.along)):
        right = np.array([ahead[1], -ahead[0]])
        for offset in (-13.5, -4.5, 4.5, 13.5):
            storeys = int(random.choice([2, 3, 4]))
            centre = street.at(end, 0.0) + ahead * 6.0 + right * offset
            box = Box(centre, right, 9.0, 9.0, 0.0, storeys * 2.9 + 0.6)
            houses.append(
                House(box, storeys, bool(random.random() < 0.6), int(random.integers(1 << 16)), 0.0)
            )
    return houses


def overlap(a: Box, b: Box, margin: float) -> bool:
    """Whether two ground rectangles come nearer than ``margin`` metres (separating axes)."""
    if np.hypot(*(a.centre - b.centre)) > (a.width + a.depth + b.width + b.depth) / 2 + margin:
        return False
    one, other = a.corners(margin), b.corners()
    for axis in (a.along, np.array([-a.along[1], a.along[0]]), b.along, np.array([-b.along[1], b.along[0]])):
        p, q = one @ axis, other @ axis
        if p.max() < q.min() or q.max() < p.min():
            return False
    return True


def clear_of_streets(points: F64, streets: Sequence[Street], margin: float) -> bool:
    """Whether points (N, 2) keep ``margin`` metres from every carriageway's edge."""
    return all(bool((street.gap(points) >= street.half_width + margin).all()) for street in streets)


def put_up(
    random: np.random.Generator,
    streets: Sequence[Street],
    houses: Sequence[House],
    survey: Survey,
    wanted: int,
) -> list[Pole]:
    """``wanted`` signs on poles, each obeying the rule of :mod:`images.render.town.sight`.

    Raises ValueError if so many cannot be put up: fewer signs or more recordings are needed.
    """
    obstacles = [house.box for house in houses]
    poles: list[Pole] = []
    tries = 0
    while (missing := wanted - sum(len(pole.signs) for pole in poles)) > 0:
        tries += 1
        if tries > _TRIES_PER_SIGN * (wanted + 1):
            raise ValueError(
                f"{wanted - missing} of {wanted} signs found a place that enough recordings show"
            )
        pole = _pole(random, streets, missing)
        if not _stands_well(pole, streets, obstacles, poles, survey):
            continue
        poles.append(pole)
        twin = _twin(random, streets, pole)
        if (
            missing > len(pole.signs)
            and random.random() < 0.3
            and _stands_well(twin, streets, obstacles, poles, survey)
        ):
            poles.append(twin)
    return poles


def _house(
    random: np.random.Generator, street: Street, side: int, distance: float, width: float, garden: float
) -> House:
    depth = float(random.uniform(8, 10))
    storeys = int(random.choice([2, 2, 3, 3, 4]))
    setback = street.half_width + street.pavement + garden
    centre = street.at(distance, side * (setback + depth / 2))
    # The box's own "across" (left of along) points away from the street.
    box = Box(centre, -street.along * side, width, depth, 0.0, storeys * 2.9 + 0.6)
    return House(box, storeys, bool(random.random() < 0.7), int(random.integers(1 << 16)), garden)


def _fits(box: Box, streets: Sequence[Street], houses: Sequence[House]) -> bool:
    steps = np.linspace(-0.5, 0.5, 7)
    across = np.array([-box.along[1], box.along[0]])
    inside = [box.centre + box.along * box.width * u + across * box.depth * v for u in steps for v in steps]
    margins = all(bool((s.gap(np.array(inside)) >= s.half_width + s.pavement - 0.05).all()) for s in streets)
    return margins and not any(overlap(box, house.box, -0.05) for house in houses)


def _pole(random: np.random.Generator, streets: Sequence[Street], most: int) -> Pole:
    lengths = np.array([street.length for street in streets])
    street = streets[int(random.choice(len(streets), p=lengths / lengths.sum()))]
    side = -1 if random.random() < 0.4 else 1
    foot = street.at(
        float(random.uniform(0, street.length)), side * (street.half_width + float(random.uniform(0.4, 1.3)))
    )
    heading = math.atan2(street.along[0], street.along[1])
    facing = _facing(random, side)
    count = min(most, int(random.choice([1, 2, 3], p=[0.62, 0.28, 0.1])))
    return _with_signs(random, foot, heading + facing, [_category(random) for _ in range(count)])


def _facing(random: np.random.Generator, side: int) -> float:
    """Radians from the street's direction to a sign's normal: to the traffic, the other way, oblique or across."""
    kind = random.random()
    back = math.pi if side > 0 else 0.0
    if kind < 0.55:
        return back + float(random.normal(0, 0.1))
    if kind < 0.72:
        return back + math.pi + float(random.normal(0, 0.1))
    if kind < 0.92:
        return back + float(random.choice([-1, 1])) * math.radians(float(random.uniform(25, 55)))
    return -side * math.pi / 2 + float(random.normal(0, 0.15))


def _category(random: np.random.Generator) -> int:
    """Any category; some are common in towns, those of country roads rare."""
    if random.random() < 0.3:
        return faces.CATEGORIES.index(str(random.choice(_LIKELY)))
    category = int(random.integers(len(faces.CATEGORIES)))
    rare = faces.CATEGORIES[category].endswith("_end") or faces.CATEGORIES[category] in _RARE
    return _category(random) if rare and random.random() < 0.7 else category


def side_of(category: int, random: np.random.Generator) -> float:
    """The face's larger side in metres: what German towns put up."""
    name = faces.CATEGORIES[category]
    if name == "stop":
        return float(random.choice([0.75, 0.9]))
    if name == "priority_road":
        return 0.84  # a square of 0.6 m on its corner
    if name in ("yield", "priority_intersection", "warning_sign", "traffic_light") or "curve" in name:
        return 0.9
    if name.endswith(("_warning", "_road")) or name == "narrows_right":
        return 0.9
    return float(random.choice([0.6, 0.6, 0.6, 0.75]))


def _with_signs(random: np.random.Generator, foot: F64, heading: float, categories: Sequence[int]) -> Pole:
    bottom = float(random.uniform(1.95, 2.3))
    put_up: list[Sign] = []
    for category in categories:
        size = side_of(category, random)
        normal = np.array([math.sin(heading), math.cos(heading)])
        if put_up and random.random() < 0.15:
            normal = -normal
        centre = np.array([*(foot + normal * 0.06), bottom + size / 2])
        faded = float(random.uniform(0.86, 1.04))
        fade = (faded, faded * float(random.uniform(0.97, 1.0)), faded * float(random.uniform(0.96, 1.0)))
        tilt = math.radians(float(random.normal(0, 1.5)))
        put_up.append(Sign(centre, normal, category, size, tilt, fade))
        bottom += size + 0.06
    plate = int(random.integers(100)) if random.random() < 0.18 else None
    return Pole(foot, bottom + 0.05, tuple(put_up), plate)


def _twin(random: np.random.Generator, streets: Sequence[Street], pole: Pole) -> Pole:
    """The same sign again a few metres further along the nearest street."""
    street = min(streets, key=lambda s: float(s.gap(pole.foot[None])[0]))
    shift = street.along * float(random.uniform(3.5, 7.0)) * float(random.choice([-1, 1]))
    face = pole.signs[0]
    moved = replace(face, centre=face.centre + np.array([*shift, 0.0]))
    return Pole(pole.foot + shift, float(moved.centre[2] + moved.size / 2 + 0.05), (moved,))


def _stands_well(
    pole: Pole, streets: Sequence[Street], obstacles: Sequence[Box], poles: Sequence[Pole], survey: Survey
) -> bool:
    if not clear_of_streets(pole.foot[None], streets, 0.35):
        return False
    if any(np.hypot(*(other.foot - pole.foot)) < 3.0 for other in poles):
        return False
    if any(
        (np.abs(box.local(pole.foot[None])[0, :2]) < (box.width / 2 + 0.6, box.depth / 2 + 0.6)).all()
        for box in obstacles
    ):
        return False
    neighbours = [other for other in poles if np.hypot(*(other.foot - pole.foot)) < 2 * sight.REACH]
    bodies = [sign.body() for other in (*neighbours, pole) for sign in other.signs]
    affected = [sign for other in (pole, *neighbours) for sign in other.signs]
    return all(is_shown(sign, survey, [*obstacles, *bodies]) for sign in affected)


def is_shown(sign: Sign, survey: Survey, obstacles: Sequence[Box]) -> bool:
    """Whether the sign obeys the rule of :mod:`images.render.town.sight`."""
    seen = survey.candidates(sign.centre, sign.normal, sign.size)
    if len(seen) < sight.LEAST_RECORDINGS:
        return False
    return survey.suffices(
        survey.unobstructed(seen, sign.centre, sign.normal, sign.size, obstacles), sign.centre
    )
