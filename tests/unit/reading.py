"""For tests of readers: what was told, by kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from coordinator.findings import Finding, Level, Tell
from coordinator.formats.boxes import Found


class Told(dict[str, Finding]):
    """Takes findings; a kind that is told twice is a fault of the reader."""

    def __call__(self, finding: Finding) -> None:
        assert finding.kind not in self, f"told twice: {finding}"
        self[finding.kind] = finding

    def levels(self) -> dict[str, Level]:
        return {kind: finding.level for kind, finding in self.items()}


def reading(reader: Callable[[Path, Tell], Found], path: Path) -> tuple[Found, Told]:
    """What ``reader`` finds at ``path``, and what it tells of it."""
    told = Told()
    return reader(path, told), told


def boxes(found: Found) -> dict[str, list[list[float]]]:
    """The boxes by image."""
    return {name: [one["bbox"] for one in image.detections] for name, image in found.images.items()}
