"""What may lie in a batch's folder beside its recordings: detections, regions, a track.

Most batches have none of them, and their readers, with all that these stand on, take as long to load as a small batch
to look at; so each is loaded where a name in the folder calls for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from coordinator.formats import telltales

if TYPE_CHECKING:
    from coordinator.batch.crs import Projection
    from coordinator.batch.detections import Detections
    from coordinator.batch.regionfile import RegionFile
    from coordinator.batch.tracks import Times

DETECTIONS, REGIONS = "detections.json", "regions.geojson"


def detections_of(folder: Path, images: Callable[[], Iterator[str]]) -> Detections | None:
    """Detections made elsewhere, matched to the batch's images; None if there are none.

    Raises BatchError for a file that is no such thing.
    """
    found: Detections | None = None
    if telltales.detections(folder):
        found = _load_detections().read_detections(folder, images())
    return found


def regions_of(folder: Path, projection: Callable[[], Projection | None]) -> RegionFile | None:
    """The user's regions; None if the batch has none. Raises BatchError for what cannot be meant."""
    found: RegionFile | None = None
    if os.path.lexists(path := folder / REGIONS):
        found = _load_regionfile().read_regions(path, projection())
    return found


def track_of(folder: Path, offset: float) -> Times | None:
    """The GPX track; None if the batch has none. Raises BatchError for a file that is no such thing."""
    found: Times | None = None
    if telltales.track(folder):
        found = _load_tracks().read_times(folder, offset)
    return found


def companions(folder: Path) -> list[Path]:
    """The files and folders of detections and tracks."""
    found: list[Path] = []
    if telltales.detections(folder):
        found += _load_detections().detection_files(folder)
    if telltales.track(folder):
        found += _load_tracks().track_files(folder)
    return found


def _load_detections() -> ModuleType:
    """Late, with the readers of five formats, XML among them."""
    from coordinator.batch import detections

    return detections


def _load_regionfile() -> ModuleType:
    """Late, for a batch that is not divided by hand."""
    from coordinator.batch import regionfile

    return regionfile


def _load_tracks() -> ModuleType:
    """Late, with a reader of XML."""
    from coordinator.batch import tracks

    return tracks
