"""The commands: what the user types, and the only place that prints results and turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator.commands.arguments import parser
from coordinator.errors import CoordinatorError, ExitCode, UsageError

if TYPE_CHECKING:
    from coordinator.commands.score import Score
    from coordinator.session.options import RunOptions
    from coordinator.session.run import Summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    _open_missing_streams()
    options = parser().parse_args(arguments)
    code = ExitCode.DONE
    try:
        code = COMMANDS[options.command](options)
        sys.stdout.flush()
    except CoordinatorError as error:
        print(f"coordinator: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("coordinator: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        _drop_stdout()
    return int(code)


def _open_missing_streams() -> None:
    """A stream that was closed by who started us must not become the first file that is opened."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _drop_stdout() -> None:
    """The reader of our stdout (head, less) has gone; nothing more may be written, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# -- run -------------------------------------------------------------------------------------------------


def _job(options: argparse.Namespace) -> RunOptions:
    from coordinator.pipeline import Rung
    from coordinator.session.options import RunOptions

    out = getattr(options, "out", None) or Path("runs") / (options.batch.resolve().name or "batch")
    return RunOptions(
        batch=options.batch,
        out=out,
        pipeline=options.pipeline,
        jobs=getattr(options, "jobs", None),
        first=options.first,
        last=options.last,
        limit=options.limit,
        rung=Rung(rung) if (rung := getattr(options, "rung", None)) else None,
        prestart=getattr(options, "prestart", None),
        hash_inputs=getattr(options, "hash_inputs", False),
        pull=getattr(options, "pull", False),
    )


def _run(options: argparse.Namespace) -> ExitCode:
    job = _job(options)
    if options.dry_run:
        from coordinator.commands.dryrun import script

        for line in script(job):
            print(line)
        return ExitCode.DONE
    from coordinator.session.run import run

    return _tell(run(job, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]])), job)


def _tell(summary: Summary, job: RunOptions) -> ExitCode:
    """How it went counts, whether or not anybody reads it."""
    try:
        _print_summary(summary, job)
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    return summary.exit_code


def _print_summary(summary: Summary, job: RunOptions) -> None:
    from coordinator.record.journal import Status

    for step in dict.fromkeys(step for step, _ in summary.counts):
        by_status = [(status, summary.counts.get((step, status), 0)) for status in Status]
        print(f"{step:12}" + ", ".join(f"{count} {status}" for status, count in by_status if count))
    for failure in summary.failures:
        times = "once" if failure.kills == 1 else f"{failure.kills} times"
        killed = f" (quarantined: it killed its step {times})" if failure.is_quarantined else ""
        print(f"  failed: {failure.id!r}: {failure.error.kind}: {failure.error.message}{killed}")
    if summary.failed > len(summary.failures):
        print(f"  ... and {summary.failed - len(summary.failures)} more")
    if summary.failed:
        print(f"evidence    {job.out / 'failures'}{os.sep}")
        print("again       the same command tries them again, `retry --failed` them alone")
    print(f"time        {summary.seconds:.1f} s")
    for path in summary.files:
        print(f"result      {job.out / path.name}")
    if not summary.complete:
        print("interrupted; the same command continues this run")


# -- the other commands ------------------------------------------------------------------------------------


def _validate(options: argparse.Namespace) -> ExitCode:
    from coordinator.batch.census import take_census
    from coordinator.runners.inventory import host_inventory
    from coordinator.session.options import prepare
    from coordinator.session.preflight import shortages

    prepared = prepare(_job(options))
    batch, pipeline = prepared.batch, prepared.pipeline
    census = take_census(batch, prepared.recordings())
    print(f"batch {batch.name!r}: {census.total} recordings, {census.without_position} without a position")
    print(f"crs: {batch.projection.name if batch.projection else 'none'}; regions: {len(census.by_region)}")
    print(
        f"pipeline {pipeline.name!r}: {' -> '.join(f'{step.name} (per {step.per})' for step in pipeline.steps)}"
    )
    problems = [f"{bad.id!r}: {bad.reason}" for bad in census.bad] + shortages(pipeline, host_inventory())
    for problem in problems:
        print(f"  problem: {problem}")
    if not census.total:
        raise UsageError(f"batch {str(batch.folder)!r} holds no recording that can be used")
    return ExitCode.SOME_FAILED if problems else ExitCode.DONE


def _bench(options: argparse.Namespace) -> ExitCode:
    from coordinator.bench.command import WORKLOADS, Wanted, bench, chosen
    from coordinator.bench.variants import BASELINES
    from coordinator.bench.variants import RUNGS as VARIANTS

    wanted = Wanted(
        batch=options.batch,
        out=options.out,
        pipeline=options.pipeline,
        mode=options.mode,
        rungs=chosen(VARIANTS, options.rungs),
        baselines=chosen(BASELINES, options.baselines),
        workloads=chosen(WORKLOADS, options.workloads),
        repeats=options.repeats,
        tasks=options.tasks,
        jobs=options.jobs,
        limit=options.limit,
        patience=options.patience,
    )
    measured = bench(wanted, say=lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(measured.lines))
    for path in measured.files:
        print(f"result      {path}")
    return ExitCode.DONE if measured.identical else ExitCode.SOME_FAILED


def _check_step(options: argparse.Namespace) -> ExitCode:
    import json

    from coordinator.checkstep.command import Wanted, check_step
    from coordinator.checkstep.findings import Result
    from coordinator.checkstep.subject import Limits

    wanted = Wanted(
        image_ref=options.image_ref,
        batch=options.batch,
        request=options.request,
        item=options.item,
        params=options.params,
        gpu=options.gpu,
        limits=Limits(answer=options.timeout),
    )

    def show(result: Result) -> None:
        print("\n".join(result.lines()), flush=True)

    if options.json:
        report = check_step(wanted)
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        report = check_step(wanted, say=show)
        print(f"\n{report.summary}")
    return report.exit_code


def _doctor(options: argparse.Namespace) -> ExitCode:
    from coordinator.commands.doctor import examine, exit_code
    from coordinator.pipeline import load_pipeline

    notes = []
    for note in examine(load_pipeline(options.pipeline), options.out):
        print("\n".join(note.lines()), flush=True)
        notes.append(note)
    return exit_code(notes)


def _status(options: argparse.Namespace) -> ExitCode:
    import json

    from coordinator.commands.status import lines, status

    report = status(options.run)
    print(json.dumps(report.as_json(), indent=2) if options.json else "\n".join(lines(report)))
    return ExitCode.DONE


def _retry(options: argparse.Namespace) -> ExitCode:
    from coordinator.commands.retry import retry_options
    from coordinator.session.run import run

    job = retry_options(options.run, options.step)
    if job is None:
        print("nothing has failed" + (f" at {options.step}" if options.step else ""))
        return ExitCode.DONE
    return _tell(run(job, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]])), job)


def _clean(options: argparse.Namespace) -> ExitCode:
    from coordinator.errors import EngineError
    from coordinator.runners.engine import Engine
    from coordinator.runners.sweep import clean

    try:
        engine = Engine()
    except EngineError as error:
        print(f"coordinator: only work folders are cleaned: {error}", file=sys.stderr)
        engine = None
    removed = "would remove" if options.dry_run else "removed"
    is_clean = engine is not None
    for cleaned in clean(engine, options.runs, dry_run=options.dry_run):
        print(
            f"{cleaned.folder}: {removed} {cleaned.containers} containers, {len(cleaned.work)} work folders"
        )
        for path in cleaned.work:
            print(f"  {path.relative_to(cleaned.folder)}")
        if cleaned.owner is not None:
            print(f"  left alone: {cleaned.owner} is at work on it")
        if cleaned.stuck:
            is_clean = False
            print(f"  {cleaned.stuck} containers the engine would not remove")
    return ExitCode.DONE if is_clean else ExitCode.SOME_FAILED


def _replay(options: argparse.Namespace) -> ExitCode:
    from contextlib import closing

    from coordinator.commands.replay import find, replay
    from coordinator.contract import Success
    from coordinator.runners.engine import Engine

    failure = find(options.run, options.task)
    with closing(Engine()) as engine:
        verdict = replay(engine, failure, _pass_on)
    sys.stdout.flush()
    ended = f"exit code {verdict.exit_code}, {verdict.seconds:.1f} s"
    if isinstance(verdict.result, Success):
        print(f"coordinator: a valid response, {len(verdict.result.items)} items ({ended})", file=sys.stderr)
        return ExitCode.DONE
    print(f"coordinator: {verdict.result.kind}: {verdict.result.message} ({ended})", file=sys.stderr)
    return ExitCode.SOME_FAILED


def _serve(options: argparse.Namespace) -> ExitCode:
    from coordinator.service.settings import read_settings

    settings = read_settings(vars(options), os.environ)
    from coordinator.service.command import serve

    serve(settings)
    return ExitCode.DONE


def _pass_on(is_stderr: bool, data: bytes) -> None:
    stream = (sys.stderr if is_stderr else sys.stdout).buffer
    stream.write(data)
    stream.flush()


def _schema(options: argparse.Namespace) -> ExitCode:
    import json

    from coordinator.contract import schema

    print(json.dumps(schema(), indent=2))
    return ExitCode.DONE


def _score(options: argparse.Namespace) -> ExitCode:
    import json

    from coordinator.commands.score import match, read_placed
    from coordinator.record.results import OBJECTS_GEOJSON

    found, projection = read_placed(options.run / OBJECTS_GEOJSON)
    true, _ = read_placed(options.truth, projection)
    score = match(found, true, options.radius)
    print(json.dumps(score.as_json(), indent=2) if options.json else "\n".join(_score_lines(score)))
    return ExitCode.DONE


def _score_lines(score: Score) -> list[str]:
    def ratio(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    def metres(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f} m"

    return [
        f"objects             {score.found} found, {score.true} true",
        f"matched             {len(score.matches)} within {score.radius:g} m",
        f"precision           {ratio(score.precision)}",
        f"recall              {ratio(score.recall)}",
        f"F1                  {ratio(score.f1)}",
        f"position error      mean {metres(score.mean_error)}, median {metres(score.median_error)}",
        f"category accuracy   {ratio(score.category_accuracy)}",
    ]


COMMANDS: Mapping[str, Callable[[argparse.Namespace], ExitCode]] = {
    "run": _run,
    "validate": _validate,
    "schema": _schema,
    "score": _score,
    "bench": _bench,
    "check-step": _check_step,
    "doctor": _doctor,
    "status": _status,
    "retry": _retry,
    "clean": _clean,
    "replay": _replay,
    "serve": _serve,
}
