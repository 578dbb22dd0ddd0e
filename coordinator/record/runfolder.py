"""The run folder: where everything about one run lies, and the one place that knows its layout.

journal.db   what happened            run.json    what ran
work/        files that steps wrote   failures/   evidence, one folder per failed task
objects.geojson, objects.csv, detections.json     the results
report.html, report/   the run as a page              decisions.csv   its review
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from coordinator.errors import RunFolderError
from coordinator.pipeline import Step
from coordinator.record.evidence import FailureFolder
from coordinator.record.files import Files
from coordinator.record.permissions import let_in
from coordinator.strictjson import Json

JOURNAL = "journal.db"
"""A folder with such a file is a run's."""


@dataclass(frozen=True)
class RunFolder:
    """One run's folder on this machine."""

    path: Path

    @property
    def journal(self) -> Path:
        return self.path / JOURNAL

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def failures(self) -> Path:
        return self.path / "failures"

    @property
    def evidence(self) -> FailureFolder:
        return FailureFolder(self.failures)

    @property
    def about(self) -> Path:
        return self.path / "run.json"

    def files(self, batch: Path) -> Files:
        """The files of its tasks, beside the batch that it works on."""
        return Files(batch=batch, work=self.work)

    def create(self) -> None:
        """Makes the folder. Raises RunFolderError if it cannot be written."""
        try:
            for folder in (self.work, self.failures):
                folder.mkdir(parents=True, exist_ok=True)
            let_in(self.work)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RunFolderError(
                f"run folder {str(self.path)!r} cannot be written: {error.strerror}; name another with --out"
            ) from error

    def read_about(self) -> Json:
        """The run's ``run.json``. Raises RunFolderError if there is none, or if it tells nothing."""
        try:
            about: Json = json.loads(self.about.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunFolderError(
                f"{str(self.path)!r} is no run folder: it has no {self.about.name}"
            ) from error
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.about} cannot be read: {error}") from error
        if not isinstance(about, dict) or not about:
            raise RunFolderError(f"{self.about} tells of no run; was it edited? `run` writes it anew")
        return about

    def read_steps(self) -> tuple[Step, ...]:
        """The steps of its pipeline, as ``run.json`` tells of them. Raises RunFolderError if they cannot be read."""
        try:
            return tuple(Step.model_validate(step) for step in self.read_about()["pipeline"]["steps"])
        except (KeyError, TypeError, ValidationError) as error:
            raise RunFolderError(f"{self.about} has no steps that this version knows: {error!r}") from error
