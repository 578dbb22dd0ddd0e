"""What is run: the trivial step over invented recordings, or a pipeline over a real batch.

The trivial step answers with the items it was given, so what it takes is what running it takes. Its
recordings are rows of a table that all name one photograph of the real batch.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Recording
from coordinator.bench.machine import BenchError
from coordinator.contract import PROTOCOL, Request
from coordinator.core.paths import MOUNT, task_mount
from coordinator.pipeline import Step, load_pipeline

TRIVIAL_IMAGE = "coordinator/echo"
TRIVIAL_STEP = "echo"
_MEMORY = "64m"
_TIMEOUT = 60


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A batch and the pipeline that runs over it, as the ``run`` command takes them."""

    name: str
    batch: Path
    pipeline: str
    about: str


def trivial(folder: Path, batch: Path, rows: int, command: tuple[str, ...] | None) -> Workload:
    """The trivial step over ``rows`` recordings, made in ``folder``. ``command`` is the step's program here.

    Raises BatchError for what is no batch, BenchError for one without a photograph.
    """
    photograph = _first_photograph(batch)
    made = folder / "batch"
    made.mkdir(parents=True)
    local = batch / photograph.item["image"].removeprefix(f"{MOUNT}/")
    image = f"image{local.suffix}"
    shutil.copyfile(local, made / image)
    _write_table(made / "recordings.csv", image, photograph.item, rows)
    pipeline = folder / "trivial.yaml"
    step = {
        "name": TRIVIAL_STEP,
        "image_ref": TRIVIAL_IMAGE,
        "writes": False,
        "resources": {"cpus": 1, "memory": _MEMORY},
        "timeout": _TIMEOUT,
        "retries": 0,
        **({"command": command} if command else {}),
    }
    # JSON is YAML.
    pipeline.write_text(json.dumps({"name": "trivial", "steps": [step]}), encoding="utf-8")
    about = f"one static program in an empty image ({TRIVIAL_IMAGE}) that answers with what it is given"
    return Workload(name="trivial", batch=made, pipeline=str(pipeline), about=about)


def flagship(batch: Path, pipeline: str) -> Workload:
    """A pipeline over the batch itself. Raises PipelineError for a file that is none."""
    loaded = load_pipeline(pipeline)
    steps = " -> ".join(f"{step.name} (per {step.per})" for step in loaded.steps)
    return Workload(name=loaded.name, batch=batch, pipeline=pipeline, about=steps)


def step_of(workload: Workload) -> Step:
    """The first step of a workload's pipeline. Raises PipelineError."""
    return load_pipeline(workload.pipeline).steps[0]


def requests(workload: Workload, tasks: int) -> Iterator[Request]:
    """The requests that the coordinator would send for the first ``tasks`` recordings. Raises BatchError."""
    step = step_of(workload)
    recordings = open_batch(workload.batch).recordings()
    for recording in itertools.islice(recordings, tasks):
        assert isinstance(recording, Recording)  # the table is ours
        yield Request.model_construct(
            protocol=PROTOCOL,
            task=f"{step.name}/{recording.id}",
            step=step.name,
            params=step.params,
            items=[recording.item],
            region=None,
            work_dir=task_mount(step.name, recording.id),
        )


def write_requests(workload: Workload, tasks: int, path: Path) -> Path:
    """The requests as JSON Lines, for what is not the coordinator."""
    with path.open("wb") as file:
        file.writelines(request.line() for request in requests(workload, tasks))
    return path


def _first_photograph(batch: Path) -> Recording:
    for recording in open_batch(batch).recordings():
        if isinstance(recording, Recording) and recording.url is None:
            return recording
    raise BenchError(f"batch {str(batch)!r} holds no photograph that can be used")


def _write_table(path: Path, image: str, size: dict[str, object], rows: int) -> None:
    tail = f",{image},{size['width']},{size['height']}\n"
    with path.open("w", encoding="utf-8") as file:
        file.write("id,image,width,height\n")
        file.writelines(f"r{number:07}{tail}" for number in range(rows))
