"""Where recordings lie, and where the user's regions do: what lies in none of them is never positioned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coordinator.batch.crs import Projection, in_lengths
from coordinator.batch.regions import Point, holds
from coordinator.findings import Finding, Level, named

if TYPE_CHECKING:
    from coordinator.batch.regionfile import Box, RegionFile

_NAMED = 3


@dataclass(kw_only=True)
class Placement:
    """Counts recordings in regions and outside of all of them, one at a time."""

    file: RegionFile
    projection: Projection
    _inside: int = 0
    _in_halo: int = 0
    _outside: int = 0
    _names: list[str] = field(default_factory=list)
    _box: Box | None = None

    def add(self, recording_id: str, position: Point | None, regions: tuple[str, ...]) -> None:
        """A recording, and the regions whose core or halo holds it (``Polygons.around``)."""
        if position is None:
            return
        x, y = position
        west, south, east, north = self._box or (x, y, x, y)
        self._box = min(west, x), min(south, y), max(east, x), max(north, y)
        if any(holds(self.file.cores[region], position) for region in regions):
            self._inside += 1
            return
        self._in_halo += bool(regions)
        self._outside += not regions
        if len(self._names) < _NAMED:
            self._names.append(recording_id)

    def findings(self) -> list[Finding]:
        """An error if no recording with a position lies in a region or its halo, a warning if some lie in none."""
        beyond = self._in_halo + self._outside
        if not beyond or self._box is None:
            return []
        name, total = self.file.path.name, self._inside + beyond
        if self._outside < total:
            text = (
                f"{name}: {beyond:,} of {total:,} recordings lie outside of all regions: {named(self._names, beyond)}; "
                f"{self._in_halo:,} of them lie in a halo, and help to find what lies in its region; the others are "
                "not used, and objects outside of all regions are not kept"
            )
            return [Finding(kind="recordings-outside", level=Level.WARNING, text=text)]
        text = (
            f"{name} holds none of the {total:,} recordings: they lie at {_degrees(self._box, self.projection)}, "
            f"the regions at {_degrees(self.file.box, self.file.source)}; {self._advice()}"
        )
        return [Finding(kind="recordings-outside", level=Level.ERROR, text=text)]

    def _advice(self) -> str:
        if self._would_fit_exchanged():
            return "the two numbers of its positions are exchanged: GeoJSON has the longitude, or x, first"
        return "is it another town's, or is its crs member wrong?"

    def _would_fit_exchanged(self) -> bool:
        """Whether the recordings' middle lies in the regions' box once its numbers change places."""
        assert self._box is not None
        x, y = (self._box[0] + self._box[2]) / 2, (self._box[1] + self._box[3]) / 2
        x, y = self.projection.to_wgs84(x, y)
        if self.file.source is not None and in_lengths(self.file.source):
            x, y = self.file.source.to_projected(x, y)
        west, south, east, north = self.file.box
        wide, high = east - west, north - south
        return west - wide <= y <= east + wide and south - high <= x <= north + high


def _degrees(box: Box, projection: Projection | None) -> str:
    """A box in the CRS, or in degrees where there is none, as longitudes and latitudes."""
    (west, south), (east, north) = box[:2], box[2:]
    if projection is not None and in_lengths(projection):
        west, south = projection.to_wgs84(west, south)
        east, north = projection.to_wgs84(east, north)
    return f"longitude {west:.4f} to {east:.4f}, latitude {south:.4f} to {north:.4f}"
