"""Results that are there already: what earlier sessions of the run have done, found by what it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from coordinator.contract import RegionMessage
from coordinator.core.dataflow import Unit
from coordinator.core.paths import image_paths, is_fetched
from coordinator.core.tasks import key_head, task_key
from coordinator.pipeline import Per, Step
from coordinator.record.files import Files
from coordinator.record.journal import Status, TaskRow
from coordinator.schedule.chronicle import Chronicle
from coordinator.schedule.plan import Plan
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the journal knows of a task before it runs.

    ``again`` says that it has ended in this very session, as another item of the same id; ``items`` are a result that
    serves, ``stays_failed`` a failure that is not to be tried again; ``is_stale`` says that a row is to be forgotten.
    """

    again: bool = False
    items: list[Json] | None = None
    stays_failed: bool = False
    is_stale: bool = False


_NOTHING = Found()


class Reuse:
    """Tells which tasks need not run."""

    def __init__(self, plan: Plan, journal: Chronicle, files: Files) -> None:
        self._plan = plan
        self._journal = journal
        self._files = files
        self._file_stamp = files.content_stamp if plan.hash_inputs else files.stamp
        self._heads = [list(_heads(plan, step)) for step in plan.steps]

    def keys(
        self, unit: Unit, items: Sequence[Json], region: RegionMessage | None, missing: int = 0
    ) -> list[str]:
        """The key of the unit's result, and those under which an earlier form of the step would have kept it."""
        stamps = [self._stamp(path) for item in items for path in image_paths(item)]
        return [task_key(head, items, region, stamps, missing) for head in self._heads[unit.step]]

    def _stamp(self, path: str) -> str:
        """What tells one content of an image from another. Of one that is fetched the journal knows, and no file is
        looked at: nobody has it yet, or it lies on a node."""
        if is_fetched(path):
            return f"{path} {self._journal.images.stamp(path) or 'not fetched'}"
        return self._file_stamp(path)

    def find(self, unit: Unit, task_id: str, keys: Sequence[str]) -> Found:
        """What is known of the unit's task; what serves again counts as this session's from now on."""
        if not self._may_be_known(unit):
            return _NOTHING
        kept = self._journal.find(task_id)
        if kept is None:
            return _NOTHING
        if kept.session == self._journal.session:
            return Found(again=True)
        step = self._plan.steps[unit.step]
        if kept.key in keys and (found := self._serves(step, unit, kept)) is not None:
            self._journal.keep(task_id)
            return found
        return Found(is_stale=True)

    def is_fetched(self, task_id: str, url: str, path: str) -> bool:
        """Whether the image behind a URL is there; if so, that counts as this session's."""
        if not self._files.local(path).is_file():
            return False
        return self._keep_if(task_id, url, Status.SUCCEEDED)

    def stays_unfetched(self, step: str, task_id: str, url: str) -> bool:
        """Whether an image could not be fetched before, and is not asked for again."""
        return not self._plan.retries(step) and self._keep_if(task_id, url, Status.FAILED)

    def _keep_if(self, task_id: str, key: str, status: Status) -> bool:
        kept = self._journal.find(task_id)
        if kept is None or (kept.key, kept.status) != (key, status):
            return False
        self._journal.keep(task_id)
        return True

    def _may_be_known(self, unit: Unit) -> bool:
        """Whether looking is worth it. A run's first session can know only what has had the same id in it.

        Recordings are admitted once by their ids, and a region or the batch is complete once: only items that a step
        made can have the id of another one.
        """
        is_made = unit.step > 0 and self._plan.steps[unit.step].per is Per.ITEM
        return is_made or not self._journal.is_first

    def _serves(self, step: Step, unit: Unit, kept: TaskRow) -> Found | None:
        if kept.status is Status.SUCCEEDED:
            items = kept.load()
            return Found(items=items) if self._has_files(step, unit, items) else None
        failed = kept.status is Status.FAILED and not self._plan.retries(step.name)
        return Found(stays_failed=True) if failed else None

    def _has_files(self, step: Step, unit: Unit, items: Iterable[Json]) -> bool:
        """Whether the images that a result names in its task's own folder are still there.

        Steps do not sync what they write: after a power cut a file may be there and empty.
        """
        own = self._files.task_folder(step.name, unit.id) + "/"
        paths = (path for item in items for path in image_paths(item) if path.startswith(own))
        return not step.writes or all(self._files.holds(path) for path in paths)


def _heads(plan: Plan, step: Step) -> Iterator[str]:
    """The head of a step's keys, and those that its earlier forms had."""
    yield key_head(step, plan.image_ids[step.name])
    for form, image_id in plan.earlier.get(step.name, ()):
        yield key_head(form, image_id)
