"""All jobs: how many are let in, in what order they run, what is left of each. Workers are threads of the test."""

from __future__ import annotations

import asyncio
import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import Outcome, StepTask
from coordinator.pipeline import Rung
from coordinator.schedule.threads import Sink
from coordinator.service.driver import LiveJob
from coordinator.service.execution import WorkerSpec
from coordinator.service.jobs import File, Job, JobState
from coordinator.service.manager import Manager
from coordinator.service.metrics import Metrics
from coordinator.service.places import Places
from coordinator.service.pool import Pool
from coordinator.service.refusal import Refused
from coordinator.service.registry import Registry
from coordinator.service.securing import Images
from coordinator.service.store import Store
from coordinator.service.sweeper import Limits
from tests.unit.builders import error, write_png
from tests.waiting import PATIENCE, eventually

KEEP = Limits(seconds=3600.0, size=10**9)
Answer = Callable[[StepTask], Success | TaskError]


class ThreadWorker:
    """Answers each task in a thread, once the gate is open, by what the test says."""

    def __init__(self, sink: Sink, shop: Shop) -> None:
        self._sink, self._shop = sink, shop
        self.is_open = True
        self._cancelled = False

    def submit(self, task: StepTask) -> None:
        threading.Thread(target=self._work, args=(task,), daemon=True).start()

    def _work(self, task: StepTask) -> None:
        self._shop.gate.wait(PATIENCE)
        cancelled = error(ErrorKind.CANCELLED)
        self._sink([Outcome(task=task.id, result=cancelled if self._cancelled else self._shop.answer(task))])

    def abandon(self, task_id: str) -> None:
        """Its tasks end by themselves."""

    def cancel(self) -> None:
        self._cancelled = True
        self._shop.gate.set()

    def close(self) -> None:
        self._shop.gate.set()

    def join(self) -> None:
        """Its threads end with their tasks."""


