"""Made-up costs, machines and plays for the tests of plan: queues so small that their ends can be counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coordinator.pipeline import Per, Pipeline, Rung
from coordinator.plan.clockwork import Weather
from coordinator.plan.machines import Head, MachineType
from coordinator.plan.measured import Sample, StepCosts
from coordinator.plan.play import Fleet, Played, play
from coordinator.plan.work import Work
from coordinator.record.facts import SessionState
from coordinator.record.journal import GATHERED, Attempt, Journal
from coordinator.record.pools import PoolChange
from coordinator.record.runfolder import RunFolder
from tests.unit.builders import item, step

FREE_HEAD = Head(task_s=0.0)


def costs(
    name: str = "detect",
    *seconds: float,
    per: Per = Per.ITEM,
    rung: Rung = Rung.FRESH,
    opening: float = 0.0,
    items: int = 1,
    size: int = 1,
    **fields: Any,
) -> StepCosts:
    """A step whose tasks took so long, each of which gave so many items."""
    samples = tuple(Sample(busy=one, items=items, size=size) for one in seconds or (1.0,))
    made = step(name, per, rung=rung, **fields)
    return StepCosts(step=made, samples=samples, openings=(opening,) if made.keeps else ())


def kind(name: str = "small", **fields: Any) -> MachineType:
    given = {"cpus": 2, "memory": 1 << 36, "price": 1.0, "boot_s": 0.0, "idle_s": 1e6, "most": 10, **fields}
    return MachineType(name=name, **given)


def work(recordings: int, *steps: StepCosts) -> Work:
    region = next((one for one in steps if one.step.per is Per.REGION), None)
    return Work(recordings=recordings, costs=steps, regions=region.samples if region else (), overlap=1.0)


def played(
    recordings: int,
    *steps: StepCosts,
    on: MachineType | None = None,
    count: int = 1,
    jobs: int | None = None,
    head: Head = FREE_HEAD,
    weather: Weather | None = None,
) -> Played:
    """A town of so many recordings, played on so many machines of a kind."""
    there = work(recordings, *steps)
    fleet = Fleet(counts={on or kind(): count}, head=head, jobs=jobs)
    return play(steps, there.town(recordings, 0), fleet, weather or Weather())


def measured_run(
    folder: Path,
    pipeline: Pipeline,
    attempts: Sequence[Attempt],
    jobs: int | None = 1,
    about: Mapping[str, Any] | None = None,
    changes: Sequence[PoolChange] = (),
) -> Path:
    """A run folder as a run leaves it, in which these attempts succeeded; tasks gave one item each.

    ``about`` stands in its run.json in place of what else would; ``changes`` are those of a cluster's pools.
    """
    run = RunFolder(folder)
    run.create()
    with Journal(run.journal) as journal:
        journal.begin_session()
        for change in changes:
            journal.pool_changed(change)
        for attempt in attempts:
            name, _, unit = attempt.task.partition("/")
            if name == pipeline.steps[0].name:
                journal.admit(unit)
            journal.attempted(attempt)
            journal.succeeded(attempt.task, name, unit, "key", [item(unit)])
        journal.note(session_state=SessionState.COMPLETE)
    told = {
        "pipeline": pipeline.model_dump(mode="json"),
        "host": {"cpus": 2.0, "memory": 1 << 34, "gpus": []},
        "job": {"jobs": jobs},
        "seconds": 10.0,
        **(about or {}),
    }
    run.about.write_text(json.dumps(told), encoding="utf-8")
    return folder


def attempt(task: str, submitted: float, ended: float, size: int | None = None, **metrics: float) -> Attempt:
    told = {**metrics, **({} if size is None else {GATHERED: size})}
    return Attempt(
        task=task, number=1, submitted=submitted, ended=ended, container=None, error=None, metrics=told
    )
