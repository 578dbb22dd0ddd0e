"""The commands: what the user types, and the only place that prints results and turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coordinator import __version__
from coordinator.errors import CoordinatorError, ExitCode, UsageError

if TYPE_CHECKING:
    from coordinator.job import Job
    from coordinator.run import Summary
    from coordinator.scoring import Score

RUNGS = ("fresh", "exec", "resident", "process")
"""The rungs by name; here as well, so that --help needs no import of the pipeline (a test holds them equal)."""
_EPILOG = "exit codes: 0 all done, 1 some items failed, 2 wrong usage or preflight, 130 interrupted"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    _open_missing_streams()
    options = _parser().parse_args(arguments)
    code = ExitCode.DONE
    try:
        code = options.command(options)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m coordinator",
        description="Runs a pipeline of containerised steps over a municipality's street-level images.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"coordinator {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_validate(commands)
    _add_schema(commands)
    _add_score(commands)
    _add_bench(commands)
    _add_check_step(commands)
    _add_doctor(commands)
    _add_status(commands)
    _add_retry(commands)
    _add_clean(commands)
    _add_replay(commands)
    _add_serve(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run", help="run a pipeline over a batch; run again to continue", epilog=_EPILOG
    )
    run.set_defaults(command=_run)
    _add_what(run)
    run.add_argument("--out", type=Path, metavar="RUN_DIR", help="the run folder (default: runs/<batch>)")
    run.add_argument(
        "--jobs", type=_positive, metavar="N", help="at most N tasks at a time (default: what fits)"
    )
    run.add_argument(
        "--rung", choices=RUNGS, help="how tasks run (default: as the pipeline says, else fresh)"
    )
    run.add_argument(
        "--reuse", dest="rung", action="store_const", const="resident", help="short for --rung resident"
    )
    run.add_argument("--prestart", type=_positive, metavar="N", help="start N containers of each step ahead")
    run.add_argument(
        "--hash-inputs",
        action="store_true",
        help="tell image files apart by content instead of size and time",
    )
    run.add_argument("--pull", action="store_true", help="pull images that the engine has not got")
    run.add_argument(
        "--dry-run", action="store_true", help="print the docker run lines as a shell script instead"
    )


def _add_validate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    validate = commands.add_parser("validate", help="check a batch and a pipeline without running anything")
    validate.set_defaults(command=_validate)
    _add_what(validate)


def _add_what(parser: argparse.ArgumentParser) -> None:
    """What to run: the same for every command that takes a batch."""
    parser.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    parser.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )
    parser.add_argument(
        "--from", dest="first", metavar="STEP", help="start at STEP, with the batch's detections.json"
    )
    parser.add_argument("--until", dest="last", metavar="STEP", help="end with STEP")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N recordings")


def _add_schema(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    schema = commands.add_parser("schema", help="print the step contract as JSON Schema")
    schema.set_defaults(command=_schema)


def _add_score(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    score = commands.add_parser("score", help="compare a run's objects with a truth")
    score.set_defaults(command=_score)
    score.add_argument("run", type=Path, metavar="RUN_DIR")
    score.add_argument("truth", type=Path, metavar="TRUTH.geojson")
    score.add_argument(
        "--radius", type=_metres, default=1.0, metavar="METRES", help="matching radius (default: 1)"
    )
    score.add_argument("--json", action="store_true", help="print the figures as JSON")


def _add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bench = commands.add_parser("bench", help="measure every way to run a task, in turns, on the same tasks")
    bench.set_defaults(command=_bench, mode="rates")
    bench.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the folder that holds the images")
    bench.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )
    bench.add_argument("--workloads", type=_names, metavar="NAMES", help="trivial, pipeline (default: both)")
    bench.add_argument(
        "--rungs",
        type=_names,
        metavar="NAMES",
        help="fresh, fresh+prestart, exec, resident, process (default: all)",
    )
    bench.add_argument(
        "--baselines",
        type=_names,
        metavar="NAMES",
        help="api-loop, parallel, xargs, shell-loop (default: all), or none",
    )
    bench.add_argument("--repeats", type=_positive, default=3, metavar="N", help="rounds (default: 3)")
    bench.add_argument(
        "--tasks",
        type=_positive,
        default=40,
        metavar="N",
        help="trivial tasks of the fresh rung (default: 40)",
    )
    bench.add_argument("--jobs", type=_positive, metavar="N", help="tasks at a time (default: one per CPU)")
    bench.add_argument(
        "--limit", type=_positive, metavar="N", help="only the first N recordings of the batch"
    )
    bench.add_argument(
        "--patience",
        type=_positive,
        default=20,
        metavar="S",
        help="wait so long for a quiet machine (default: 20)",
    )
    bench.add_argument(
        "--out", type=Path, default=Path("runs/bench"), metavar="DIR", help="default: runs/bench"
    )
    modes = bench.add_mutually_exclusive_group()
    modes.add_argument(
        "--flags",
        dest="mode",
        action="store_const",
        const="flags",
        help="what each isolation flag costs instead",
    )
    modes.add_argument(
        "--scale",
        dest="mode",
        action="store_const",
        const="scale",
        help="starting, and a table of a million recordings instead",
    )
    modes.add_argument(
        "--service",
        dest="mode",
        action="store_const",
        const="service",
        help="the image service against a plain pool of processes instead",
    )


def _add_check_step(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check-step",
        help="check that a step's image keeps the step contract",
        epilog="exit codes: 0 it conforms, 1 it does not, 2 it cannot be checked, 130 interrupted",
    )
    check.set_defaults(command=_check_step)
    check.add_argument("image_ref", metavar="IMAGE_REF", help="the container image")
    check.add_argument("--params", metavar="JSON", help="the step's parameters, an object")
    check.add_argument(
        "--batch", type=Path, metavar="BATCH_DIR", help="the images (default: one small photograph)"
    )
    asked = check.add_mutually_exclusive_group()
    asked.add_argument(
        "--item", metavar="JSON", help="what to ask for (default: the batch's first recording)"
    )
    asked.add_argument("--request", metavar="FILE", help="a request with all its items, as JSON")
    check.add_argument("--gpu", action="store_true", help="give it the machine's first GPU")
    check.add_argument(
        "--timeout", type=_positive, default=60, metavar="S", help="seconds for an answer (default: 60)"
    )
    check.add_argument("--json", action="store_true", help="print the verdict as JSON")


def _add_doctor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    doctor = commands.add_parser("doctor", help="check engine, GPUs, disk, limits and images; change nothing")
    doctor.set_defaults(command=_doctor)
    doctor.add_argument(
        "--pipeline", default="traffic-signs", metavar="NAME|FILE", help="default: traffic-signs"
    )
    doctor.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where runs are to lie")


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="what a run has come to, also while it is going on")
    status.set_defaults(command=_status)
    status.add_argument("run", type=Path, metavar="RUN_DIR")
    status.add_argument("--json", action="store_true", help="print it as JSON")


def _add_retry(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    retry = commands.add_parser(
        "retry", help="try what failed again, and only that and what depends on it", epilog=_EPILOG
    )
    retry.set_defaults(command=_retry)
    retry.add_argument("run", type=Path, metavar="RUN_DIR")
    retry.add_argument("--failed", action="store_true", required=True, help="the failed tasks")
    retry.add_argument("--step", metavar="STEP", help="only those of STEP; the others stay failed")


def _add_clean(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    clean = commands.add_parser(
        "clean", help="remove what dead runs left: containers, unfinished work folders"
    )
    clean.set_defaults(command=_clean)
    clean.add_argument(
        "runs",
        type=Path,
        nargs="*",
        metavar="RUN_DIR",
        help="default: all of this host's on the engine, and runs/*",
    )
    clean.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay",
        help="run one failed task again, its output on the terminal",
        epilog="exit codes: 0 a valid response, 1 none, 2 wrong usage, 130 interrupted",
    )
    replay.set_defaults(command=_replay)
    replay.add_argument("run", type=Path, metavar="RUN_DIR")
    replay.add_argument("task", metavar="TASK", help="as failures name it, for example detect/a.jpg")


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from coordinator.service.flags import add_flags

    serve = commands.add_parser(
        "serve",
        help="the image service: resize, split and blur over HTTP",
        epilog="options can be given as the variables behind them instead; exit codes: 0 stopped, 2 not started",
    )
    serve.set_defaults(command=_serve)
    add_flags(serve)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _metres(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length in metres")
    return value


# -- run -------------------------------------------------------------------------------------------------


def _job(options: argparse.Namespace) -> Job:
    from coordinator.job import Job
    from coordinator.pipeline import Rung

    out = getattr(options, "out", None) or Path("runs") / (options.batch.resolve().name or "batch")
    return Job(
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
        from coordinator.dryrun import script

        for line in script(job):
            print(line)
        return ExitCode.DONE
    from coordinator.run import run

    return _tell(run(job, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]])), job)


def _tell(summary: Summary, job: Job) -> ExitCode:
    """How it went counts, whether or not anybody reads it."""
    try:
        _print_summary(summary, job)
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
    return summary.exit_code


def _print_summary(summary: Summary, job: Job) -> None:
    from coordinator.journal import Status

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
    from coordinator.inventory import host_inventory
    from coordinator.job import prepare
    from coordinator.preflight import shortages, take_census

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
    from coordinator.doctor import examine, exit_code
    from coordinator.pipeline import load_pipeline

    notes = []
    for note in examine(load_pipeline(options.pipeline), options.out):
        print("\n".join(note.lines()), flush=True)
        notes.append(note)
    return exit_code(notes)


def _status(options: argparse.Namespace) -> ExitCode:
    import json

    from coordinator.status import lines, status

    report = status(options.run)
    print(json.dumps(report.as_json(), indent=2) if options.json else "\n".join(lines(report)))
    return ExitCode.DONE


def _retry(options: argparse.Namespace) -> ExitCode:
    from coordinator.retry import retry_job
    from coordinator.run import run

    job = retry_job(options.run, options.step)
    if job is None:
        print("nothing has failed" + (f" at {options.step}" if options.step else ""))
        return ExitCode.DONE
    return _tell(run(job, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]])), job)


def _clean(options: argparse.Namespace) -> ExitCode:
    from coordinator.clean import clean
    from coordinator.errors import EngineError
    from coordinator.runners.engine import Engine

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

    from coordinator.messages import Success
    from coordinator.replay import find, replay
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

    from coordinator.messages import schema

    print(json.dumps(schema(), indent=2))
    return ExitCode.DONE


def _score(options: argparse.Namespace) -> ExitCode:
    import json

    from coordinator.results import OBJECTS_GEOJSON
    from coordinator.scoring import match, read_placed

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
