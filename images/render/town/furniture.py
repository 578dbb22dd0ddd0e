"""Trees, hedges, parked cars, posters and lamps: what stands between the camera and the signs.

Each thing is only put where every sign still obeys the rule of :mod:`images.render.town.sight`: signs are hidden from
some recordings, never from too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from images.render.town.layout import clear_of_streets, overlap
from images.render.town.sight import REACH, Box, Survey
from images.render.town.streets import Street
from images.render.town.things import Car, House, Lamp, Municipality, Pole, Poster, Sign, Tree
from steps.stepkit.arrays import F64


class _Ground:
    """What is taken, and which recordings still show each sign."""

    def __init__(
        self, streets: Sequence[Street], houses: Sequence[House], poles: Sequence[Pole], survey: Survey
    ) -> None:
        self.streets = streets
        self._survey = survey
        self._taken = [house.box for house in houses]
        self._feet = [pole.foot for pole in poles]
        self._signs: list[Sign] = [sign for pole in poles for sign in pole.signs]
        self._shown = [
            _shown(survey, s, [*self._taken, *(other.body() for other in self._signs)]) for s in self._signs
        ]

    def take(self, box: Box, sight_box: Box | None = None, margin: float = 0.3) -> bool:
        """Claim the ground of ``box`` if it is free and ``sight_box`` (or it) hides no sign too often."""
        if any(overlap(box, other, margin) for other in self._taken):
            return False
        if any(
            (np.abs(box.local(f[None])[0, :2]) < (box.width / 2 + 0.5, box.depth / 2 + 0.5)).all()
            for f in self._feet
        ):
            return False
        return self._still_shown(sight_box or box) and self._claim(box)

    def _claim(self, box: Box) -> bool:
        self._taken.append(box)
        return True

    def _still_shown(self, obstacle: Box) -> bool:
        left: dict[int, list[int]] = {}
        for i, sign in enumerate(self._signs):
            if np.hypot(*(sign.centre[:2] - obstacle.centre)) > REACH + obstacle.width + obstacle.depth:
                continue
            remaining = self._survey.unobstructed(
                self._shown[i], sign.centre, sign.normal, sign.size, [obstacle]
            )
            if len(remaining) < len(self._shown[i]):
                if not self._survey.suffices(remaining, sign.centre):
                    return False
                left[i] = remaining
        for i, remaining in left.items():
            self._shown[i] = remaining
        return True


def _shown(survey: Survey, sign: Sign, obstacles: Sequence[Box]) -> list[int]:
    candidates = survey.candidates(sign.centre, sign.normal, sign.size)
    return survey.unobstructed(candidates, sign.centre, sign.normal, sign.size, obstacles)


def furnish(
    random: np.random.Generator,
    streets: Sequence[Street],
    houses: Sequence[House],
    poles: Sequence[Pole],
    survey: Survey,
) -> Municipality:
    """The whole municipality: houses, poles, and street furniture where it does no harm."""
    ground = _Ground(streets, houses, poles, survey)
    return Municipality(
        streets=tuple(streets),
        houses=tuple(houses),
        poles=tuple(poles),
        cars=tuple(_cars(random, ground)),
        posters=tuple(_posters(random, ground)),
        lamps=tuple(_lamps(random, ground)),
        trees=tuple(_trees(random, ground)),
    )


def _slots(
    random: np.random.Generator, street: Street, low: float, high: float
) -> Iterator[tuple[float, int]]:
    """Distances along a street, ``low`` to ``high`` metres apart, on either side."""
    for side in (-1, 1):
        distance = float(random.uniform(0, high))
        while distance < street.length:
            yield distance, side
            distance += float(random.uniform(low, high))


def _away_from_crossings(street: Street, point: F64, streets: Sequence[Street], margin: float) -> bool:
    others = [other for other in streets if other is not street]
    return clear_of_streets(point[None], others, margin)


def _cars(random: np.random.Generator, ground: _Ground) -> Iterator[Car]:
    for street in ground.streets:
        for distance, side in _slots(random, street, 5.6, 15.0):
            van = bool(random.random() < 0.18)
            length, width, height = (
                (5.2, 1.95, 2.15) if van else (float(random.uniform(3.9, 4.7)), 1.78, 1.46)
            )
            centre = street.at(distance, side * (street.half_width - width / 2 - 0.12))
            along = street.along * (side if random.random() < 0.9 else -side)
            box = Box(centre, along, length, width, 0.0, height)
            look = int(random.integers(1 << 16))
            if _away_from_crossings(street, centre, ground.streets, 4.0) and ground.take(box):
                yield Car(box, van, look)


def _posters(random: np.random.Generator, ground: _Ground) -> Iterator[Poster]:
    for street in ground.streets:
        for distance, side in _slots(random, street, 22.0, 70.0):
            centre = street.at(distance, side * (street.half_width + float(random.uniform(0.9, 1.6))))
            across = bool(random.random() < 0.7)
            along = street.right if across else street.along
            box = Box(centre, along, 1.25, 0.16, 0.0, 2.45)
            look = int(random.integers(1 << 16))
            clear = _away_from_crossings(street, centre, ground.streets, 3.0) and clear_of_streets(
                box.corners(), ground.streets, 0.2
            )
            if clear and ground.take(box):
                yield Poster(box, look)


def _lamps(random: np.random.Generator, ground: _Ground) -> Iterator[Lamp]:
    for street in ground.streets:
        for distance, side in _slots(random, street, 24.0, 40.0):
            foot = street.at(distance, side * (street.half_width + 0.45))
            signal = not _away_from_crossings(street, foot, ground.streets, 3.5)
            height = 3.4 if signal else float(random.uniform(3.8, 4.6))
            box = Box(foot, street.along, 0.24, 0.24, 0.0, height)
            if clear_of_streets(foot[None], ground.streets, 0.2) and ground.take(box):
                yield Lamp(foot, -street.along * side, height, signal, int(random.integers(1 << 16)))


def _trees(random: np.random.Generator, ground: _Ground) -> Iterator[Tree]:
    for street in ground.streets:
        leafy = random.random() < 0.7
        for distance, side in _slots(random, street, 7.0, 16.0 if leafy else 45.0):
            bush = bool(random.random() < 0.3)
            offset = street.half_width + (street.pavement - 0.2 if bush else float(random.uniform(0.8, 1.3)))
            foot = street.at(distance, side * offset)
            height, crown, bole = (
                (float(random.uniform(1.4, 2.3)), float(random.uniform(1.2, 1.9)), 0.0)
                if bush
                else (
                    float(random.uniform(5.0, 8.5)),
                    float(random.uniform(2.6, 4.2)),
                    float(random.uniform(2.1, 2.9)),
                )
            )
            stem = Box(foot, street.along, 0.5, 0.5, 0.0, height)
            leaves = Box(foot, street.along, crown * 0.8, crown * 0.8, bole, height)
            look = int(random.integers(1 << 16))
            if clear_of_streets(foot[None], ground.streets, 0.5) and ground.take(stem, leaves):
                yield Tree(foot, height, crown, bole, look)
