"""Steps that misbehave, on a real engine: each fault fails its own task, tells why, and harms nobody else.

One run has an item for every fault of a program that answers once; what a program does that is kept, and what
attempts cost, has runs of its own. docs/faults.md lists these tests.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from coordinator.errors import ExitCode
from coordinator.pipeline import Rung
from coordinator.record.journal import Status
from coordinator.runners import workfolder
from coordinator.runners.engine import Engine
from tests.integration.conftest import STEPS, Workshop, left_behind
from tests.integration.invariants import violations
from tests.integration.ran import Ran, attempts, run_by_hand

HEALTHY = ("healthy-1", "healthy-2", "healthy-3")
HARMLESS = ("leave_children",)
FAULTS = (
    "exit_1", "crash", "exit_125", "exit_137", "segfault", "answer_and_fail", "crash_rudely", "eat_memory",
    "fork_without_end", "fill_tmp", "write_without_end", "leave_link", "junk", "part", "two_documents",
    "silent", "not_utf_8", "not_a_number", "infinite", "deep", "digits", "wrong_task", "no_task", "no_id", "twin_ids",
    "items_twice", "long_error", "far_away", "nest_folders", "image_above", "image_outside",
)  # fmt: skip
LATE = ("hang", "answer_late")
"""Those that are a matter of time are in a run of their own: in that of the others, nothing is."""
PYTHON = {"command": ["python3", str(STEPS / "chaos" / "chaos.py")]}
CHUNK: dict[str, Any] = {"chunk": 4}
RESIDENT: dict[str, Any] = {"rung": Rung.RESIDENT}
KEPT: list[dict[str, Any]] = [{"rung": Rung.EXEC}, RESIDENT, {"rung": Rung.PROCESS}, CHUNK]


def way_of(options: dict[str, Any]) -> str:
    """The name of a way to run tasks."""
    return ", ".join(f"{name} {value}" for name, value in options.items())


@pytest.fixture(scope="module")
def ran(engine: Engine, chaos_image: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of one-shot containers over an item for every fault, as a user starts it."""
    workshop = Workshop(tmp_path_factory.mktemp("faults"))
    workshop.photographs(*(f"{name}.jpg" for name in (*HEALTHY, *HARMLESS, *FAULTS)))
    faults = {f"{name}.jpg": name for name in (*HARMLESS, *FAULTS)}
    step = {"name": "step", "image_ref": chaos_image, "timeout": 600, "params": {"faults": faults}}
    # More memory than /tmp can take, so that a full /tmp is a fault of its own.
    return run_by_hand(workshop, engine, {**step, "resources": {"cpus": 0.5, "memory": "320m"}})


