"""Which names in a batch's folder say that it may hold a format: readers of what cannot be there are never loaded.

A format's own ``find`` looks closer; here it is only told whether any of them has to.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_OURS = re.compile(r"(?:detections\.json|(?:regions|truth)\.geojson|recordings\..*)", re.IGNORECASE)
_RECORDINGS = re.compile(
    r".+\.(?:json|jsonl|ndjson|geojson)|items|opensfm"  # Mapillary, STAC, OpenSfM
    r"|images\.(?:txt|bin)|sparse|colmap"
    r"|calib\.txt|oxts",  # KITTI
    re.IGNORECASE,
)
_DETECTIONS = re.compile(
    r".+\.json|annotations(?:\.xml)?"  # COCO, Label Studio, CVAT, VOC
    r"|labels|obj_train_data|(?:classes|labels)\.txt|obj\.names|_darknet\.labels",  # YOLO
    re.IGNORECASE,
)
_TRACK = re.compile(r".+\.gpx", re.IGNORECASE)


def recordings(folder: Path) -> bool:
    """Whether ``folder`` may hold recordings of another format than the table; KITTI's drives have any name."""
    return _any(folder, _RECORDINGS, but=_OURS) or next(folder.glob("*/oxts"), None) is not None


def detections(folder: Path) -> bool:
    """Whether it may hold detections."""
    return _any(folder, _DETECTIONS)


def track(folder: Path) -> bool:
    """Whether it may hold a track."""
    return _any(folder, _TRACK)


def _any(folder: Path, telltale: re.Pattern[str], but: re.Pattern[str] | None = None) -> bool:
    """Whether a name in ``folder`` is one of these; a folder that cannot be read has none, and others say so."""
    try:
        with os.scandir(folder) as entries:
            return any(
                telltale.fullmatch(entry.name) and not (but and but.fullmatch(entry.name))
                for entry in entries
            )
    except OSError:
        return False
