"""What the operator chose: flags before COORDINATOR_* variables before defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coordinator.errors import UsageError
from coordinator.pipeline import Rung
from coordinator.service.options import FLAGS, Flag
from coordinator.service.rendered.prefixes import Prefix


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The service's settings, named as in :data:`coordinator.service.options.FLAGS`.

    Sizes are bytes, ``keep`` is hours, ``grace``, ``task_timeout``, ``max_work``, ``source_time``, ``image_age`` and
    ``upload_time`` are seconds, ``upload_rate`` is
    bytes a second. ``max_...``, ``running`` and
    ``waiting`` are maximum numbers. ``workers`` is None for one per CPU; ``images`` is None where no image may be
    named by its path. Without ``token`` and ``keys`` everybody may come.
    """

    host: str
    port: int
    hosts: tuple[str, ...]
    token: str | None
    keys: Path | None
    data: Path
    rung: Rung
    image_ref: str
    workers: int | None
    worker_memory: int
    task_timeout: float
    running: int
    waiting: int
    max_files: int
    max_results: int
    max_file_bytes: int
    max_request_bytes: int
    max_pixels: int
    max_work: float
    upload_rate: int
    upload_time: float
    images: Path | None
    sign_key: str | None
    sign_keys: Path | None
    unsigned: bool
    sources: tuple[Prefix, ...]
    private_sources: tuple[Prefix, ...]
    source_time: float
    image_age: float
    keep_rendered: int
    keep_metadata: bool
    keep: float
    keep_bytes: int
    grace: float


def read_settings(options: Mapping[str, str | None], environment: Mapping[str, str]) -> Settings:
    """The settings from the command line's ``options`` and the environment. Raises UsageError."""
    values: dict[str, Any] = {}
    for flag in FLAGS:
        source, text = _given(flag, options, environment)
        try:
            values[flag.name] = None if text is None else flag.parse(text)
        except ValueError as error:
            raise UsageError(f"{source}: {error}") from error
    values["rung"] = Rung(values["rung"])
    values["data"] = Path(values["data"]).resolve()
    for name in ("keys", "sign_keys"):
        values[name] = Path(values[name]).resolve() if values[name] else None
    return Settings(**values)


def _given(
    flag: Flag, options: Mapping[str, str | None], environment: Mapping[str, str]
) -> tuple[str, str | None]:
    """Where a setting's text comes from, and the text. An empty variable counts as absent."""
    option = options.get(flag.name)
    if option is not None:
        return flag.option, option
    return flag.variable, environment.get(flag.variable) or flag.default
