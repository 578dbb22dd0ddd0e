"""This machine as a place for runs: what it has, its container engine, and the executor that puts both to work."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.core.resources import Inventory, Ledger
from coordinator.pipeline import Step
from coordinator.record.files import Files
from coordinator.record.journal import Journal
from coordinator.runners.engine import Engine, ImageFacts
from coordinator.runners.engineimages import pull_image
from coordinator.runners.inventory import host_inventory
from coordinator.runners.isolation import SIGHT, TRIAL, container_labels
from coordinator.runners.local import LocalExecutor
from coordinator.runners.lostgpus import LostGpus
from coordinator.runners.reach import unreadable
from coordinator.runners.realuser import check_user
from coordinator.runners.rungs import Rungs
from coordinator.runners.sight import Seen, check_sight
from coordinator.runners.started import StartedLately
from coordinator.runners.sweep import sweep
from coordinator.runners.trial import kinds, refused
from coordinator.schedule.plan import Observer
from coordinator.strictjson import Json

_MIN_STARTS = 2


@dataclass(frozen=True)
class LocalSite:
    """This machine. Without an engine, steps can run as local processes only."""

    inventory: Inventory
    engine: Engine | None = None

    @classmethod
    def here(cls) -> LocalSite:
        """This machine, without an engine so far."""
        return cls(host_inventory())

    @property
    def has_engine(self) -> bool:
        return self.engine is not None

    @contextmanager
    def connected(self) -> Iterator[LocalSite]:
        """The same with its engine. Raises EngineError if that cannot be reached."""
        with closing(Engine()) as engine:
            yield replace(self, engine=engine)

    def image(self, image_ref: str, *, pull: bool, tell: Callable[[str], None]) -> ImageFacts:
        """The image behind a reference, brought from its registry first if need be. Raises EngineError."""
        assert self.engine is not None  # the preflight asks for images only where there is one
        if pull and not self.engine.has_image(image_ref):
            for progress in pull_image(self.engine, image_ref):
                tell(progress)
        return self.engine.image(image_ref)

    def check_reach(self, image_id: str, files: Files, owner: Path, images: Iterable[Path]) -> str | None:
        """What to say of the batch's ``images`` that containers of ``image_id`` may not read, None if there are none.

        ``owner`` is the run folder, which need not exist yet. Raises BatchError if containers may read none of the
        images, EngineError if the engine does not see the folders.
        """
        assert self.engine is not None  # as for :meth:`image`
        found = tuple(images)
        inner = next((str(path.relative_to(files.batch)) for path in found if path.resolve() == path), "")
        labels = container_labels("preflight", owner, SIGHT)
        check_sight(self.engine, image_id, [Seen(files.batch, inner), Seen.of_place(owner)], labels)
        check_user(self.engine, image_id, labels)
        return unreadable(files.batch, found)

    def refused(self, steps: Sequence[Step], image_ids: Mapping[str, str], owner: Path) -> list[str]:
        """What to say of steps of which the engine starts no container, whenever it is asked to."""
        if self.engine is None:
            return []
        tried = list(kinds(steps, image_ids, self.inventory.gpus))
        labels = container_labels("preflight", owner, TRIAL)
        return refused(self.engine, tried, labels, StartedLately.by(self.engine))

    def sweep(self, folder: Path) -> int:
        """Removes the containers that dead sessions of a run left; the caller holds the folder's lock."""
        return sweep(self.engine, folder) if self.engine else 0

    @contextmanager
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
    ) -> Iterator[tuple[LocalExecutor, Observer]]:
        """An executor for one run, which leaves nothing behind; and the observer, who has nothing to tell it.

        ``owner`` is the folder whose lock is held; containers are named after the journal's run id. ``jobs`` is the
        maximum number of tasks at a time; ``note`` hears when the engine is waited for, and of GPUs that
        have gone. ``steps``
        and what is ``expected`` of them are of no concern here.
        """
        starts = max(_MIN_STARTS, int(self.inventory.cpus))
        if self.engine is not None:
            self.engine.patience.tell = note
        run_id = str(journal.facts.run_id)
        with ExitStack() as stack:
            rungs = stack.enter_context(
                closing(Rungs(self.engine, files, owner, run_id, jobs=jobs, starts=starts))
            )
            lost = LostGpus(lambda: host_inventory().gpus, note)
            made = LocalExecutor(rungs.runner, files, Ledger(self.inventory), jobs=jobs, lost=lost)
            yield stack.enter_context(closing(made)), observer

    def check(self) -> None:
        """Raises EngineGone if the engine was ever given up."""
        if self.engine is not None:
            self.engine.patience.check()

    def describe(self) -> Json:
        """For run.json: the engine and the host."""
        return {
            "engine": self.engine.describe() if self.engine else None,
            "host": {
                "name": platform.node(),
                "system": platform.platform(),
                "cpus": self.inventory.cpus,
                "memory": self.inventory.memory,
                "gpus": [gpu.uuid for gpu in self.inventory.gpus],
            },
        }
