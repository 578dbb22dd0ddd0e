"""The data folder: where everything of every job lies, and the one place that knows its layout.

jobs.db           the registry                 uploads/<job>/   originals, until the job has ended
runs/<job>/       the job's run folder         work/<job>/      what its tasks wrote, until it has ended
static/<job>/     photo-0.jpg, ..., original/photo.jpg: published whole or not at all
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.errors import RunFolderError
from coordinator.record.files import Files
from coordinator.record.permissions import let_in
from coordinator.record.runfolder import RunFolder
from coordinator.service.jobs import File, Job
from coordinator.service.naming import result_name

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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
        """The folder of all originals."""
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

    def begin_anew(self, job_id: str) -> None:
        """Forgets how far a job was."""
        shutil.rmtree(self.run(job_id).path, ignore_errors=True)
        shutil.rmtree(self.work / job_id, ignore_errors=True)

    def run(self, job_id: str) -> RunFolder:
        """The run folder of a job."""
        return RunFolder(self.path / "runs" / job_id)

    def files_of(self, job_id: str) -> Files:
        """The files of a job's tasks, which have a room of their own below the shared work/."""
        return replace(self.files, own=WORK_MOUNT / job_id)

    def upload_folder(self, job_id: str) -> Path:
        """Where a job's originals lie."""
        return self.uploads / job_id

    @staticmethod
    def mounted(job: Job, file: File) -> str:
        """An original as the workers find it."""
        return str(MOUNT / job.id / file.original)

    def publish(self, job: Job, results: Iterable[tuple[File, Iterable[str]]]) -> None:
        """Puts originals and results, named by their mounted paths, into the job's static folder, all at once.

        Raises ValueError for a result that is no file of the workers', OSError if one cannot be linked.
        """
        aside, target = self.static / f".{job.id}.part", self.static / job.id
        shutil.rmtree(aside, ignore_errors=True)
        (aside / "original").mkdir(parents=True)
        for file, images in results:
            if file.is_image:
                os.link(self.upload_folder(job.id) / file.original, aside / "original" / file.original)
            for number, image in enumerate(images):
                source = self._result(image)
                os.link(source, aside / result_name(file.stem, number, job.output), follow_symlinks=False)
        shutil.rmtree(target, ignore_errors=True)  # of a session that died before it could say so
        aside.rename(target)

    def _result(self, image: str) -> Path:
        path = self.files.local(image)
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"{image!r} is no file")
        return path

    def tidy(self, job_id: str) -> None:
        """Removes what a job that has ended needs no more."""
        for folder in (self.upload_folder(job_id), self.work / job_id):
            shutil.rmtree(folder, ignore_errors=True)

    def remove(self, job_id: str) -> None:
        """Removes everything of a job."""
        shutil.rmtree(self.static / job_id, ignore_errors=True)
        self.tidy(job_id)
        self.begin_anew(job_id)

    def remove_all_but(self, job_ids: set[str]) -> None:
        """Removes what belongs to none of these jobs: uploads that were never accepted, halves of removals."""
        for parent in (self.uploads, self.work, self.path / "runs", self.static):
            for child in _folders(parent):
                if child.name not in job_ids:
                    shutil.rmtree(child, ignore_errors=True)

    def published(self, path: str) -> Path | None:
        """The file or folder below static/ at a URL's path, None if there is none."""
        parts = PurePosixPath(path).parts
        if "\0" in path or any(part.startswith(".") or part == "/" for part in parts):
            return None
        found = self.static.joinpath(*parts)
        try:
            mode = found.lstat().st_mode
        except OSError:
            return None
        return found if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else None


def _folders(parent: Path) -> Iterator[Path]:
    return (child for child in parent.iterdir() if child.is_dir() and not child.is_symlink())
