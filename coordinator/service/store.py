"""The data folder: where everything about all jobs lies, and the one place that knows its layout.

jobs.db      the registry                       boot-id      the machine's start in which it was last used
uploads/ID/  a job's originals, as they came    work/ID/     what its tasks wrote
runs/ID/     journal of a job of several tasks  static/ID/   what is published of it: whole, or not there

While a job is at work its originals lie in ``uploads/ID``. When it has ended its results are moved in beside them, and
the folder becomes ``static/ID``, at once: a finished job is one folder (see :mod:`coordinator.service.published`).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.errors import RunFolderError
from coordinator.record.files import Files
from coordinator.record.permissions import let_in
from coordinator.record.runfolder import RunFolder
from coordinator.service.jobs import File, Job
from coordinator.service.naming import result_name
from coordinator.service.published import MARK

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
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

    @property
    def uploads(self) -> Path:
        """The folder of all originals of jobs that have not ended."""
        return self.path / "uploads"

    @property
    def static(self) -> Path:
        """The folder of all that is published."""
        return self.path / "static"

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def files(self) -> Files:
        """The whole as the workers see it: all uploads below /batch, all work below /work."""
        return Files(batch=self.uploads, work=self.work)

    def create(self) -> None:
        """Makes the folders. Raises RunFolderError if they cannot be written."""
        try:
            for folder in (self.uploads, self.work, self.static, self.path / "runs"):
                folder.mkdir(parents=True, exist_ok=True)
            for folder in (self.uploads, self.work):
                let_in(folder)
        except OSError as error:
            raise RunFolderError(
                f"data folder {str(self.path)!r} cannot be written: {error.strerror}; name another with --data"
            ) from error

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

    def upload_folder(self, job_id: str) -> Path:
        """Where a job's originals lie."""
        return self.uploads / job_id

    def upload(self, job_id: str, original: str) -> Path:
        """Where one of them lies, by its name."""
        return self.uploads / job_id / f"{MARK}{original}"

    @staticmethod
    def mounted(job: Job, file: File) -> str:
        """An original as the workers find it."""
        return f"{MOUNT}/{job.id}/{MARK}{file.original}"

    def begin_anew(self, job_id: str) -> None:
        """Forgets how far a job was."""
        shutil.rmtree(self.run(job_id).path, ignore_errors=True)
        shutil.rmtree(self.work / job_id, ignore_errors=True)

    def take_back(self, job: Job, originals: Mapping[str, bytes]) -> None:
        """Has a job's originals lie where its tasks look for them, wherever an earlier process has left them.

        ``originals`` are images of it that the registry has, by their names. Raises OSError.
        """
        folder = self.upload_folder(job.id)
        if not folder.exists():
            published = self.static / job.id
            if published.exists():
                published.rename(folder)
            else:
                folder.mkdir()
            let_in(folder)
        shutil.rmtree(
            self.static / job.id, ignore_errors=True
        )  # half of what the version before had published
        for name in (file.original for file in job.files):
            path = self.upload(job.id, name)
            if name in originals:
                path.write_bytes(originals[name])
                let_in(path)
            elif not path.exists():  # the version before had given it no mark
                (folder / name).rename(path)
        for entry in os.scandir(folder):
            if not entry.name.startswith(MARK):  # a result that was moved in before the process died
                Path(entry.path).unlink()

    # -- a job that has ended -----------------------------------------------------------------------------

    def publish(self, job: Job, results: Iterable[tuple[File, Iterable[str]]], *, keep: bool) -> int:
        """Makes a job's originals, and results named by their mounted paths, its static folder, all at once.

        Returns the bytes that are kept. With ``keep`` results stay where they are, too: a journal knows them there.
        Raises ValueError for a result that is no file of the workers', OSError if one cannot be moved.
        """
        folder, size = self.upload_folder(job.id), _BLOCK
        for file, images in results:
            size += _blocks(self.upload(job.id, file.original).stat().st_size)
            for number, image in enumerate(images):
                source, length = self._result(image)
                size += _blocks(length)
                target = folder / result_name(file.stem, number, job.output)
                if keep:
                    target.unlink(missing_ok=True)  # of a process that died before it could say so
                    os.link(source, target, follow_symlinks=False)
                else:
                    source.rename(target)
        folder.rename(self.static / job.id)
        return size

    def _result(self, image: str) -> tuple[Path, int]:
        path = self.files.local(image)
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode):
            raise ValueError(f"{image!r} is no file")
        return path, state.st_size

    def size(self, job_id: str) -> int:
        """The bytes that are kept of a job that has ended; 0 if that cannot be told."""
        size = 0
        for parent, _, names in os.walk(self.static / job_id):
            size += _BLOCK + sum(_blocks(Path(parent, name).lstat().st_size) for name in names)
        return size

    def tidy(self, job_id: str) -> None:
        """Removes what a job that has ended needs no more."""
        for folder in (self.work / job_id, self.upload_folder(job_id)):
            _remove(folder)

    def remove(self, job_id: str) -> None:
        """Removes everything of a job."""
        _remove(self.static / job_id)
        self.tidy(job_id)
        _remove(self.run(job_id).path)

    def remove_all_but(self, job_ids: set[str]) -> None:
        """Removes what belongs to none of these jobs: uploads that were never accepted, halves of removals."""
        for parent in (self.uploads, self.work, self.path / "runs", self.static):
            for name in _folders(parent):
                if name not in job_ids:
                    _remove(parent / name)


def _blocks(size: int) -> int:
    """The bytes that a file of that size takes."""
    return -(-size // _BLOCK) * _BLOCK


def _remove(folder: Path) -> None:
    """Removes a folder, if it is there; most often it is not, or is empty."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def _folders(parent: Path) -> list[str]:
    with os.scandir(parent) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
