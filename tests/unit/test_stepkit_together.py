"""A step that takes the tasks that already wait at once: which they are, and that nobody could tell by the answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steps.stepkit import BadInput, Json, Task
from steps.stepkit.lines import Lines
from steps.stepkit.loop import answer, answers
from tests.unit.builders import PROPERTY, item, request

ROOT = Path(__file__).resolve().parents[2]
JUNK = b"junk\n"


def line(name: str) -> bytes:
    return request(f"detect/{name}", [item(name)]).line()


class TestLines:
    def taken(self, written: bytes, most: int = 3) -> list[list[bytes]]:
        """The groups of lines of an input that was written and ended before the first was asked for."""
        reader, writer = os.pipe()
        os.write(writer, written)
        os.close(writer)
        try:
            return list(Lines(reader).groups(most))
        finally:
            os.close(reader)

    def test_as_many_as_wait_and_no_more_than_are_wanted(self) -> None:
        assert self.taken(b"a\nb\nc\nd\n") == [[b"a", b"b", b"c"], [b"d"]]

    def test_blank_lines_are_none_and_the_last_needs_no_end(self) -> None:
        assert self.taken(b"\n a\n \n\nb") == [[b" a", b"b"]]
        assert self.taken(b"\n \n") == self.taken(b"") == []

    def test_nothing_is_waited_for_once_there_is_a_line(self) -> None:
        """Half a line behind a whole one is not waited for, and neither is more when a line has come."""
        reader, writer = os.pipe()
        groups = Lines(reader).groups(8)
        os.write(writer, b"a\nhal")
        assert next(groups) == [b"a"]
        os.write(writer, b"f\nb\nc\n")
        assert next(groups) == [b"half", b"b", b"c"]
        os.close(writer)
        assert next(groups, None) is None
        os.close(reader)

    @PROPERTY
    @given(
        lines=st.lists(
            st.binary(min_size=1, max_size=400_000).filter(lambda one: b"\n" not in one and one.strip())
        ),
        most=st.integers(1, 5),
    )
    def test_no_line_is_lost_or_cut(self, lines: list[bytes], most: int) -> None:
        reader, writer = os.pipe()

        def write() -> None:
            with os.fdopen(writer, "wb") as file:
                file.write(b"\n".join(lines))

        thread = Thread(target=write)
        thread.start()
        groups = list(Lines(reader).groups(most))
        thread.join()
        os.close(reader)
        assert [one for group in groups for one in group] == lines
        assert all(1 <= len(group) <= most for group in groups)


def handle(task: Task) -> list[Json]:
    if task.item["id"].startswith("bad"):
        raise BadInput("is bad")
    return [{**task.item, "seen": 1}]


def each(tasks: Sequence[Task]) -> list[list[Json] | BadInput]:
    """What :func:`handle` gives, for several."""
    found: list[list[Json] | BadInput] = []
    for task in tasks:
        try:
            found.append(handle(task))
        except BadInput as error:
            found.append(error)
    return found


def without_time(reply: bytes) -> Json:
    document: Json = json.loads(reply)
    document.pop("metrics", None)
    return document


class TestAnswers:
    def test_they_are_those_of_one_by_one(self) -> None:
        lines = [line("a"), JUNK, line("bad1"), line("b")]
        found = [without_time(reply) for reply in answers(handle, each, lines)]
        assert found == [without_time(answer(handle, one)) for one in lines]
        assert ["error" in one for one in found] == [False, True, True, False]

    def test_each_has_its_share_of_the_time(self) -> None:
        metrics = [json.loads(reply)["metrics"] for reply in answers(handle, each, [line("a"), line("b")])]
        assert metrics[0] == metrics[1]
        assert metrics[0]["together"] == 2

    def test_a_single_one_is_a_task_as_ever(self) -> None:
        def never(tasks: Sequence[Task]) -> list[list[Json] | BadInput]:
            raise AssertionError

        (reply, junk) = answers(handle, never, [line("a"), JUNK])
        assert "together" not in json.loads(reply)["metrics"]
        assert "error" in json.loads(junk)

    def test_one_by_one_may_be_as_good(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Then each answer is there before the next task is begun, and nothing is said of it."""
        done: list[str] = []

        def noted(task: Task) -> list[Json]:
            done.append(task.id)
            return task.items

        found = answers(noted, lambda tasks: None, [line("a"), line("b")])
        assert b"detect/a" in next(found)
        assert done == ["detect/a"]
        assert b"detect/b" in next(found)
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("fault", ["raises", "too few", "no json", "late"])
    def test_what_cannot_be_done_at_once_is_done_one_by_one(
        self, fault: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken(tasks: Sequence[Task]) -> Sequence[Iterable[Json] | BadInput]:
            found = each(tasks)
            if fault == "raises":
                raise MemoryError("a batch of 3 is too much")
            if fault == "too few":
                return found[:-1]
            if fault == "no json":
                return [[{"id": "a", "score": float("nan")}], *found[1:]]
            return [({"id": str(1 // 0)} for _ in "x"), *found[1:]]

        lines = [line("a"), line("bad1"), line("b")]
        found = [without_time(reply) for reply in answers(handle, broken, lines)]
        assert found == [without_time(answer(handle, one)) for one in lines]
        assert ("one by one" in capsys.readouterr().err) == (fault != "no json")


def test_as_a_process_it_takes_what_waits_and_answers_each(tmp_path: Path) -> None:
    program = (
        "from steps.stepkit import serve\n"
        "def many(tasks):\n"
        "    print(len(tasks), 'at once')\n"
        "    return [task.items for task in tasks]\n"
        "serve(lambda task: task.items, many, most=4)\n"
    )
    names = [f"r{number}" for number in range(9)]
    (waiting := tmp_path / "waiting").write_bytes(b"".join(line(name) for name in names))
    with waiting.open("rb") as file:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdin=file, capture_output=True, cwd=ROOT, check=True
        )
    assert [json.loads(one)["task"] for one in ended.stdout.splitlines()] == [
        f"detect/{name}" for name in names
    ]
    assert ended.stderr.splitlines() == [b"4 at once", b"4 at once"]
