"""The ways to run a workload: the coordinator's rungs, and the baselines they are measured against."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.bench.figures import Aim, Sample, Split
from coordinator.bench.machine import CPUS, BenchError, EngineClock, Usage, busy_cpu, measure
from coordinator.bench.reading import digest_of_responses, read_run
from coordinator.bench.workloads import TRIVIAL_IMAGE, TRIVIAL_STEP, Workload, write_requests

API_LOOP, PARALLEL, XARGS, SHELL_LOOP = "api-loop", "parallel", "xargs", "shell-loop"
FRESH, PRESTART, CHUNK = "fresh", "fresh+prestart", "fresh+chunk"
EXEC, RESIDENT, PROCESS = "exec", "resident", "process"
RUNGS = (FRESH, PRESTART, CHUNK, EXEC, RESIDENT, PROCESS)
CHUNK_SIZE = 8
"""Tasks of one container where they come in chunks."""
BASELINES = (SHELL_LOOP, XARGS, PARALLEL, API_LOOP)

_FACTORS = {CHUNK: CHUNK_SIZE, EXEC: 4, RESIDENT: 500, PROCESS: 500}
"""So many times the tasks of the other variants, so that every variant runs for some seconds."""

AIMS = (
    Aim(name=FRESH, floor=API_LOOP, least=0.9),
    Aim(name=FRESH, floor=PARALLEL, least=1.5),
    Aim(name=FRESH, floor=XARGS),
    Aim(name=FRESH, floor=SHELL_LOOP),
    Aim(name=PRESTART, floor=FRESH),
    Aim(name=CHUNK, floor=FRESH, least=5.0),
    Aim(name=EXEC, floor=FRESH),
    Aim(name=RESIDENT, floor=FRESH, least=300.0),
    Aim(name=RESIDENT, floor=PROCESS),
)
FLAGSHIP_AIMS = (
    Aim(name=RESIDENT, floor=PROCESS, least=0.9),
    Aim(name=RESIDENT, floor=FRESH, least=2.0),
    Aim(name=EXEC, floor=FRESH),
    Aim(name=CHUNK, floor=FRESH),
    Aim(name=PRESTART, floor=FRESH),
)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all variants of one comparison share. ``compared`` tasks have their results compared."""

    workload: Workload
    folder: Path
    jobs: int
    clock: EngineClock
    compared: int | None
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to run a workload's first ``tasks`` tasks (all of them if None)."""

    name: str
    tasks: int | None
    run: Callable[[Conditions, int | None], Sample]

    def sample(self, conditions: Conditions) -> Sample:
        """Runs it once. Raises BenchError if it fails."""
        return self.run(conditions, self.tasks)

    def with_tasks(self, tasks: int) -> Variant:
        """The same for another number of tasks."""
        return replace(self, tasks=tasks)


def tasks_of(name: str, tasks: int) -> int:
    """How many tasks a variant runs where a container per task gets ``tasks``."""
    return tasks * _FACTORS.get(name, 1)


def rung_variant(name: str, tasks: int | None) -> Variant:
    """A rung of the coordinator."""
    return Variant(name=name, tasks=tasks, run=lambda conditions, count: _run_rung(conditions, name, count))


def baseline_variants(tasks: int) -> tuple[dict[str, Variant], dict[str, str]]:
    """The baselines that can be run here, and why the others cannot."""
    needed = {
        API_LOOP: (),
        PARALLEL: ("parallel", "docker"),
        XARGS: ("xargs", "docker"),
        SHELL_LOOP: ("docker",),
    }
    runs: Mapping[str, Callable[[Conditions, int | None], Sample]] = {
        API_LOOP: _run_api_loop,
        PARALLEL: lambda conditions, count: _run_shell(conditions, PARALLEL, count),
        XARGS: lambda conditions, count: _run_shell(conditions, XARGS, count),
        SHELL_LOOP: lambda conditions, count: _run_shell(conditions, SHELL_LOOP, count),
    }
    missing = {name: [tool for tool in tools if not shutil.which(tool)] for name, tools in needed.items()}
    left_out = {name: f"{tools[0]} is not installed" for name, tools in missing.items() if tools}
    variants = {
        name: Variant(name=name, tasks=tasks, run=run) for name, run in runs.items() if name not in left_out
    }
    return variants, left_out


def local_command(image_ref: str, program: str, folder: Path) -> tuple[str, ...]:
    """The one program of an image as a local command: copied out of it. Raises BenchError."""
    target = folder / Path(program).name
    try:
        made = subprocess.run(
            ["docker", "create", image_ref], check=True, capture_output=True, text=True
        ).stdout.strip()
        try:
            subprocess.run(["docker", "cp", f"{made}:{program}", target], check=True, capture_output=True)
        finally:
            subprocess.run(["docker", "rm", made], check=True, capture_output=True)
    except FileNotFoundError as error:
        raise BenchError("the docker command is not installed") from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{program} cannot be copied out of {image_ref}: {error.stderr!r}") from error
    return (str(target),)


# -- the coordinator ---------------------------------------------------------------------------------------


