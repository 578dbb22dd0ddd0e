"""What the user asked for, and its batch and pipeline opened: where every command over a batch begins."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from coordinator.batch.folder import Batch, open_batch
from coordinator.batch.recording import BadRecording, Recording
from coordinator.errors import BatchError, RunFolderError
from coordinator.pipeline import BUILT_IN, Pipeline, Rung, load_pipeline
from coordinator.session.preflight import PreflightError, Problems
from coordinator.strictjson import Json


@dataclass(frozen=True)
class FailedOnly:
    """Only what failed runs again, and what depends on it; with ``step``, only what failed at that step."""

    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the user asked for. ``rung`` and ``prestart`` override what the pipeline says of its steps.

    ``hash_inputs`` tells image files apart by their content instead of size and time; ``pull`` brings images that
    the engine has not got.
    """

    batch: Path
    out: Path
    pipeline: str
    jobs: int | None = None
    first: str | None = None
    last: str | None = None
    limit: int | None = None
    rung: Rung | None = None
    prestart: int | None = None
    hash_inputs: bool = False
    pull: bool = False
    failed_only: FailedOnly | None = None

    def settings(self) -> Json:
        """For run.json: all that is needed to run the same again, from whatever folder."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("out", "failed_only")}
        name = self.pipeline if self.pipeline in BUILT_IN else str(Path(self.pipeline).resolve())
        return {**kept, "batch": str(self.batch.resolve()), "pipeline": name}

    @classmethod
    def from_settings(cls, settings: Json, out: Path) -> RunOptions:
        """The options that :meth:`settings` tells of, for the run folder ``out``."""
        rung = settings["rung"]
        typed = {"batch": Path(settings["batch"]), "rung": Rung(rung) if rung else None}
        return cls(**{**settings, **typed}, out=out)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The options with the batch opened and the pipeline cut to the steps that are to run."""

    options: RunOptions
    batch: Batch
    pipeline: Pipeline
    starts_later: bool
    """Whether the first step of the pipeline is left out, so that the batch must bring detections."""

    known: Callable[[str], bool] | None = None
    """Whether a recording takes part; without it, all of them do."""

    def recordings(self) -> Iterator[Recording | BadRecording]:
        """The batch's recordings up to the options' limit. Raises BatchError for what cannot be read."""
        found = self.batch.recordings(with_detections=self.starts_later)
        if self.known is not None:
            known = self.known
            found = (recording for recording in found if known(recording.id))
        try:
            yield from itertools.islice(found, self.options.limit)
        except OSError as error:
            raise BatchError(f"batch {str(self.batch.folder)!r} cannot be read: {error}") from error


def prepare(options: RunOptions) -> Prepared:
    """Opens the batch and the pipeline. Raises CoordinatorError for what is wrong with either, or with both."""
    problems = Problems()
    with problems.collected():
        whole = load_pipeline(options.pipeline).on(rung=options.rung, prestart=options.prestart)
        pipeline = whole.between(options.first, options.last)
    with problems.collected():
        batch = open_batch(options.batch)
    problems.tell()
    if options.out.resolve().is_relative_to(batch.folder):
        raise RunFolderError(
            f"run folder {str(options.out)!r} lies inside the batch, which a run never changes; use --out"
        )
    starts_later = pipeline.steps[0].name != whole.steps[0].name
    if starts_later and batch.detections is None:
        raise PreflightError(
            f"--from {pipeline.steps[0].name} needs detections made elsewhere: "
            f"there is no {batch.folder / 'detections.json'}"
        )
    return Prepared(options=options, batch=batch, pipeline=pipeline, starts_later=starts_later)
