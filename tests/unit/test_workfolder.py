"""What a step may leave behind in its work folder, and which images it may name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import StepTask
from coordinator.record.disk import remove_tree
from coordinator.record.files import Files
from coordinator.runners import workfolder
from coordinator.runners.workfolder import discard, hand_over, prepare
from tests.unit.builders import error, item, request, success, task


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Files]:
    made = Files(batch=tmp_path / "batch", work=tmp_path / "run" / "work")
    made.work.mkdir(parents=True)
    yield made
    remove_tree(made.work)  # pytest could not, if a test has failed to


@pytest.fixture
def one(run: Files) -> StepTask:
    found = task(request("detect/r1", [item("r1")]))
    prepare(found, run)
    return found


def work(one: StepTask, run: Files) -> Path:
    return run.local(one.request.work_dir)


def refused(one: StepTask, run: Files, result: Success | None = None) -> str:
    found = hand_over(one, run, result or success())
    assert isinstance(found, TaskError)
    assert found.kind is ErrorKind.PROTOCOL
    assert not work(one, run).exists()
    return found.message


def test_files_links_and_folders_of_its_own_are_kept(one: StepTask, run: Files) -> None:
    (work(one, run) / "inner").mkdir()
    (work(one, run) / "inner" / "a.png").write_text("an image")
    (work(one, run) / "latest.png").symlink_to("inner/a.png")
    kept = success(items=[item("a", image="/work/detect/r1/inner/a.png"), item("b", image="/batch/b.jpg")])
    assert hand_over(one, run, kept) is kept
    assert (work(one, run) / "latest.png").read_text() == "an image"


@pytest.mark.skipif(os.getuid() != 0, reason="only root's steps run as somebody else")
def test_what_a_step_keeps_to_itself_can_be_read_by_the_steps_to_come(one: StepTask, run: Files) -> None:
    """As mkstemp and mkdtemp make it, and as everything is under a strict umask."""
    (work(one, run) / "inner").mkdir(mode=0o700)
    (work(one, run) / "inner" / "a.png").touch(mode=0o600)
    kept = success(items=[item("a", image="/work/detect/r1/inner/a.png")])
    assert hand_over(one, run, kept) is kept
    assert (work(one, run) / "inner").stat().st_mode & 0o777 == 0o755
    assert (work(one, run) / "inner" / "a.png").stat().st_mode & 0o777 == 0o644


def test_an_empty_folder_goes_and_so_does_that_of_a_failure(one: StepTask, run: Files) -> None:
    hand_over(one, run, success())
    assert not work(one, run).exists()
    prepare(one, run)
    (work(one, run) / "half.png").write_text("half")
    assert hand_over(one, run, error()) == error()
    assert not work(one, run).exists()
    discard(one, run)


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../../../../etc/passwd", "/work/detect/r2/a.png", "..", "loop.png"]
)
def test_a_link_that_leads_out_is_refused(one: StepTask, run: Files, target: str) -> None:
    (work(one, run) / "loop.png").symlink_to(target)
    assert (
        refused(one, run)
        == "the step left 'loop.png' in its work folder, which is a link that leads out of it"
    )


def test_a_pipe_is_refused(one: StepTask, run: Files) -> None:
    os.mkfifo(work(one, run) / "pipe")
    assert "'pipe' in its work folder, which is no regular file" in refused(one, run)


def test_too_much_is_refused_by_what_it_takes_on_the_disk(
    one: StepTask, run: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workfolder, "MAX_WRITTEN", 1_000_000)
    with (work(one, run) / "hole").open("wb") as file:
        file.truncate(10_000_000)
    assert hand_over(one, run, success()) == success()
    prepare(one, run)
    for number in range(3):
        (work(one, run) / str(number)).write_bytes(bytes(500_000))
    assert refused(one, run) == "the step left more than 1,000,000 bytes in its work folder"


@pytest.mark.parametrize(
    "path",
    [
        "/work/../../etc/passwd",
        "/etc/passwd",
        "/batch",
        "/batchelor/a.jpg",
        "a.jpg",
        "../a.jpg",
        "/batch/a/..",
    ],
)
@pytest.mark.parametrize("deep", [False, True], ids=["of an item", "of an observation"])
def test_an_image_that_is_not_the_runs_is_refused(one: StepTask, run: Files, path: str, deep: bool) -> None:
    named = {"observations": [{"image": path}]} if deep else {"image": path}
    told = f"the response names the image {path!r}: images lie below /batch or /work"
    assert refused(one, run, success(items=[item("a", **named)])) == told


def test_very_many_files_are_refused_though_they_are_empty(
    one: StepTask, run: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workfolder, "MAX_WRITTEN", 1_000_000)
    for number in range(250):
        (work(one, run) / str(number)).touch()
    assert refused(one, run) == "the step left more than 1,000,000 bytes in its work folder"


def test_folders_in_each_other_beyond_all_measure_are_refused_and_go(one: StepTask, run: Files) -> None:
    inner = os.open(work(one, run), os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    assert refused(one, run) == "the step left folders in each other, too many to be looked into"


def test_dots_in_names_are_no_crime(one: StepTask, run: Files) -> None:
    fine = success(items=[item("a", image="/batch/..a/b..jpg"), item("b", image=None), item("c", image={})])
    assert hand_over(one, run, fine) is fine


def test_an_instance_whose_folder_was_taken_away_makes_none_anew(run: Files) -> None:
    apart = run.of_instance("detect", "run-1")
    assert apart.apart is not None
    one = task(request("detect/r1", [item("r1")]))
    apart.apart[1].mkdir(parents=True)
    prepare(one, apart)
    assert (apart.apart[1] / "r1").is_dir()
    remove_tree(apart.apart[1])
    with pytest.raises(FileNotFoundError):
        prepare(one, apart)
    assert list(run.work.rglob("r1")) == []
