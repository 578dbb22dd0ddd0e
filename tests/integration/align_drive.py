"""The demo's first photographs as a drive to align: panoramas and forward views, with noise on their poses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from steps.stepkit import Json
from steps.stepkit.arrays import F64

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "images" / "demo"


def items(folder: str | Path) -> list[Json]:
    """The items of the step's sample, with their images below ``folder``."""
    sample = json.loads((ROOT / "steps" / "align" / "sample.json").read_text(encoding="utf-8"))
    return [{**item, "image": f"{folder}/{item['image']}"} for item in sample["items"]]


def apart(made: list[Json]) -> F64:
    """Errors of the items' positions in metres, less the mean error, shape (n, 3)."""
    with (DEMO / "recordings.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["id"]: [float(row[axis]) for axis in "xyz"] for row in csv.DictReader(file)}
    off = np.array([[item["pose"][axis] for axis in "xyz"] for item in made])
    off -= np.array([truth[item["id"]] for item in made])
    return np.asarray(off - off.mean(axis=0), np.float64)
