"""``validate``: a batch and a pipeline looked at as a run would, without running anything."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from coordinator.batch.census import Census, take_census
from coordinator.commands.arguments import add_what, what
from coordinator.errors import ExitCode, UsageError
from coordinator.runners.inventory import host_inventory
from coordinator.session.options import Prepared, prepare
from coordinator.session.preflight import shortages


def add_options(parser: argparse.ArgumentParser) -> None:
    add_what(parser)


def main(options: argparse.Namespace) -> ExitCode:
    prepared = prepare(what(options))
    census = take_census(prepared.batch, prepared.recordings())
    print("\n".join(_lines(prepared, census)))
    problems = _problems(prepared, census)
    for problem in problems:
        print(f"  problem: {problem}")
    if not census.total:
        raise UsageError(f"batch {str(prepared.batch.folder)!r} holds no recording that can be used")
    return ExitCode.SOME_FAILED if problems else ExitCode.DONE


def _lines(prepared: Prepared, census: Census) -> Iterator[str]:
    batch, pipeline = prepared.batch, prepared.pipeline
    steps = " -> ".join(f"{step.name} (per {step.per})" for step in pipeline.steps)
    yield f"batch {batch.name!r}: {census.total} recordings, {census.without_position} without a position"
    yield f"crs: {batch.projection.name if batch.projection else 'none'}; regions: {len(census.by_region)}"
    yield f"pipeline {pipeline.name!r}: {steps}"


def _problems(prepared: Prepared, census: Census) -> list[str]:
    bad = [f"{recording.id!r}: {recording.reason}" for recording in census.bad]
    return bad + shortages(prepared.pipeline, host_inventory())
