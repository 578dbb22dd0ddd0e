"""How much of what was detected came onto the map, from the journal, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.findings import Level
from coordinator.pipeline import Need, Per
from coordinator.record.journal import Journal
from coordinator.record.mapped import Mapped, doubled, mapped
from coordinator.strictjson import Json
from tests.unit.builders import step

STEPS = (step("detect"), step("position", Per.REGION, needs=(Need.POSES,)), step("recognise"))


def photograph(name: str, detections: int, **given: object) -> Json:
    pose = {"pose": {"x": 1.0}, "camera": {"model": "equirectangular"}}
    return {"id": name, "detections": [{"bbox": [0, 0, 1, 1]}] * detections, **pose, **given}


def thing(name: str, *seen: tuple[str, int]) -> Json:
    views = [{"recording": recording, "detection": number} for recording, number in seen]
    return {"id": name, "position": {"x": 1.0, "y": 2.0}, "observations": views}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal(tmp_path / "journal.db")
    made.begin_session()
    return made


def ended(journal: Journal, name: str, *items: Json) -> None:
    journal.succeeded(f"{name}/all", name, "all", f"key-{name}", list(items))


def test_detections_that_an_object_is_seen_in_over_all_that_came_in(journal: Journal) -> None:
    ended(journal, "detect", photograph("a", 3), photograph("b", 2, pose=None))
    ended(journal, "position", thing("o1", ("a", 0), ("b", 1)), thing("o2", ("a", 1), ("b", 1)))
    ended(journal, "recognise", thing("o1", ("a", 0), ("b", 1)))
    came = mapped(journal, STEPS, (9, 9, 9))
    assert came == Mapped(objects=1, placed=3, detections=5, recordings=2, posed=1)
    assert str(came) == "1, from 3 of 5 detections in 2 recordings"


def test_what_the_batch_brings_counts_where_positioning_is_first(journal: Journal) -> None:
    ended(journal, "position", thing("o1", ("a", 0), ("b", 1)))
    came = mapped(journal, STEPS[1:2], (7, 6, 20, 5))
    assert came == Mapped(objects=1, placed=2, detections=20, recordings=7, posed=6, stated=5)


def test_poses_of_which_the_accuracy_is_known_and_refined_ones(journal: Journal) -> None:
    stated = {"x": 1.0, "accuracy": {"position_m": 3.0}}
    ended(journal, "detect", photograph("a", 1), photograph("b", 1, pose=stated, aligned=True))
    came = mapped(journal, STEPS, ())
    assert came is not None
    assert (came.posed, came.stated, came.aligned) == (2, 1, 1)


def test_a_pipeline_that_makes_no_map_has_none(journal: Journal) -> None:
    assert mapped(journal, STEPS[:1], (1, 1, 1)) is None


class TestDoubled:
    def test_a_neighbour_that_no_recording_shows_beside_it(self) -> None:
        a, b, c = frozenset("ab"), frozenset("cd"), frozenset("bc")
        assert doubled([(0.0, 0.0, 2.0, a), (2.5, 0.0, 2.0, b)]) == 2
        assert doubled([(0.0, 0.0, 2.0, a), (2.5, 0.0, 2.0, c)]) == 0
        assert doubled([(0.0, 0.0, 2.0, a), (3.5, 0.0, 2.0, b)]) == 0
        assert doubled([(0.0, 0.0, 2.0, a), (0.0, 0.0, 44.0, b)]) == 2
        assert doubled([(0.0, 0.0, 2.0, a), (1.0, 0.0, 4.0, b)]) == 0
        assert doubled([(-0.1, 5.9, 2.0, a), (0.1, 6.1, 2.0, b), (90.0, 0.0, 2.0, b)]) == 2

    def test_a_thing_that_nothing_shows_is_not_its_own_double(self) -> None:
        assert doubled([(0.0, 0.0, 0.0, frozenset())]) == 0


def figures(**given: int) -> Mapped:
    return Mapped(**{"objects": 5, "placed": 80, "detections": 100, "recordings": 9, "posed": 9, **given})


class TestFindings:
    def test_none_where_most_came_onto_the_map(self) -> None:
        assert list(figures().findings()) == []

    def test_a_small_share_is_a_warning_with_it(self) -> None:
        (found,) = figures(placed=25).findings()
        assert (found.kind, found.level) == ("few-placed", Level.WARNING)
        assert found.text.startswith("only 25% of the detections came onto the map")

    def test_what_helps_and_has_not_been_done(self) -> None:
        (found,) = figures(placed=25).findings()
        assert "accuracy: {position_m: 3, heading_deg: 5}" in found.text
        assert "coordinator align" in found.text
        (found,) = figures(placed=25, stated=9).findings()
        assert "accuracy" not in found.text
        assert "coordinator align" in found.text
        (found,) = figures(placed=25, stated=9, aligned=9).findings()
        assert "align" not in found.text

    def test_doubles_are_a_warning_if_they_are_many(self) -> None:
        (found,) = figures(objects=26, doubled=19).findings()
        assert found.text.startswith("19 of 26 objects stand within 3 m of another that no recording shows")
        assert list(figures(objects=60, doubled=5).findings()) == []
        assert list(figures(objects=4, doubled=2).findings()) == []

    def test_of_a_handful_nothing_is_said(self) -> None:
        assert list(figures(placed=2, detections=9).findings()) == []

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"detections": 0}, "nothing was detected in 9 recordings"),
            ({"posed": 0}, "none of 9 recordings has a pose and a camera"),
            ({"placed": 0}, "no two of 100 detections agree on a place"),
            ({}, "80 detections were positioned, and a later step kept none of them"),
            ({"recordings": 0}, "no recording came as far as positioning"),
        ],
    )
    def test_no_object_says_why(self, given: dict[str, int], reason: str) -> None:
        (found,) = figures(objects=0, **given).findings()
        assert found.kind == "no-objects"
        assert reason in found.text
