"""Everything that can be known to be wrong before a run starts, found in one pass and told at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator.contract import PROTOCOL
from coordinator.core.resources import Inventory, fit, shortage
from coordinator.errors import CoordinatorError
from coordinator.pipeline import Per, Pipeline, Resources, Rung, Step
from coordinator.runners.engine import ImageFacts
from coordinator.runners.program import program_id
from coordinator.runners.requirements import lacking

_MIN_FREE, _LITTLE_FREE = 100 * 1024**2, 1024**3
"""Bytes of free disk: with less than the first a run does not start, with less than the second it says so."""


class PreflightError(CoordinatorError):
    """The run cannot start; the message lists every reason."""


class Problems:
    """What is wrong, collected to be told at once."""

    def __init__(self) -> None:
        self._found: list[CoordinatorError] = []

    def add(self, *reasons: str) -> None:
        self._found += map(PreflightError, reasons)

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Takes what the block raises; what the block was to give is then not there."""
        try:
            yield
        except CoordinatorError as error:
            self._found.append(error)

    @property
    def are_there(self) -> bool:
        return bool(self._found)

    def tell(self) -> None:
        """Raises the one problem there is, or a PreflightError that lists all of them; nothing if all is well."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            told = (str(problem).replace("\n", "\n    ") for problem in self._found)
            raise PreflightError("the run cannot start:\n" + "\n".join(f"  - {problem}" for problem in told))


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A pipeline that can run here: fitted to the machine, each step's program pinned.

    ``image_ids`` are the images' digests, and for a step that runs as a local process what tells its files.
    """

    pipeline: Pipeline
    images: dict[str, ImageFacts]
    image_ids: dict[str, str]


def needs_engine(pipeline: Pipeline) -> bool:
    """Whether any step runs in a container, or its image must tell what it runs."""
    return any(_needs_image(step) for step in pipeline.steps)


ImageOf = Callable[[str], ImageFacts]
"""The image behind a reference; raises EngineError if it is not there."""


def check(pipeline: Pipeline, image_of: ImageOf | None, inventory: Inventory, problems: Problems) -> Checked:
    """Fits and pins the pipeline, as far as that goes; what is wrong with it is added to ``problems``.

    Without an engine to ask, steps that need one are passed over.
    """
    wanted = fitted(pipeline, inventory)
    problems.add(*shortages(wanted, inventory))
    steps: list[Step] = []
    images: dict[str, ImageFacts] = {}
    for step in wanted.steps:
        command = step.command
        if _needs_image(step):
            if image_of is None:
                continue
            try:
                image = images[step.name] = image_of(step.image_ref)
            except CoordinatorError as error:
                problems.add(f"step {step.name!r}: {error}")
                continue
            problems.add(*_misfits(step, image))
            command = command or image.command
        if step.rung is Rung.PROCESS:
            problems.add(*_uninstalled(step, command))
        steps.append(step.model_copy(update={"command": command}))
    image_ids = {
        step.name: program_id(step.command or ()) if step.rung is Rung.PROCESS else images[step.name].id
        for step in steps
    }
    checked = pipeline.model_copy(update={"steps": tuple(steps)})
    return Checked(pipeline=checked, images=images, image_ids=image_ids)


def _needs_image(step: Step) -> bool:
    return step.rung is not Rung.PROCESS or step.command is None


def check_folder(
    path: Path, free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
) -> str | None:
    """What there is to say of the place of a run folder, which need not exist yet, although a run can start.

    Raises PreflightError if it cannot: nothing can be written there, or next to nothing is free.
    """
    place = next(parent for parent in (path, *path.parents) if parent.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise PreflightError(f"run folder {str(path)!r} cannot be written; name another with --out")
    left = free(place)
    if left < _MIN_FREE:
        raise PreflightError(
            f"run folder {str(path)!r}: only {left / 1024**2:.0f} MB are free on its disk, at least "
            f"{_MIN_FREE / 1024**2:.0f} are needed; make room, or name another disk with --out"
        )
    if left < _LITTLE_FREE:
        return (
            f"only {left / 1024**2:.0f} MB are free on the disk of the run folder; a full disk ends the run"
        )
    return None


def _uninstalled(step: Step, command: Sequence[str] | None) -> Iterator[str]:
    """What a local program would stop at in mid-run, when other steps have worked for hours."""
    if found := lacking(command or ("",)):
        packages = " ".join(found)
        yield (
            f"step {step.name!r} needs {packages}, which this Python does not have: pip install {packages}, or let it "
            "run in its container (--rung fresh)"
        )


def _misfits(step: Step, image: ImageFacts) -> list[str]:
    """What a step's image says of itself that does not go with what is asked of it."""
    problems = []
    protocol = image.labels.get("coordinator.protocol", str(PROTOCOL))
    if protocol != str(PROTOCOL):
        problems.append(
            f"step {step.name!r}: its image speaks protocol {protocol}, this coordinator {PROTOCOL}"
        )
    if step.loops and image.labels.get("coordinator.loop") != "true":
        asked, mend = "run on the resident rung", "use --rung fresh or exec"
        if step.takes_chunks:
            asked = f"take {step.chunk} tasks in a container"
            mend = "leave out --chunk, and write chunk: to the other steps in the pipeline file"
        problems.append(
            f"step {step.name!r} cannot {asked}: image {step.image_ref!r} does not say that it loops over lines "
            f'(LABEL coordinator.loop="true"); {mend}'
        )
    return problems


def fitted(pipeline: Pipeline, inventory: Inventory) -> Pipeline:
    """The pipeline as it can run here: optional GPUs are left out where there are none.

    A step per batch that does not say how many CPUs it takes gets all of them, as nothing else runs meanwhile.
    """
    steps = tuple(step.model_copy(update={"resources": _fitted(step, inventory)}) for step in pipeline.steps)
    return pipeline.model_copy(update={"steps": steps})


def _fitted(step: Step, inventory: Inventory) -> Resources:
    found = fit(step.resources, inventory)
    if step.per is Per.BATCH and "cpus" not in step.resources.model_fields_set:
        return found.model_copy(update={"cpus": inventory.cpus})
    return found


def shortages(pipeline: Pipeline, inventory: Inventory) -> list[str]:
    """The steps that this machine can never run, each with the reason."""
    found = ((step.name, shortage(step.resources, inventory)) for step in pipeline.steps)
    return [f"step {name!r} {reason}" for name, reason in found if reason]
