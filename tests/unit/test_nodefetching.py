"""Images by URL where whoever runs a task fetches them: what he is told, and what is known of them afterwards."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.cluster.instance import Instance, InstanceSpec
from coordinator.cluster.messages import pack_outcomes, pack_tasks, unpack_outcomes, unpack_tasks
from coordinator.cluster.node import Wanted, differences, look
from coordinator.cluster.nodecache import NodeCache, parse_node_cache
from coordinator.contract import ErrorKind, Success, TaskError
from coordinator.core.tasks import Outcome, RemoteImage, StepTask, Task
from coordinator.errors import UsageError
from coordinator.pipeline import Per, Rung, Step
from coordinator.record.files import Files
from coordinator.record.journal import Journal
from coordinator.strictjson import Json
from tests.imageserver import serving
from tests.unit.builders import item, request, step
from tests.unit.fakes import FakeExecutor, Run
from tests.unit.test_scheduler import web

DETECT, SECOND = step("detect"), step("second")


@dataclass
class NodeExecutor(FakeExecutor):
    """Whoever runs a task fetches its images; ``contents`` tells what is behind a URL now."""

    contents: dict[str, str] = field(default_factory=dict)

    @property
    def fetches(self) -> int:
        return 0

    def _end(self, task: Task) -> Outcome:
        outcome = super()._end(task)
        assert isinstance(task, StepTask)
        came = tuple((image.path, self.contents.get(image.url, "first")) for image in task.images)
        return replace(outcome, fetched=came)


def session(
    path: Path, *names: str, steps: Sequence[Step] = (DETECT,), contents: dict[str, str] | None = None
) -> Run:
    run = Run(path=path, steps=steps, executor=NodeExecutor(contents=contents or {}))
    return run.over([web(name) for name in names])


def findings(path: Path) -> list[str]:
    with Journal(path / "run/journal.db") as journal:
        return [finding.text for finding in journal.images.findings(journal.session)]


class TestTheHead:
    def test_a_task_names_the_images_that_it_needs_and_none_is_fetched_before(self, tmp_path: Path) -> None:
        run = session(tmp_path, "r1")
        (task,) = run.executor.submitted
        assert isinstance(task, StepTask)
        assert task.images == (RemoteImage(path="/work/fetch/r1/image.jpg", url="https://h.example/r1.jpg"),)
        assert not any(name == "fetch" for name, _ in run.counts)

    def test_a_region_names_each_of_its_images_once_if_its_step_reads_any(self, tmp_path: Path) -> None:
        region = step("region", per=Per.REGION)
        run = session(tmp_path, "r1", "r2", steps=(DETECT, region))
        told = {task.id: task for task in run.executor.submitted if isinstance(task, StepTask)}
        assert [image.path.split("/")[3] for image in told["region/all"].images] == ["r1", "r2"]
        blind = region.model_copy(update={"reads": False, "params": {"other": 1}})
        (again,) = session(tmp_path, "r1", "r2", steps=(DETECT, blind)).executor.submitted
        assert isinstance(again, StepTask)
        assert again.images == ()

    def test_what_was_fetched_is_not_run_again(self, tmp_path: Path) -> None:
        session(tmp_path, "r1", "r2", steps=(DETECT, SECOND))
        assert session(tmp_path, "r1", "r2", steps=(DETECT, SECOND)).executor.submitted == []
        assert findings(tmp_path) == []

    def test_no_file_is_looked_at(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        looked: list[str] = []

        def note(_: Files, image: str) -> str:
            looked.append(image)
            return image

        for name in ("stamp", "content_stamp"):
            monkeypatch.setattr(Files, name, note)
        session(tmp_path, "r1")
        session(tmp_path, "r1")
        assert looked == []

    def test_a_change_in_mid_run_is_told_and_mended_by_the_next_run(self, tmp_path: Path) -> None:
        """The second step's node gets another image than the first one's."""

        class Changing(NodeExecutor):
            def _end(self, task: Task) -> Outcome:
                outcome = super()._end(task)
                self.contents = {"https://h.example/r1.jpg": "second"}
                return outcome

        steps = (DETECT, SECOND)
        Run(path=tmp_path, steps=steps, executor=Changing()).over([web("r1"), web("r2")])
        (told,) = findings(tmp_path)
        assert told.startswith(
            "1 images are others than when they were fetched before: 'https://h.example/r1.jpg';"
        )
        contents = {"https://h.example/r1.jpg": "second"}
        again = session(tmp_path, "r1", "r2", steps=steps, contents=contents)
        assert again.executor.steps_run() == ["detect/r1"]
        assert findings(tmp_path) == []
        assert session(tmp_path, "r1", "r2", steps=steps, contents=contents).executor.submitted == []

    def test_another_url_or_another_word_of_the_batch_makes_it_new(self, tmp_path: Path) -> None:
        def over(**changes: Any) -> list[str]:
            run = Run(path=tmp_path, steps=[DETECT], executor=NodeExecutor())
            return run.over([replace(web("r1"), **changes), web("r2")]).executor.steps_run()

        over()
        assert over(url="https://h.example/other.jpg") == ["detect/r1"]
        assert over(url="https://h.example/other.jpg", tag="v2") == ["detect/r1"]
        assert over(url="https://h.example/other.jpg", tag="v2") == []

    def test_messages_carry_images_and_what_was_fetched(self) -> None:
        one = StepTask(
            request=request("detect/r1", [item("r1")]),
            step=DETECT,
            image_id="id",
            images=(RemoteImage(path="/work/fetch/r1/image.jpg", url="s3://b/r1.jpg", tag="t", size=3),),
        )
        assert unpack_tasks(pack_tasks([one]), DETECT, "id") == [one]
        outcome = Outcome(
            task="detect/r1", result=Success(task="detect/r1", items=[]), fetched=(("p", "s"),), note="n"
        )
        assert unpack_outcomes(pack_outcomes([outcome])) == [outcome]


PROGRAM = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    item = request["items"][0]
    answer = {**item, "read": open(item["image"]).read()}
    print(json.dumps({"task": request["task"], "items": [answer]}), flush=True)
"""


