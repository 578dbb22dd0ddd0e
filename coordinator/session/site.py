"""What a run asks of the place where it is: this machine (runners/site.py) or a cluster (cluster/site.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from coordinator.core.resources import Inventory
from coordinator.pipeline import Step
from coordinator.record.files import Files
from coordinator.record.journal import Journal
from coordinator.runners.engine import ImageFacts
from coordinator.schedule.executor import Executor
from coordinator.schedule.plan import Observer
from coordinator.strictjson import Json


class Site(Protocol):
    """A place for runs, looked at before anything is written."""

    @property
    def inventory(self) -> Inventory: ...

    @property
    def has_engine(self) -> bool:
        """Whether :meth:`image` can be asked."""
        ...

    def image(self, image_ref: str, *, pull: bool, tell: Callable[[str], None]) -> ImageFacts:
        """The image behind a reference. Raises EngineError."""
        ...

    def check_reach(self, image_id: str, files: Files, owner: Path, images: Iterable[Path]) -> str | None:
        """What to say of images that steps may not read. Raises CoordinatorError if none can be read."""
        ...

    def refused(self, steps: Sequence[Step], image_ids: Mapping[str, str], owner: Path) -> list[str]:
        """What to say of steps of which no container can be started, if that is known before the run."""
        ...

    def sweep(self, folder: Path) -> int:
        """Removes the containers that dead sessions of a run left; the caller holds the folder's lock."""
        ...

    def executor(
        self,
        files: Files,
        owner: Path,
        journal: Journal,
        *,
        jobs: int,
        note: Callable[[str], None],
        observer: Observer,
        steps: Sequence[Step],
        expected: Mapping[str, int],
    ) -> AbstractContextManager[tuple[Executor[Any], Observer]]:
        """An executor for one run, which leaves nothing behind, and the observer that the run has to tell.

        ``steps`` are those of the run, ``expected`` the number of tasks of those of which it is known in advance.
        """
        ...

    def check(self) -> None:
        """Raises CoordinatorError if the place was given up in mid-run."""
        ...

    def describe(self) -> Json:
        """For run.json."""
        ...
