"""One example to learn from or to be measured on."""

from __future__ import annotations

from dataclasses import dataclass

from steps.detect.boxes import Box
from steps.stepkit.arrays import Image


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A picture, the box of what it shows and its category's number (43 is the background)."""

    image: Image
    bbox: Box
    category: int
