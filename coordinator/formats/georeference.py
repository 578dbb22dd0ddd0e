"""Cameras in a frame of their own, brought to where they stand: by a file, their coordinates, or the photographs.

Tried in this order: a file of places beside the model (COLMAP's, for its ``model_aligner``); earth-centred coordinates;
coordinates of the batch's own CRS; GPS in the photographs. Nothing is placed if none of them tells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.findings import Finding, Level, Tell, named
from coordinator.formats import imageheader
from coordinator.formats.attitude import Matrix, Vector, angles, product
from coordinator.formats.geodesy import HIGHEST, LOWEST, Place, posed
from coordinator.formats.photographs import Photographs
from coordinator.formats.row import North
from coordinator.formats.similarity import Similarity, fit, root_mean_square, spreads
from coordinator.strictjson import Json

FILES = ("georeference.txt", "ref_images.txt")
"""Lines ``image X Y Z``: latitude, longitude and altitude; or earth-centred; or in the batch's CRS."""
Placing = Callable[[Vector, Matrix], Json]
"""From a camera's centre and its rotation (camera to the model's frame) to a row's fields."""

_GRID = 1_000.0
"""Metres from the origin of a CRS at which a town lies at least."""
_ASIDE = 3.0
"""How many times its own spread it lies away at least."""
_TOWN = 1.0
"""Degrees that a town spans at most."""
_RESIDUAL = 1.0
_TILT, _TOO_TILTED = 2.0, 10.0
_LINE = 1e-3
"""Of the longest extent: points that spread less than this aside lie on one line."""


@dataclass(frozen=True)
class Anchors:
    """Where some of the photographs are, in earth-centred coordinates, or ``projected`` in the batch's CRS."""

    source: str
    places: Mapping[str, Vector]
    projected: bool = False


@dataclass(frozen=True)
class Model:
    """Centres of cameras by their photographs' paths, in a frame of the model's own."""

    name: str
    centres: Mapping[str, Vector]
    folder: Path
    projected: bool
    """Whether the batch names a CRS, in which centres may be."""

    def placing(self, tell: Tell, beside: Path) -> Placing | None:
        """How its cameras are placed; None, and an error told, if nothing tells where they are.

        A file of places is looked for in ``beside`` and in the folder.
        """
        file = next(
            (path for at in (beside, self.folder) for name in FILES if (path := at / name).is_file()), None
        )
        if file:
            anchors = self._from_file(file)
            return self._by(anchors, tell) if isinstance(anchors, Anchors) else self._lost(anchors, tell)
        if self.centres and all(LOWEST < math.hypot(*centre) < HIGHEST for centre in self.centres.values()):
            return posed
        if self.projected and _stand_on_grid(list(self.centres.values())):
            return on_grid
        return self._by(_from_photographs(self.centres, self.folder), tell)

    def _by(self, anchors: Anchors, tell: Tell) -> Placing | None:
        """By the similarity that brings the centres to what is known of them."""
        names = [name for name in self.centres if name in anchors.places]
        source, target = [self.centres[name] for name in names], [anchors.places[name] for name in names]
        if len(names) < 3:
            return self._lost(
                f"{anchors.source} places {len(names)} of its photographs, and 3 are needed", tell
            )
        wide, aside, _ = spreads(source)
        if aside <= _LINE * wide:
            return self._lost(
                f"the {len(names)} photographs that {anchors.source} places lie on one line", tell
            )
        found = fit(source, target)
        residual = root_mean_square([found.applied(point) for point in source], target)
        tilt = math.degrees(residual / (found.scale * aside * math.sqrt(len(names))))
        if tilt > _TOO_TILTED or found.scale <= 0:
            told = f"{residual:.1f} m are left between it and {anchors.source}: it may lean by {tilt:.0f} degrees"
            return self._lost(told, tell)
        worst = max(
            names, key=lambda name: math.dist(found.applied(self.centres[name]), anchors.places[name])
        )
        tell(
            _fitted(
                f"{self.name} is placed by {anchors.source} of {len(names):,} photographs",
                residual,
                worst,
                tilt,
            )
        )
        return _through(found, on_grid if anchors.projected else posed)

    def _lost(self, why: str, tell: Tell) -> Placing | None:
        told = (
            f"{self.name} has no georeference: {why}; put a {FILES[0]} beside it with lines 'image latitude longitude "
            "altitude' of at least 3 photographs that are not on one line, or photographs that have GPS in their EXIF"
        )
        tell(Finding(kind="no-georeference", level=Level.ERROR, text=told))
        return None

    def _from_file(self, path: Path) -> Anchors | str:
        """What a file of places says, or why that cannot be used."""
        read = _read_places(path)
        if isinstance(read, str):
            return f"{path.name}, {read}"
        photographs = Photographs(self.folder)
        places = {photographs.named(name) or name: place for name, place in read.items()}
        values = list(places.values())
        if not values:
            return f"{path.name} has no line"
        if all(LOWEST < math.hypot(*value) < HIGHEST for value in values):
            return Anchors(path.name, places)
        if _are_degrees(values):
            return Anchors(path.name, {name: Place(v[1], v[0], v[2]).ecef() for name, v in places.items()})
        if self.projected and _stand_on_grid(values):
            return Anchors(path.name, places, projected=True)
        return (
            f"{path.name} has neither latitudes, longitudes and altitudes of a town, nor earth-centred coordinates, "
            "and for others batch.yaml has to name their crs"
        )


