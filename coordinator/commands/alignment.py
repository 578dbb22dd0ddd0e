"""What came of aligning a batch: each recording with the pose it has now, and how far that is from its prior."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from coordinator.batch.accuracy import Accuracy
from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.errors import BatchError
from coordinator.findings import named
from coordinator.formats.columnnames import ACCURACIES
from coordinator.formats.jsondocument import number
from coordinator.record.aligned import ALIGNED, REASON
from coordinator.strictjson import Json, readable

_NEEDED, _ANGLES = ("x", "y", "z", "heading"), ("pitch", "roll")
_NOT_GIVEN = "the step gave nothing back for them"
_SHARED = ("shared_m", "shared_deg")
_NO_REASON = "the step does not say why"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refined:
    """What a step gave for one recording: ``pose`` as it is to be passed on; ``reason`` says why it is the prior."""

    pose: Json
    place: Place
    aligned: bool
    reason: str | None = None

    @classmethod
    def of(cls, item: Json) -> Refined | None:
        """What an item says; None if it has no pose. Raises BatchError for a pose that is none."""
        pose = item.get("pose")
        if pose is None:
            return None
        given = pose if isinstance(pose, dict) else {}
        values: Json = {
            name: given.get(name, 0.0 if name in _ANGLES else None) for name in (*_NEEDED, *_ANGLES)
        }
        if not all(map(_is_number, values.values())) or not _are_deviations(given):
            said = readable(repr(pose))
            raise BatchError(f"the step gave recording {item['id']!r} a pose that is none: {said}")
        reason = item.get(REASON)
        return cls(
            pose=given,
            place=Place(**values, accuracy=_accuracy(given)),
            aligned=item.get(ALIGNED) is not False,
            reason=None if reason is None else readable(str(reason)),
        )


def _is_number(value: object) -> bool:
    return number(value) is not None


def _accuracy(pose: Json) -> Accuracy | None:
    """How well a pose is known; None if it does not say."""
    stated = pose.get("accuracy")
    return Accuracy(**{name: stated.get(name) for name in ACCURACIES}) if stated else None


def _are_deviations(pose: Json) -> bool:
    """Whether the pose's accuracy, if it tells one, consists of numbers above 0; what is shared may be nothing."""
    accuracy = pose.get("accuracy") or {}
    if not isinstance(accuracy, dict) or not all(map(_is_number, accuracy.values())):
        return False
    return all(value > 0 or (value == 0 and name in _SHARED) for name, value in accuracy.items())


@dataclass(kw_only=True)
class _Series:
    """What was stated of accuracies, in metres and in degrees; ``whole`` has with it what neighbours share."""

    metres: list[float] = field(default_factory=list)
    degrees: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)

    def add(self, pose: Json | None) -> None:
        stated = (pose or {}).get("accuracy") or {}
        if "position_m" in stated:
            self.metres.append(stated["position_m"])
            self.whole.append(math.hypot(stated["position_m"], stated.get("shared_m", 0.0)))
        if "heading_deg" in stated:
            self.degrees.append(stated["heading_deg"])

    def __str__(self) -> str:
        """The medians; of what nobody stated, that."""
        metres = f"{median(self.metres):.2f} m" if self.metres else ""
        if self.whole != self.metres:
            metres += f" among neighbours and {median(self.whole):.2f} m on the ground"
        degrees = f"{median(self.degrees):.2f} degrees" if self.degrees else ""
        return ", ".join(filter(None, (metres, degrees))) or "not stated"


class Alignment:
    """Gives recordings their refined poses, and keeps count."""

    def __init__(self, items: Iterable[Json]) -> None:
        """``items`` are the step's. Raises BatchError for a pose that is none."""
        self._refined: Mapping[str, Refined | None] = {item["id"]: Refined.of(item) for item in items}
        self._moves: list[float] = []
        self._turns: list[float] = []
        self._before, self._after = _Series(), _Series()
        self._kept: Counter[str] = Counter()
        self._kept_ids: list[str] = []
        self._total = 0

    def apply(self, recordings: Iterable[Recording | BadRecording]) -> Iterator[Recording | BadRecording]:
        """The same recordings with their refined poses."""
        for recording in recordings:
            yield self._of(recording) if isinstance(recording, Recording) else recording

    def _of(self, recording: Recording) -> Recording:
        self._total += 1
        refined = self._refined.get(recording.id)
        if refined is None or not refined.aligned:
            self._kept[self._why(recording, refined)] += 1
            self._kept_ids.append(recording.id)
        else:
            self._compare(recording, refined)
        if refined is None:
            return recording
        return replace(recording, place=refined.place, item={**recording.item, "pose": refined.pose})

    def _why(self, recording: Recording, refined: Refined | None) -> str:
        if refined is not None:
            return refined.reason or _NO_REASON
        return _NOT_GIVEN if recording.item["pose"] is not None else "they have no pose"

    def _compare(self, recording: Recording, refined: Refined) -> None:
        prior, now = recording.place, refined.place
        if prior is not None:
            self._moves.append(math.hypot(now.x - prior.x, now.y - prior.y))
            if prior.heading is not None and now.heading is not None:
                self._turns.append(abs((now.heading - prior.heading + 180.0) % 360.0 - 180.0))
        self._before.add(recording.item["pose"])
        self._after.add(refined.pose)

    @property
    def count(self) -> int:
        """Recordings so far that have a refined pose."""
        return self._total - self._kept.total()

    def lines(self) -> Iterator[str]:
        """What to tell the user, when all recordings have passed."""
        kept = self._kept.total()
        yield f"aligned     {self.count:,} of {self._total:,} recordings"
        if kept:
            yield f"kept        {kept:,} have their prior pose: {named(self._kept_ids, kept)}"
            for reason, count in self._kept.most_common():
                yield f"            {count:,}: {reason}"
        if self._moves:
            turned = f", {median(self._turns):.2f} degrees" if self._turns else ""
            yield f"moved       {median(self._moves):.2f} m{turned} (medians, of those that were aligned)"
            yield f"accuracy    before {self._before}; after {self._after} (medians)"
