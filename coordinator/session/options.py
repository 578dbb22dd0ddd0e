"""What the user asked for, and its batch and pipeline opened: where every command over a batch begins."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from coordinator.batch.folder import Batch, ignore, open_batch
from coordinator.batch.recording import BadRecording, Recording
from coordinator.errors import BatchError, RunFolderError
from coordinator.findings import Tell
from coordinator.instances import read_instances
from coordinator.pipeline import BUILT_IN, Need, Pipeline, Rung, load_pipeline
from coordinator.session.preflight import PreflightError, Problems
from coordinator.strictjson import Json


@dataclass(frozen=True)
class FailedOnly:
    """Only what failed runs again, and what depends on it; with ``step``, only what failed at that step."""

    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the user asked for. ``rung``, ``prestart`` and ``chunk`` override what the pipeline says of its steps.

    ``hash_inputs`` tells image files apart by their content instead of size and time; ``pull`` brings images that
    the engine has not got. ``format`` forces that of the batch's recordings; ``time_offset`` is seconds, added to
    the times of photographs before they are looked up in a track.

    ``cluster`` is the address of the Ray cluster to run on; ``instances`` say for steps how many of them there, as
    :func:`read_instances` reads it, and ``target_wait`` below how many seconds the last task in line should wait.
    ``node_paths`` say where the nodes have folders that lie elsewhere there, each as HEAD=NODE; ``node_cache`` where
    they keep images that they fetch, and how much of them, as DIR:SIZE.
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
    chunk: int | None = None
    hash_inputs: bool = False
    pull: bool = False
    failed_only: FailedOnly | None = None
    format: str | None = None
    time_offset: float = 0.0
    cluster: str | None = None
    instances: tuple[str, ...] = ()
    target_wait: float = 10.0
    node_paths: tuple[str, ...] = ()
    node_cache: str | None = None

    def settings(self) -> Json:
        """For run.json: all that is needed to run the same again, from whatever folder."""
        kept = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("out", "failed_only")}
        name = self.pipeline if self.pipeline in BUILT_IN else str(Path(self.pipeline).resolve())
        lists = {"instances": list(self.instances), "node_paths": list(self.node_paths)}
        return {**kept, "batch": str(self.batch.resolve()), "pipeline": name, **lists}

    @classmethod
    def from_settings(cls, settings: Json, out: Path) -> RunOptions:
        """The options that :meth:`settings` tells of, for the run folder ``out``."""
        rung = settings["rung"]
        typed = {
            "batch": Path(settings["batch"]),
            "rung": Rung(rung) if rung else None,
            "instances": tuple(settings.get("instances", ())),
            "node_paths": tuple(settings.get("node_paths", ())),
        }
        return cls(**{**settings, **typed}, out=out)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """The options with the batch opened and the pipeline cut to the steps that are to run."""

    options: RunOptions
    batch: Batch
    pipeline: Pipeline
    with_detections: bool
    """Whether the first step is given the detections that the batch brings."""

    known: Callable[[str], bool] | None = None
    """Whether a recording takes part; without it, all of them do."""

    @property
    def is_limited(self) -> bool:
        """Whether some of the batch's recordings are left out."""
        return self.options.limit is not None or self.known is not None

    def recordings(self, tell: Tell = ignore) -> Iterator[Recording | BadRecording]:
        """The batch's recordings up to the options' limit; what is noticed on the way is told.

        Raises BatchError for what cannot be read.
        """
        found = self.batch.recordings(with_detections=self.with_detections, tell=tell)
        try:
            known = self.known
            kept = found if known is None else (recording for recording in found if known(recording.id))
            yield from itertools.islice(kept, self.options.limit)
            found.close()  # so that what is told at the end is told at a limit, too
        except OSError as error:
            raise BatchError(f"batch {str(self.batch.folder)!r} cannot be read: {error}") from error


def prepare(options: RunOptions) -> Prepared:
    """Opens the batch and the pipeline. Raises CoordinatorError for what is wrong with either, or with both."""
    problems = Problems()
    with problems.collected():
        whole = load_pipeline(options.pipeline).on(
            rung=options.rung, prestart=options.prestart, chunk=options.chunk
        )
        pipeline = whole.between(options.first, options.last)
        pipeline = pipeline.with_instances(read_instances(options.instances))
    with problems.collected():
        batch = open_batch(options.batch, format=options.format, time_offset=options.time_offset)
    problems.tell()
    if options.out.resolve().is_relative_to(batch.folder):
        raise RunFolderError(
            f"run folder {str(options.out)!r} lies inside the batch, which a run never changes; use --out"
        )
    with_detections = _wants_detections(pipeline, whole)
    if with_detections and batch.detections is None:
        batch.check()
        name = pipeline.steps[0].name
        first = f"--from {name}" if options.first else f"step {name!r}"
        raise PreflightError(
            f"{first} needs detections made elsewhere: there is no "
            f"{batch.folder / 'detections.json'} (COCO), nor another file with detections"
        )
    brings = with_detections or (whole.name not in BUILT_IN and batch.detections is not None)
    return Prepared(options=options, batch=batch, pipeline=pipeline, with_detections=brings)


def _wants_detections(pipeline: Pipeline, whole: Pipeline) -> bool:
    """Whether the first step has none before it that makes them: of a part of a pipeline, or by what it says itself."""
    first = pipeline.steps[0]
    return first.name != whole.steps[0].name or Need.DETECTIONS in first.needs
