"""The sample municipality from end to end: the same map on every rung, and it agrees with the truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.record.journal import Journal
from coordinator.runners.engine import Engine
from steps.build.images import ensure_base, ensure_step
from tests.acceptance.conftest import ROOT, coordinator
from tests.integration.conftest import client

DEMO = ROOT / "images" / "demo"
STEPS = ("detect", "position", "recognise")
WAYS = {
    "fresh": [],
    "prestarted": ["--prestart", "2"],
    "chunks": ["--chunk", "8"],
    "exec": ["--rung", "exec"],
    "resident": ["--reuse"],
    "process": ["--rung", "process"],
}

__all__ = ["client"]


@pytest.fixture(scope="module")
def runs(client: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run of the demo for every way of running it."""
    import docker

    assert isinstance(client, docker.DockerClient)
    ensure_base(client, print)
    for step in STEPS:
        ensure_step(client, step)
    folders = {way: tmp_path_factory.mktemp(way) for way in WAYS}
    for way, options in WAYS.items():
        ended = coordinator("run", DEMO, "--out", folders[way], *options, timeout=600)
        assert ended.code == 0, ended.err
    return folders


@pytest.mark.parametrize("way", [way for way in WAYS if way != "fresh"])
def test_every_rung_gives_the_same_bytes(runs: dict[str, Path], way: str) -> None:
    for name in ("objects.geojson", "objects.csv", "detections.json"):
        assert (runs[way] / name).read_bytes() == (runs["fresh"] / name).read_bytes()
    for step in STEPS:
        with Journal(runs[way] / "journal.db") as one, Journal(runs["fresh"] / "journal.db") as other:
            assert list(one.items(step)) == list(other.items(step))


def test_the_map_agrees_with_the_truth(runs: dict[str, Path], clean_engine: Engine) -> None:
    ended = coordinator("score", runs["fresh"], DEMO / "truth.geojson", "--json")
    score = json.loads(ended.out)
    assert score["f1"] >= 0.95
    assert score["median_error"] <= 0.25
    assert score["category_accuracy"] >= 0.95
