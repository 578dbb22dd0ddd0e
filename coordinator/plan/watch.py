"""Who looks on while a run is played, and counts. Seconds and times are those of the play."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.core.tasks import StepTask
from coordinator.pipeline import Per, Step
from coordinator.plan.dealer import OF, unit_of
from coordinator.plan.town import Town

Lane = Hashable
"""Whatever tells a lane from every other one of the play."""


@dataclass
class Level:
    """How many instances of a step were at work at a time, and for how long so many."""

    count: int = 0
    since: float = 0.0
    seconds: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))

    def change(self, by: int, now: float) -> None:
        self.seconds[self.count] += now - self.since
        self.count += by
        self.since = now


@dataclass
class Used:
    """Seconds of lanes, CPUs, GPUs and bytes that tasks had at work, with those of opening their lanes."""

    lanes: float = 0.0
    cpus: float = 0.0
    gpus: float = 0.0
    memory: float = 0.0

    def add(self, step: Step, seconds: float) -> None:
        self.lanes += seconds
        self.cpus += seconds * step.resources.cpus
        self.gpus += seconds * step.resources.gpus
        self.memory += seconds * step.resources.memory


class Watch:
    """Counts what is played."""

    def __init__(self, town: Town, steps: Sequence[Step]) -> None:
        self.tasks: Counter[str] = Counter()
        self.by_step: dict[str, Used] = {step.name: Used() for step in steps}
        self.by_kind: defaultdict[str, Used] = defaultdict(Used)
        self.levels: dict[str, Level] = {step.name: Level() for step in steps}
        self.machines_lost = 0
        self.tasks_lost = 0
        self.lost = Used()
        self.last = 0.0
        """When the last task ended."""
        self._town = town
        self._first = steps[0]
        self._lanes: Counter[Lane] = Counter()
        self._taken: dict[str, float] = {}
        self._done: dict[str, float] = {}

    def submitted(self, task: StepTask, lane: Lane, now: float) -> None:
        """A task has its seat. A region's last recording is the last of them that the first step has taken up."""
        self._lanes[lane] += 1
        if self._lanes[lane] == 1:
            self.levels[task.step.name].change(1, now)
        if task.step.name == self._first.name:
            for region in self._regions(task):
                self._taken[region] = now

    def ended(self, task: StepTask, lane: Lane, kind: str, seconds: float, now: float) -> None:
        """A task is done, which kept its lane on a machine of that ``kind`` busy for so many ``seconds``."""
        self._leave(lane, task.step, now)
        self.tasks[task.step.name] += 1
        self.last = now
        self.by_step[task.step.name].add(task.step, seconds)
        self.by_kind[kind].add(task.step, seconds)
        region = unit_of(task) if task.step.per is Per.REGION else task.request.items[0].get(OF)
        if region is not None:
            self._done[region] = now

    def gone(self, left: Iterable[tuple[Lane, Step, float]], now: float) -> None:
        """A machine has gone, and with it these tasks: each one's lane and step, and when it had begun."""
        self.machines_lost += 1
        for lane, step, begin in left:
            self._leave(lane, step, now)
            self.tasks_lost += 1
            self.lost.add(step, max(0.0, now - begin))

    def latencies(self) -> list[float]:
        """For each region, the seconds from its last recording's being taken up to its last object, in order."""
        return sorted(done - self._taken.get(region, 0.0) for region, done in self._done.items())

    def shares(self, step: str, until: float) -> Mapping[int, float]:
        """For how many seconds so many instances of the step were at work."""
        self.levels[step].change(0, until)
        return self.levels[step].seconds

    def _leave(self, lane: Lane, step: Step, now: float) -> None:
        self._lanes[lane] -= 1
        if not self._lanes[lane]:
            del self._lanes[lane]
            self.levels[step.name].change(-1, now)

    def _regions(self, task: StepTask) -> Iterable[str]:
        if task.step.per is Per.REGION:
            return (unit_of(task),)
        if task.step.per is Per.BATCH:
            return self._town.names
        place = task.request.items[0]["position"]
        return self._town.around((place["x"], place["y"]))
