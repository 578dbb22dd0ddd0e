"""The engines that the tests of engines are made with, each started by the tests for themselves.

``COORDINATOR_ENGINES`` names their programs, parted by commas, each a dockerd, or a podman as ``engines.sh`` gets it.
Without it, that is Debian's own dockerd alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from tests.integration.gpurig import Rig
from tests.integration.ownengine import OwnEngine, can_run

VARIABLE = "COORDINATOR_ENGINES"
_KNOWS_CDI = 25
"""The first Docker that does."""


class Gpus(StrEnum):
    """The way in which an engine hands out GPUs."""

    NONE = "none"
    HOOK = "hook"
    CDI = "cdi"


@dataclass(frozen=True)
class Setting:
    """An engine's program, and how it hands out GPUs."""

    program: str
    gpus: Gpus

    def __str__(self) -> str:
        return f"{Path(self.program).name}-{version(self.program)}-{self.gpus}"


def programs() -> list[str]:
    """The engines' programs."""
    return [found for found in os.environ.get(VARIABLE, "").split(",") if found] or ["dockerd"]


def version(program: str) -> str:
    """What a program says of itself, as 26.1.5; "none" if it is not there."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "none"
    found = re.search(r"\d+(\.\d+)+", told)
    return found[0] if found else "none"


def settings(*wanted: Gpus) -> list[Setting]:
    """Every engine in every one of these ways that it knows."""
    return [Setting(program, way) for program in programs() for way in wanted if _knows(program, way)]


def _knows(program: str, way: Gpus) -> bool:
    if Path(program).name.startswith("podman"):
        return way is not Gpus.HOOK
    number = version(program).split(".")[0]
    return way is not Gpus.CDI or (number.isdecimal() and int(number) >= _KNOWS_CDI)


@contextmanager
def started(setting: Setting, rig: Rig | None = None) -> Iterator[OwnEngine]:
    """The engine, which must have nothing left at the end. Skips where it cannot be started."""
    if not can_run(setting.program):
        pytest.skip(f"starting {setting.program} takes root, and that it is there")
    cdi = rig.cdi if rig and setting.gpus is Gpus.CDI else None
    hooks = rig.hooks if rig and setting.gpus is Gpus.HOOK else None
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as folder:
        engine = OwnEngine(Path(folder), program=setting.program, cdi=cdi, hooks=hooks)
        try:
            yield engine
            assert engine.client.containers.list(all=True) == []
        finally:
            engine.stop()
