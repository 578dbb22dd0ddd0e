"""Evidence of failures: a folder for each failed task, with all that is needed to look into it and to repeat it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coordinator.contract import Request, TaskError
from coordinator.core.paths import unit_folder
from coordinator.core.tasks import Evidence
from coordinator.record.disk import write_json
from coordinator.strictjson import Json


@dataclass(frozen=True)
class FailureFolder:
    """The folder ``failures/`` of a run."""

    folder: Path

    def of(self, task_id: str) -> Path:
        """Where the evidence of a task lies, if it failed."""
        return self.folder / unit_folder(task_id)

    def keep(self, task_id: str, error: TaskError) -> Path:
        """Notes the failure of a task that never came to a step, and says where. Raises OSError."""
        return self._keep(task_id, error, {})

    def keep_attempt(self, request: Request, error: TaskError, attempt: int, evidence: Evidence) -> Path:
        """Keeps what is known of a task's last attempt, and says where. Raises OSError."""
        folder = self.of(request.task)
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(ValueError):  # a request that cannot be written is what the error tells of
            (folder / "request.json").write_bytes(request.line())
        (folder / "stdout").write_bytes(evidence.stdout)
        (folder / "stderr").write_bytes(evidence.stderr)
        if evidence.command:
            (folder / "docker-run.sh").write_text(f"{evidence.command} < request.json\n", encoding="utf-8")
        told: Json = {
            "attempt": attempt,
            "exit_code": evidence.exit_code,
            "out_of_memory": evidence.out_of_memory,
            "container": evidence.container,
        }
        return self._keep(request.task, error, told)

    def keep_only(self, task_ids: Iterable[str]) -> None:
        """Removes the evidence of tasks that failed in an earlier session and have succeeded since."""
        kept = {unit_folder(task_id) for task_id in task_ids}
        for folder in self.folder.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, task_id: str, error: TaskError, told: Json) -> Path:
        folder = self.of(task_id)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "error.json", {"task": task_id, "error": error.model_dump(), **told})
        return folder
