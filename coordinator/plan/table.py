"""What a plan says, for a reader and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from coordinator.instances import Instances
from coordinator.plan.choice import Wish
from coordinator.plan.front import Point
from coordinator.plan.load import bottleneck, loads
from coordinator.plan.machines import Machines
from coordinator.plan.measured import Measured
from coordinator.plan.play import Fleet, Played
from coordinator.plan.work import Work
from coordinator.strictjson import Json


@dataclass(frozen=True, kw_only=True)
class Planned:
    """All that a plan came to. ``calm`` is the chosen fleet without losses, if the weather has any."""

    runs: Sequence[Measured]
    work: Work
    machines: Machines
    points: Sequence[Point]
    wish: Wish
    chosen: Point
    is_granted: bool
    calm: Played | None
    thresholds: Mapping[str, Instances]
    notes: Sequence[str]


def lines(plan: Planned) -> Iterator[str]:
    """The plan for a reader."""
    yield from _measured(plan)
    if len(plan.points) > 1:
        yield from _front(plan)
    yield from _chosen(plan)
    if plan.calm is not None:
        yield from _resume(plan.calm, plan.chosen.played)
    yield from (f"note: {note}" for note in plan.notes)
    if not plan.is_granted:
        yield "note: no fleet that was looked at keeps what was asked for; this one comes nearest"


def _measured(plan: Planned) -> Iterator[str]:
    for run in plan.runs:
        took = f"{duration(run.makespan)} and {duration(run.around)} around it"
        if run.sessions > 1:
            took = f"in {run.sessions} sessions"
        yield f"measured    {run.folder}: {run.recordings} recordings, {run.jobs} at a time, {took}"
    yield f"{'step':12}{'rung':>10}{'tasks':>8}{'s each':>9}{'start':>8}{'compute':>9}{'rest':>8}{'open':>8}"
    for one in plan.work.costs:
        count = len(one.samples)
        parts = [
            sum(values) / count
            for values in (
                [sample.start for sample in one.samples],
                [sample.compute for sample in one.samples],
                [sample.rest for sample in one.samples],
            )
        ]
        yield (
            f"{one.step.name:12}{one.step.rung:>10}{count:8}{one.busy:9.3f}{parts[0]:8.3f}{parts[1]:9.3f}"
            f"{parts[2]:8.3f}{one.opening:8.2f}"
        )


def _front(plan: Planned) -> Iterator[str]:
    yield ""
    currency = plan.machines.currency
    yield f"{'machines':34}{'time':>12}{currency:>10}  when everything is at work"
    for point in plan.points:
        mark = "*" if point.fleet.counts == plan.chosen.fleet.counts else " "
        told = f"{mark}{fleet_name(point.fleet):33}{duration(point.hours * 3600):>12}{point.cost:10.2f}"
        yield f"{told}  {bottleneck(loads(point.played, point.shorter))}"


def _chosen(plan: Planned) -> Iterator[str]:
    point, played = plan.chosen, plan.chosen.played
    yield ""
    yield f"chosen      {fleet_name(point.fleet)}, {played.recordings:,} recordings played in full"
    yield f"makespan    {duration(played.makespan)}"
    for run in plan.runs:
        if not _is_same(run, plan):
            continue
        if not run.is_complete:
            yield f"measured    {run.folder} is not compared: it did not come to its end"
        elif run.sessions > 1:
            yield f"measured    {run.folder} is not compared: it ran in {run.sessions} sessions, with pauses"
        else:
            off = played.makespan / run.makespan - 1
            yield f"measured    {duration(run.makespan)} in {run.folder}: the plan is {off:+.1%} off"
    if (half := played.latency(0.5)) is not None and (most := played.latency(0.95)) is not None:
        told = f"{duration(half)} for half of the regions, {duration(most)} for 95%"
        yield f"latency     of a region, from its last recording to its objects: {told}"
    yield f"cost        {played.cost:.2f} {plan.machines.currency}"
    yield "busy        " + ", ".join(f"{one.name} {one.share:.0%}" for one in loads(played))
    yield f"bottleneck  {bottleneck(loads(played))}"
    for name, one in plan.thresholds.items():
        yield f"instances   {name}: least {one.least}, most {one.most}, idle_s {one.idle_s:g}"


def _is_same(run: Measured, plan: Planned) -> bool:
    """Whether what was played is what the run did: as many recordings, on the same, with as many at a time."""
    played = plan.chosen.played
    cluster = played.fleet.cluster
    if run.recordings != played.recordings or (run.cluster is None) != (cluster is None):
        return False
    if cluster is None or run.cluster is None:
        return run.jobs == played.fleet.jobs
    pools = {step.name: step.instances for step in plan.work.steps}
    measured = {step.name: step.instances for step in run.pipeline.steps}
    return cluster.terms == run.cluster.terms and pools == measured


def _resume(calm: Played, stormy: Played) -> Iterator[str]:
    hours = stormy.makespan - calm.makespan
    yield (
        f"losses      {stormy.machines_lost} machines went, {stormy.tasks_lost} tasks ran again; "
        f"{stormy.lost.lanes / 3600:.2f} instance hours came to nothing"
    )
    yield (
        f"resuming    {duration(abs(hours))} {'longer' if hours >= 0 else 'less'} and "
        f"{stormy.cost - calm.cost:+.2f} than without any loss"
    )


def document(plan: Planned) -> Json:
    """The plan for a program: seconds, hours where the name says so, and money."""
    return {
        "recordings": plan.work.recordings,
        "currency": plan.machines.currency,
        "assumed": plan.machines.model_dump(mode="json"),
        "measured": [
            {
                "folder": str(run.folder),
                "recordings": run.recordings,
                "jobs": run.jobs,
                "sessions": run.sessions,
                "makespan_s": round(run.makespan, 3),
                "around_s": round(run.around, 3),
            }
            for run in plan.runs
        ],
        "steps": [
            {
                "name": one.step.name,
                "rung": str(one.step.rung),
                "tasks_measured": len(one.samples),
                "busy_s": round(one.busy, 6),
                "open_s": round(one.opening, 6),
            }
            for one in plan.work.costs
        ],
        "front": [_point(point) for point in plan.points],
        "chosen": {**_point(plan.chosen), "granted": plan.is_granted},
        "calm": None if plan.calm is None else _played(plan.calm),
        "instances": {name: one.model_dump() for name, one in plan.thresholds.items()},
        "notes": list(plan.notes),
    }


def _point(point: Point) -> Json:
    return {
        "machines": {kind.name: count for kind, count in point.fleet.counts.items()},
        "hours": round(point.hours, 4),
        "cost": round(point.cost, 4),
        "whole": point.is_whole,
        "played": _played(point.played),
    }


def _played(played: Played) -> Json:
    return {
        "recordings": played.recordings,
        "makespan_s": round(played.makespan, 3),
        "cost": round(played.cost, 4),
        "tasks": dict(played.tasks),
        "machine_hours": {name: round(hours, 4) for name, hours in played.paid.items()},
        "latency_s": {f"{share:g}": played.latency(share) for share in (0.5, 0.95, 1.0)},
        "busy": {one.name: round(one.share, 4) for one in loads(played)},
        "bottleneck": bottleneck(loads(played)),
        "machines_lost": played.machines_lost,
        "tasks_lost": played.tasks_lost,
        "instance_seconds_lost": round(played.lost.lanes, 3),
    }


def fleet_name(fleet: Fleet) -> str:
    """Such as ``4 cpu16 + 1 gpu``."""
    return " + ".join(f"{count} {kind.name}" for kind, count in fleet.counts.items() if count)


def duration(seconds: float) -> str:
    """Such as ``3 d 4 h``, ``2 h 5 min``, ``12 min 30 s`` or ``8.2 s``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    for big, name, small, less in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        count = round(seconds / small)
        if count * small >= big:
            rest = count * small % big // small
            return f"{count * small // big} {name}" + (f" {rest} {less}" if rest else "")
    return f"{seconds:.0f} s"
