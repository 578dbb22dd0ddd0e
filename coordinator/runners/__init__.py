"""How one task runs: the only room that knows the container engine.

fresh     one container per task               (fresh.py)
exec      one container, a process per task    (execute.py)
resident  one container, one process           (resident.py, on lane.py)
process   no container, a local process        (process.py, on lane.py)
"""

from __future__ import annotations

from functools import partial

from coordinator.pipeline import Rung
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import Engine
from coordinator.runners.execute import ExecRunner
from coordinator.runners.fresh import FreshRunner
from coordinator.runners.isolation import Isolation
from coordinator.runners.lane import LaneRunner
from coordinator.runners.process import open_process
from coordinator.runners.resident import ResidentRunner
from coordinator.schedule.executor import Runner
from coordinator.schedule.threads import Sink


class Rungs:
    """Makes one run's runners, and ends what they share."""

    def __init__(
        self, engine: Engine | None, folder: RunFolder, run_id: str, *, jobs: int, starts: int
    ) -> None:
        """``engine`` may be None if every step runs as a local process."""
        self._folder = folder
        self._jobs = jobs
        self._isolation = Isolation(engine, folder, run_id, starts=starts) if engine else None

    def runner(self, rung: Rung, sink: Sink) -> Runner:
        """The runner of a rung, whose outcomes go to ``sink``."""
        if rung is Rung.PROCESS:
            return LaneRunner(partial(open_process, self._folder), self._folder, sink)
        assert self._isolation is not None  # the preflight asks for an engine where one is needed
        if rung is Rung.RESIDENT:
            return ResidentRunner(self._isolation, sink)
        make = ExecRunner if rung is Rung.EXEC else FreshRunner
        return make(self._isolation, sink, concurrency=self._jobs)

    def close(self) -> None:
        """Ends what the runners shared; they must have been closed before."""
        if self._isolation is not None:
            self._isolation.close()
