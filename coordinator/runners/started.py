"""Which containers an engine has started lately: a run need not try those before it starts.

Each is an empty file in the user's cache folder, named by everything that a start depends on as far as it is known
here; the file's time of change is when it was started. What an engine refuses is never kept, and nothing that has a
GPU: that may be gone a minute later. An engine that is set up anew within the hour is found out by the run itself.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coordinator.runners.engine import Engine
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.usercache import user_cache

_KEPT = 3600.0
"""Seconds."""


@dataclass(frozen=True)
class StartedLately:
    """What one engine has started; ``folder`` may hold that of others, and is None if nothing can be kept."""

    folder: Path | None
    engine: str

    @classmethod
    def by(cls, engine: Engine) -> StartedLately:
        """Of this user's runs on ``engine``."""
        try:
            folder = user_cache() / "started"
        except OSError:
            folder = None
        return cls(folder, json.dumps(engine.describe(), sort_keys=True))

    def __contains__(self, spec: ContainerSpec) -> bool:
        file = self._file(spec)
        return file is not None and _is_recent(file)

    def add(self, spec: ContainerSpec) -> None:
        """Keeps that a container like this one was started; where nothing can be written, nothing is kept."""
        file = self._file(spec)
        if file is None:
            return
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            for other in file.parent.iterdir():
                if not _is_recent(other):
                    other.unlink(missing_ok=True)
            file.touch()

    def _file(self, spec: ContainerSpec) -> Path | None:
        if self.folder is None or spec.gpu_uuids:
            return None
        body = {key: value for key, value in spec.to_api().items() if key != "Labels"}
        known_by = json.dumps([self.engine, body], sort_keys=True)
        return self.folder / hashlib.sha256(known_by.encode()).hexdigest()


def _is_recent(file: Path) -> bool:
    try:
        age = time.time() - file.stat().st_mtime
    except OSError:
        return False
    return 0 <= age < _KEPT
