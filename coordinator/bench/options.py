"""What a bench is asked for, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.bench.variants import BASELINES, RUNGS
from coordinator.errors import UsageError

WORKLOADS = ("trivial", "pipeline")


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What the user asked for. ``tasks`` is for the variants that start a container per task."""

    batch: Path
    out: Path
    pipeline: str
    mode: str = "rates"
    cluster: str | None = None
    """The address of a Ray cluster, for that mode."""
    nginx: int | None = None
    """The port of an nginx with the image service behind it, for single requests to go through, too."""
    rungs: tuple[str, ...] = RUNGS
    baselines: tuple[str, ...] = BASELINES
    workloads: tuple[str, ...] = WORKLOADS
    repeats: int = 3
    tasks: int = 40
    jobs: int | None = None
    limit: int | None = None
    patience: int = 20
    """Maximum number of seconds to wait for a quiet machine before each sample; with 0 it is taken as it comes."""


@dataclass(frozen=True, kw_only=True)
class BenchResult:
    """The report's lines, the files written, and whether all variants gave the same results."""

    lines: tuple[str, ...]
    files: tuple[Path, ...]
    identical: bool


def chosen(known: Sequence[str], names: Sequence[str] | None) -> tuple[str, ...]:
    """The names that the user gave, or all; ``none`` is none of them. Raises UsageError for an unknown one."""
    if names is None:
        return tuple(known)
    wanted = [name for name in names if name != "none"]
    if unknown := [name for name in wanted if name not in known]:
        raise UsageError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return tuple(name for name in known if name in wanted)
