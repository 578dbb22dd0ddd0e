"""What recordings beside one another tell of each other, in the order in which they come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.batch import neighbours
from coordinator.batch.neighbours import completed
from coordinator.batch.recording import BadRecording, Place, Recording
from coordinator.formats.remarks import Remark
from tests.unit.builders import PROPERTY

BAD = BadRecording(id="bad", reason="it is")


def at(number: int, x: float, y: float, z: float | None = 0.0, heading: float | None = 0.0) -> Recording:
    place = Place(x=x, y=y, z=z, heading=heading)
    return Recording(id=f"r{number}", item={"id": f"r{number}", "pose": place.pose()}, place=place)


def along(count: int, *, z: float | None = 0.0, heading: float | None = None) -> list[Recording]:
    """A street to the east, a recording every five metres."""
    return [at(number, 5.0 * number, 0.0, z, heading) for number in range(count)]


def timed(one: Recording, taken: float) -> Recording:
    assert one.place is not None
    return replace(one, place=replace(one.place, taken=taken))


def headings(found: Iterable[object]) -> list[float | None]:
    return [one.place.heading if isinstance(one, Recording) and one.place else None for one in found]


def heights(found: Iterable[object]) -> list[float | None]:
    return [one.place.z if isinstance(one, Recording) and one.place else None for one in found]


class TestHeading:
    def test_the_direction_of_travel(self) -> None:
        found = list(completed(along(3)))
        assert headings(found) == [90.0, 90.0, 90.0]
        assert all(Remark.HEADING_FROM_TRAVEL in one.remarks for one in found if isinstance(one, Recording))
        assert isinstance(found[1], Recording)
        assert found[1].item["pose"] == {
            "x": 5.0, "y": 0.0, "z": 0.0, "heading": 90.0, "pitch": 0.0, "roll": 0.0
        }  # fmt: skip

    def test_a_gentle_bend_is_halved(self) -> None:
        found = completed(
            [at(0, 0, 0, heading=None), at(1, 0, 5, heading=None), at(2, 5, 13.66, heading=None)]
        )
        assert headings(found) == pytest.approx([0.0, 15.0, 30.0], abs=0.01)

    def test_a_corner_tells_none(self) -> None:
        found = completed([at(0, 0, 0, heading=None), at(1, 0, 5, heading=None), at(2, 5, 5, heading=None)])
        assert headings(found) == [0.0, None, 90.0]

    @pytest.mark.parametrize("step", [0.3, 80.0])
    def test_a_step_that_is_too_short_or_too_long_tells_none(self, step: float) -> None:
        found = completed([at(0, 0, 0, heading=None), at(1, step, 0, heading=None)])
        assert headings(found) == [None, None]

    def test_times_say_which_was_first(self) -> None:
        given = [timed(one, -number) for number, one in enumerate(along(3))]
        assert headings(completed(given)) == [270.0, 270.0, 270.0]
        given = [timed(one, 10.0 * number) for number, one in enumerate(along(3))]
        assert headings(completed(given)) == [90.0, 90.0, 90.0]
        assert headings(completed([timed(one, 0.0) for one in along(2)])) == [90.0, 90.0]

    def test_what_was_taken_much_later_was_another_drive(self) -> None:
        given = [timed(one, seconds) for one, seconds in zip(along(3), (0.0, 1.0, 900.0), strict=True)]
        assert headings(completed(given)) == [90.0, 90.0, None]

    def test_what_is_told_stays(self) -> None:
        assert headings(completed(along(3, heading=12.0))) == [12.0] * 3

    def test_what_has_no_place_or_is_bad_waits_for_nobody(self) -> None:
        nowhere = Recording(id="n", item={"id": "n", "pose": None})
        given: list[Recording | BadRecording] = [along(1)[0], BAD, nowhere, at(1, 5.0, 0.0, heading=None)]
        found = list(completed(given))
        assert [one.id for one in found] == ["r0", "bad", "n", "r1"]
        assert headings(found) == [90.0, None, None, 90.0]


class TestHeight:
    def test_a_batch_without_any_is_flat(self) -> None:
        found = list(completed(along(3, z=None, heading=0.0)))
        assert heights(found) == [0.0, 0.0, 0.0]
        assert all(one.remarks == (Remark.FLAT,) for one in found if isinstance(one, Recording))

    def test_the_nearer_neighbours(self) -> None:
        given = [
            at(0, 0, 0, 40.0),
            at(1, 5, 0, None),
            at(2, 50, 0, None),
            at(3, 60, 0, 44.0),
            at(4, 65, 0, None),
        ]
        found = list(completed(given))
        assert heights(found) == [40.0, 40.0, 44.0, 44.0, 44.0]
        marked = [Remark.HEIGHT_FROM_NEIGHBOUR in one.remarks for one in found if isinstance(one, Recording)]
        assert marked == [False, True, True, False, True]

    def test_the_first_ones_wait_for_it(self) -> None:
        assert heights(completed([*along(2, z=None, heading=0.0), at(2, 10, 0, 42.0)])) == [42.0] * 3

    def test_a_neighbour_far_away_tells_none(self) -> None:
        (_, far) = completed([at(0, 0, 0, 42.0), at(1, 5000, 0, None)])
        assert isinstance(far, Recording)
        assert far.item["pose"] is None
        assert far.remarks == (Remark.NO_HEIGHT,)

    def test_a_height_after_very_many_without_one_is_not_mixed_with_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Those that could wait no longer were taken for flat; from the first height on, none is made up."""
        monkeypatch.setattr(neighbours, "_MAX_WAITING", 2)
        found = list(completed([*along(5, z=None, heading=0.0), at(5, 25, 0, 42.0), at(6, 9000, 0, None)]))
        assert heights(found)[5:] == [42.0, None]

    def test_recordings_that_lack_nothing_are_passed_on_at_once(self) -> None:
        def endless() -> Iterator[Recording]:
            number = 0
            while True:
                yield at(number, 5.0 * number, 0.0)
                number += 1

        assert next(completed(endless())).id == "r0"

    def test_without_heights_a_bounded_number_waits(self) -> None:
        def endless() -> Iterator[Recording]:
            number = 0
            while number < 10_000:
                yield at(number, 5.0 * number, 0.0, None)
                number += 1

        assert sum(1 for _ in completed(endless())) == 10_000


@PROPERTY
@given(
    st.lists(
        st.one_of(
            st.just(BAD),
            st.builds(
                at,
                st.integers(0, 9),
                st.floats(0, 300),
                st.floats(0, 300),
                st.one_of(st.none(), st.floats(0, 50)),
                st.one_of(st.none(), st.floats(0, 359)),
            ),
        )
    )
)
def test_all_come_out_in_order_and_what_was_told_is_kept(given: list[Recording | BadRecording]) -> None:
    found = list(completed(given))
    assert [one.id for one in found] == [one.id for one in given]
    for before, after in zip(given, found, strict=True):
        if isinstance(before, Recording) and isinstance(after, Recording):
            assert before.place is not None
            assert after.place is not None
            assert before.place.heading in (None, after.place.heading)
            assert before.place.z in (None, after.place.z)
            assert after.place.heading is None or math.isfinite(after.place.heading)
            assert after.item["pose"] == after.place.pose()
