"""What is ready when: checked by examples, and by a model that runs random pipelines in random orders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.contract import ErrorKind
from coordinator.core.dataflow import Advance, Dataflow, Unit
from coordinator.core.retries import Retry, Tries, retry
from coordinator.pipeline import Per, Step
from coordinator.strictjson import Json
from tests.unit.builders import PROPERTY, error, item, step

ITEM, REGION, BATCH = Per.ITEM, Per.REGION, Per.BATCH


def flow(*kinds: Per, **census: int) -> Dataflow:
    return Dataflow([step(f"s{number}", per) for number, per in enumerate(kinds)], census, at)


def at(item: Json) -> tuple[str, ...]:
    """The regions of an item made for these tests, which names them."""
    return tuple(item.get("at", ()))


def ready(advance: Advance) -> list[tuple[int, str]]:
    return [(unit.step, unit.id) for unit in advance.ready]


def skipped(advance: Advance) -> list[tuple[int, str]]:
    return [(unit.step, unit.id) for unit in advance.skipped]


def gathered(advance: Advance) -> list[tuple[int, str, str]]:
    return [(one.step, one.region, one.item["id"]) for one in advance.gathered]


class TestItemSteps:
    def test_a_recording_enters_the_first_step_and_its_items_the_next(self) -> None:
        moving = flow(ITEM, ITEM, all=1)
        (unit,) = moving.admit(item("r"), ("all",)).ready
        assert unit == Unit(step=0, id="r", regions=("all",), item=item("r"))
        assert ready(moving.finish(unit, [item("a"), item("b")])) == [(1, "a"), (1, "b")]

    def test_behind_the_last_step_items_go_nowhere(self) -> None:
        moving = flow(ITEM, all=1)
        (unit,) = moving.admit(item("r"), ("all",)).ready
        assert moving.finish(unit, [item("a")]) == Advance()

    def test_without_a_step_per_region_no_census_is_needed(self) -> None:
        moving = flow(ITEM, ITEM)
        (unit,) = moving.admit(item("r"), ("all",)).ready
        assert ready(moving.finish(unit, [item("a")])) == [(1, "a")]
        assert moving.close() == Advance()

    def test_an_item_without_a_region_still_moves_along(self) -> None:
        moving = flow(ITEM, ITEM, REGION, a=1)
        (unit,) = moving.admit(item("r"), ()).ready
        (unit,) = moving.finish(unit, [item("r")]).ready
        assert moving.finish(unit, [item("r")]) == Advance()


class TestRegions:
    def test_a_region_is_ready_with_its_last_item(self) -> None:
        moving = flow(ITEM, REGION, a=2)
        first, second = (moving.admit(item(name), ("a",)).ready[0] for name in ("r1", "r2"))
        half = moving.finish(first, [first.item or {}])
        assert (gathered(half), ready(half)) == ([(1, "a", "r1")], [])
        whole = moving.finish(second, [second.item or {}])
        assert (gathered(whole), whole.ready) == (
            [(1, "a", "r2")],
            [Unit(step=1, id="a", regions=("a",), gathered=2)],
        )

    def test_no_barrier_one_region_is_ready_while_another_waits(self) -> None:
        moving = flow(ITEM, REGION, a=1, b=1)
        (unit,) = moving.admit(item("r1"), ("a",)).ready
        assert ready(moving.finish(unit, [item("r1")])) == [(1, "a")]

    def test_a_recording_in_several_regions_is_gathered_in_each(self) -> None:
        moving = flow(REGION, a=1, b=1)
        advance = moving.admit(item("r"), ("a", "b"))
        assert gathered(advance) == [(0, "a", "r"), (0, "b", "r")]
        assert ready(advance) == [(0, "a"), (0, "b")]

    def test_one_item_that_becomes_three_is_waited_for_three_times(self) -> None:
        moving = flow(ITEM, ITEM, REGION, a=1)
        (unit,) = moving.admit(item("r"), ("a",)).ready
        three = moving.finish(unit, [item("x"), item("y"), item("z")]).ready
        assert [ready(moving.finish(one, [item(one.id)])) for one in three] == [[], [], [(2, "a")]]

    def test_a_failed_recording_is_not_waited_for(self) -> None:
        moving = flow(ITEM, REGION, a=2)
        first, second = (moving.admit(item(name), ("a",)).ready[0] for name in ("r1", "r2"))
        moving.finish(first, [item("r1")])
        assert ready(moving.fail(second)) == [(1, "a")]

    def test_a_region_that_came_to_nothing_is_skipped_and_so_is_all_behind_it(self) -> None:
        moving = flow(ITEM, REGION, ITEM, REGION, a=1)
        (unit,) = moving.admit(item("r"), ("a",)).ready
        assert skipped(moving.finish(unit, [])) == [(1, "a"), (3, "a")]

    def test_a_failed_region_skips_the_later_step_per_region(self) -> None:
        moving = flow(REGION, ITEM, REGION, a=1)
        (unit,) = moving.admit(item("r"), ("a",)).ready
        assert skipped(moving.fail(unit)) == [(2, "a")]

    def test_a_regions_objects_stay_in_that_region(self) -> None:
        moving = flow(REGION, REGION, a=1, b=1)
        in_a, _ = moving.admit(item("r"), ("a", "b")).ready
        advance = moving.finish(in_a, [item("o1"), item("o2")])
        assert gathered(advance) == [(1, "a", "o1"), (1, "a", "o2")]
        assert ready(advance) == [(1, "a")]


class TestBatches:
    def test_the_batch_is_ready_when_it_has_ended_and_nothing_is_on_its_way(self) -> None:
        moving = flow(ITEM, BATCH)
        first, second = (moving.admit(item(name), ()).ready[0] for name in ("r1", "r2"))
        half = moving.finish(first, [item("r1")])
        assert (gathered(half), ready(half)) == ([(1, "all", "r1")], [])
        assert moving.close() == Advance()
        whole = moving.finish(second, [item("r2")])
        assert whole.ready == [Unit(step=1, id="all", regions=(), gathered=2)]

    def test_it_waits_for_the_end_of_the_batch_and_for_nothing_that_was_only_announced(self) -> None:
        moving = flow(BATCH, a=2)
        assert ready(moving.admit(item("r1"), ("a",))) == []
        assert ready(moving.close()) == [(0, "all")]

    def test_a_recording_in_no_region_and_one_in_several_take_part_once(self) -> None:
        moving = flow(BATCH, REGION, a=1, b=1)
        assert gathered(moving.admit(item("r1"), ())) == [(0, "all", "r1")]
        assert gathered(moving.admit(item("r2"), ("a", "b"))) == [(0, "all", "r2")]

    def test_behind_it_items_are_in_the_regions_where_they_say_they_are(self) -> None:
        moving = flow(BATCH, ITEM, REGION, a=1, b=1)
        moving.admit(item("r1"), ("a",))
        moving.admit(item("r2"), ("b",))
        (unit,) = moving.close().ready
        divided = moving.finish(unit, [item("r1", at=["b"]), item("r2", at=["b", "new"])])
        assert skipped(divided) == [(2, "a")]
        first, second = divided.ready
        assert (first.regions, second.regions) == (("b",), ("b", "new"))
        assert ready(moving.finish(second, [item("r2")])) == [(2, "new")]
        assert ready(moving.finish(first, [item("r1")])) == [(2, "b")]

    def test_the_units_of_regions_in_front_of_it_are_waited_for(self) -> None:
        moving = flow(REGION, BATCH, a=1, b=1)
        in_a, in_b = moving.admit(item("r"), ("a", "b")).ready
        moving.close()
        assert ready(moving.finish(in_a, [item("o1"), item("o2")])) == []
        assert ready(moving.fail(in_b)) == [(1, "all")]

    def test_a_region_in_front_of_it_that_is_skipped_last_makes_it_ready(self) -> None:
        moving = flow(ITEM, REGION, BATCH, a=1, b=1)
        first, second = (moving.admit(item(name), (name,)).ready[0] for name in "ab")
        (region,) = moving.finish(first, [item("a")]).ready
        moving.finish(region, [item("o")])
        moving.close()
        end = moving.finish(second, [])
        assert (skipped(end), ready(end)) == ([(1, "b")], [(2, "all")])

    def test_if_it_fails_every_region_behind_it_is_skipped(self) -> None:
        moving = flow(BATCH, REGION, BATCH, a=1, b=1)
        moving.admit(item("r"), ("a", "b"))
        (unit,) = moving.close().ready
        assert skipped(moving.fail(unit)) == [(1, "a"), (1, "b"), (2, "all")]

    def test_a_batch_of_which_nothing_is_left_is_skipped_and_so_is_all_behind_it(self) -> None:
        moving = flow(ITEM, BATCH, REGION, a=1)
        (unit,) = moving.admit(item("r"), ("a",)).ready
        moving.close()
        assert skipped(moving.fail(unit)) == [(1, "all"), (2, "a")]

    def test_it_goes_ahead_without_what_failed_and_regions_behind_it_know_their_losses(self) -> None:
        moving = flow(ITEM, BATCH, REGION, a=2, b=1)
        first, second = (moving.admit(item(name), ("a",)).ready[0] for name in ("r1", "r2"))
        (third,) = moving.admit(item("r3"), ("b",)).ready
        moving.close()
        moving.finish(first, [item("r1")])
        moving.fail(second)
        (batch,) = moving.finish(third, [item("r3")]).ready
        assert (batch.gathered, batch.lost) == (2, 1)
        regions = moving.finish(batch, [item("r1", at="a"), item("r3", at="b")]).ready
        assert [(one.id, one.gathered, one.lost) for one in regions] == [("a", 1, 1), ("b", 1, 0)]

    def test_a_recording_that_turned_out_to_be_none(self) -> None:
        moving = flow(BATCH, a=2)
        moving.admit(item("r"), ("a",))
        moving.lose(("a",))
        (unit,) = moving.close().ready
        assert (unit.gathered, unit.lost) == (1, 1)


class TestBatchesThatChange:
    """Between the census and the run, files may come and go."""

    def test_what_was_announced_and_never_came_is_not_waited_for_after_the_end(self) -> None:
        moving = flow(REGION, a=2, b=1)
        assert ready(moving.admit(item("r"), ("a",))) == []
        end = moving.close()
        assert (ready(end), skipped(end)) == ([(0, "a")], [(0, "b")])

    def test_the_end_changes_nothing_for_what_is_on_its_way(self) -> None:
        moving = flow(ITEM, REGION, a=1)
        (unit,) = moving.admit(item("r"), ("a",)).ready
        assert moving.close() == Advance()
        assert ready(moving.finish(unit, [item("r")])) == [(1, "a")]

    def test_a_recording_that_was_not_announced_is_left_out_of_its_region(self) -> None:
        moving = flow(REGION, a=1)
        assert ready(moving.admit(item("r1"), ("a",))) == [(0, "a")]
        assert moving.admit(item("r2"), ("a",)) == Advance()
        assert moving.admit(item("r3"), ("never heard of",)) == Advance()

    def test_a_recording_that_turned_out_to_be_none(self) -> None:
        moving = flow(REGION, a=2, b=1)
        moving.admit(item("r1"), ("a",))
        lost = moving.lose(("a", "b"))
        assert (ready(lost), skipped(lost)) == ([(0, "a")], [(0, "b")])


@dataclass
class Model:
    """Runs a dataflow as a scheduler would, and holds it against what plainly must be true."""

    kinds: Sequence[Per]
    recordings: dict[str, tuple[str, ...]]
    ghosts: dict[str, int]
    flow: Dataflow = field(init=False)
    pending: list[Unit] = field(default_factory=list)
    store: defaultdict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    due: defaultdict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    settled: Counter[tuple[int, str]] = field(default_factory=Counter)
    seen: Counter[tuple[int, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        census = Counter(self.ghosts) + Counter(
            region for found in self.recordings.values() for region in found
        )
        self.census = dict(census)
        steps = [step(f"s{n}", kind, min_complete=0.0) for n, kind in enumerate(self.kinds)]
        self.flow = Dataflow(steps, self.census, at)
        self.regions = {number: set(self.census) for number in range(len(self.kinds))}
        """The regions that there are at each step: behind a step per batch those of its items come to the census's."""

    def gathering_after(self, number: int) -> int | None:
        later = range(number + 1, len(self.kinds))
        return next((step for step in later if self.kinds[step] is not ITEM), None)

    def take(self, advance: Advance, waiting: dict[str, tuple[str, ...]], open_batch: bool) -> None:
        for one in advance.gathered:
            self.store[one.step, one.region].append(one.item["id"])
        for unit in advance.ready:
            self.seen[unit.step, unit.id] += 1
            if self.kinds[unit.step] is not ITEM:
                self.settle(unit, waiting, open_batch)
                assert self.store[unit.step, unit.id], "a region that gathered nothing must be skipped"
            self.pending.append(unit)
        for unit in advance.skipped:
            self.note_regions(unit.step, [])
            self.settle(unit, waiting, open_batch)
            assert not self.store[unit.step, unit.id], "a region with items must not be skipped"

    def settle(self, unit: Unit, waiting: dict[str, tuple[str, ...]], open_batch: bool) -> None:
        """A place's turn has come: nothing of it may be left before this step, and nothing may be missing."""
        self.settled[unit.step, unit.id] += 1
        first = self.gathering_after(-1) == unit.step
        if self.kinds[unit.step] is BATCH:
            assert not open_batch
            assert not any(self.comes_to(unit.step, other) for other in self.pending), "more is on its way"
        assert not (first and any(unit.id in regions for regions in waiting.values()))
        assert not (first and open_batch and self.ghosts.get(unit.id))
        for other in self.pending:
            assert not (other.step < unit.step and unit.id in other.regions), "something is still on its way"
        assert sorted(self.store[unit.step, unit.id]) == sorted(self.due[unit.step, unit.id])

    def note_regions(self, number: int, items: Sequence[Json]) -> None:
        """Behind a step per batch there are the regions of its items, and those of the census."""
        if self.kinds[number] is BATCH:
            for later in range(number + 1, len(self.kinds)):
                self.regions[later] = {*self.census, *(name for one in items for name in one["at"])}

    def comes_to(self, barrier: int, unit: Unit) -> bool:
        """Whether something of the unit may come to the step; what is in no region ends at a step per region."""
        gather = self.gathering_after(unit.step)
        is_stopped = not unit.regions and self.kinds[unit.step] is ITEM and self.kinds[gather or 0] is REGION
        return unit.step < barrier and not is_stopped

    def note_due(self, number: int, items: Sequence[Json], regions: tuple[str, ...]) -> None:
        if number < len(self.kinds) and self.kinds[number] is not ITEM:
            for region in ("all",) if self.kinds[number] is BATCH else regions:
                self.due[number, region] += [one["id"] for one in items]

    def run(self, draw: st.DataObject) -> None:
        waiting, open_batch = dict(self.recordings), True
        while open_batch or self.pending:
            choices = len(self.pending) + open_batch
            choice = draw.draw(st.integers(0, choices - 1))
            if choice < len(self.pending):
                self.end(self.pending.pop(choice), draw, waiting, open_batch)
            elif waiting:
                name, regions = waiting.popitem()
                if draw.draw(st.integers(0, 4)) == 0:
                    self.take(self.flow.lose(regions), waiting, open_batch)
                else:
                    self.note_due(0, [item(name)], regions)
                    self.take(self.flow.admit(item(name), regions), waiting, open_batch)
            else:
                open_batch = False
                self.take(self.flow.close(), waiting, open_batch)

    def end(
        self, unit: Unit, draw: st.DataObject, waiting: dict[str, tuple[str, ...]], open_batch: bool
    ) -> None:
        if draw.draw(st.integers(0, 4)) == 0:
            self.note_regions(unit.step, [])
            advance = self.flow.fail(unit)
        else:
            items = [item(f"{unit.id}.{number}") for number in range(draw.draw(st.integers(0, 3)))]
            if self.kinds[unit.step] is BATCH:
                for one in items:
                    one["at"] = draw.draw(REGIONS)
                    self.note_due(unit.step + 1, [one], one["at"])
                self.note_regions(unit.step, items)
            else:
                self.note_due(unit.step + 1, items, unit.regions)
            advance = self.flow.finish(unit, items)
        self.take(advance, waiting, open_batch)