class TestAnInstance:
    """A real one with a local process, without a cluster."""

    @pytest.fixture
    def spec(self, tmp_path: Path) -> InstanceSpec:
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)
        command = (sys.executable, str(program))
        reader = Step(name="read", image_ref="none", rung=Rung.PROCESS, command=command, writes=False)
        for name in ("batch", "work"):
            (tmp_path / name).mkdir()
        return InstanceSpec(
            step=reader,
            image_id="",
            files=Files(batch=tmp_path / "batch", work=tmp_path / "work"),
            owner=tmp_path,
            label="run-1",
            wanted=Wanted(),
            run="run",
            cache=NodeCache(folder=str(tmp_path / "cache"), limit=10**6),
        )

    def ask(self, spec: InstanceSpec, *tasks: StepTask) -> dict[str, Outcome]:
        with closing(Instance(spec, [])) as instance:
            outcomes = unpack_outcomes(instance.run(pack_tasks(tasks)))
        assert not list((spec.files.work / "fetch").glob("*"))
        return {one.task: one for one in outcomes}

    def task(self, spec: InstanceSpec, name: str, *urls: str) -> StepTask:
        images = tuple(
            RemoteImage(path=f"/work/fetch/{name}{n}/image.jpg", url=url) for n, url in enumerate(urls)
        )
        items = [{"id": name, "image": images[0].path}]
        made = request(f"read/{name}", items).model_copy(update={"step": "read"})
        return StepTask(request=made, step=spec.step, image_id="", images=images)

    def test_a_task_comes_to_its_step_when_all_of_its_images_are_there(self, spec: InstanceSpec) -> None:
        with serving() as served:
            served.bodies.update({"/a": b"text of a", "/b": b"text of b"})
            one, gone = (
                self.task(spec, "a", served.url("a"), served.url("b")),
                self.task(spec, "c", served.url("c")),
            )
            outcomes = self.ask(spec, one, gone)
        read = outcomes["read/a"]
        assert isinstance(read.result, Success)
        assert read.result.items == [{"id": "a", "image": "/work/fetch/a0/image.jpg", "read": "text of a"}]
        assert Counter(path for path, _ in read.fetched) == Counter(image.path for image in one.images)
        assert read.times.fetch is not None
        failed = outcomes["read/c"].result
        assert isinstance(failed, TaskError)
        assert failed.kind is ErrorKind.BAD_INPUT
        assert spec.cache is not None
        assert not list((spec.cache.on_this_node() / "views").iterdir())

    def test_more_than_the_cache_may_hold_is_told(self, spec: InstanceSpec) -> None:
        assert spec.cache is not None
        small = replace(spec, cache=replace(spec.cache, limit=10))
        with serving() as served:
            served.bodies.update({f"/{n}": b"text of a image" for n in range(3)})
            task = self.task(spec, "a", *(served.url(str(n)) for n in range(3)))
            (outcome,) = self.ask(small, task).values()
        assert isinstance(outcome.result, Success)
        assert outcome.note is not None
        assert "may hold 10 bytes, and tasks use 45 of it" in outcome.note

    def test_a_cache_that_cannot_be_used_fails_tasks_that_need_it(
        self, spec: InstanceSpec, tmp_path: Path
    ) -> None:
        (tmp_path / "cache").touch()
        (tmp_path / "batch/b.jpg").write_text("text of b")
        local = self.task(spec, "b", "http://127.0.0.1:1/b")
        items: list[Json] = [{"id": "b", "image": "/batch/b.jpg"}]
        needs_none = replace(local, images=(), request=local.request.model_copy(update={"items": items}))
        outcomes = self.ask(spec, self.task(spec, "a", "http://127.0.0.1:1/a"), needs_none)
        failed = outcomes["read/a"].result
        assert isinstance(failed, TaskError)
        assert "this node fetches nothing: its image cache cannot be used" in failed.message
        assert isinstance(outcomes["read/b"].result, Success)

    def test_who_is_cancelled_fetches_no_more(self, spec: InstanceSpec) -> None:
        with serving() as served, closing(Instance(spec, [])) as instance:
            served.bodies["/a"] = b"text"
            served.held.add("/a")
            task = self.task(spec, "a", served.url("a"))
            answers: list[bytes] = []
            asking = threading.Thread(target=lambda: answers.append(instance.run(pack_tasks([task]))))
            asking.start()
            while not served.asked:
                pass
            instance.cancel()
            served.go.set()
            asking.join(60)
            (outcome,) = unpack_outcomes(answers[0])
            assert isinstance(outcome.result, TaskError)
            assert outcome.result.kind is ErrorKind.CANCELLED


