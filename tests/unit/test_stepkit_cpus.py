"""How many CPUs a step takes to be its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from steps.stepkit import cpus


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_the_container_is_read(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpus._quota(tmp_path) == quota


@pytest.mark.parametrize(
    ("quota", "wanted", "threads"),
    [
        (1.0, "4", 1),
        (2.0, "1", 2),
        (1.5, "1", 2),
        (0.5, "", 1),
        (64.0, "", 8),
        (None, "1", 1),
        (None, "", 8),
    ],
)
def test_the_quota_counts_before_the_environment_and_both_within_what_is_there(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, wanted: str, threads: int
) -> None:
    monkeypatch.setattr(cpus, "_quota", lambda _: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert cpus.threads() == threads
