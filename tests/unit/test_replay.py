"""``replay``: finding a failed task with all that it takes to run it again. The running itself needs an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.commands.replay import FailedAttempt, find, with_images
from coordinator.contract import ErrorKind
from coordinator.core.tasks import Evidence, RemoteImage
from coordinator.errors import RunFolderError, UsageError
from coordinator.pipeline import Pipeline
from coordinator.record.disk import write_json
from coordinator.record.journal import Journal
from coordinator.record.runfolder import RunFolder
from tests.imageserver import serving
from tests.unit.builders import error, item, request, step

ABOUT = {
    "batch": {"folder": "/data/batch"},
    "pipeline": Pipeline(name="p", steps=(step("detect", timeout=7.0), step("local"))).model_dump(
        mode="json"
    ),
    "images": {"detect": {"image_ref": "example/detect", "id": "sha256:1"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path)
    made.create()
    write_json(tmp_path / "run.json", ABOUT)
    return made


def fail(folder: RunFolder, name: str) -> None:
    folder.evidence.keep_attempt(request(name, [item("a.jpg")]), error(), 1, Evidence())


def test_a_failure_is_found_with_its_request_its_step_and_the_image_that_was_pinned(
    folder: RunFolder,
) -> None:
    fail(folder, "detect/s/a.jpg")
    found = find(folder.path, "detect/s/a.jpg")
    assert (found.request.task, found.request.items) == ("detect/s/a.jpg", [item("a.jpg")])
    assert (found.step.timeout, found.image_ref) == (7.0, "sha256:1")
    assert (found.folder.path, found.batch) == (folder.path, Path("/data/batch"))


def test_a_step_that_ran_as_a_process_has_only_the_name_of_its_image(folder: RunFolder) -> None:
    fail(folder, "local/a")
    assert find(folder.path, "local/a").image_ref == "example/local"


def test_an_unknown_task_and_those_that_are_known(folder: RunFolder) -> None:
    for n in range(23):
        fail(folder, f"detect/{n:02}.jpg")
    with pytest.raises(UsageError) as refused:
        find(folder.path, "detect/z.jpg")
    first, *listed, more = str(refused.value).splitlines()
    assert first.startswith("no task 'detect/z.jpg' has failed in ")
    assert (listed[0], len(listed), more) == ("  detect/00.jpg", 20, "  ... and 3 more")


def test_no_failures_at_all(folder: RunFolder) -> None:
    with pytest.raises(UsageError, match="nor has any other"):
        find(folder.path, "detect/z.jpg")


@pytest.mark.parametrize("name", ["..", ".", "", "../failures"])
def test_no_name_leads_out_of_the_evidence(folder: RunFolder, name: str) -> None:
    with pytest.raises(UsageError, match="has failed in"):
        find(folder.path, name)


def test_what_never_came_to_a_step_is_told_with_its_reason(folder: RunFolder) -> None:
    folder.evidence.keep("batch/a.jpg", error(ErrorKind.BAD_INPUT, "image is empty"))
    with pytest.raises(UsageError, match=r"never came to a step, .* it failed of this: image is empty"):
        find(folder.path, "batch/a.jpg")


def test_a_step_that_the_pipeline_no_longer_has(folder: RunFolder) -> None:
    fail(folder, "paint/a")
    with pytest.raises(UsageError, match="had no step 'paint'"):
        find(folder.path, "paint/a")


def test_a_request_that_was_damaged(folder: RunFolder) -> None:
    fail(folder, "detect/a")
    (folder.failures / "detect%2Fa" / "request.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"request\.json cannot be read"):
        find(folder.path, "detect/a")


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is no run folder: it has no run\.json"):
        find(tmp_path, "detect/a")


class TestImagesByUrl:
    """Those of a run on a cluster lay on a node that may have gone."""

    def failure(self, folder: RunFolder, url: str) -> FailedAttempt:
        path = "/work/fetch/a/image.jpg"
        with Journal(folder.journal) as journal:
            journal.images.name(RemoteImage(path=path, url=url))
        found = item("a", image=path)
        folder.evidence.keep_attempt(request("detect/a", [found]), error(), 1, Evidence())
        return find(folder.path, "detect/a")

    def test_they_are_fetched_into_the_replay_s_own_folder(self, folder: RunFolder, tmp_path: Path) -> None:
        with serving() as served:
            served.bodies["/a.jpg"] = b"an image"
            files = with_images(self.failure(folder, served.url("a.jpg")), tmp_path / "own")
        assert files.local("/work/fetch/a/image.jpg").read_bytes() == b"an image"
        assert files.fetched == tmp_path / "own/fetch"
        assert not list((folder.work / "fetch").iterdir())

    def test_those_that_the_run_folder_has_are_taken(self, folder: RunFolder, tmp_path: Path) -> None:
        failure = self.failure(folder, "http://127.0.0.1:1/a.jpg")
        (folder.work / "fetch/a").mkdir(parents=True)
        (folder.work / "fetch/a/image.jpg").touch()
        assert with_images(failure, tmp_path / "own").fetched is None

    def test_one_that_cannot_be_fetched_is_told(self, folder: RunFolder, tmp_path: Path) -> None:
        failure = self.failure(folder, "http://127.0.0.1:1/a.jpg")
        with pytest.raises(UsageError, match="an image of the task cannot be fetched: http"):
            with_images(failure, tmp_path / "own")
