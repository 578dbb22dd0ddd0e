"""``objects.gpkg``: everything that a run can show on a map, in one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.batch.regions import bounds, point_of
from coordinator.contract import MAX_RESPONSE_BYTES
from coordinator.core.paths import unit_folder
from coordinator.formats.moments import iso
from coordinator.record.gis import layers, style
from coordinator.record.gis.geopackage import geopackage
from coordinator.record.gis.srs import srs_of
from coordinator.record.journal import FailedTask
from coordinator.record.recorded import Recorded
from coordinator.record.surroundings import Area, Surroundings
from coordinator.strictjson import Json

OBJECTS_GPKG = "objects.gpkg"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What goes into the layers. ``seen`` are the recordings that show objects, by id.

    ``recordings`` are gone through once and first; then ``seen`` is complete and ``features`` are asked for.
    """

    recordings: Iterable[Recorded]
    seen: Mapping[str, Recorded]
    features: Callable[[], Sequence[Json]]
    failures: Iterable[FailedTask]


def write_geopackage(path: Path, projection: Projection, content: Content, around: Surroundings) -> Path:
    """Writes the file, in the batch's CRS; it is there whole or not at all. Raises sqlite3.Error and OSError."""
    seen, link = content.seen, around.link
    place = partial(_place_of, areas={area.id: area for area in around.areas}, evidence=around.failures)
    with geopackage(path, srs_of(projection), iso(around.written) or "") as package:
        package.put(layers.RECORDINGS, layers.recording_rows(content.recordings, link), style.recordings())
        features = content.features()
        package.put(
            layers.OBJECTS, layers.object_rows(features, seen, link), style.objects(_categories(features))
        )
        package.put(layers.OBSERVATIONS, layers.observation_rows(features, seen, link), style.observations())
        package.put(layers.REGIONS, layers.region_rows(around.areas), style.regions())
        package.put(layers.FAILURES, layers.failure_rows(content.failures, place), style.failures())
    return path


def _categories(features: Iterable[Json]) -> list[str]:
    named = (one["properties"].get("category") for one in features)
    return sorted({name for name in named if isinstance(name, str) and name})


def _place_of(
    failure: FailedTask, areas: Mapping[str, Area], evidence: Path | None
) -> tuple[float, float] | None:
    """The middle of a region's core; else where its request says that the one item is that the task was at."""
    if (area := areas.get(failure.unit)) is not None:
        x0, y0, x1, y1 = bounds(area.core)
        return (x0 + x1) / 2, (y0 + y1) / 2
    if evidence is None:
        return None
    request = evidence / unit_folder(failure.id) / "request.json"
    try:
        if request.stat().st_size > MAX_RESPONSE_BYTES:
            return None
        items = json.loads(request.read_bytes())["items"]
    except (OSError, ValueError, KeyError):  # of a task that never came to a step there is none
        return None
    return point_of(items[0]) if len(items) == 1 else None