def on_grid(centre: Vector, turn: Matrix) -> Json:
    """The fields of a row for a camera in the batch's own CRS."""
    heading, pitch, roll = angles(turn)
    where = dict(zip("xyz", centre, strict=True))
    return {**where, "heading": heading, "north": North.GRID, "pitch": pitch, "roll": roll}


def _through(similarity: Similarity, placing: Placing) -> Placing:
    return lambda centre, turn: placing(similarity.applied(centre), product(similarity.turn, turn))


def _fitted(text: str, residual: float, worst: str, tilt: float) -> Finding:
    doubtful = residual > _RESIDUAL or tilt > _TILT
    text += f"; {residual:.2f} m (root mean square) are left, the most at {named([worst])}"
    if tilt > _TILT:
        text += f"; they lie so much in one line that the model may lean by {tilt:.0f} degrees"
    level = Level.WARNING if doubtful else Level.NOTE
    return Finding(kind="georeference", level=level, text=text)


def _from_photographs(centres: Mapping[str, Vector], folder: Path) -> Anchors:
    """By GPS in the photographs' headers; those without a height count only if none has one, at 0 m then."""
    high: dict[str, Vector] = {}
    flat: dict[str, Vector] = {}
    for name in centres:
        header = imageheader.read(folder / name)
        if not isinstance(header, imageheader.Header) or header.longitude is None or header.latitude is None:
            continue
        if (header.longitude, header.latitude) == (0.0, 0.0):
            continue
        holder = flat if header.altitude is None else high
        holder[name] = Place(header.longitude, header.latitude, header.altitude or 0.0).ecef()
    return Anchors(
        "the GPS" if high or not flat else "the GPS (which has no heights: 0 m are taken)", high or flat
    )


def _stand_on_grid(points: Sequence[Vector]) -> bool:
    """Whether they are in a CRS: a town lies far from its origin, and a model's own frame around its origin."""
    nearest = min((math.hypot(*point[:2]) for point in points), default=0.0)
    return nearest > _GRID and nearest > _ASIDE * spreads(points)[0]


def _are_degrees(values: Sequence[Vector]) -> bool:
    latitudes, longitudes = [value[0] for value in values], [value[1] for value in values]
    inside = all(abs(latitude) <= 90 for latitude in latitudes) and all(
        abs(angle) <= 180 for angle in longitudes
    )
    return inside and all(max(axis) - min(axis) <= _TOWN for axis in (latitudes, longitudes))


def _read_places(path: Path) -> dict[str, Vector] | str:
    """The places by image; a text says which line is none."""
    places: dict[str, Vector] = {}
    bad = []
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        return f"which cannot be read: {error.strerror}"
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = line.replace(",", " ").rsplit(maxsplit=3)
        try:
            x, y, z = (float(part) for part in parts[1:])
        except ValueError:
            bad.append(str(number))
            continue
        places[parts[0].strip()] = (x, y, z)
    return f"lines {named(bad)}: not 'image X Y Z'" if bad else places
