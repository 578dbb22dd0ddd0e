"""Reading a sample of GTSRB, the German Traffic Sign Recognition Benchmark, straight from its zip file.

The folder holds ``labels.csv`` (file, width, height, x1, y1, x2, y2, class_id; x2 and y2 are the far edges),
``class_names.txt`` and one zip of crops whose names begin with ``train/`` or ``test/``. Stallkamp, Schlipsing,
Salmen and Igel, "Man vs. computer", Neural Networks 32, 2012.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from steps.training.recognise.sample import Sample


def read_gtsrb(folder: Path, part: Literal["train", "test"]) -> list[Sample]:
    """The sample's crops of one part, in the table's order, each with its region of interest as the box.

    Raises OSError for a missing file, ValueError for a folder without exactly one zip or a damaged crop.
    """
    archives = sorted(folder.glob("*.zip"))
    if len(archives) != 1:
        raise ValueError(f"{folder} should hold one zip of crops, it holds {len(archives)}")
    with (folder / "labels.csv").open(newline="") as table, zipfile.ZipFile(archives[0]) as crops:
        rows = [row for row in csv.DictReader(table) if row["file"].startswith(f"{part}/")]
        return [_sample(row, crops.read(row["file"])) for row in rows]


def _sample(row: dict[str, str], data: bytes) -> Sample:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"GTSRB crop {row['file']} cannot be decoded")
    x1, y1, x2, y2 = (float(row[edge]) for edge in ("x1", "y1", "x2", "y2"))
    box = (x1, y1, x2 - x1, y2 - y1)
    return Sample(image=np.asarray(image, dtype=np.uint8), bbox=box, category=int(row["class_id"]))