@pytest.fixture(scope="module")
def ran_late(engine: Engine, chaos_image: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The same over those items of which no answer comes in time."""
    workshop = Workshop(tmp_path_factory.mktemp("late"))
    workshop.photographs(*(f"{name}.jpg" for name in LATE))
    params = {"faults": {f"{name}.jpg": name for name in LATE}, "late": 600}
    return run_by_hand(
        workshop, engine, {"name": "step", "image_ref": chaos_image, "timeout": 3, "params": params}
    )


class TestTheOthers:
    def test_healthy_items_are_done_and_right(self, ran: Ran) -> None:
        items = ran.items("step")
        assert sorted(items) == sorted(f"{name}.jpg" for name in (*HEALTHY, *HARMLESS))
        for name, item in items.items():
            assert (item["image"], item["width"], item["height"]) == (f"/batch/{name}", 16, 12)

    def test_the_user_sees_how_many_failed_why_and_where_to_look(self, ran: Ran) -> None:
        assert ran.code == ExitCode.SOME_FAILED
        assert f"step        {len(HEALTHY) + len(HARMLESS)} succeeded, {len(FAULTS)} failed" in ran.seen
        assert "failed: 'step/answer_and_fail.jpg': crash: the step ended with exit code 5" in ran.seen
        assert f"... and {len(FAULTS) - 20} more" in ran.seen
        assert f"evidence    {ran.workshop.out}/failures/" in ran.seen
        assert all(line.isprintable() for line in ran.seen.splitlines())


class TestItsEnd:
    def test_exit_code_1(self, ran: Ran) -> None:
        report = ran.failure("step/exit_1.jpg", "crash", "exit code 1: about to end with 1")
        assert (report["exit_code"], report["attempt"]) == (1, 1)

    def test_another_exit_code_with_its_last_words(self, ran: Ran) -> None:
        ran.failure("step/crash.jpg", "crash", "the step ended with exit code 3: about to crash")
        assert (ran.evidence("step/crash.jpg") / "stderr").read_text() == "about to crash\n"

    def test_exit_code_125_is_not_the_engines(self, ran: Ran) -> None:
        assert ran.failure("step/exit_125.jpg", "crash", "exit code 125: about to end")["exit_code"] == 125

    def test_exit_code_137_of_its_own_making_is_not_called_out_of_memory(self, ran: Ran) -> None:
        report = ran.failure("step/exit_137.jpg", "crash", "exit code 137 (killed; by whom is not known)")
        assert report["out_of_memory"] is False

    def test_death_by_a_signal(self, ran: Ran) -> None:
        assert ran.failure("step/segfault.jpg", "crash", "exit code 139")["exit_code"] == 139

    def test_an_answer_and_then_a_bad_exit_code(self, ran: Ran) -> None:
        ran.failure("step/answer_and_fail.jpg", "crash", "exit code 5")
        assert b"answer_and_fail.jpg" in (ran.evidence("step/answer_and_fail.jpg") / "stdout").read_bytes()

    def test_last_words_that_would_steer_the_terminal(self, ran: Ran) -> None:
        ran.failure("step/crash_rudely.jpg", "crash", r"exit code 4: \x1b[2J\x1b]0;mine\x07 caf", r"\x00 end")
        assert (ran.evidence("step/crash_rudely.jpg") / "stderr").read_bytes().startswith(b"\x1b[2J")

    def test_a_hang_that_ignores_sigterm(self, ran_late: Ran) -> None:
        ran_late.failure("step/hang.jpg", "timeout", "no answer within 3 s; the step was killed")

    def test_an_answer_after_the_timeout(self, ran_late: Ran) -> None:
        ran_late.failure("step/answer_late.jpg", "timeout", "no answer within 3 s")
        assert (ran_late.evidence("step/answer_late.jpg") / "stdout").read_bytes() == b""


class TestItsAnswer:
    def test_junk(self, ran: Ran) -> None:
        ran.failure("step/junk.jpg", "protocol", "not one JSON document, at byte 0", "'this is no JSON'")
        assert (ran.evidence("step/junk.jpg") / "stdout").read_bytes() == b"this is no JSON\n"

    def test_part_of_a_document(self, ran: Ran) -> None:
        ran.failure("step/part.jpg", "protocol", "not one JSON document, at byte")

    def test_two_documents(self, ran: Ran) -> None:
        ran.failure("step/two_documents.jpg", "protocol", "two documents where one is due")

    def test_no_answer_at_all(self, ran: Ran) -> None:
        ran.failure(
            "step/silent.jpg", "protocol", "ended without a response; one line of JSON on stdout is due"
        )

    def test_what_is_no_utf_8(self, ran: Ran) -> None:
        ran.failure("step/not_utf_8.jpg", "protocol", "not UTF-8 at byte 13", r"caf\xe9")

    def test_nan(self, ran: Ran) -> None:
        ran.failure("step/not_a_number.jpg", "protocol", "NaN is not finite")

    def test_1e400(self, ran: Ran) -> None:
        ran.failure("step/infinite.jpg", "protocol", "1e400 is not finite")

    def test_100000_levels_of_nesting(self, ran: Ran) -> None:
        ran.failure("step/deep.jpg", "protocol", "nested")

    def test_a_number_of_5000_digits(self, ran: Ran) -> None:
        ran.failure("step/digits.jpg", "protocol", "a number has 5000 digits")

    def test_another_tasks_id(self, ran: Ran) -> None:
        told = "the response is for task 'step/nobody.jpg', task 'step/wrong_task.jpg' was asked"
        ran.failure("step/wrong_task.jpg", "protocol", told)

    def test_no_task_id(self, ran: Ran) -> None:
        ran.failure("step/no_task.jpg", "protocol", "breaks the contract: task: Field required")

    def test_an_item_without_id(self, ran: Ran) -> None:
        ran.failure("step/no_id.jpg", "protocol", "item 0 has no id (a non-empty string)")

    def test_items_twice_in_one_answer(self, ran: Ran) -> None:
        ran.failure("step/items_twice.jpg", "protocol", "the key 'items' stands twice in one object")

    def test_two_items_of_one_id(self, ran: Ran) -> None:
        ran.failure("step/twin_ids.jpg", "protocol", "two items have the id 'twin_ids.jpg'")

    def test_its_own_error_of_10_mb(self, ran: Ran) -> None:
        told = r"\x1b[31mbecause because"
        report = ran.failure("step/long_error.jpg", "internal", told, "(cut; 10000005 characters in all)")
        assert report["exit_code"] == 0
        with sqlite3.connect(ran.workshop.out / "journal.db") as journal:
            (longest,) = journal.execute("SELECT MAX(LENGTH(error_message)) FROM attempts").fetchone()
        assert longest <= 1000

    def test_an_object_off_the_globe(self, ran: Ran) -> None:
        told = "item 0 has a position more than 100,000,000 m from the CRS's origin"
        ran.failure("step/far_away.jpg", "protocol", told)

    def test_an_image_that_climbs_out(self, ran: Ran) -> None:
        told = "names the image '/work/../../etc/passwd': images lie below /batch or /work"
        ran.failure("step/image_above.jpg", "protocol", told)

    def test_an_image_from_elsewhere(self, ran: Ran) -> None:
        ran.failure("step/image_outside.jpg", "protocol", "names the image '/etc/passwd'")


class TestWhatItTakes:
    def test_all_memory(self, ran: Ran) -> None:
        report = ran.failure("step/eat_memory.jpg", "crash", "exit code 137")
        assert report["out_of_memory"] is not False  # an engine may not know

    def test_processes_without_end(self, ran: Ran) -> None:
        ran.failure(
            "step/fork_without_end.jpg",
            "crash",
            "exit code 1: BlockingIOError",
            "Resource temporarily unavailable",
        )

    def test_all_of_tmp(self, ran: Ran) -> None:
        ran.failure("step/fill_tmp.jpg", "crash", "exit code 1: OSError", "No space left on device")

    def test_a_file_that_grows_without_end(self, ran: Ran) -> None:
        ran.failure("step/write_without_end.jpg", "crash", "exit code 1: OSError", "File too large")

    def test_children_that_live_on_and_zombies_go_with_its_container(self, ran: Ran) -> None:
        assert "leave_children.jpg" in ran.items("step")

    def test_a_link_that_leads_out_of_its_folder(self, ran: Ran) -> None:
        ran.failure(
            "step/leave_link.jpg",
            "protocol",
            "left 'image.jpg' in its work folder, which is a link",
        )

    def test_folders_in_each_other_beyond_all_measure(self, ran: Ran) -> None:
        ran.failure("step/nest_folders.jpg", "protocol", "folders in each other, too many to be looked into")

    def test_more_files_than_may_be_kept(
        self, workshop: Workshop, chaos_image: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workfolder, "MAX_WRITTEN", 4_000_000)
        workshop.photographs("bad.jpg", "good.jpg")
        params = {"fault": "write_much", "only": ["bad.jpg"]}
        summary = workshop.run({"name": "step", "image_ref": chaos_image, "params": params})
        assert summary.exit_code is ExitCode.SOME_FAILED
        assert [item["id"] for item in workshop.items("step")] == ["good.jpg"]
        report = workshop.failure("step%2Fbad.jpg")
        assert report["error"] == {
            "kind": "protocol",
            "message": "the step left more than 4,000,000 bytes in its work folder",
        }
        assert list((workshop.out / "work" / "step").iterdir()) == []


class TestAPoisonItem:
    """It kills its step every time: it fails for good after its attempts, and costs nobody else one."""

    @pytest.mark.parametrize("way", [{"rung": Rung.FRESH}, RESIDENT, CHUNK], ids=way_of)
    def test_it_is_given_up_after_its_attempts(
        self, workshop: Workshop, chaos_loop_image: str, way: dict[str, Any]
    ) -> None:
        names = [f"{number}.jpg" for number in range(6)]
        workshop.photographs(*names)
        params = {"fault": "crash", "only": ["3.jpg"], "loop": True}
        step = {"name": "step", "image_ref": chaos_loop_image, "retries": 2, "params": params}
        summary = workshop.run(step, **way)
        assert summary.exit_code is ExitCode.SOME_FAILED
        assert [item["id"] for item in workshop.items("step")] == [name for name in names if name != "3.jpg"]
        assert workshop.failure("step%2F3.jpg")["attempt"] == 3
        assert attempts(workshop) == {f"step/{name}": 3 if name == "3.jpg" else 1 for name in names}


@pytest.fixture(scope="module", params=KEPT, ids=way_of)
def kept(
    request: pytest.FixtureRequest,
    engine: Engine,
    chaos_loop_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Workshop:
    """A run in which some items make the program die, babble, hang or answer late."""
    workshop = Workshop(tmp_path_factory.mktemp("kept"))
    faults = ("answer_late", "crash", "hang", "junk", "wrong_task")
    names = [f"{name}.jpg" for name in (*faults, *HEALTHY)]
    workshop.photographs(*names)
    params = {"faults": {f"{name}.jpg": name for name in faults}, "late": 5, "loop": True}
    step = {"name": "step", "image_ref": chaos_loop_image, "timeout": 4, "params": params, **PYTHON}
    summary = workshop.run(step, **request.param)
    assert summary.counts == {("step", Status.SUCCEEDED): 3, ("step", Status.FAILED): 5}
    assert not left_behind(engine, workshop.folder)
    assert not violations(workshop.out)
    assert set(attempts(workshop).values()) == {1}
    return workshop


class TestAKeptProgram:
    """On the rungs that keep a program, only the task at fault pays; the others get a new program."""

    @staticmethod
    def failure(workshop: Workshop, fault: str, kind: str, says: str) -> None:
        report = workshop.failure(f"step%2F{fault}.jpg")
        assert report["error"]["kind"] == kind
        assert says in report["error"]["message"]
        assert json.loads((workshop.out / "failures" / f"step%2F{fault}.jpg" / "request.json").read_bytes())

    def test_that_dies_in_mid_task(self, kept: Workshop) -> None:
        self.failure(kept, "crash", "crash", "exit code 3")

    def test_that_babbles(self, kept: Workshop) -> None:
        self.failure(kept, "junk", "protocol", "not one JSON document")

    def test_that_hangs(self, kept: Workshop) -> None:
        self.failure(kept, "hang", "timeout", "no answer within 4 s")

    def test_that_answers_for_another_task(self, kept: Workshop) -> None:
        self.failure(kept, "wrong_task", "protocol", "the response is for task 'step/nobody.jpg'")

    def test_that_answers_after_its_timeout_is_taken_for_no_other_task(self, kept: Workshop) -> None:
        self.failure(kept, "answer_late", "timeout", "no answer within 4 s")
        items = kept.items("step")
        assert [item["id"] for item in items] == [f"{name}.jpg" for name in HEALTHY]
        assert not any("late" in item for item in items)
