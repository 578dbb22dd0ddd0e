"""Pipelines: the ordered steps, each a container image with parameters and resources, from YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources as package_files
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from coordinator.errors import PipelineError, UsageError
from coordinator.instances import Instances
from coordinator.plainfile import read_file

_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)

BUILT_IN = ("traffic-signs", "traffic-signs-aligned")
_TAKEN = {
    "fetch": "the fetching of images given as URLs",
    "batch": "what the journal keeps of the batch's own faults",
    "replay": "the work folders of tasks that are run again by hand",
}


def parse_size(value: Any) -> Any:
    """Bytes from an int or from text such as ``512m`` or ``1.5 GiB`` (powers of 1024)."""
    if not isinstance(value, str):
        return value
    if not (match := _SIZE.fullmatch(value.strip())):
        raise ValueError(f"{value!r} is not a size; write a number of bytes or for example 512m or 2g")
    return int(float(match[1]) * _UNITS[match[2].lower()])


Bytes = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Per(StrEnum):
    """What one task of a step works on."""

    ITEM = "item"
    REGION = "region"
    BATCH = "batch"
    """All items of the batch at once: nothing behind it begins before everything in front of it has ended."""


class Need(StrEnum):
    """What a step cannot do without in its items: a run without any is refused before it starts."""

    DETECTIONS = "detections"
    POSES = "poses"
    """Of at least two places; and cameras."""


class Rung(StrEnum):
    """How a task runs, from the most isolated to the fastest; the same image serves all with equal results."""

    FRESH = "fresh"
    EXEC = "exec"
    RESIDENT = "resident"
    PROCESS = "process"

    @property
    def keeps(self) -> bool:
        """Whether something (a container, a process) is kept from task to task."""
        return self is not Rung.FRESH


class Resources(_Spec):
    """What one task of a step takes from the machine while it runs.

    ``gpus`` is a whole number of devices, or a fraction of one; ``gpu_memory`` is bytes on each device.
    A step whose GPU is optional runs without one on a machine that has none.
    """

    cpus: float = Field(default=1.0, gt=0)
    memory: Bytes = 1024**3
    gpus: float = Field(default=0.0, ge=0)
    gpu_memory: Bytes | None = None
    gpu_optional: bool = False

    @model_validator(mode="after")
    def _check_gpus(self) -> Resources:
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError(f"gpus: {self.gpus} is neither a whole number nor a fraction of one device")
        if self.gpu_memory is not None and self.gpus == 0:
            raise ValueError("gpu_memory is given, but gpus is 0")
        return self


def _check_json(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters go to steps as JSON: YAML's dates, sets, bytes and infinities would not arrive as they are."""
    try:
        same = json.loads(json.dumps(params, allow_nan=False)) == params
    except (TypeError, ValueError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not same:
        raise ValueError("not JSON: the keys of objects must be strings, and lists no tuples")
    return params


Params = Annotated[dict[str, Any], AfterValidator(_check_json)]


class Step(_Spec):
    """One container image with its parameters, resources and limits. ``timeout`` is seconds per task.

    ``prestart`` containers are started before their input is ready (rung fresh). A container takes ``chunk`` tasks,
    line after line, and ends (rung fresh, images that loop). ``command`` is the same program as the image's, for the
    process rung; without it, that rung asks the image what it runs.
    A region, or the batch, goes ahead without items that failed if at least ``min_complete`` of them are there.
    A step that ``writes`` no files gets no work folder, which saves making one for every task. For one that ``reads``
    no images a cluster's nodes fetch none that the batch names by URL. ``needs`` is what its items must bring.
    ``instances`` counts on a cluster only.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=40)
    image_ref: str = Field(min_length=1)
    per: Per = Per.ITEM
    params: Params = Field(default_factory=dict)
    resources: Resources = Resources()
    timeout: float = Field(default=600.0, gt=0)
    retries: int = Field(default=1, ge=0, le=100)
    min_complete: float = Field(default=0.5, ge=0, le=1)
    writes: bool = True
    reads: bool = True
    needs: tuple[Need, ...] = ()
    rung: Rung = Rung.FRESH
    prestart: int = Field(default=0, ge=0, le=64)
    chunk: int = Field(default=1, ge=1)
    instances: Instances = Instances()
    command: tuple[str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _check_chunk(self) -> Step:
        if self.chunk > 1 and self.rung is not Rung.FRESH:
            raise ValueError(f"chunk is for the fresh rung; rung {self.rung} keeps what it has anyway")
        if self.chunk > 1 and self.prestart:
            raise ValueError(
                "chunk and prestart exclude each other: a container started ahead takes one task"
            )
        return self

    @property
    def takes_chunks(self) -> bool:
        """Whether a container takes several tasks, and ends then."""
        return self.chunk > 1

    @property
    def keeps(self) -> bool:
        """Whether something (a container, a process) is kept from task to task, for however many."""
        return self.rung.keeps or self.takes_chunks

    @property
    def loops(self) -> bool:
        """Whether a container's one program is to answer line after line: not every image's does."""
        return self.rung is Rung.RESIDENT or self.takes_chunks

    def on(self, *, rung: Rung | None, prestart: int | None, chunk: int | None) -> Step:
        """The step as it is asked for; what is None stays, unless the rest leaves no room for it."""
        if prestart is not None or (rung or self.rung) is not Rung.FRESH:
            chunk = 1
        elif chunk is not None and chunk > 1:
            prestart = 0
        wanted = {"rung": rung, "prestart": prestart, "chunk": chunk}
        return self.model_copy(update={name: value for name, value in wanted.items() if value is not None})


class Pipeline(_Spec):
    """An ordered list of steps."""

    name: str = Field(min_length=1)
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_names(self) -> Pipeline:
        names = [step.name for step in self.steps]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two steps have the name {twice[0]!r}")
        for name, owner in _TAKEN.items():
            if name in names:
                raise ValueError(f"the name {name!r} is taken by {owner}")
        return self

    def needs(self, need: Need) -> bool:
        """Whether any step cannot do without it."""
        return any(need in step.needs for step in self.steps)

    def between(self, first: str | None, last: str | None) -> Pipeline:
        """The pipeline from step ``first`` until step ``last``, both included. Raises UsageError."""
        names = [step.name for step in self.steps]
        for name in (first, last):
            if name is not None and name not in names:
                raise UsageError(
                    f"pipeline {self.name!r} has no step {name!r}; its steps are {', '.join(names)}"
                )
        start = names.index(first) if first else 0
        end = names.index(last) if last else len(names) - 1
        if start > end:
            raise UsageError(f"--from {first} comes after --until {last} in pipeline {self.name!r}")
        return self.model_copy(update={"steps": self.steps[start : end + 1]})

    def on(self, *, rung: Rung | None, prestart: int | None, chunk: int | None) -> Pipeline:
        """The pipeline with every step as it is asked for: the rung, the containers started early, tasks a container.

        Raises UsageError for what contradicts itself.
        """
        if chunk is not None and prestart is not None:
            raise UsageError(
                "--chunk and --prestart exclude each other: a container started ahead takes one task; "
                "leave one of them out"
            )
        steps = tuple(step.on(rung=rung, prestart=prestart, chunk=chunk) for step in self.steps)
        if chunk is not None and all(step.rung is not Rung.FRESH for step in steps):
            raise UsageError(
                f"--chunk {chunk} ends every container after {chunk} tasks, on the fresh rung, but no step of pipeline "
                f"{self.name!r} runs on that; leave out --chunk, or else --reuse (or --rung)"
            )
        return self.model_copy(update={"steps": steps})

    def with_instances(self, wanted: Mapping[str, Instances]) -> Pipeline:
        """The pipeline with other numbers of instances of some steps; what was not given with them stays.

        Raises UsageError for a step it has not got.
        """
        names = [step.name for step in self.steps]
        for name in wanted:
            if name not in names:
                raise UsageError(
                    f"--instances {name}: pipeline {self.name!r} has no such step; its steps are {', '.join(names)}"
                )
        given = {name: one.model_dump(exclude_unset=True) for name, one in wanted.items()}
        steps = (
            step.model_copy(update={"instances": step.instances.model_copy(update=given.get(step.name, {}))})
            for step in self.steps
        )
        return self.model_copy(update={"steps": tuple(steps)})


def load_pipeline(name_or_file: str) -> Pipeline:
    """A built-in pipeline by name, or one from a YAML file. Raises PipelineError that names every fault."""
    try:
        document = yaml.safe_load(_read(name_or_file))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PipelineError(f"pipeline {name_or_file}: not valid YAML: {error}") from error
    try:
        pipeline = Pipeline.model_validate(document)
    except ValidationError as error:
        faults = "\n".join(f"  {_place(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise PipelineError(f"pipeline {name_or_file} is not valid:\n{faults}") from error
    return pipeline if name_or_file in BUILT_IN else _with_known_needs(pipeline)


def _with_known_needs(pipeline: Pipeline) -> Pipeline:
    """A step of one's own pipeline that is one of a built-in one needs what that needs, unless it says otherwise."""
    built_in = [Pipeline.model_validate(yaml.safe_load(_read(name))) for name in BUILT_IN]
    needs = {step.image_ref: step.needs for one in built_in for step in one.steps}
    steps = tuple(
        step
        if "needs" in step.model_fields_set
        else step.model_copy(update={"needs": needs.get(step.image_ref, ())})
        for step in pipeline.steps
    )
    return pipeline.model_copy(update={"steps": steps})


def _read(name_or_file: str) -> str:
    if name_or_file in BUILT_IN:
        return (package_files.files("coordinator") / "pipelines" / f"{name_or_file}.yaml").read_text()
    path = Path(name_or_file)
    try:
        return read_file(path).decode()
    except FileNotFoundError as error:
        known = ", ".join(BUILT_IN)
        raise PipelineError(
            f"pipeline {name_or_file!r}: no such file, and no built-in one ({known})"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"pipeline {name_or_file!r} cannot be read: {error}") from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "pipeline"