REGIONS = st.lists(st.sampled_from("ABC"), unique=True).map(tuple)


@PROPERTY
@given(
    st.lists(st.sampled_from([ITEM, REGION, BATCH]), min_size=1, max_size=4),
    st.lists(REGIONS, max_size=5),
    st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 2), max_size=2),
    st.data(),
)
def test_random_pipelines_in_random_orders(
    kinds: list[Per], recordings: list[tuple[str, ...]], ghosts: dict[str, int], draw: st.DataObject
) -> None:
    model = Model(kinds, {f"r{number}": regions for number, regions in enumerate(recordings)}, ghosts)
    model.run(draw)
    places = {number: model.regions[number] for number, kind in enumerate(kinds) if kind is REGION}
    places |= {number: {"all"} for number, kind in enumerate(kinds) if kind is BATCH}
    once = Counter({(number, place): 1 for number, found in places.items() for place in found})
    assert model.settled == once, "every place is ready or skipped, once, at every step that gathers"
    assert all(count == 1 for count in model.seen.values()), "nothing is started twice"
    assert model.store == model.due, "nothing is lost, nothing is invented"


class TestLosses:
    """Two recordings of a region are announced; what became of them decides about its step."""

    @pytest.mark.parametrize(
        ("failures", "min_complete", "outcome"),
        [(0, 1.0, "ready"), (1, 0.5, "ready"), (1, 0.6, "incomplete"), (2, 0.0, "skipped")],
    )
    def test_a_region_goes_ahead_with_enough_of_its_items(
        self, failures: int, min_complete: float, outcome: str
    ) -> None:
        steps = [
            Step(name="detect", image_ref="x"),
            Step(name="position", image_ref="x", per=REGION, min_complete=min_complete),
        ]
        flow = Dataflow(steps, {"a": 2})
        units = [unit for name in ("r1", "r2") for unit in flow.admit(item(name), ("a",)).ready]
        advance = Advance()
        for number, unit in enumerate(units):
            advance = flow.fail(unit) if number < failures else flow.finish(unit, [item(unit.id)])
        (region,) = getattr(advance, outcome)
        assert (region.id, region.gathered, region.lost) == ("a", 2 - failures, failures)

    def test_an_incomplete_region_does_not_hold_up_what_comes_after(self) -> None:
        steps = [
            Step(name="detect", image_ref="x"),
            Step(name="position", image_ref="x", per=REGION, min_complete=1.0),
            Step(name="merge", image_ref="x", per=REGION),
        ]
        flow = Dataflow(steps, {"a": 2})
        first, second = (flow.admit(item(name), ("a",)).ready[0] for name in ("r1", "r2"))
        flow.fail(first)
        (position,) = flow.finish(second, [item("r2")]).incomplete
        (merge,) = flow.fail(position).skipped
        assert merge.step == 2


