"""What the network is trained on: streets whose signs are known, and crops of signs to paste into them.

``REALDATA`` holds ``gtsdb_train/`` and ``gtsdb/gt_all900.txt`` (:mod:`steps.training.detect.benchmark`; only its
training split is used), ``amsterdam/`` (two panoramas without legible signs) and ``gtsrb_train.tar`` (crops of signs
with ``labels.csv``: Stallkamp, Schlipsing, Salmen and Igel, "Man vs. computer", Neural Networks 32, 2012).

The benchmark has no boxes for signs outside its 43 kinds, and misses a few of its own. An early checkpoint (1,500
steps) proposed boxes on the training split where it has none; they were looked at, and ``corrections.json`` says of
each photograph, by name: ``other``, boxes of real signs of other kinds; ``ignored``, what may be a sign or its back;
and ``hard``, middles of what looked like a sign to it and is none.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from steps.detect.boxes import Box
from steps.detect.heat import CLASSES
from steps.stepkit import photograph
from steps.stepkit.arrays import F64, Image, Index
from steps.training.detect.benchmark import photographs

CORRECTIONS = Path(__file__).with_name("corrections.json")
_NAMES = tuple(CLASSES)
OTHER = _NAMES.index("other")
CATEGORIES = 43
"""Kinds of sign in GTSRB and GTSDB."""


def class_of(category: int) -> int:
    """The number of the network's class for one of GTSRB's 43 kinds."""
    own = {11: "danger", 12: "priority", 13: "yield", 14: "stop", 17: "no entry"}
    if category in own:
        name = own[category]
    elif category in range(18, 32):
        name = "danger"
    elif category in range(33, 41):
        name = "mandatory"
    else:
        name = "end" if category in (6, 32, 41, 42) else "ring"
    return _NAMES.index(name)


@dataclass(frozen=True, kw_only=True)
class Street:
    """A picture and everything that is known to be in it; boxes are COCO edges in its pixels."""

    image: Image
    """BGR, shape (height, width, 3)."""
    boxes: F64
    """Of signs, shape (n, 4)."""
    classes: Index
    """Of those signs, the network's numbers, shape (n,)."""
    ignored: F64
    """Boxes of what shall neither be learned as a sign nor as none, shape (m, 4)."""


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A photographed sign, as an encoded image, its box in it, and its kind."""

    encoded: bytes
    box: Box
    category: int


@dataclass(frozen=True, kw_only=True)
class Material:
    """All there is to make training pictures from."""

    streets: tuple[Street, ...]
    hard: tuple[tuple[int, float, float], ...]
    """Places that look like a sign and are none: the number of the street, and x and y in its pixels."""
    plain: tuple[Street, ...]
    """Streets without signs."""
    towns: tuple[Street, ...]
    """Rendered ones."""
    crops: tuple[Crop, ...]


def load(realdata: Path, towns: tuple[Street, ...], hard: str = "hard") -> Material:
    """Everything, with that one of the lists of what looks like a sign.

    Photographs are decoded and kept, 2 GB. Raises OSError or BadInput for what cannot be read.
    """
    corrections = json.loads(CORRECTIONS.read_text())
    truth = realdata / "gtsdb" / "gt_all900.txt"
    streets, numbers = [], {}
    for number, one in enumerate(photographs(realdata / "gtsdb_train", "train", truth)):
        numbers[one.path.stem] = number
        more = corrections["other"].get(one.path.stem, [])
        streets.append(
            Street(
                image=photograph.read(one.path),
                boxes=_table([*(sign.box for sign in one.signs), *more]),
                classes=np.array(
                    [*(class_of(sign.category) for sign in one.signs), *(OTHER for _ in more)], np.intp
                ),
                ignored=_table(corrections["ignored"].get(one.path.stem, [])),
            )
        )
    return Material(
        streets=tuple(streets),
        hard=tuple((numbers[name], x, y) for name, x, y in corrections[hard]),
        plain=tuple(_horizon(path) for path in sorted((realdata / "amsterdam").glob("*.jpg"))),
        towns=towns,
        crops=tuple(_crops(realdata / "gtsrb_train.tar")),
    )


def _table(rows: list[Box]) -> F64:
    return np.array(rows, np.float64).reshape(-1, 4)


def without_signs(image: Image) -> Street:
    """A street of shape (height, width, 3), BGR, that is known to hold no sign."""
    return Street(image=image, boxes=_table([]), classes=np.zeros(0, np.intp), ignored=_table([]))


def _horizon(path: Path) -> Street:
    panorama = photograph.read(path)
    return without_signs(panorama[panorama.shape[0] * 3 // 10 : panorama.shape[0] * 5 // 8])


def _crops(archive: Path) -> list[Crop]:
    images: dict[str, bytes] = {}
    rows: list[dict[str, str]] = []
    with tarfile.open(archive) as members:
        for member in members:
            stored = members.extractfile(member)
            if stored is None:
                continue
            if member.name.endswith("labels.csv"):
                rows = list(csv.DictReader(io.StringIO(stored.read().decode())))
            else:
                images[member.name.removeprefix("./")] = stored.read()
    return [
        Crop(encoded=images[row["file"]], box=_edges(row), category=int(row["class"]))
        for row in rows
        if row["file"] in images
    ]


def _edges(row: dict[str, str]) -> Box:
    """COCO edges of corner pixels that are included."""
    x1, y1, x2, y2 = (float(row[corner]) for corner in ("x1", "y1", "x2", "y2"))
    return x1, y1, x2 - x1 + 1, y2 - y1 + 1


def decoded(crop: Crop) -> Image:
    """The crop's picture, BGR, shape (height, width, 3)."""
    return np.asarray(cv2.imdecode(np.frombuffer(crop.encoded, np.uint8), cv2.IMREAD_COLOR), np.uint8)
