"""A few cameras over a town, and points that they see: what readers of poses are measured by.

All geometry here is pyproj's, OpenCV's and the steps' own, none of it the readers'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from PIL import Image

from coordinator.findings import Finding
from coordinator.formats.row import Entry
from steps.stepkit.arrays import F64
from steps.stepkit.camera import rays_to_pixels, rotation

_TO_ECEF = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
ORIENTATION = 0x0112


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Degrees of WGS84, metres, degrees from true north."""

    longitude: float
    latitude: float
    altitude: float
    heading: float
    pitch: float = 0.0
    roll: float = 0.0

    @property
    def ecef(self) -> F64:
        return ecef(self.longitude, self.latitude, self.altitude)

    @property
    def to_ecef(self) -> F64:
        """The rotation from the camera's axes to earth-centred ones."""
        return axes(self.longitude, self.latitude) @ rotation(self.heading, self.pitch, self.roll)


TOWN = (
    Camera(longitude=5.1, latitude=52.09, altitude=4.0, heading=10.0, pitch=3.0, roll=-2.0),
    Camera(longitude=5.1004, latitude=52.0901, altitude=5.5, heading=200.0, pitch=-8.0, roll=5.0),
    Camera(longitude=5.1008, latitude=52.0908, altitude=3.0, heading=95.0, pitch=0.5, roll=0.0),
    Camera(longitude=5.0999, latitude=52.0906, altitude=6.0, heading=310.0, pitch=12.0, roll=30.0),
)


def ecef(longitude: float, latitude: float, altitude: float) -> F64:
    """Earth-centred coordinates, by PROJ."""
    return np.array(_TO_ECEF.transform(longitude, latitude, altitude))


def axes(longitude: float, latitude: float) -> F64:
    """Columns: east, north and up in earth-centred coordinates, as differences of PROJ's."""
    step = 1e-4
    differences = [
        ecef(longitude + step, latitude, 0.0) - ecef(longitude - step, latitude, 0.0),
        ecef(longitude, latitude + step, 0.0) - ecef(longitude, latitude - step, 0.0),
        ecef(longitude, latitude, 10.0) - ecef(longitude, latitude, -10.0),
    ]
    u, _, vt = np.linalg.svd(np.stack([way / np.linalg.norm(way) for way in differences], axis=1))
    nearest: F64 = u @ vt
    return nearest


def seen(camera: Camera) -> F64:
    """Points in earth-centred coordinates before a camera, (5, 3)."""
    rays = np.array(
        [[0.0, 0.0, 10.0], [3.0, 1.0, 12.0], [-4.0, -2.0, 15.0], [2.0, -3.0, 9.0], [-1.0, 2.0, 8.0]]
    )
    return camera.ecef + rays @ camera.to_ecef.T


def pixels(row: dict[str, Any], width: int, height: int, points: F64) -> F64:
    """Where a row's camera sees points in earth-centred coordinates, in its upright image."""
    stands = ecef(row["longitude"], row["latitude"], row["altitude"])
    turn = axes(row["longitude"], row["latitude"]) @ rotation(row["heading"], row["pitch"], row["roll"])
    return rays_to_pixels(row["camera"], width, height, (points - stands) @ turn)


def stood_upright(stored: F64, width: int, height: int, orientation: int) -> F64:
    """Pixels of the image as it is stored, ``width`` x ``height``, in the image as EXIF's orientation shows it."""
    x, y = stored[:, 0], stored[:, 1]
    turned = {1: (x, y), 3: (width - 1 - x, height - 1 - y), 6: (height - 1 - y, x), 8: (y, width - 1 - x)}
    return np.stack(turned[orientation], axis=1)


def photograph(
    path: Path, width: int = 8, height: int = 6, orientation: int = 1, gps: Camera | None = None
) -> None:
    """A small grey photograph with its EXIF."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    if gps:
        exif.get_ifd(0x8825).update(_gps(gps))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (width, height), 90).save(path, exif=exif)


def _gps(camera: Camera) -> dict[int, Any]:
    def parts(value: float) -> tuple[float, float, float]:
        whole = abs(value)
        minutes = whole % 1 * 60
        return float(int(whole)), float(int(minutes)), round(minutes % 1 * 60, 6)

    return {
        1: "N" if camera.latitude >= 0 else "S",
        2: parts(camera.latitude),
        3: "E" if camera.longitude >= 0 else "W",
        4: parts(camera.longitude),
        5: b"\x00",
        6: camera.altitude,
    }


@dataclass(frozen=True)
class Reading:
    """What a reader gave: rows by their image, reasons by their label, findings by their kind."""

    rows: dict[str, dict[str, Any]]
    reasons: dict[str, str]
    findings: dict[str, Finding]


def taken(entries: Iterator[Entry], findings: list[Finding]) -> Reading:
    """Everything of a reader that tells its findings to ``findings.append``."""
    rows, reasons = {}, {}
    for label, fields in entries:
        if isinstance(fields, str):
            reasons[label] = fields
        else:
            assert fields["image"] not in rows
            rows[fields["image"]] = fields
    kinds = [finding.kind for finding in findings]
    assert len(kinds) == len(set(kinds)), "one finding for each kind"
    return Reading(rows, reasons, {finding.kind: finding for finding in findings})
