"""What is kept of containers that an engine has started lately, and what never is."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.runners.spec import ContainerSpec
from coordinator.runners.started import StartedLately

SPEC = ContainerSpec(image_ref="sha256:1", name="a", user="1:1", cpus=1.0, memory=64 * 1024**2)
OTHERS = {
    "image": replace(SPEC, image_ref="sha256:2"),
    "memory": replace(SPEC, memory=32 * 1024**2),
    "cpus": replace(SPEC, cpus=0.5),
    "user": replace(SPEC, user="2:2"),
}


@pytest.fixture
def lately(tmp_path: Path) -> StartedLately:
    return StartedLately(tmp_path / "started", "an engine")


def test_one_that_was_started_is_known_whatever_its_name_and_whose_it_is(lately: StartedLately) -> None:
    assert SPEC not in lately
    lately.add(SPEC)
    assert SPEC in lately
    assert replace(SPEC, name="b", labels={"coordinator.run": "2"}) in lately


@pytest.mark.parametrize("other", OTHERS)
def test_another_container_is_not(lately: StartedLately, other: str) -> None:
    lately.add(SPEC)
    assert OTHERS[other] not in lately


def test_nor_the_same_on_another_engine(lately: StartedLately) -> None:
    lately.add(SPEC)
    assert SPEC not in StartedLately(lately.folder, "another engine")


def test_a_gpu_may_be_gone_a_minute_later(lately: StartedLately) -> None:
    with_gpu = replace(SPEC, gpu_uuids=("GPU-1",))
    lately.add(with_gpu)
    assert with_gpu not in lately


@pytest.mark.parametrize("hours", [-1.5, 1.5], ids=["in the future", "long ago"])
def test_only_the_last_hour_counts_and_what_is_older_goes(lately: StartedLately, hours: float) -> None:
    lately.add(SPEC)
    assert lately.folder is not None
    (file,) = lately.folder.iterdir()
    when = time.time() - hours * 3600
    os.utime(file, (when, when))
    assert SPEC not in lately
    lately.add(OTHERS["memory"])
    assert not file.exists()
    assert OTHERS["memory"] in lately


@pytest.mark.parametrize("folder", [None, Path("/dev/null/started")], ids=["no home", "no folder"])
def test_where_nothing_can_be_written_nothing_is_kept(folder: Path | None) -> None:
    lately = StartedLately(folder, "an engine")
    lately.add(SPEC)
    assert SPEC not in lately
