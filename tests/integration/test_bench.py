"""The whole benchmark once, with very few tasks: every variant is measured, and all give the same results."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree

from coordinator.bench.command import bench
from coordinator.bench.options import BenchOptions
from coordinator.bench.variants import BASELINES, RUNGS
from tests.integration.conftest import Workshop

TASKS = 3


def test_every_variant_is_measured_with_identical_results(workshop: Workshop, echo_image: str) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    step = {"name": "echo", "image_ref": echo_image, "command": ["cat"]}
    wanted = BenchOptions(
        batch=workshop.batch,
        out=workshop.out,
        pipeline=str(workshop.pipeline(step)),
        rungs=tuple(rung for rung in RUNGS if rung != "process"),
        workloads=("trivial", "pipeline"),
        repeats=1,
        tasks=TASKS,
        jobs=2,
        patience=0,
    )
    said: list[str] = []
    measured = bench(wanted, said.append)

    document = json.loads((workshop.out / "bench.json").read_text())
    trivial, pipeline = document["comparisons"]
    found = {row["name"]: row for row in trivial["figures"]}
    assert {*found, *trivial["left_out"]} == {*wanted.rungs, *BASELINES}
    if shutil.which("docker"):
        assert set(trivial["left_out"]) <= {"parallel", "xargs"}
    assert [row["name"] for row in pipeline["figures"]] == list(wanted.rungs)
    assert trivial["identical"]
    assert pipeline["identical"]
    assert len({digest for row in found.values() for digest in row["digests"]}) == 1
    assert measured.identical
    assert found["resident"]["tasks"] == 500 * TASKS
    assert found["fresh"]["peak_memory"]["median"] > 10_000_000
    ElementTree.parse(workshop.out / "bench.svg")
    assert len((workshop.out / "bench.csv").read_text().splitlines()) == 1 + len(found) + len(wanted.rungs)


def test_what_a_flag_costs_is_measured(workshop: Workshop, echo_image: str) -> None:
    workshop.photographs("a.jpg")
    wanted = BenchOptions(
        batch=workshop.batch,
        out=workshop.out,
        pipeline=echo_image,
        mode="flags",
        repeats=1,
        tasks=2,
        patience=0,
    )
    assert any(line.startswith("without --read-only") for line in bench(wanted, lambda line: None).lines)
    assert len(json.loads((workshop.out / "flags.json").read_text())["flags"]) == 15


def test_the_image_service_gives_the_results_of_the_plain_pool(workshop: Workshop, echo_image: str) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    wanted = BenchOptions(
        batch=workshop.batch,
        out=workshop.out,
        pipeline="",
        mode="service",
        rungs=("process",),
        repeats=1,
        tasks=TASKS,
        patience=0,
    )
    measured = bench(wanted, lambda line: None)
    (comparison,) = json.loads((workshop.out / "service.json").read_text())["comparisons"]
    assert [row["name"] for row in comparison["figures"]] == [
        "pool",
        "process, 8 per request",
        "process, 1 per request",
    ]
    assert [ratio["least"] for ratio in comparison["ratios"]] == [0.7, None]
    assert measured.identical
