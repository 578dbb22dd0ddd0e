"""The same steps on a Ray cluster and as local processes, in turns: what the way over the cluster costs.

Rates and the head's CPU time count from the first task's submission to the last one's end: the instances are ready by
then. The head is the coordinator's own process, with Ray's threads in it; Ray's other processes are not counted, nor
is what an instance does on its node.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.bench.figures import Spread, spread, turns
from coordinator.bench.machine import BenchError, Pace, measure, wait_until_quiet
from coordinator.bench.reading import busy_share, first_began, read_run
from coordinator.bench.workloads import Workload
from coordinator.cluster.link import Link
from coordinator.cluster.node import Wanted

LOCAL, CLUSTER, SINGLE = "local", "cluster", "cluster, messages of 1"
RATE_AIM, CPU_AIM, MEMORY_AIM, BUSY_AIM = 0.8, 1.3, 1.1, 0.95
_FEW = 2000
"""Tasks that travel one by one, at most: so many take seconds. So many have their results compared."""
BUSY_INSTANCES = 4
BUSY_TASKS = 40 * BUSY_INSTANCES
"""So many that the ends of the run, where instances wait for each other, are little of it."""
_SLEEPER = """import json, sys, time
for line in sys.stdin:
    request, began = json.loads(line), time.perf_counter()
    time.sleep(request["params"]["seconds"])
    metrics = {"compute_s": time.perf_counter() - began}
    print(json.dumps({"task": request["task"], "items": [], "metrics": metrics}), flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: tasks a second, the head's CPU seconds a task, its peak memory in bytes, seconds to the first result.

    These count from the first instance that was ready; of a local run, from the command's start.
    """

    tasks: int
    rate: float
    cpu: float
    memory: int
    first_task: float
    digest: str


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run the tasks. Ratios are to the local way in the same round."""

    tasks: int
    rate: Spread
    cpu: Spread
    memory: Spread
    first_task: Spread
    rate_ratio: Spread
    cpu_ratio: Spread
    memory_ratio: Spread


@dataclass(frozen=True, kw_only=True)
class ClusterFigures:
    """All that was measured. ``busy`` is the share of the instances' time in which they worked.

    ``niceness`` is that of Ray's workers by node, and so of the local processes that they start.
    """

    ways: Mapping[str, Way]
    busy: float
    niceness: Mapping[str, int]
    identical: bool


def compare_cluster(
    workload: Workload, folder: Path, address: str, *, tasks: int, jobs: int, pace: Pace, seconds: float = 1.0
) -> ClusterFigures:
    """Runs the workload's first ``tasks`` on ``jobs`` lanes and on as many instances, in turns.

    ``folder`` is one that nodes see; ``seconds`` is what a task takes of the step by which instances are looked at.
    Raises ClusterError if the cluster cannot be reached, BenchError if a run fails.
    """
    niceness = _niceness(address)
    few = min(tasks, _FEW)
    counts = {LOCAL: tasks, CLUSTER: tasks, SINGLE: few}
    rounds: list[dict[str, Run]] = [{} for _ in range(pace.repeats)]
    for number, name in turns(tuple(counts), pace.repeats):
        if pace.patience and not wait_until_quiet(pace.patience):
            pace.say("the machine does not get quiet")
        place = ["--jobs", str(jobs)] if name == LOCAL else ["--cluster", address]
        pipeline = _with_instances(workload, folder, jobs, message=1 if name == SINGLE else None)
        found = rounds[number][name] = _run(
            workload, pipeline, folder / "run", [*place, "--limit", str(counts[name])], few
        )
        pace.say(
            f"round {number + 1}: {name}: {found.rate:.0f} tasks/s, head {found.cpu * 1e6:.0f} us of CPU a task, "
            f"{found.memory / 1e6:.0f} MB"
        )
    return ClusterFigures(
        ways={name: _way(name, rounds) for name in counts},
        busy=_busy(workload, folder, address, seconds),
        niceness=niceness,
        identical=len({run.digest for runs in rounds for run in runs.values()}) == 1,
    )


def _run(workload: Workload, pipeline: str, out: Path, options: Sequence[str], compared: int) -> Run:
    if out.exists():
        shutil.rmtree(out)
    command = [sys.executable, "-m", "coordinator", "run", str(workload.batch), "--out", str(out)]
    usage = measure([*command, "--pipeline", pipeline, "--rung", "process", *options])
    told = read_run(out, compared)
    return Run(
        tasks=told.tasks,
        rate=told.tasks / (told.last_ended - told.first_submitted),
        cpu=usage.cpu_between(told.first_submitted, told.last_ended) / told.tasks,
        memory=usage.peak_memory,
        first_task=told.first_ended - (first_began(out) or usage.started),
        digest=told.digest,
    )


def _busy(workload: Workload, folder: Path, address: str, seconds: float) -> float:
    """The share of their time in which instances of a step work that takes so many seconds."""
    program = folder / "sleeper" / "sleeper.py"
    program.parent.mkdir()
    program.write_text(_SLEEPER, encoding="utf-8")
    asleep: dict[str, Any] = {
        "command": ["python3", str(program)],
        "params": {"seconds": seconds},
        "resources": {"cpus": 0.25, "memory": "64m"},
    }
    pipeline = _with_instances(workload, folder, BUSY_INSTANCES, **asleep)
    out = folder / "busy"
    _run(workload, pipeline, out, ["--cluster", address, "--limit", str(BUSY_TASKS)], 1)
    return busy_share(out)


def _with_instances(
    workload: Workload, folder: Path, instances: int, *, message: int | None = None, **step: Any
) -> str:
    """The workload's pipeline with so many instances of its step, no more and no fewer."""
    told = json.loads(Path(workload.pipeline).read_text(encoding="utf-8"))
    wanted = {"least": instances, "most": instances, **({"message": message} if message else {})}
    told["steps"] = [{**told["steps"][0], "instances": wanted, **step}]
    path = folder / "instances.yaml"
    path.write_text(json.dumps(told), encoding="utf-8")
    return str(path)


def _niceness(address: str) -> dict[str, int]:
    """That of every node's workers. Raises ClusterError, or BenchError for a node that does not tell."""
    with closing(Link(address)) as link:
        told = link.survey(Wanted())
    silent = [f"node {node.name}: {facts}" for node, facts in told.items() if isinstance(facts, str)]
    if silent:
        raise BenchError("; ".join(silent))
    return {node.name: facts["niceness"] for node, facts in told.items() if not isinstance(facts, str)}


def _way(name: str, rounds: Sequence[Mapping[str, Run]]) -> Way:
    def over(of: str) -> tuple[Spread, Spread]:
        values = [(float(getattr(runs[name], of)), float(getattr(runs[LOCAL], of))) for runs in rounds]
        return spread([own for own, _ in values]), spread([own / local for own, local in values])

    (rate, rate_ratio), (cpu, cpu_ratio), (memory, memory_ratio) = map(over, ("rate", "cpu", "memory"))
    return Way(
        tasks=rounds[0][name].tasks,
        rate=rate,
        cpu=cpu,
        memory=memory,
        first_task=spread([runs[name].first_task for runs in rounds]),
        rate_ratio=rate_ratio,
        cpu_ratio=cpu_ratio,
        memory_ratio=memory_ratio,
    )
