"""What a report says of a run: plain values, in metres from an origin of the batch's CRS and seconds since 1970.

Numbers are rounded to what can be seen (a centimetre, a tenth of a degree), so that a municipality fits into a page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from coordinator.strictjson import Json

Point = tuple[float, float]
SAME = "as it was"
"""What is said of an object that has not changed since an earlier run."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the page's coordinates count from: ``origin`` in the CRS. ``to_mercator`` is for a base map.

    It is the least-squares polynomial of degree 2 from metres from the origin to web mercator's plane (0 to 1 from
    west to east and north to south): coefficients of 1, x, y, x², xy, y², first those of u, then those of v.
    """

    crs: str
    origin: Point
    to_mercator: tuple[tuple[float, ...], tuple[float, ...]]

    def local(self, x: float, y: float) -> Point:
        """A place of the CRS in the page's coordinates."""
        return round(x - self.origin[0], 2), round(y - self.origin[1], 2)


@dataclass(kw_only=True)
class Recordings:
    """The recordings with a place, one list for each property; an image that is named like its recording is None."""

    ids: list[str] = field(default_factory=list)
    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)
    headings: list[float | None] = field(default_factory=list)
    images: list[str | None] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)
    """Index into ``dimensions``."""
    times: list[str | None] = field(default_factory=list)
    dimensions: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A detection accepted as a view of an object; ``box`` is x, y, width, height in the photograph's pixels.

    ``recording`` is its number among the report's, or None if it has no place of its own.
    """

    name: str
    recording: int | None
    image: str
    box: tuple[float, float, float, float]
    size: tuple[int, int] | None
    score: float | None
    distance: float | None

    def as_json(self) -> Json:
        """Without what its recording says already."""
        box = [round(value, 1) for value in self.box]
        said: Json = {"r": self.recording, "box": box, "score": self.score, "distance": self.distance}
        if self.recording is None:
            said |= {"name": self.name, "image": self.image, "size": self.size}
        return said


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What has become of an object since an earlier run: ``kind`` in a word, and what it was then, where it was there.

    ``at`` is where it stood, ``moved`` metres from where it stands: longitude and latitude in degrees, on the page
    metres of its plane. ``looks`` are the recordings of the other run that look at the place of what is in one only.
    """

    kind: str
    id: str | None = None
    category: str | None = None
    at: Point | None = None
    moved: float | None = None
    looks: int | None = None


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object of the map. ``ellipse`` is its covariance on the ground, xx, xy and yy in square metres.

    ``views`` are sorted, the best first. ``said`` are its further properties, as the steps gave them. ``change`` is
    None where no earlier run was looked at, and for what the comparison leaves out.
    """

    id: str
    x: float
    y: float
    longitude: float
    latitude: float
    category: str | None
    score: float | None
    ellipse: tuple[float, float, float] | None
    views: tuple[View, ...]
    said: Json
    change: Changed | None = None

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "x": self.x,
            "y": self.y,
            "at": [self.longitude, self.latitude],
            "category": self.category,
            "score": self.score,
            "ellipse": self.ellipse,
            "views": [view.as_json() for view in self.views],
            "said": self.said,
            **({"change": asdict(self.change)} if self.change else {}),
        }


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A view cut out of its photograph: ``source`` is its address, its box in parts of its sides."""

    source: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Area:
    """A region: the rings of its core, each x, y, x, y, ...; ``state`` is its task's."""

    id: str
    halo: float
    rings: tuple[tuple[float, ...], ...]
    state: str


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A thing of the truth."""

    id: str
    x: float
    y: float
    category: str | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the page shows. ``folders`` are where its photographs lie, seen from the run folder."""

    title: str
    key: str
    """Of the run, whatever its sessions: what a browser keeps is kept under it."""
    written: float
    frame: Frame | None
    folders: Mapping[str, str]
    recordings: Recordings
    areas: Sequence[Area]
    things: Sequence[Thing]
    truth: Sequence[Mark]
    decisions: Mapping[str, Json]
    run: Json
    timeline: Json
    earlier: str | None = None
    """The folder of the earlier run with which it is compared."""
    gone: Sequence[Thing] = ()
    """Objects of the earlier run only; their numbers go on behind those of ``things``."""
    pictures: Mapping[tuple[int, int], Picture] = field(default_factory=dict)
    """By an object's number and its view's."""

    def as_json(self) -> Json:
        return {
            "title": self.title,
            "key": self.key,
            "written": self.written,
            "frame": asdict(self.frame) if self.frame else None,
            "folders": dict(self.folders),
            "recordings": vars(self.recordings),
            "areas": [asdict(area) for area in self.areas],
            "objects": [thing.as_json() for thing in self.things],
            "earlier": self.earlier,
            "gone": [thing.as_json() for thing in self.gone],
            "pictures": [[*key, picture.source, picture.box] for key, picture in self.pictures.items()],
            "truth": [asdict(mark) for mark in self.truth],
            "decisions": dict(self.decisions),
            "run": self.run,
            "timeline": self.timeline,
        }


def finite(value: object) -> float | None:
    """A number that can be drawn; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
