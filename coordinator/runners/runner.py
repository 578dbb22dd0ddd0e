"""What the local executor asks of a way to run tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from coordinator.core.seating import Seat
from coordinator.core.tasks import StepTask


class Runner(Protocol):
    """How a step's tasks run; outcomes go to the sink it was made with, from whatever thread."""

    def submit(self, task: StepTask, seat: Seat) -> None:
        """Starts one attempt and returns at once."""
        ...

    def close_lane(self, lane: int, ended: Callable[[int], None]) -> None:
        """What was kept for this lane is needed no more; ``ended`` is told, from any thread, once it has gone."""
        ...

    def cancel(self) -> None:
        """Makes every running attempt end soon, as cancelled."""
        ...

    def close(self) -> None:
        """Waits for what runs, and leaves nothing behind."""
        ...
