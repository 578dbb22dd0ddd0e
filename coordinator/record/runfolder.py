"""The run folder: where everything about one run lies, and the one place that knows its layout.

journal.db   what happened            run.json    what ran
work/        files that steps wrote   failures/   evidence, one folder per failed task
objects.geojson, objects.csv, detections.json     the results
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TextIO

from coordinator.batch.folder import MOUNT, WORK_MOUNT, unit_folder
from coordinator.contract import Json, TaskError
from coordinator.core.tasks import Outcome, StepTask
from coordinator.errors import RunFolderError

REPLAY = "replay"
"""Below work/, the folders of tasks that are run again by hand, each with a lock of its own."""
_OWNER = re.compile(r"process (?P<process>\d+) on (?P<host>\S+), started (?P<started>.+)")
_TRIES, _PAUSE = 5, 0.02


def task_mount(step: str, unit: str, work: PurePosixPath = WORK_MOUNT) -> str:
    """A task's own folder below the mounted ``work``."""
    return f"{work}/{step}/{unit_folder(unit)}"


@dataclass(frozen=True)
class RunFolder:
    """One run's folder on this machine, beside the batch it works on."""

    path: Path
    batch: Path
    shared_work: Path | None = None
    """In place of ``work/``, a folder in which several runs have a room each, named like their own folder."""

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def work(self) -> Path:
        return self.shared_work or self.path / "work"

    @property
    def failures(self) -> Path:
        return self.path / "failures"

    def create(self) -> None:
        """Makes the folder. Raises RunFolderError if it cannot be written."""
        try:
            for folder in (self.work, self.failures):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RunFolderError(
                f"run folder {str(self.path)!r} cannot be written: {error.strerror}; name another with --out"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder against a second coordinator; the lock dies with the process."""
        with (self.path / ".lock").open("a+", encoding="utf-8") as lock:
            try:
                _take(lock)
            except OSError as error:
                lock.seek(0)
                owner = lock.read().strip() or "another coordinator"
                raise RunFolderError(f"run folder {str(self.path)!r} is in use by {owner}") from error
            lock.truncate(0)
            started = time.strftime("%Y-%m-%d %H:%M:%S")
            lock.write(f"process {os.getpid()} on {socket.gethostname()}, started {started}")
            lock.flush()
            yield

    def remove_half_written(self) -> None:
        """Removes the files that a session was writing when it died; the caller holds the lock."""
        for path in self.path.glob(".*.part"):
            path.unlink()

    def work_mount(self, step: str, unit: str) -> str:
        """A task's own folder as its step sees it."""
        return task_mount(step, unit, WORK_MOUNT / self.path.name if self.shared_work else WORK_MOUNT)

    def local(self, mounted: str) -> Path:
        """Where a path below ``/batch`` or ``/work`` really lies. Raises ValueError for any other path."""
        # On text, because it is asked several times a task and path objects take ten times as long.
        if ".." in mounted.split("/"):
            raise ValueError(f"{mounted!r} climbs out of its folder")
        for mount, folder in ((str(MOUNT), self.batch), (str(WORK_MOUNT), self.work)):
            if mounted == mount or mounted.startswith(f"{mount}/"):
                return Path(f"{folder}/{mounted[len(mount) :].lstrip('/')}")
        raise ValueError(f"{mounted!r} lies neither below {MOUNT} nor below {WORK_MOUNT}")

    def stamp(self, image: str) -> str:
        """What tells one content of an image file from another: its path, size and time of change."""
        try:
            state = self.local(image).stat()
        except (OSError, ValueError):
            return f"{image} absent"
        return f"{image} {state.st_size} {state.st_mtime_ns}"

    def holds(self, image: str) -> bool:
        """Whether the image is a file with something in it."""
        try:
            state = self.local(image).stat()
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(state.st_mode) and state.st_size > 0

    def content_stamp(self, image: str) -> str:
        """The same by what is in the file; it costs reading it."""
        try:
            path = self.local(image)
            state = path.stat()
            told = _digest(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
        except (OSError, ValueError):
            return f"{image} absent"
        return f"{image} {told}"

    def keep_failure(self, task_id: str, error: TaskError, outcome: Outcome | None = None) -> Path:
        """Writes the evidence of a failed task and says where."""
        folder = self.failures / unit_folder(task_id)
        folder.mkdir(parents=True, exist_ok=True)
        report: Json = {"task": task_id, "error": error.model_dump()}
        if outcome is not None and isinstance(outcome.task, StepTask):
            evidence = outcome.evidence
            report |= {"attempt": outcome.task.attempt, "exit_code": evidence.exit_code}
            report |= {"out_of_memory": evidence.out_of_memory, "container": evidence.container}
            with suppress(ValueError):  # a request that cannot be written is what the error tells of
                (folder / "request.json").write_bytes(outcome.task.request.line())
            (folder / "stdout").write_bytes(evidence.stdout)
            (folder / "stderr").write_bytes(evidence.stderr)
            if evidence.command:
                (folder / "docker-run.sh").write_text(
                    f"{evidence.command} < request.json\n", encoding="utf-8"
                )
        write_json(folder / "error.json", report)
        return folder

    def keep_only_failures(self, task_ids: Iterable[str]) -> None:
        """Removes the evidence of tasks that failed in an earlier session and have succeeded since."""
        kept = {unit_folder(task_id) for task_id in task_ids}
        for folder in self.failures.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=65_536)
def _digest(path: Path, *state: int) -> str:
    """The SHA-256 of a file that several steps read, computed once for each of its states."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Owner:
    """The coordinator that is at work on a run folder, in its own words."""

    words: str

    def __str__(self) -> str:
        return self.words or "another coordinator"

    def as_json(self) -> Json | None:
        """Process, host and time of its start; None if it has not yet said them."""
        found = _OWNER.fullmatch(self.words)
        return {**found.groupdict(), "process": int(found["process"])} if found else None


def owner(path: Path) -> Owner | None:
    """Who is at work on the run folder at ``path``, None if nobody is. A lock that cannot be read counts as held."""
    try:
        with (path / ".lock").open(encoding="utf-8", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Owner(lock.read().strip())
            return None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Owner(f"somebody whose lock cannot be read ({error.strerror})")


def _take(lock: TextIO) -> None:
    """Takes the lock. Who only looks whether it is held (:func:`owner`) holds it for a moment: that is waited for."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_tree(folder: Path) -> None:
    """Removes a folder that a step wrote to; what cannot be removed stays."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # a step may nest folders more deeply than Python, or its open files, can follow
        subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)


def read_about(run_folder: Path) -> Json:
    """The run's ``run.json``. Raises RunFolderError if there is none."""
    path = run_folder / "run.json"
    try:
        about: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunFolderError(f"{str(run_folder)!r} is no run folder: it has no run.json") from error
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}") from error
    return about


def write_json(path: Path, document: object) -> None:
    """Writes a readable JSON file so that it is there whole or not at all."""
    write_text(path, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file so that it is there whole or not at all."""
    with written_aside(path) as file:
        file.write(text)


@contextmanager
def written_aside(path: Path) -> Iterator[TextIO]:
    """A UTF-8 file to write to that takes the place of ``path``, synced, when the block ends well."""
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Makes a new name in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
