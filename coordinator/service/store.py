"""The data folder: where everything about all jobs lies, and the one place that knows its layout.

jobs.db, accepted.*  the registry               boot-id      the machine's start in which it was last used
uploads/ID-0, ...    a job's originals          work/ID/     what its tasks wrote
runs/ID/     journal of a job of several tasks  static/ID/   what is published of it: whole, or not there
rendered/    pictures by URL, and their sources

A file system takes its time for folders that come and go. So the folder that a job's only task wrote to becomes the
published one: its original is moved in, and then it is moved itself. Only for a job of several tasks a folder is made.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.errors import RunFolderError
from coordinator.record.files import Files
from coordinator.record.permissions import let_in
from coordinator.record.runfolder import RunFolder
from coordinator.service.jobs import File, Job
from coordinator.service.naming import result_name
from coordinator.service.published import MARK
from coordinator.service.shortage import Lack, lack_of

_LOG = logging.getLogger("coordinator.service")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ADVICE = {Lack.ROOM: "make room", Lack.FILES: "raise ulimit -n", None: "name another with --data"}
_BLOCK = 4096
"""Bytes that most file systems give to a file, or a folder, at a time."""


@dataclass(frozen=True)
class Store:
    """One service's data folder."""

    path: Path

    @property
    def registry(self) -> Path:
        """The file of the registry."""
        return self.path / "jobs.db"

    @cached_property
    def uploads(self) -> Path:
        """The folder of all originals of jobs that have not ended."""
        return self.path / "uploads"

    @cached_property
    def static(self) -> Path:
        """The folder of all that is published."""
        return self.path / "static"

    @cached_property
    def rendered(self) -> Path:
        """The folder of pictures by URL."""
        return self.path / "rendered"

    @cached_property
    def work(self) -> Path:
        return self.path / "work"

    @cached_property
    def files(self) -> Files:
        """The whole as the workers see it: all uploads below /batch, all work below /work."""
        return Files(batch=self.uploads, work=self.work)

    def create(self) -> None:
        """Makes the folders. Raises RunFolderError if they cannot be written."""
        with self.starting():
            for folder in (self.uploads, self.work, self.static, self.rendered, self.path / "runs"):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.uploads, self.work):
                let_in(folder)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Raises RunFolderError for whatever cannot be written, as on a full disk, before the service has started."""
        try:
            yield
        except OSError as error:
            told = f"data folder {str(self.path)!r} cannot be written: {error.strerror}"
            raise RunFolderError(f"{told}; {_ADVICE[lack_of(error)]}") from error

    def machine_has_restarted(self) -> bool:
        """Whether the machine was started anew since it was noted last: then what was not synced may be lost."""
        noted = self.path / "boot-id"
        return not noted.is_file() or noted.read_text() != _BOOT_ID.read_text()

    def note_machine(self) -> None:
        """Notes which start of the machine this is."""
        (self.path / "boot-id").write_text(_BOOT_ID.read_text())

    # -- a job that is at work ----------------------------------------------------------------------------

    def run(self, job_id: str) -> RunFolder:
        """The run folder of a job."""
        return RunFolder(self.path / "runs" / job_id)

    def files_of(self, job_id: str) -> Files:
        """The files of a job's tasks, which have a room of their own below the shared work/."""
        return replace(self.files, own=WORK_MOUNT / job_id)

    def upload(self, job_id: str, number: int) -> Path:
        """Where an original of a job that has not ended lies, by its file's number."""
        return self.uploads / f"{job_id}-{number}"

    @staticmethod
    def mounted(job: Job, number: int) -> str:
        """An original as the workers find it."""
        return f"{MOUNT}/{job.id}-{number}"

    def begin_anew(self, job_id: str) -> None:
        """Forgets how far a job was."""
        shutil.rmtree(self.run(job_id).path, ignore_errors=True)
        shutil.rmtree(self.work / job_id, ignore_errors=True)
        _remove(self._part(job_id))

    def take_back(self, job: Job, originals: Mapping[str, bytes]) -> None:
        """Has a job's originals lie where its tasks look for them, wherever an earlier process has left them.

        ``originals`` are images of it that the registry has, by their names. Raises OSError.
        """
        for number, file in enumerate(job.files):
            path = self.upload(job.id, number)
            if not file.is_image:
                path.touch()
            elif file.original in originals:
                path.write_bytes(originals[file.original])
                let_in(path)
            elif not path.exists():
                marked = f"{MARK}{file.original}"
                moved = (self.work / job.id / marked, self.static / job.id / marked)
                before = self.uploads / job.id / file.original  # by the version before this
                for found in filter(Path.exists, (*moved, before)):
                    found.rename(path)
        for folder in (self.static / job.id, self.uploads / job.id):
            _remove(folder)

    # -- a job that has ended -----------------------------------------------------------------------------

    def publish(self, job: Job, results: Sequence[tuple[File, Sequence[str]]], *, keep: bool) -> int:
        """Makes a job's originals, and results named by their mounted paths, its static folder, all at once.

        Returns the bytes that are kept. With ``keep`` all stay where they are, too: a journal knows them there.
        Raises ValueError for a result that is no file of the workers', OSError if one cannot be moved.
        """
        folder = f"{self._part(job.id) if keep else self.work / job.id}"
        if keep:
            _remove(Path(folder))
        if keep or not any(images for _, images in results):  # where there are results, there is the folder
            Path(folder).mkdir(exist_ok=True)
        before = _names(folder)  # nothing is moved before that, for which files must be opened
        size, names = _BLOCK, set()
        for number, (file, images) in enumerate(results):
            original = f"{self.uploads}/{job.id}-{number}"
            if not file.is_image:
                if not keep:
                    Path(original).unlink(missing_ok=True)
                continue
            found = [(original, f"{MARK}{file.original}")]
            found += [
                (self.files.place(image), result_name(file.stem, n, job.output))
                for n, image in enumerate(images)
            ]
            for source, name in found:
                size += _put(source, f"{folder}/{name}", keep=keep)
                names.add(name)
        for name in before - names:  # a worker may have written more than it told of
            _remove(Path(folder, name))
        os.rename(folder, f"{self.static}/{job.id}")
        return size

    def _part(self, job_id: str) -> Path:
        """Where what is published of a job lies before it is there as a whole, and while it goes."""
        return self.static / f".{job_id}.part"

    def size(self, job_id: str) -> int:
        """The bytes that are kept of a job that has ended; 0 if that cannot be told."""
        size = 0
        for parent, _, names in os.walk(self.static / job_id):
            size += _BLOCK + sum(_blocks(Path(parent, name).lstat().st_size) for name in names)
        return size

    def tidy(self, job_id: str) -> None:
        """Removes what a job that has ended needs no more."""
        _remove(self.work / job_id)
        with suppress(FileNotFoundError):
            for number in itertools.count():
                self.upload(job_id, number).unlink()

    def drop_uploads(self, job_id: str, most: int) -> None:
        """Removes what has come of a request that is refused: any of so many images."""
        for number in range(most):
            self.upload(job_id, number).unlink(missing_ok=True)

    def remove(self, job_id: str) -> None:
        """Removes everything of a job; what is published of it at once, as clients see it."""
        with suppress(FileNotFoundError):
            os.rename(self.static / job_id, self._part(job_id))
        self.tidy(job_id)
        self.begin_anew(job_id)

    def remove_all_but(self, job_ids: set[str]) -> None:
        """Removes what belongs to none of these jobs: uploads that were never accepted, halves of removals."""
        for parent in (self.uploads, self.work, self.path / "runs", self.static):
            for name in _names(parent):
                if name.partition("-")[0] not in job_ids:
                    _remove(parent / name)


def _put(source: str, target: str, *, keep: bool) -> int:
    """Moves a file, or gives it a second name; returns the bytes that it takes."""
    state = os.lstat(source)
    if not stat.S_ISREG(state.st_mode):
        raise ValueError(f"{source!r} is no file")
    if keep:
        os.link(source, target, follow_symlinks=False)
    else:
        os.rename(source, target)
    return _blocks(state.st_size)


def _blocks(size: int) -> int:
    """The bytes that a file of that size takes."""
    return -(-size // _BLOCK) * _BLOCK


def _remove(path: Path) -> None:
    """Removes a folder or a file, if it is there."""
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except NotADirectoryError:
        path.unlink(missing_ok=True)
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        if os.path.lexists(path):  # for want of open files, for instance
            _LOG.warning("%s cannot be removed now; the next start does", path)


def _names(folder: Path | str) -> set[str]:
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries}
