"""GTSDB's table of true boxes, which both trainings read (the benchmark: :mod:`steps.training.detect.benchmark`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from steps.detect.boxes import Box


def listed(truth: Path) -> Iterator[tuple[str, Box, int]]:
    """A photograph's name without suffix, a box (COCO edges in pixels) and its class, for each line of the table.

    Lines are ``file;x1;y1;x2;y2;class``, corner pixels included. One of GTSDB's stands there twice, and comes twice.
    """
    for line in truth.read_text(encoding="utf-8").split():
        name, *numbers = line.split(";")
        x1, y1, x2, y2, category = map(int, numbers)
        yield Path(name).stem, (float(x1), float(y1), float(x2 - x1 + 1), float(y2 - y1 + 1)), category
