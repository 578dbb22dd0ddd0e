"""GTSDB, a benchmark of traffic signs in photographs: what is in a folder of it, and how it is split.

Houben, Stallkamp, Salmen, Schlipsing and Igel, "Detection of traffic signs in real-world images" (IJCNN 2013). Its
boxes cover the 43 kinds of sign of GTSRB; other real signs have none, and count as false positives.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from steps.detect.boxes import Box
from steps.training.gtsdb import listed

SPLITS = ("all", "train", "heldout")
_EVERY = 5
"""Every fifth photograph, by name, is held out: never trained on."""
_TRUTHS = ("gt_all900.txt", "gt.txt")
_BESIDE = "gtsdb"
_KINDS = {".jpg", ".png", ".ppm"}

GROUPS = ("prohibitory", "danger", "mandatory", "other")
GROUP_OF_LABEL = {"red-circle": "prohibitory", "red-triangle": "danger", "blue-circle": "mandatory"}
"""To which of GTSDB's groups a detection counts that is no sign; those of all other labels to ``other``."""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A true sign: its box, COCO edges in pixels, and GTSRB's number of its kind."""

    box: Box
    category: int

    @property
    def size(self) -> float:
        """The larger side, pixels."""
        return max(self.box[2:])

    @property
    def group(self) -> str:
        """GTSDB's, by the kind."""
        if self.category in (11, *range(18, 32)):
            return "danger"
        if self.category in range(33, 41):
            return "mandatory"
        return "other" if self.category in (6, 12, 13, 14, 17, 32, 41, 42) else "prohibitory"


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """A photograph of the benchmark and all its signs of the 43 kinds."""

    path: Path
    signs: tuple[Sign, ...]


def photographs(folder: Path, split: str = "all", truth: Path | None = None) -> list[Photograph]:
    """The folder's photographs by name, of one of :data:`SPLITS`.

    The signs are in ``truth``, or in ``gt_all900.txt`` or ``gt.txt`` in the folder or in ``gtsdb`` beside it. Raises
    FileNotFoundError if there are no photographs or no signs.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _KINDS)
    if not paths:
        raise FileNotFoundError(f"no photographs (.jpg, .png, .ppm) in {folder}")
    signs = read_truth(truth or _truth_of(folder))
    return [
        Photograph(path=path, signs=tuple(signs.get(path.stem, ())))
        for number, path in enumerate(paths)
        if split == "all" or (split == "heldout") == (number % _EVERY == 0)
    ]


def _truth_of(folder: Path) -> Path:
    places = [place / name for place in (folder, folder.resolve().parent / _BESIDE) for name in _TRUTHS]
    for path in places:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"none of {', '.join(map(str, places))} is there; say where the truth is (--truth)"
    )


def read_truth(path: Path) -> dict[str, list[Sign]]:
    """Boxes by the photograph's name without suffix. What the table has twice is one sign."""
    found: dict[str, list[Sign]] = defaultdict(list)
    for stem, box, category in dict.fromkeys(listed(path)):
        found[stem].append(Sign(box=box, category=category))
    return found
