"""Crops of GTSRB, the German Traffic Sign Recognition Benchmark, in any of the layouts that they come in.

* a folder or a tar with ``labels.csv`` (``file``, ``class`` or ``class_id``, perhaps ``track``, ``x1``, ``y1``,
  ``x2``, ``y2``) and the pictures beside it, or in a zip beside it;
* a folder as it is published: a table with ``Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId`` and pictures.

Regions are given by their far edges. Stallkamp, Schlipsing, Salmen and Igel, "Man vs. computer", Neural Networks 32,
2012.
"""

from __future__ import annotations

import csv
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from steps.training.recognise.sample import Sample

_Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A sample, which physical sign it shows (a track's crops are frames of one drive past it), and its part."""

    sample: Sample
    track: tuple[int, str]
    is_test: bool
    """Whether it stands in a test/ part."""


def read_gtsrb(source: Path) -> list[Crop]:
    """The crops of a folder or tar, in the table's order.

    Raises OSError for what is not there, ValueError for a folder without a table or for a damaged crop.
    """
    rows, read = _tar(source) if source.is_file() else _folder(source)
    return [_crop(source, row, read) for row in rows]


def _tar(source: Path) -> tuple[list[_Row], Callable[[str], bytes]]:
    """The whole archive lies in memory afterwards: its members are asked for in another order than they have."""
    files: dict[str, bytes] = {}
    with tarfile.open(source) as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                files[PurePosixPath(member.name).as_posix()] = file.read()
    tables = [name for name in files if PurePosixPath(name).name == "labels.csv"]
    if len(tables) != 1:
        raise ValueError(f"{source} should hold one labels.csv, it holds {len(tables)}")
    above = PurePosixPath(tables[0]).parent
    return _rows(files[tables[0]]), lambda name: files[(above / name).as_posix()]


def _folder(source: Path) -> tuple[list[_Row], Callable[[str], bytes]]:
    table = source / "labels.csv"
    if not table.exists():
        table = next(iter(sorted(source.glob("GT-*.csv*"))), table)
    data = gzip.decompress(table.read_bytes()) if table.suffix == ".gz" else table.read_bytes()
    archives = sorted(source.glob("*.zip"))
    rows = _rows(data)
    if rows and (source / rows[0]["file"]).exists():
        return rows, lambda name: (source / name).read_bytes()
    if len(archives) != 1:
        raise ValueError(f"{source} should hold the crops or one zip of them, it holds {len(archives)} zips")
    return rows, zipfile.ZipFile(archives[0]).read


def _rows(table: bytes) -> list[_Row]:
    """Rows with ``file``, ``class``, ``track`` and the region's edges, however the table calls them."""
    text = table.decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in text.partition("\n")[0] else ",")
    return [dict(_renamed(row)) for row in reader]


def _renamed(row: dict[str | None, str]) -> Iterator[tuple[str, str]]:
    names = {
        "filename": "file",
        "classid": "class",
        "roix1": "x1",
        "roiy1": "y1",
        "roix2": "x2",
        "roiy2": "y2",
    }
    for name, value in row.items():
        plain = (name or "").lower().replace(".", "").replace("_", "")
        yield names.get(plain, plain), value


def _crop(source: Path, row: _Row, read: Callable[[str], bytes]) -> Crop:
    try:
        data = read(row["file"])
    except KeyError:
        raise ValueError(f"{source}: its table names {row['file']}, which is not in it") from None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{source}: the crop {row['file']} cannot be decoded")
    x1, y1, x2, y2 = (float(row[edge]) for edge in ("x1", "y1", "x2", "y2"))
    category = int(row["class"])
    box = (x1, y1, x2 - x1, y2 - y1)
    track = row.get("track") or PurePosixPath(row["file"]).name.partition("_")[0]
    sample = Sample(image=np.asarray(image, np.uint8), bbox=box, category=category)
    return Crop(sample=sample, track=(category, track), is_test=row["file"].startswith("test/"))
