"""One look at every recording of a batch, before anything runs: what is there, what is missing, what is odd.

The recordings pass by one at a time; what is kept of them are counts, sums and a few names, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from coordinator.batch.accuracies import Accuracies
from coordinator.batch.cameras import Fault, fault
from coordinator.batch.ground import Ground
from coordinator.batch.headings import Headings
from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.core.paths import scheme
from coordinator.findings import named
from coordinator.formats.remarks import Remark
from coordinator.strictjson import Json

_NAMED = 3
MAX_TILT = 45.0
"""Degrees of pitch and roll, of a camera that looks at a street."""
_MAX_LOOKED_UP = 100_000
"""Recordings, the first ones, whose images and places are looked at for one that two of them have."""
_ALL_STEPS, _STRETCHES, _STRETCH = 10_000, 5_000, 200
"""Up to so many recordings every step from one to the next is looked at; later the first of every so many."""


@dataclass
class Group:
    """The recordings of which one thing is true: how many, and the first of them by name."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.names) < _NAMED and name not in self.names:
            self.names.append(name)

    def __str__(self) -> str:
        return named(self.names, self.count)


class Look:
    """What was seen so far."""

    def __init__(self) -> None:
        self.total = 0
        self.usable = 0
        """Recordings with a pose and a camera: what positions can be worked out from."""
        self.detections: int | None = None
        """Those that the batch brings; None if it was not asked for them."""
        self.bad = Group()
        self.reasons: list[str] = []
        self.without: dict[str, Group] = {
            name: Group() for name in ("position", "heading", "height", "camera", "image")
        }
        self.remarks: dict[Remark, Group] = {}
        self.faults: dict[Fault, Group] = {}
        self.ids_twice = Group()
        self.images_twice = Group()
        self.places_twice = Group()
        self.tilted = Group()
        self.ground = Ground()
        self.accuracies = Accuracies()
        self.unstated = Group()
        """Recordings with a place of which nobody says how well it is known, but those that have a remark on it."""
        self.headings = Headings()
        self.schemes: set[str] = set()
        """How the URLs of those begin that name their image so."""
        self.first: list[Recording] = []
        """The first recordings, as examples."""
        self._camera_before: tuple[Json | None, int | None, int | None, Fault | None] = (
            None,
            None,
            None,
            None,
        )
        self._ids: set[int] = set()
        self._images: set[int] = set()
        self._places: set[int] = set()

    def see(self, recording: Recording | BadRecording) -> None:
        """Takes notice of the next one."""
        if isinstance(recording, BadRecording):
            self._see_bad(recording)
            return
        name, item, place = recording.id, recording.item, recording.place
        self.total += 1
        if self.total <= _NAMED:
            self.first.append(recording)
        if not _is_new(hash(name), self._ids):  # it will fail
            self.ids_twice.add(name)
            return
        if self.total <= _MAX_LOOKED_UP:
            self._look_up(name, recording.url or item["image"], place)
        if recording.url is not None:
            self.schemes.add(scheme(recording.url))
        if recording.remarks:
            self._see_remarks(recording)
        if "detections" in item:
            self.detections = (self.detections or 0) + len(item["detections"])
        camera = item["camera"]
        if camera is None:
            self.without["camera"].add(name)
        elif (wrong := self._fault(camera, item["width"], item["height"])) is not None:
            self.faults.setdefault(wrong, Group()).add(name)
        if place is None:
            for what in ("position", "heading", "height"):
                self.without[what].add(name)
            return
        if item["pose"] is None:
            self._see_gaps(name, place)
        elif camera is not None:
            self.usable += 1
        if place.accuracy is not None:
            self.accuracies.see(place.accuracy)
        elif Remark.NO_ACCURACY not in recording.remarks:
            self.unstated.add(name)
        if abs(place.pitch) > MAX_TILT or abs(place.roll) > MAX_TILT:
            self.tilted.add(name)
        self._see_place(name, place)

    def _see_bad(self, recording: BadRecording) -> None:
        self.bad.add(recording.id)
        if len(self.reasons) < _NAMED:
            self.reasons.append(recording.reason)

    def _fault(self, camera: Json, width: int | None, height: int | None) -> Fault | None:
        """Of the camera before, with which most share theirs, it is known."""
        before, of_width, of_height, wrong = self._camera_before
        if camera is not before or width != of_width or height != of_height:
            wrong = fault(camera, width, height)
            self._camera_before = camera, width, height, wrong
        return wrong

    def _look_up(self, name: str, image: str, place: Place | None) -> None:
        if not image.endswith(name) and not _is_new(hash(image), self._images):
            self.images_twice.add(name)
        if place is not None:
            number = hash((place.x, place.y, place.heading, place.pitch))
            if not _is_new(number, self._places):
                self.places_twice.add(name)
        if self.total == _MAX_LOOKED_UP:
            self._images.clear()
            self._places.clear()

    def _see_remarks(self, recording: Recording) -> None:
        for remark in recording.remarks:
            if remark not in self.remarks:
                self.remarks[remark] = Group()
            self.remarks[remark].add(recording.id)
            if remark is Remark.IMAGE_MISSING:
                self.without["image"].add(recording.id)

    def _see_gaps(self, name: str, place: Place) -> None:
        if place.heading is None:
            self.without["heading"].add(name)
        if place.z is None:
            self.without["height"].add(name)

    def _see_place(self, name: str, place: Place) -> None:
        self.ground.see(name, place)
        # Of very many, steps are looked at in short stretches: what they tell of is told by thousands of them.
        if self.total < _ALL_STEPS or self.total % _STRETCHES < _STRETCH:
            self.ground.see_step(place)
            self.headings.see(place)


def _is_new(number: int, known: set[int]) -> bool:
    """Whether ``number`` was not among those that are known; it is now. One look-up, where asking first takes two."""
    before = len(known)
    known.add(number)
    return len(known) > before