class Shop:
    """A data folder and the manager on it; :meth:`open` again is a restart."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.store.create()
        self.gate = threading.Event()
        self.gate.set()
        self.answer: Answer = self.write
        self.managers: list[Manager] = []
        self.registries: list[Registry] = []
        self.ran: list[str] = []

    def open(self, **limits: Any) -> Manager:
        for manager, earlier in zip(self.managers, self.registries, strict=True):
            manager.close()
            earlier.close()
        self.managers.clear()
        self.registries = [registry := Registry(self.store.registry)]
        self.registry = registry
        self.pool = Pool(lambda sink: ThreadWorker(sink, self), 1, lambda outcome: None)
        program = WorkerSpec(
            image_ref="example", image_id="1", rung=Rung.PROCESS, command=("true",), memory=1, timeout=9.0
        )
        given = {"running": 1, "waiting": 1, "keep": KEEP, "grace": 0.1, **limits}
        manager = Manager(
            registry=self.registry,
            store=self.store,
            pool=self.pool,
            program=program,
            metrics=Metrics(),
            **given,
        )
        self.managers.append(manager)
        manager.start()
        return manager

    def close(self) -> None:
        """Ends all of it."""
        self.gate.set()
        for manager, registry in zip(self.managers, self.registries, strict=True):
            manager.close()
            registry.close()

    def write(self, task: StepTask) -> Success:
        """What the imaging step does, with images of a few bytes."""
        self.ran.append(task.id)
        folder = self.store.files.local(task.request.work_dir)
        shutil.rmtree(folder, ignore_errors=True)  # it is made anew for a task that is done again
        folder.mkdir(parents=True)
        (folder / "0.png").write_bytes(b"image")
        made = {**task.request.items[0], "image": f"{task.request.work_dir}/0.png"}
        return Success(task=task.id, items=[made])

    def job(self, number: int, files: int = 1) -> Job:
        job_id = f"{number:016x}"
        images = tuple(
            File(name="photo.png", stem=f"photo_{n}", suffix=".png", width=8, height=4) for n in range(files)
        )
        for n in range(files):
            write_png(self.store.upload(job_id, n))
        operations = (("blur", "median"),)
        return Job(
            id=job_id, created=float(number), operations=operations, output="png", workers=1, files=images
        )

    def accept(self, manager: Manager, number: int, files: int = 1) -> LiveJob:
        with manager.admission():
            return manager.accept(self.job(number, files), Images())

    def left(self) -> list[str]:
        """What lies below uploads/, work/, runs/ and static/."""
        folders = (self.store.uploads, self.store.work, self.store.path / "runs", self.store.static)
        return [f"{folder.name}/{child.name}" for folder in folders for child in folder.iterdir()]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


def test_a_job_runs_and_only_what_is_published_is_left(shop: Shop) -> None:
    job = shop.accept(shop.open(), 1, files=2).ended.result(PATIENCE)
    assert (job.state, [file.results for file in job.files]) == (JobState.DONE, [1, 1])
    assert shop.left() == ["static/0000000000000001"]
    published = shop.store.static / job.id
    assert sorted(path.name for path in published.iterdir()) == [
        "original~photo_0.png",
        "original~photo_1.png",
        "photo_0-0.png",
        "photo_1-0.png",
    ]
    assert shop.registry.get(job.id) == job


def test_beyond_what_may_wait_nobody_is_let_in_until_one_has_ended(shop: Shop) -> None:
    manager = shop.open()
    shop.gate.clear()
    first, second = shop.accept(manager, 1), shop.accept(manager, 2)
    with pytest.raises(Refused) as refused:
        shop.accept(manager, 3)
    assert refused.value.status == 429
    assert refused.value.retry_after
    shop.gate.set()
    assert [live.ended.result(PATIENCE).state for live in (first, second)] == [JobState.DONE, JobState.DONE]
    assert shop.accept(manager, 3).ended.result(PATIENCE).state is JobState.DONE


def test_a_request_that_is_refused_after_all_gives_its_place_back(shop: Shop) -> None:
    manager = shop.open(waiting=1)
    for _ in range(5):
        with pytest.raises(Refused), manager.admission():
            raise Refused("actions", "is wrong")
    assert shop.accept(manager, 1).ended.result(PATIENCE).state is JobState.DONE


def test_a_failed_file_has_its_reason_and_no_results_and_the_others_have_theirs(shop: Shop) -> None:
    def answer(task: StepTask) -> Success | TaskError:
        broken = f"image '{shop.store.uploads}/1/a.png' (from /batch/1/a.png) is none"
        return error(ErrorKind.BAD_INPUT, broken) if task.id.endswith("-1") else shop.write(task)

    shop.answer = answer
    job = shop.accept(shop.open(), 1, files=3).ended.result(PATIENCE)
    assert job.state is JobState.FAILED
    assert [(file.results, file.error and file.error.message) for file in job.files] == [
        (1, None),
        (0, "image 'photo.png' (from 'photo.png' is none"),
        (1, None),
    ]
    assert (shop.store.static / job.id / "original~photo_1.png").is_file()


@pytest.mark.parametrize("good", [1, 2], ids=["a task alone", "a run"])
def test_what_was_no_image_is_told_and_the_others_have_their_results(shop: Shop, good: int) -> None:
    manager = shop.open()
    bad = TaskError(kind=ErrorKind.BAD_INPUT, message="is no image")
    job = shop.job(1, files=1 + good)
    none = replace(job.files[0], suffix="", width=0, height=0, error=bad)
    with manager.admission():
        live = manager.accept(replace(job, files=(none, *job.files[1:])), Images())
    ended = live.ended.result(PATIENCE)
    assert ended.state is JobState.FAILED
    assert [(file.results, file.error) for file in ended.files] == [(0, bad), *[(1, None)] * good]
    stems = [f"photo_{number}" for number in range(1, 1 + good)]
    published = {path.name for path in (shop.store.static / job.id).iterdir()}
    assert published == {name for stem in stems for name in (f"{stem}-0.png", f"original~{stem}.png")}
    assert not list(shop.store.uploads.iterdir())
    assert manager.kept(job.id) == ended


def test_a_result_that_is_no_file_is_not_published(shop: Shop) -> None:
    def answer(task: StepTask) -> Success:
        made = shop.write(task)
        path = shop.store.files.local(made.items[0]["image"])
        path.unlink()
        path.symlink_to("/etc/hostname")
        return made

    shop.answer = answer
    job = shop.accept(shop.open(), 1).ended.result(PATIENCE)
    assert (job.state, job.files[0].error and job.files[0].error.kind) == (
        JobState.FAILED,
        ErrorKind.INTERNAL,
    )
    assert not (shop.store.static / job.id).exists()


def test_a_signal_closes_the_places_in_whatever_the_event_loop_is_interrupted() -> None:
    places = Places(running=1, waiting=0)
    with places._lock:  # by the very thread that the signal's handler interrupts
        handler = threading.Thread(target=places.close, daemon=True)
        handler.start()
        handler.join(1.0)
        assert not handler.is_alive()
    with pytest.raises(Refused) as refused, places.admission():
        pass
    assert refused.value.status == 503


class TestCancelling:
    def test_a_job_that_waits_goes_at_once(self, shop: Shop) -> None:
        manager = shop.open()
        shop.gate.clear()
        running, waiting = shop.accept(manager, 1), shop.accept(manager, 2)
        removed = manager.cancel(waiting.job.id)
        assert removed is not None
        assert removed.result(PATIENCE).state is JobState.CANCELLED
        assert not running.ended.done()
        assert manager.cancel(waiting.job.id) is None
        assert not [name for name in shop.left() if waiting.job.id in name]
        shop.gate.set()
        assert running.ended.result(PATIENCE).state is JobState.DONE

    def test_a_running_job_goes_when_its_task_has_ended(self, shop: Shop) -> None:
        manager = shop.open()
        shop.gate.clear()
        live = shop.accept(manager, 1, files=9)
        eventually(lambda: shop.pool.idle == 0)
        removed = manager.cancel(live.job.id)
        shop.gate.set()
        assert removed is not None
        assert removed.result(PATIENCE).state is JobState.CANCELLED
        assert len(shop.ran) < 9
        assert not shop.left()
        assert shop.registry.get(live.job.id) is None

    def test_a_job_that_has_ended_is_removed(self, shop: Shop) -> None:
        manager = shop.open()
        job = shop.accept(manager, 1).ended.result(PATIENCE)
        assert manager.cancel(job.id) is not None
        assert not shop.left()


def test_a_job_that_loses_its_workers_goes_on_when_they_are_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.service.driver._PAUSE", 0.01)
    broken_off = iter([None, error(ErrorKind.CANCELLED)])
    shop.answer = lambda task: next(broken_off, None) or shop.write(task)
    live = shop.accept(shop.open(), 1, files=3)
    job = live.ended.result(PATIENCE)
    assert (job.state, [file.results for file in job.files]) == (JobState.DONE, [1, 1, 1])
    assert live.as_json()["progress"] == {"done": 3, "expected": 3}
    assert len(shop.ran) == 3  # what was done is not done again


def test_a_job_is_removed_when_it_has_been_kept_long_enough(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_SECONDS", "_MOMENT"):
        monkeypatch.setattr(f"coordinator.service.sweeper.{name}", 0.01)
    manager = shop.open(keep=KEEP)
    job = shop.accept(manager, 1).ended.result(PATIENCE)
    assert manager.kept(job.id) == job
    manager.close()
    assert shop.left()
    later = shop.open(keep=Limits(seconds=0.01, size=10**9))
    eventually(lambda: not shop.left() and later.kept(job.id) is None)


class TestRestart:
    def test_what_was_accepted_runs_again_the_oldest_first(self, shop: Shop) -> None:
        manager = shop.open(waiting=5)
        shop.gate.clear()
        left = [shop.accept(manager, number) for number in (1, 2, 3)]
        manager.close()
        assert [live.ended.result(0).state for live in left] == [JobState.QUEUED] * 3
        with pytest.raises(Refused) as refused:
            shop.accept(manager, 4)
        assert refused.value.status == 503
        shop.gate.set()
        shop.ran.clear()
        again = shop.open()
        for number in (1, 2, 3):
            if live := again.live(f"{number:016x}"):
                live.ended.result(PATIENCE)
            job = again.kept(f"{number:016x}")
            assert job is not None
            assert job.state is JobState.DONE
        assert [task.split("/")[1] for task in shop.ran] == [f"{number:016x}-0" for number in (1, 2, 3)]

    def test_what_was_never_accepted_is_removed(self, shop: Shop) -> None:
        shop.job(7)
        (shop.store.static / ".0000000000000008.part").mkdir()
        (shop.store.work / "0000000000000009" / "1-blur").mkdir(parents=True)
        shop.open()
        assert not shop.left()

    def test_after_a_restart_of_the_machine_a_job_begins_anew(self, shop: Shop) -> None:
        assert shop.store.machine_has_restarted()  # which one this was is not known
        shop.store.note_machine()
        assert not shop.store.machine_has_restarted()
        (shop.store.path / "boot-id").write_text("another")
        run = shop.store.run("0000000000000001")
        run.path.mkdir()
        run.journal.write_text("half of a journal")
        shop.registry = Registry(shop.store.registry)
        shop.registry.put(shop.job(1), {}).result(PATIENCE)
        shop.registry.close()
        live = shop.open().live("0000000000000001")
        assert live is None or live.ended.result(PATIENCE).state is JobState.DONE
        job = shop.registry.get("0000000000000001")
        assert job is not None
        assert job.state is JobState.DONE
        assert not shop.store.machine_has_restarted()

    def test_a_job_that_cannot_even_begin_fails_and_is_not_taken_up_for_ever(self, shop: Shop) -> None:
        manager = shop.open()
        run = shop.store.run("0000000000000001")
        run.path.mkdir()
        run.journal.write_text("no journal at all" * 500)
        job = shop.accept(manager, 1, files=2).ended.result(PATIENCE)
        assert (job.state, job.files[0].error and job.files[0].error.kind) == (
            JobState.FAILED,
            ErrorKind.INTERNAL,
        )
        eventually(lambda: not shop.registry.unfinished())


def test_a_job_that_has_begun_and_cannot_be_written_leaves_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the event loop a worker has it before it is written."""
    manager = shop.open(waiting=0)

    def put(*given: object, **options: object) -> Future[None]:
        raise OSError(errno.ENOSPC, "no room")

    async def accept() -> LiveJob:
        return shop.accept(manager, 1)

    shop.gate.clear()
    with monkeypatch.context() as patched:
        patched.setattr(shop.registry, "put", put)
        with pytest.raises(OSError, match="no room"):
            asyncio.run(accept())
    shop.gate.set()
    eventually(lambda: manager.live("0000000000000001") is None and not shop.left())
    assert not shop.registry.ids()
    for number in range(2, 8):  # it keeps no place from others
        assert shop.accept(manager, number).ended.result(PATIENCE).state is JobState.DONE


def test_the_registry_gives_back_what_it_was_given(shop: Shop) -> None:
    shop.open()
    broken = error(ErrorKind.TIMEOUT, "ü\0")
    job = shop.job(1, files=2)
    job = job.ended([job.files[0].with_error(broken), job.files[1]], 5.0)
    shop.registry.put(job, {}).result(PATIENCE)
    assert shop.registry.get(job.id) == job