class TestRetries:
    @pytest.mark.parametrize("kind", [ErrorKind.BAD_INPUT, ErrorKind.CANCELLED])
    def test_what_cannot_get_better_is_never_tried_again(self, kind: ErrorKind) -> None:
        assert retry(error(kind), Tries(), retries=100) is None

    @pytest.mark.parametrize(
        "kind", [ErrorKind.INTERNAL, ErrorKind.CRASH, ErrorKind.TIMEOUT, ErrorKind.PROTOCOL]
    )
    @pytest.mark.parametrize(
        ("attempt", "retries", "again"), [(1, 0, None), (1, 1, 2), (2, 1, None), (2, 2, 3), (3, 2, None)]
    )
    def test_anything_else_is_tried_as_often_as_the_step_says(
        self, kind: ErrorKind, attempt: int, retries: int, again: int | None
    ) -> None:
        decision = retry(error(kind), Tries(attempt=attempt), retries)
        assert (decision.tries.attempt if decision else None) == again

    def test_the_pause_doubles_up_to_a_limit(self) -> None:
        decisions = [retry(error(ErrorKind.CRASH), Tries(attempt=number), 100) for number in range(1, 12)]
        pauses = [decision.pause for decision in decisions if decision]
        assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
        assert pauses[-1] == 30.0

    @pytest.mark.parametrize("attempt", [1, 5])
    def test_a_task_lost_for_another_ones_sake_costs_nothing(self, attempt: int) -> None:
        tries = Tries(attempt=attempt)
        assert retry(error(ErrorKind.LOST), tries, retries=0) == Retry(tries=tries, pause=0.0)

    def test_failures_of_the_engine_cost_no_attempt_but_end_somewhere(self) -> None:
        tries, pauses = Tries(), 0.0
        while (decision := retry(error(ErrorKind.ENGINE), tries, retries=0)) is not None:
            assert decision.tries.attempt == 1
            tries, pauses = decision.tries, pauses + decision.pause
        assert tries.engine_failures == 12
        assert 120 < pauses < 600