class TestWhereANodeKeepsThem:
    @pytest.mark.parametrize(
        ("text", "cache"),
        [
            (None, NodeCache()),
            ("/scratch", NodeCache(folder="/scratch")),
            ("/scratch:2g", NodeCache(folder="/scratch", limit=2 * 1024**3)),
            (":500m", NodeCache(limit=500 * 1024**2)),
        ],
    )
    def test_it_is_read_from_the_command_line(self, text: str | None, cache: NodeCache) -> None:
        assert parse_node_cache(text) == cache

    @pytest.mark.parametrize("text", ["", ":", "scratch:2g", "/scratch:much", "/scratch:0"])
    def test_what_is_no_folder_and_size_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="--node-cache"):
            parse_node_cache(text)

    def test_without_a_folder_it_is_the_user_s(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
        assert NodeCache().on_this_node() == Path("/caches/coordinator/images")

    @pytest.fixture
    def unwritable(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        return tmp_path

    def test_a_node_that_cannot_write_there_is_refused_if_the_batch_needs_it(self, unwritable: Path) -> None:
        wanted = Wanted(schemes=("https",), cache=NodeCache(folder=str(unwritable / "images")))
        here = look(replace(wanted, schemes=()))
        assert not list(differences(here, here))
        (difference,) = differences(look(wanted), here)
        assert difference.startswith(
            f"cannot keep images: {str(unwritable)!r} cannot be written; name a folder"
        )

    def test_a_node_without_the_packages_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        facts = {**look(Wanted()), "packages": ["s3fs"]}
        (difference,) = differences(facts, look(Wanted()))
        assert "pip install 'coordinator[remote]'" in difference
