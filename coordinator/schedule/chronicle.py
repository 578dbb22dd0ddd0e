"""What the scheduler says to a run's journal, and asks of it: the other seam, beside where tasks run.

:class:`coordinator.record.journal.Journal` keeps it all on disk. A plan, which only plays a run, keeps no more in
memory than what has to be asked again.
"""

from __future__ import annotations

from typing import Protocol

from coordinator.contract import TaskError
from coordinator.core.tasks import RemoteImage
from coordinator.record.journal import Attempt, TaskRow
from coordinator.strictjson import Json


class NamedImages(Protocol):
    """The images that a batch names by URL; :class:`coordinator.record.images.Images` has what each promises."""

    def name(self, image: RemoteImage) -> None: ...

    def of(self, path: str) -> RemoteImage | None: ...

    def stamp(self, path: str) -> str | None: ...

    def fetched(self, path: str, stamp: str, session: int) -> None: ...


class Chronicle(Protocol):
    """A run's journal as the scheduler knows it; :class:`Journal` has what each of these promises."""

    @property
    def session(self) -> int:
        """The number of this session, from 1 on."""
        ...

    @property
    def is_first(self) -> bool:
        """Whether no session came before this one."""
        ...

    @property
    def images(self) -> NamedImages:
        """The images that the batch names by URL."""
        ...

    def commit(self) -> None:
        """Makes everything said so far durable."""
        ...

    def admit(self, recording: str) -> bool:
        """Takes note of a recording; False if this session has already seen one with that id."""
        ...

    def attempted(self, attempt: Attempt) -> None: ...

    def succeeded(self, task: str, step: str, unit: str, key: str, items: list[Json]) -> None: ...

    def failed(self, task: str, step: str, unit: str, error: TaskError, key: str | None = None) -> None: ...

    def skipped(self, task: str, step: str, unit: str) -> None: ...

    def find(self, task: str) -> TaskRow | None:
        """What is known of a task that has ended, in whatever session."""
        ...

    def keep(self, task: str) -> None:
        """A task's row of an earlier session serves again."""
        ...

    def forget(self, task: str) -> None:
        """The task is to run again: an earlier result holds no more."""
        ...

    def gather(self, step: int, region: str, item: Json) -> bool:
        """Keeps an item until its region is complete; False if one of the same id waits there already."""
        ...

    def gathered(self, step: int, region: str) -> list[Json]:
        """All items that wait for ``step`` in ``region``, ordered by id."""
        ...

    def gathered_bytes(self, step: int, region: str) -> int:
        """The size of all items that wait for ``step`` in ``region``."""
        ...

    def take_gathered(self, step: int, region: str) -> None:
        """The region's task has ended: its items wait no longer."""
        ...
