"""``replay``: a failed task once more, from its evidence, in a fresh container, with its output on the terminal.

The journal, the results and the evidence stay as they are; what the step writes goes with the replay.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from coordinator.contract import Request, Success, TaskError
from coordinator.core.paths import FETCH, REPLAY, WORK_MOUNT, image_paths, is_fetched
from coordinator.core.resources import Ledger, fit, shortage
from coordinator.core.tasks import StepTask
from coordinator.errors import CoordinatorError, ExitCode, RunFolderError, UsageError
from coordinator.pipeline import Pipeline, Step
from coordinator.record.disk import remove_tree
from coordinator.record.files import Files
from coordinator.record.history import History
from coordinator.record.lock import locked
from coordinator.record.permissions import make_folder
from coordinator.record.runfolder import RunFolder
from coordinator.runners.engine import Engine
from coordinator.runners.fetch import fetch
from coordinator.runners.inventory import host_inventory
from coordinator.runners.once import Rerun, run_once
from coordinator.runners.stream import Live
from coordinator.strictjson import decode

_NAMED = 20
"""Failed tasks that are listed where one is asked for that is not there."""
_FILES = "files"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "exit codes: 0 a valid response, 1 none, 2 wrong usage, 130 interrupted"
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("task", metavar="TASK", help="as failures name it, for example detect/a.jpg")


def main(options: argparse.Namespace) -> ExitCode:
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


def _pass_on(is_stderr: bool, data: bytes) -> None:
    stream = (sys.stderr if is_stderr else sys.stdout).buffer
    stream.write(data)
    stream.flush()


@dataclass(frozen=True, kw_only=True)
class FailedAttempt:
    """A task that failed, with all that is needed to run it again; ``image_ref`` may be an image's id."""

    folder: RunFolder
    batch: Path
    request: Request
    step: Step
    image_ref: str


def find(run_folder: Path, task: str) -> FailedAttempt:
    """The failed task ``task`` of a run. Raises CoordinatorError if there is none, or too little is known of it."""
    folder = RunFolder(run_folder.resolve())
    about = RunFolder(run_folder).read_about()
    evidence = folder.evidence.of(task)
    if not (evidence / "error.json").is_file():
        raise UsageError(_unknown(folder, task))
    request = _request(evidence, task)
    steps = {step.name: step for step in Pipeline.model_validate(about["pipeline"]).steps}
    if request.step not in steps:
        raise UsageError(
            f"the last session of this run had no step {request.step!r}, of which {task!r} is a task"
        )
    step = steps[request.step]
    pinned = about["images"].get(step.name, {}).get("id")
    batch = Path(about["batch"]["folder"])
    image_ref = pinned or step.image_ref
    return FailedAttempt(folder=folder, batch=batch, request=request, step=step, image_ref=image_ref)


def replay(engine: Engine, failure: FailedAttempt, live: Live) -> Rerun:
    """Runs it. Raises CoordinatorError if that cannot be done here."""
    inventory = host_inventory()
    step = failure.step.model_copy(update={"resources": fit(failure.step.resources, inventory)})
    grant = Ledger(inventory).reserve(step.resources)
    if grant is None:
        raise UsageError(f"step {step.name!r} {shortage(step.resources, inventory)}")
    image = _image(engine, failure)
    with _own_folder(failure.folder) as own:
        work_dir = str(WORK_MOUNT / REPLAY / own.name / _FILES)
        request = failure.request.model_copy(update={"work_dir": work_dir})
        task = StepTask(request=request, step=step, image_id=image)
        files = with_images(failure, own)
        return run_once(engine, task, grant, files, owner=own, live=live)


def with_images(failure: FailedAttempt, own: Path) -> Files:
    """The run's files, with the task's images by URL. Those of a cluster's run lay on a node: they are fetched anew.

    Raises UsageError for one that cannot be fetched.
    """
    files = failure.folder.files(failure.batch)
    paths = {path for item in failure.request.items for path in image_paths(item) if is_fetched(path)}
    if not failure.step.reads or all(files.local(path).is_file() for path in paths):
        return files
    files = replace(files, fetched=own / FETCH)
    make_folder(failure.folder.work / FETCH)  # a mount needs a folder to be mounted on
    with History(failure.folder.journal) as history:
        images = [image for path in sorted(paths) if (image := history.image(path)) is not None]
    for image in images:
        came = fetch(image, files.local(image.path), threading.Event())
        if isinstance(came, TaskError):
            raise UsageError(f"an image of the task cannot be fetched: {came.message}")
    return files


def _image(engine: Engine, failure: FailedAttempt) -> str:
    try:
        return engine.image(failure.image_ref).id
    except CoordinatorError as error:
        raise UsageError(
            f"the image of step {failure.step.name!r} is no longer on this engine: {failure.image_ref}\n"
            f"  `retry --failed` runs the task with what {failure.step.image_ref!r} is now"
        ) from error


def _request(evidence: Path, task: str) -> Request:
    try:
        return Request.model_validate(decode((evidence / "request.json").read_bytes()))
    except FileNotFoundError as error:
        raise UsageError(
            f"{task!r} never came to a step, so nothing can be run again{_reason(evidence)}"
        ) from error
    except (OSError, ValueError, ValidationError) as error:
        raise RunFolderError(f"{evidence / 'request.json'} cannot be read: {error}") from error


def _reason(evidence: Path) -> str:
    with suppress(OSError, ValueError, LookupError, TypeError):
        return (
            f"; it failed of this: {json.loads((evidence / 'error.json').read_bytes())['error']['message']}"
        )
    return ""


def _unknown(folder: RunFolder, task: str) -> str:
    evidence = sorted(folder.failures.glob("*/error.json"))
    if not evidence:
        return f"no task {task!r} has failed in {str(folder.path)!r}, nor has any other"
    names = []
    for path in evidence[:_NAMED]:
        with suppress(OSError, ValueError, LookupError, TypeError):
            names.append(str(json.loads(path.read_bytes())["task"]))
    more = f"\n  ... and {len(evidence) - _NAMED} more" if len(evidence) > _NAMED else ""
    listed = "".join(f"\n  {name}" for name in names)
    return f"no task {task!r} has failed in {str(folder.path)!r}; these have:{listed}{more}"


@contextmanager
def _own_folder(run: RunFolder) -> Iterator[Path]:
    """A folder below the run's work folder, with a lock of its own so that nobody sweeps what belongs to it."""
    own = run.work / REPLAY / f"{os.getpid()}-{secrets.token_hex(4)}"
    try:
        make_folder(own)
    except OSError as error:
        raise RunFolderError(f"{str(own)!r} cannot be made: {error.strerror}") from error
    try:
        with locked(own):
            yield own
    finally:
        remove_tree(own)
        with suppress(OSError):  # another replay is going on
            own.parent.rmdir()
