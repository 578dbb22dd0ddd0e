"""Polygons that divide the ground: each made sound, none of them over another, no cracks between them.

Coordinates are metres in the batch's CRS. What is sound stays as it is, to the bit, so that neighbours go on sharing
the very same edges.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from coordinator.strictjson import Json

if TYPE_CHECKING:
    from shapely import MultiPolygon
    from shapely.geometry.base import BaseGeometry

STRIP = 1.0
"""Metres: two boundaries that are nowhere further apart are one boundary, digitised twice."""
_NOTHING = 1e-6
"""Square metres of what arithmetic leaves between polygons that share an edge."""


@dataclass(frozen=True, kw_only=True)
class Tidied:
    """Regions that do not overlap. The names are those of regions that were changed, and ``overlapping`` of pairs
    that still do, by square metres."""

    cores: dict[str, Json]
    untangled: tuple[str, ...] = ()
    """Their rings cross themselves."""
    united: tuple[str, ...] = ()
    """Parts of theirs lie over each other."""
    trimmed: tuple[str, ...] = ()
    """They lie over another one by a strip."""
    filled: tuple[str, ...] = ()
    """A crack beside them is now theirs."""
    flat: tuple[str, ...] = ()
    """They have no area."""
    overlapping: tuple[tuple[str, str, float], ...] = ()


def tidied(cores: dict[str, Json]) -> Tidied:
    """The regions ``cores``, GeoJSON (multi)polygons with closed rings, as a division of the ground.

    Rings that cross themselves are parted at the crossings, with the area that crossings of a ray count as inside;
    parts of one region that lie over each other are united. Where two regions overlap by no more than STRIP, the
    strip is the first one's, and so is a crack between them. Wider overlaps are left, and given by name.
    """
    shapes: dict[str, BaseGeometry] = {}
    untangled, united, flat = [], [], []
    for name, core in cores.items():
        shape, crossed, laid = _sound(core)
        shapes[name] = shape
        if shape.area <= _NOTHING:
            flat.append(name)
        untangled += [name] * crossed
        united += [name] * laid
    changed = {*untangled, *united}
    overlapping, trimmed = [], []
    for one, other, shared in _overlaps(shapes):
        if not shared.buffer(-STRIP / 2).is_empty:
            overlapping.append((one, other, float(shared.area)))
        else:
            shapes[other] = shapes[other].difference(shapes[one])
            trimmed.append(other)
    filled = [] if overlapping else _fill(shapes)
    changed |= {*trimmed, *filled}
    return Tidied(
        cores={name: _as_json(shapes[name]) if name in changed else core for name, core in cores.items()},
        untangled=tuple(untangled),
        united=tuple(united),
        trimmed=tuple(dict.fromkeys(trimmed)),
        filled=tuple(dict.fromkeys(filled)),
        flat=tuple(flat),
        overlapping=tuple(overlapping),
    )


def _sound(core: Json) -> tuple[BaseGeometry, bool, bool]:
    """The region's shape; whether its rings cross themselves, and whether its parts lie over each other."""
    shapely = _load_shapely()
    single = core["type"] == "Polygon"
    parts = [core["coordinates"]] if single else core["coordinates"]
    polygons = [shapely.Polygon(rings[0], rings[1:]) for rings in parts]
    whole: BaseGeometry = polygons[0] if single else shapely.MultiPolygon(polygons)
    if whole.is_valid:
        return whole, False, False
    crossed = not all(polygon.is_valid for polygon in polygons)
    valid = [polygon if polygon.is_valid else _areas(shapely.make_valid(polygon)) for polygon in polygons]
    joined = shapely.union_all(valid)
    laid = sum(polygon.area for polygon in valid) - joined.area > _NOTHING
    return joined, crossed, laid


def _areas(shape: BaseGeometry) -> MultiPolygon:
    """The polygons of a shape, without the points and lines that operations leave beside them."""
    shapely = _load_shapely()
    parts = [inner for part in shapely.get_parts(shape) for inner in shapely.get_parts(part)]
    whole: MultiPolygon = shapely.MultiPolygon([part for part in parts if part.geom_type == "Polygon"])
    return whole


def _overlaps(shapes: dict[str, BaseGeometry]) -> Iterator[tuple[str, str, BaseGeometry]]:
    """Pairs of regions in their order, with the area that both hold when the pair's turn comes."""
    shapely = _load_shapely()
    names = list(shapes)
    near = shapely.STRtree(list(shapes.values())).query(list(shapes.values()), predicate="intersects")
    for first, second in sorted((int(a), int(b)) for a, b in near.T if a < b):
        one, other = names[first], names[second]
        shared = shapes[one].intersection(shapes[other])
        if shared.area > _NOTHING:
            yield one, other, shared


def _fill(shapes: dict[str, BaseGeometry]) -> list[str]:
    """Gives the cracks between regions to the first that touches them; their names."""
    shapely = _load_shapely()
    names, before = list(shapes), list(shapes.values())
    tree = shapely.STRtree(before)
    pieces: defaultdict[int, list[BaseGeometry]] = defaultdict(list)
    for crack in _cracks(before):
        pieces[int(tree.query(crack, predicate="intersects").min())].append(crack)
    for owner, cracks in pieces.items():
        shapes[names[owner]] = shapely.union_all([before[owner], *cracks])
    return [names[owner] for owner in sorted(pieces)]


def _cracks(shapes: list[BaseGeometry]) -> list[BaseGeometry]:
    """What regions shut in on all sides without holding it, nowhere wider than STRIP."""
    shapely = _load_shapely()
    lines = shapely.union_all([shape.boundary for shape in shapes])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    whole = shapely.union_all(shapes)
    shapely.prepare(whole)
    held = shapely.contains(whole, shapely.point_on_surface(faces))
    loose = [face for face, is_held in zip(faces, held, strict=True) if not is_held]
    return [face for face in loose if face.area > _NOTHING and face.buffer(-STRIP / 2).is_empty]


def grown(core: Json, metres: float) -> Json:
    """A GeoJSON (multi)polygon with all that is no farther from it than that; corners become round."""
    shapely = _load_shapely()
    return _as_json(shapely.from_geojson(json.dumps(core)).buffer(metres))


def _as_json(shape: BaseGeometry) -> Json:
    parts = _areas(shape).geoms
    polygons = [[_ring(ring) for ring in (part.exterior, *part.interiors)] for part in parts]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _ring(ring: Any) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in ring.coords]


def _load_shapely() -> ModuleType:
    """Late, because it brings numpy along, which takes a tenth of a second, and few batches have such a file."""
    import shapely

    return shapely
