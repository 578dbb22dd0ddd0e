"""What a batch gives: recordings with their place, and what is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from coordinator.batch.accuracy import Accuracy
from coordinator.batch.regions import Point
from coordinator.core.paths import unmounted
from coordinator.core.tasks import RemoteImage
from coordinator.formats.remarks import Remark
from coordinator.strictjson import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how a recording was taken: metres in the batch's CRS, degrees, the heading from grid north.

    ``z`` and ``heading`` are None where no source tells them, ``accuracy`` where nobody says how good it is.
    """

    x: float
    y: float
    z: float | None = None
    heading: float | None = None
    pitch: float = 0.0
    roll: float = 0.0
    accuracy: Accuracy | None = None
    taken: float | None = field(default=None, compare=False)
    """When, in seconds since 1970."""

    def pose(self) -> Json | None:
        """What steps are told of it; None if it is not known whole."""
        if self.z is None or self.heading is None:
            return None
        pose: Json = {
            "x": self.x,
            "y": self.y,
            "z": self.z,
            "heading": self.heading,
            "pitch": self.pitch,
            "roll": self.roll,
        }
        return pose if self.accuracy is None else {**pose, "accuracy": self.accuracy.as_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One capture. ``item`` is what moves along the pipeline; ``url`` is set if the image must be fetched.

    ``tag`` and ``size`` in bytes are what the batch says of what is to be fetched.
    ``place`` may be known in part where the item has no pose; ``remarks`` are what had to be decided for it.
    """

    id: str
    item: Json
    place: Place | None = None
    url: str | None = None
    tag: str | None = None
    size: int | None = None
    remarks: tuple[Remark, ...] = ()

    @property
    def image(self) -> str:
        """What the batch calls its image: the path below the batch's folder, or its URL."""
        return self.url or unmounted(self.item["image"])

    @property
    def remote(self) -> RemoteImage | None:
        """The image that is to be fetched, if it is."""
        if self.url is None:
            return None
        return RemoteImage(path=self.item["image"], url=self.url, tag=self.tag, size=self.size)

    @property
    def position(self) -> Point | None:
        """Metres in the batch's CRS."""
        return None if self.place is None else (self.place.x, self.place.y)

    def at(self, place: Place, *remarks: Remark) -> Recording:
        """The same with a place that is known further."""
        item = {**self.item, "pose": place.pose()}
        return replace(self, item=item, place=place, remarks=(*self.remarks, *remarks))


@dataclass(frozen=True, kw_only=True)
class BadRecording:
    """Something in the batch that is no usable recording, and why."""

    id: str
    reason: str
