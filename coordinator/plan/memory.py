"""What the scheduler is given in place of a run folder: nothing is written, and only what is asked again is kept."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.contract import TaskError
from coordinator.core.tasks import RemoteImage
from coordinator.record.files import Files
from coordinator.record.journal import Attempt, Status, TaskRow
from coordinator.record.pools import HoldState, PoolChange, PoolState
from coordinator.strictjson import Json


class PlayedFiles(Files):
    """No files: what a played item names is not looked at."""

    def __init__(self) -> None:
        super().__init__(batch=Path(os.devnull), work=Path(os.devnull))

    def stamp(self, image: str) -> str:
        return image


class NoImages:
    """A played batch names no image by URL."""

    def name(self, image: RemoteImage) -> None:
        raise AssertionError(f"{image.url} is to be fetched, and nothing is in a play")

    def of(self, path: str) -> RemoteImage | None:
        return None

    def stamp(self, path: str) -> str | None:
        return None

    def fetched(self, path: str, stamp: str, session: int) -> None:
        raise AssertionError(f"{path} was fetched, and nothing is in a play")


@dataclass
class Memory:
    """A :class:`coordinator.schedule.chronicle.Chronicle` of a run that is only played.

    Whoever makes up the recordings and results gives each its own id, so nothing is remembered to find it again.
    """

    session: int = 1
    is_first: bool = True
    ended: Counter[tuple[str, Status]] = field(default_factory=Counter)
    """Tasks by step and final state."""
    images: NoImages = field(default_factory=NoImages)

    _waiting: defaultdict[tuple[int, str], list[Json]] = field(default_factory=lambda: defaultdict(list))

    def commit(self) -> None:
        """Nothing is on its way to a disk."""

    def admit(self, recording: str) -> bool:
        return True

    def attempted(self, attempt: Attempt) -> None:
        """What it took is told by who plays it."""

    def succeeded(self, task: str, step: str, unit: str, key: str, items: list[Json]) -> None:
        self.ended[step, Status.SUCCEEDED] += 1

    def failed(self, task: str, step: str, unit: str, error: TaskError, key: str | None = None) -> None:
        self.ended[step, Status.FAILED] += 1

    def skipped(self, task: str, step: str, unit: str) -> None:
        self.ended[step, Status.SKIPPED] += 1

    def find(self, task: str) -> TaskRow | None:
        return None

    def keep(self, task: str) -> None:
        """Nothing of an earlier session is there."""

    def forget(self, task: str) -> None:
        """Nothing of an earlier session is there."""

    def gather(self, step: int, region: str, item: Json) -> bool:
        self._waiting[step, region].append(item)
        return True

    def gathered(self, step: int, region: str) -> list[Json]:
        return self._waiting[step, region]

    def gathered_bytes(self, step: int, region: str) -> int:
        """Items that are made up are no measure of a batch that is too large for a step per batch."""
        return 0

    def take_gathered(self, step: int, region: str) -> None:
        self._waiting.pop((step, region), None)


class Unwatched:
    """An :class:`coordinator.schedule.plan.Observer` for whom nobody looks on."""

    def expect(self, step: str, tasks: int) -> None: ...

    def ended(self, step: str, status: Status, *, reused: bool = False) -> None: ...

    def failed(self, task: str, error: TaskError) -> None: ...

    def engine_failed(self, step: str, task: str, error: TaskError) -> None: ...


class Unheard:
    """A :class:`coordinator.cluster.bulletin.Reporter` whom nobody listens to."""

    def changed(self, change: PoolChange) -> None: ...

    def stand(self, pools: Mapping[str, PoolState], holds: Sequence[HoldState]) -> None: ...

    def note(self, text: str) -> None: ...
