"""What a finished job costs, when it goes, and what happens where there is no room. Workers are threads of the test."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import StepTask
from coordinator.errors import RunFolderError
from coordinator.service.jobs import JobState
from coordinator.service.published import find
from coordinator.service.registry import Registry
from coordinator.service.store import Store
from coordinator.service.sweeper import Limits, Sweeper
from coordinator.service.told import NO_ROOM
from coordinator.service.uploads import write_all
from coordinator.service.warmup import warm_up
from tests.unit.builders import error, write_png
from tests.unit.test_service_manager import Shop
from tests.waiting import PATIENCE, eventually

JOBS = 40
MOST = 8000
"""Bytes that a finished job of a small image may take besides its images."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


def entries(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def test_a_finished_job_of_one_image_is_a_folder_and_a_row(shop: Shop) -> None:
    manager = shop.open()
    shop.accept(manager, 0).ended.result(PATIENCE)
    eventually(lambda: len(shop.registry.ids()) == 1)
    before, rows = len(entries(shop.store.path)), shop.store.registry.stat().st_size
    for number in range(1, JOBS + 1):
        shop.accept(manager, number).ended.result(PATIENCE)
    eventually(lambda: len(shop.registry.ids()) == JOBS + 1)
    images = 2
    assert len(entries(shop.store.path)) - before == JOBS * (1 + images)
    folder = shop.store.static / f"{1:016x}"
    row = (shop.store.registry.stat().st_size - rows) / JOBS
    assert folder.stat().st_blocks * 512 + row <= MOST


def test_a_result_that_finds_no_room_is_told_as_such(shop: Shop) -> None:
    full = f"OSError: [Errno {errno.ENOSPC}] {os.strerror(errno.ENOSPC)}: '/work/x/0.png'"
    shop.answer = lambda task: error(ErrorKind.INTERNAL, full)
    job = shop.accept(shop.open(), 1).ended.result(PATIENCE)
    assert (job.state, job.files[0].error) == (JobState.FAILED, NO_ROOM)


def test_a_disk_that_is_full_at_the_start_is_told(shop: Shop) -> None:
    program = shop.open()._program
    (shop.store.uploads / "warm-up").symlink_to("/dev/full")
    with pytest.raises(
        RunFolderError, match=r"data folder .* cannot be written: No space left .*; make room"
    ):
        warm_up(shop.pool, program, shop.store)


@pytest.mark.parametrize("files", [1, 2])
def test_nothing_is_published_by_half_where_there_is_no_room(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("coordinator.service.store._put", full)
    job = shop.accept(shop.open(), 1, files=files).ended.result(PATIENCE)
    assert [file.error for file in job.files] == [NO_ROOM] * files
    assert not shop.left()


def test_what_a_disk_takes_in_parts_is_written_whole() -> None:
    class Grudging:
        """Takes half of what it is given, as a disk does that is nearly full."""

        def __init__(self) -> None:
            self.taken = b""

        def write(self, data: bytes) -> int:
            part = bytes(data)[: (len(data) + 1) // 2]
            self.taken += part
            return len(part)

    disk, image = Grudging(), bytes(range(256)) * 40
    write_all(disk, memoryview(image))  # type: ignore[arg-type]
    assert disk.taken == image


def test_the_oldest_are_removed_while_all_keep_too_much(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Soon after the last has ended, and not when the next minute begins."""
    monkeypatch.setattr("coordinator.service.sweeper._MOMENT", 0.02)
    each = 3 * 4096
    manager = shop.open(keep=Limits(seconds=3600.0, size=2 * each))
    eventually(lambda: manager._sweeper._swept > 0)
    for number in (1, 2, 3, 4):
        shop.accept(manager, number).ended.result(PATIENCE)
    eventually(lambda: len(shop.left()) == 2)
    assert sorted(shop.left()) == ["static/0000000000000003", "static/0000000000000004"]


def test_what_all_keep_is_counted_only_when_a_job_has_ended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is larger than the limit stays, and is no reason to look again and again."""
    manager = shop.open()
    shop.accept(manager, 1).ended.result(PATIENCE)
    eventually(shop.registry.ids)
    swept: list[int] = []
    monkeypatch.setattr(shop.registry, "note_age", lambda: swept.append(1))
    limits = Limits(seconds=3600.0, size=1)
    sweeper = Sweeper(shop.registry, shop.store, limits, shop.store.remove, manager._draining)
    for ended in (0, 5, 0, 0, 0, 7, 0, 0):
        shop.registry.ended_bytes += ended
        sweeper._look()
    # At the start; then once when a job has ended, and once more when its end is written for certain.
    assert len(swept) == 5


def test_a_sweep_measures_what_an_earlier_version_left(shop: Shop) -> None:
    manager = shop.open()
    job = shop.accept(manager, 1).ended.result(PATIENCE)
    eventually(shop.registry.ids)
    shop.registry._writer.write([("UPDATE jobs SET size = NULL", ())])
    eventually(shop.registry.unmeasured)
    limits = Limits(seconds=3600.0, size=1)
    Sweeper(shop.registry, shop.store, limits, shop.store.remove, manager._draining).sweep()
    eventually(lambda: not shop.registry.unmeasured())
    assert shop.store.size(job.id) == 3 * 4096


class TestVersionBefore:
    def test_a_job_that_has_not_ended_is_done(self, shop: Shop) -> None:
        """Its original had no mark, and half of it may have been published."""
        job = shop.job(1)
        shop.store.upload(job.id, 0).unlink()
        write_png(shop.store.uploads / job.id / "photo_0.png")
        write_png(shop.store.static / job.id / "original" / "photo_0.png")
        registry = Registry(shop.store.registry)
        registry.put(job, {})
        registry.close()
        live = shop.open().live(job.id)
        assert live is None or live.ended.result(PATIENCE).state is JobState.DONE
        assert find(shop.store.static, f"{job.id}/original/photo_0.png")
        assert shop.left() == [f"static/{job.id}"]

    def test_its_originals_are_found(self, tmp_path: Path) -> None:
        store = Store(tmp_path)
        write_png(store.static / "1" / "original" / "photo.png")
        write_png(store.static / "2" / "original~photo.png")
        for job in "12":
            assert find(store.static, job) == ["original/"]
            assert find(store.static, f"{job}/original") == ["photo.png"]
            assert isinstance(find(store.static, f"{job}/original/photo.png"), Path)
        assert find(store.static, "2/original~photo.png") is None
        assert find(store.static, "2/original/other.png") is None


class TestKilledWhileRemoving:
    @pytest.mark.parametrize("has_ended", [True, False])
    @pytest.mark.parametrize("step", ["remove", "tidy", "run"])
    def test_the_job_is_gone_at_the_next_start(
        self,
        shop: Shop,
        tmp_path_factory: pytest.TempPathFactory,
        monkeypatch: pytest.MonkeyPatch,
        step: str,
        has_ended: bool,
    ) -> None:
        """Whatever of its files was removed by then."""
        elsewhere = tmp_path_factory.mktemp("later") / "data"
        manager = shop.open()
        if not has_ended:
            shop.gate.clear()
        live = shop.accept(manager, 1)
        if has_ended:
            live.ended.result(PATIENCE)
        whole = getattr(Store, step)

        def killed_here(store: Store, job_id: str) -> object:
            shutil.copytree(shop.store.path, elsewhere)
            return whole(store, job_id)

        with monkeypatch.context() as patched:
            patched.setattr(Store, step, killed_here)
            removed = manager.cancel(live.job.id)
            shop.gate.set()
            assert removed is not None
            removed.result(PATIENCE)
        later = Shop(elsewhere)
        later.open()
        assert (later.registry.ids(), later.left()) == (set(), [])
        later.close()


class TestKilledWhilePublishing:
    @pytest.mark.parametrize("where", ["work", "static"])
    def test_an_original_that_was_moved_already_is_taken_back(self, shop: Shop, where: str) -> None:
        """It was too large for the registry."""
        job = shop.job(1)
        folder = shop.store.path / where / job.id
        folder.mkdir()
        shop.store.upload(job.id, 0).rename(folder / "original~photo_0.png")
        (folder / "photo_0-0.png").write_bytes(b"half")
        shop.store.take_back(job, {})
        assert shop.store.upload(job.id, 0).is_file()
        assert not (shop.store.static / job.id).exists()

    def test_what_a_worker_wrote_besides_is_not_published(self, shop: Shop) -> None:
        def answer(task: StepTask) -> Success | TaskError:
            made = shop.write(task)
            (shop.store.files.local(task.request.work_dir) / "page.html").write_bytes(b"<script>")
            return made

        shop.answer = answer
        job = shop.accept(shop.open(), 1).ended.result(PATIENCE)
        published = {path.name for path in (shop.store.static / job.id).iterdir()}
        assert published == {"original~photo_0.png", "photo_0-0.png"}