def _run_rung(conditions: Conditions, name: str, tasks: int | None) -> Sample:
    out = _emptied(conditions.folder / "run")
    command = [*_python("coordinator"), "run", str(conditions.workload.batch), "--out", str(out)]
    command += ["--pipeline", conditions.workload.pipeline, "--jobs", str(conditions.jobs)]
    command += _rung_options(name, conditions.jobs)
    if limit := tasks or conditions.limit:
        command += ["--limit", str(limit)]
    taken = _measured(conditions, command)
    told = read_run(out, conditions.compared)
    return Sample(
        tasks=told.tasks,
        recordings=told.recordings,
        seconds=told.last_ended - told.first_submitted,
        command_seconds=taken.usage.seconds,
        digest=told.digest,
        first_task=told.first_submitted - taken.usage.started,
        # The process rung's steps are children of the coordinator.
        client_cpu=taken.usage.cpu,
        engine_cpu=taken.engine_cpu,
        peak_memory=taken.usage.peak_memory,
        elsewhere=taken.elsewhere,
        split=told.split,
    )


def _rung_options(name: str, jobs: int) -> list[str]:
    if name == PRESTART:
        return ["--rung", FRESH, "--prestart", str(jobs)]
    if name == CHUNK:
        return ["--rung", FRESH, "--chunk", str(CHUNK_SIZE)]
    return ["--rung", name]


# -- the baselines -----------------------------------------------------------------------------------------


def _run_api_loop(conditions: Conditions, tasks: int | None) -> Sample:
    assert tasks is not None
    out, figures = _emptied(conditions.folder / "loop"), conditions.folder / "loop.json"
    command = [
        *_python("coordinator.bench.apiloop"),
        str(conditions.workload.batch),
        conditions.workload.pipeline,
    ]
    command += [str(out), "--tasks", str(tasks), "--jobs", str(conditions.jobs)]
    taken = _measured(conditions, command, stdout=figures)
    told = json.loads(figures.read_text())
    return Sample(
        tasks=tasks,
        recordings=tasks,
        seconds=told["seconds"],
        command_seconds=taken.usage.seconds,
        digest=_digest(conditions, out / "responses.jsonl", tasks),
        first_task=told["first"] - taken.usage.started,
        client_cpu=taken.usage.cpu,
        engine_cpu=taken.engine_cpu,
        peak_memory=taken.usage.peak_memory,
        elsewhere=taken.elsewhere,
        split=Split(queue=0.0, start=told["start"], compute=0.0, transfer=told["busy"] - told["start"]),
    )


def _run_shell(conditions: Conditions, name: str, tasks: int | None) -> Sample:
    """``docker run`` as people write it: for every request, in turn or side by side."""
    assert tasks is not None
    asked = write_requests(conditions.workload, tasks, conditions.folder / "requests.jsonl")
    answered = conditions.folder / "responses.jsonl"
    taken = _measured(conditions, shell_command(name, conditions.jobs), stdin=asked, stdout=answered)
    return Sample(
        tasks=tasks,
        recordings=tasks,
        seconds=taken.usage.seconds,
        command_seconds=taken.usage.seconds,
        digest=_digest(conditions, answered, tasks),
        client_cpu=taken.usage.cpu + taken.usage.children_cpu,
        engine_cpu=taken.engine_cpu,
        elsewhere=taken.elsewhere,
    )


def shell_command(name: str, jobs: int, image_ref: str = TRIVIAL_IMAGE) -> list[str]:
    """The command line of a baseline; requests come line by line on its stdin."""
    docker_run = f"docker run -i --rm --network none {shlex.quote(image_ref)}"
    if name == PARALLEL:
        return ["parallel", f"-j{jobs}", f"printf '%s\\n' {{}} | {docker_run}"]
    one = f"printf '%s\\n' \"$1\" | {docker_run}"
    if name == XARGS:
        return ["xargs", "-d", "\\n", "-n", "1", "-P", str(jobs), "sh", "-c", one, "sh"]
    return ["sh", "-c", f'while IFS= read -r line; do set -- "$line"; {one}; done']


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """What a command took, the engine's part in it, and the share of the machine that did something else."""

    usage: Usage
    engine_cpu: float | None
    elsewhere: float


def _measured(
    conditions: Conditions, command: list[str], *, stdin: Path | None = None, stdout: Path | None = None
) -> _Taken:
    engine, busy = conditions.clock.read(), busy_cpu()
    usage = measure(command, stdin=stdin, stdout=stdout)
    engine_after, busy_after = conditions.clock.read(), busy_cpu()
    engine_cpu = None if engine is None or engine_after is None else engine_after - engine
    others = busy_after - busy - usage.cpu - usage.children_cpu - (engine_cpu or 0.0)
    share = 0.0 if engine_cpu is None else max(0.0, others) / (usage.seconds * CPUS)
    return _Taken(usage=usage, engine_cpu=engine_cpu, elsewhere=round(share, 3))


def _digest(conditions: Conditions, responses: Path, tasks: int) -> str:
    ids = [f"{TRIVIAL_STEP}/r{number:07}" for number in range(tasks)]
    return digest_of_responses(responses, ids)


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _emptied(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder
