"""A runner on kept lanes, whatever a lane keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from coordinator.core.resources import Grant
from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask
from coordinator.record.files import Files
from coordinator.runners.kept import Program
from coordinator.runners.lane import Lane
from coordinator.schedule.threads import Sink


class LaneRunner:
    """A runner on kept lanes."""

    def __init__(self, open_program: Callable[[Grant, StepTask], Program], files: Files, sink: Sink) -> None:
        """``open_program`` opens what a lane keeps, with what it may use and the first of its tasks."""
        self._open_program = open_program
        self._files = files
        self._sink = sink
        self._lanes: dict[int, Lane] = {}
        self._closed: list[Lane] = []

    def submit(self, task: StepTask, seat: Seat) -> None:
        """Puts a task on its lane, which opens with its first one."""
        lane = self._lanes.get(seat.lane)
        if lane is None:
            open_program = partial(self._open_program, seat.grant)
            lane = self._lanes[seat.lane] = Lane(open_program, self._files, self._sink)
        lane.submit(task)

    def close_lane(self, lane: int, ended: Callable[[int], None]) -> None:
        """Ends the lane's program once it has nothing to do."""
        found = self._lanes[lane]
        # Here before it is gone from there: a signal handler may cancel in between, and must see it.
        self._closed = [*(other for other in self._closed if not other.has_ended), found]
        del self._lanes[lane]
        found.close(partial(ended, lane))

    def cancel(self) -> None:
        """Ends every program at once."""
        for lane in (*self._lanes.values(), *self._closed):
            lane.cancel()

    def close(self) -> None:
        """Ends every program and waits until nothing is left of them."""
        for number in tuple(self._lanes):
            self.close_lane(number, _nobody_waits)
        for lane in self._closed:
            lane.join()


def _nobody_waits(lane: int) -> None:
    """For what a lane held: nothing more is to be opened."""
