"""What results tell of a run that its journal does not hold: regions, where photographs lie, the batch's recordings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from coordinator.batch.regions import Grid, Regions
from coordinator.batch.regionshapes import grown
from coordinator.contract import RegionMessage
from coordinator.record.files import Files
from coordinator.record.recorded import Recorded
from coordinator.record.runfolder import RunFolder
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Area:
    """A region: its core, and core and halo together, as GeoJSON (multi)polygons in the batch's CRS; halo in metres."""

    id: str
    core: Json
    whole: Json
    halo: float


def _nobody() -> Iterator[Recorded]:
    return iter(())


def _nowhere(image: str) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """``recordings`` reads the batch's, for a run whose journal has none; ``areas`` are the run's regions.

    ``link`` says where on this machine a photograph lies that steps know by a path; ``failures`` is the folder of
    evidence. ``written`` is when, in seconds since 1970.
    """

    recordings: Callable[[], Iterator[Recorded]] = _nobody
    areas: Sequence[Area] = field(default=())
    link: Callable[[str], str | None] = _nowhere
    failures: Path | None = None
    written: float = 0.0


def surroundings(
    folder: RunFolder,
    batch: Path,
    division: Regions,
    units: Iterable[str],
    recordings: Callable[[], Iterator[Recorded]],
) -> Surroundings:
    """Those of a run over the folder ``batch``; ``units`` are the regions that it worked on, of all of ``division``."""
    return Surroundings(
        recordings=recordings,
        areas=[_area(division, message) for name in sorted(units) if (message := _message(division, name))],
        link=partial(_link, folder.files(batch)),
        failures=folder.failures,
        written=time.time(),
    )


def _message(division: Regions, name: str) -> RegionMessage | None:
    """The region of that name; None for one of an earlier division, or if everything is one."""
    try:
        return division.message(name)
    except (KeyError, ValueError):
        return None


def _area(division: Regions, message: RegionMessage) -> Area:
    whole = _square(message) if isinstance(division, Grid) else grown(message.core, message.halo)
    return Area(id=message.id, core=message.core, whole=whole, halo=message.halo)


def _square(message: RegionMessage) -> Json:
    """A grid's cell with its halo, which is as far from it along both axes."""
    (x0, y0), (x1, y1) = (message.core["coordinates"][0][corner] for corner in (0, 2))
    x0, y0, x1, y1 = x0 - message.halo, y0 - message.halo, x1 + message.halo, y1 + message.halo
    return {"type": "Polygon", "coordinates": [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]]}


def _link(files: Files, image: str) -> str | None:
    """The address of a photograph on this machine."""
    try:
        return files.local(image).absolute().as_uri()
    except ValueError:  # no path that steps know
        return None
