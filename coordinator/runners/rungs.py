"""The runners of one run, by their rungs, and what they share."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from coordinator.pipeline import Rung
from coordinator.record.files import Files
from coordinator.runners.engine import Engine
from coordinator.runners.execute import ExecRunner
from coordinator.runners.fresh import FreshRunner
from coordinator.runners.isolation import Isolation
from coordinator.runners.lanerunner import LaneRunner
from coordinator.runners.process import open_process
from coordinator.runners.resident import ResidentRunner
from coordinator.runners.runner import Runner
from coordinator.runners.sidecarrunner import SidecarRunner, open_sidecar
from coordinator.schedule.threads import Sink


class Rungs:
    """Makes one run's runners, and ends what they share."""

    def __init__(
        self,
        engine: Engine | None,
        files: Files,
        owner: Path,
        run_id: str,
        *,
        jobs: int,
        starts: int,
        sidecars: Path | None = None,
    ) -> None:
        """``engine`` may be None if every step runs as a local process; ``owner`` is the folder whose lock is held.

        Where ``sidecars`` names the folder of their sockets, they take the engine's place.
        """
        self._files = files
        self._jobs = jobs
        self._sidecars = sidecars
        self._isolation = Isolation(engine, files, owner, run_id, starts=starts) if engine else None

    def runner(self, rung: Rung, sink: Sink) -> Runner:
        """The runner of a rung, whose outcomes go to ``sink``."""
        if rung is Rung.PROCESS:
            return LaneRunner(partial(open_process, self._files), self._files, sink)
        if self._sidecars is not None:
            return self._beside(self._sidecars, rung, sink)
        assert self._isolation is not None  # the preflight asks for an engine where one is needed
        if rung is Rung.RESIDENT:
            return ResidentRunner(self._isolation, sink)
        make = ExecRunner if rung is Rung.EXEC else FreshRunner
        return make(self._isolation, sink, concurrency=self._jobs)

    def _beside(self, sidecars: Path, rung: Rung, sink: Sink) -> Runner:
        if rung is Rung.RESIDENT:
            return LaneRunner(partial(open_sidecar, sidecars, self._files), self._files, sink)
        return SidecarRunner(sidecars, self._files, sink, concurrency=self._jobs)

    def close(self) -> None:
        """Ends what the runners shared; they must have been closed before."""
        if self._isolation is not None:
            self._isolation.close()
