"""The benchmark's pure parts: order, statistics, ratios, tables and the picture. Nothing here measures anything."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from coordinator.batch.folder import open_batch
from coordinator.batch.recording import Recording
from coordinator.bench import report
from coordinator.bench.figures import (
    Aim,
    Comparison,
    Sample,
    Split,
    Spread,
    identical,
    ratios,
    spread,
    summarise,
    turns,
)
from coordinator.bench.isolationflags import FLAGS
from coordinator.bench.machine import BenchError, Usage, measure
from coordinator.bench.options import chosen
from coordinator.bench.plot import svg
from coordinator.bench.reading import busy_share, digest, digest_of_responses, first_began, split
from coordinator.bench.scale import windows
from coordinator.bench.variants import AIMS, BASELINES, RUNGS, shell_command, tasks_of
from coordinator.bench.workloads import requests, step_of, trivial
from coordinator.errors import UsageError
from coordinator.record.schema import PUT_ATTEMPT, SCHEMA
from coordinator.runners.spec import ContainerSpec

SPLIT = Split(queue=0.001, start=0.2, compute=0.0, transfer=0.05)


def sample(tasks: int = 10, seconds: float = 2.0, digest: str = "same", cpu: float | None = None) -> Sample:
    return Sample(
        tasks=tasks,
        recordings=tasks,
        seconds=seconds,
        command_seconds=seconds + 0.5,
        digest=digest,
        client_cpu=cpu,
        split=SPLIT,
    )


def comparison(*rounds: dict[str, Sample], workload: str = "trivial") -> Comparison:
    names = list(rounds[0])
    figures = [summarise(name, rounds) for name in names]
    aims = [Aim(name=name, floor=names[-1], least=1.0) for name in names[:-1]]
    return Comparison(
        workload=workload,
        about="of a test",
        figures=tuple(row for row in figures if row),
        ratios=tuple(ratios(aims, rounds)),
        identical=identical(rounds),
        left_out={"parallel": "it is not installed"},
    )


# -- order -------------------------------------------------------------------------------------------------


def test_every_variant_has_one_turn_in_every_round() -> None:
    order = list(turns("abc", 4))
    assert [number for number, _ in order] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert Counter(order) == {(number, name): 1 for number in range(4) for name in "abc"}


def test_each_round_starts_with_another_variant() -> None:
    order = list(turns("abc", 3))
    assert [name for _, name in order] == [*"abc", *"bca", *"cab"]


def test_nothing_to_measure_has_no_turns() -> None:
    assert list(turns([], 3)) == []


# -- statistics --------------------------------------------------------------------------------------------


def test_spread_is_median_least_and_greatest() -> None:
    assert spread([3.0, 1.0, 10.0]) == Spread(median=3.0, least=1.0, greatest=10.0, count=3)


def test_spread_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_figures_are_medians_over_the_rounds() -> None:
    figures = summarise("fresh", [{"fresh": sample(seconds=seconds)} for seconds in (1.0, 2.0, 5.0)])
    assert figures is not None
    assert figures.tasks_per_second == Spread(median=5.0, least=2.0, greatest=10.0, count=3)
    assert figures.split == SPLIT
    assert figures.digests == ("same",)
    assert figures.client_cpu is None


def test_a_variant_without_samples_has_no_figures() -> None:
    assert summarise("fresh", [{"exec": sample()}]) is None


def test_start_up_is_taken_off_the_cpu_per_task() -> None:
    rounds = [{"fresh": sample(tasks=12, cpu=1.5)}]
    start_ups = [{"fresh": sample(tasks=2, cpu=0.5)}]
    figures = summarise("fresh", rounds, start_ups)
    assert figures is not None
    assert figures.client_cpu is not None
    assert figures.client_cpu.median == pytest.approx(0.1)
    whole = summarise("fresh", rounds)
    assert whole is not None
    assert whole.client_cpu is not None
    assert whole.client_cpu.median == pytest.approx(0.125)


def test_ratios_are_taken_within_a_round() -> None:
    # The second round is four times slower for both: the machine's doing, and the ratio does not see it.
    rounds = [
        {"a": sample(seconds=1.0), "b": sample(seconds=2.0)},
        {"a": sample(seconds=4.0), "b": sample(seconds=8.0)},
    ]
    (ratio,) = ratios([Aim(name="a", floor="b"), Aim(name="a", floor="absent")], rounds)
    assert (ratio.name, ratio.floor) == ("a", "b")
    assert ratio.value == Spread(median=2.0, least=2.0, greatest=2.0, count=2)


def test_one_different_result_is_seen() -> None:
    assert identical([{"a": sample(), "b": sample()}])
    assert not identical([{"a": sample(), "b": sample()}, {"a": sample(), "b": sample(digest="other")}])


def test_aims_name_known_variants() -> None:
    assert {name for aim in AIMS for name in (aim.name, aim.floor)} <= {*RUNGS, *BASELINES}


# -- what runs tell ----------------------------------------------------------------------------------------


def test_a_task_with_a_container_of_its_own_is_split_by_what_was_measured() -> None:
    attempts = [(0.5, {"queue_s": 0.1, "busy_s": 0.4, "start_s": 0.2, "compute_s": 0.05})]
    parts = split(attempts)
    assert (parts.queue, parts.start, parts.compute) == (0.1, 0.2, 0.05)
    assert parts.transfer == pytest.approx(0.15)


def test_a_task_in_a_kept_lane_queues_until_its_share_of_the_lane_begins() -> None:
    parts = split([(1.0, {"busy_s": 0.25, "compute_s": 0.2}), (2.0, {"busy_s": 0.25, "compute_s": 0.2})])
    assert parts.queue == pytest.approx(1.25)
    assert parts.compute == pytest.approx(0.2)
    assert parts.transfer == pytest.approx(0.05)


def test_responses_in_any_order_have_the_digest_of_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_text(
        '{"task": "echo/b", "items": [{"id": "é"}]}\n{"task":"echo/a","items":[]}\n', encoding="utf-8"
    )
    assert digest_of_responses(path, ["echo/a", "echo/b"]) == digest(
        [("echo/a", "[]"), ("echo/b", '[{"id":"é"}]')]
    )


def test_a_missing_response_and_a_refused_task_are_told(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_text('{"task": "echo/a", "items": []}\n', encoding="utf-8")
    with pytest.raises(BenchError, match="1 of 2 tasks were not answered"):
        digest_of_responses(path, ["echo/a", "echo/b"])
    path.write_text('{"task": "echo/a", "error": {"kind": "internal", "message": "no"}}\n', encoding="utf-8")
    with pytest.raises(BenchError, match="'echo/a': no"):
        digest_of_responses(path, ["echo/a"])


def test_windows_compare_the_beginning_with_the_end() -> None:
    ended = [0.001 * number for number in range(20_000)]
    ended += [ended[-1] + 0.002 * number for number in range(1, 10_001)]
    early, late = windows(ended)
    assert early == pytest.approx(0.001)
    assert late == pytest.approx(0.002)
    with pytest.raises(ValueError, match="too few"):
        windows([0.0] * 1000)


# -- what is run -------------------------------------------------------------------------------------------


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(cv2.imencode(".jpg", np.zeros((12, 16, 3), np.uint8))[1].tobytes())
    return folder


def test_the_trivial_workload_is_a_batch_of_one_photograph(tmp_path: Path, batch: Path) -> None:
    workload = trivial(tmp_path / "made", batch, 3, ("/bin/echo",))
    recordings = list(open_batch(workload.batch).recordings())
    assert [recording.id for recording in recordings] == ["r0000000", "r0000001", "r0000002"]
    assert all(isinstance(recording, Recording) for recording in recordings)
    asked = list(requests(workload, 2))
    assert [task.task for task in asked] == ["echo/r0000000", "echo/r0000001"]
    item = asked[0].items[0]
    assert (item["image"], item["width"], item["height"]) == ("/batch/image.jpg", 16, 12)
    assert step_of(workload).command == ("/bin/echo",)


def test_a_batch_without_a_photograph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="no photograph"):
        trivial(tmp_path / "made", tmp_path / "empty", 1, None)


def test_every_variant_runs_for_some_seconds() -> None:
    assert {name: tasks_of(name, 10) for name in ("fresh", "fresh+chunk", "exec", "resident")} == {
        "fresh": 10,
        "fresh+chunk": 80,
        "exec": 40,
        "resident": 5000,
    }


@pytest.mark.parametrize("name", ["parallel", "xargs", "shell-loop"])
def test_baselines_isolate_as_docker_run_does(name: str) -> None:
    words = " ".join(shell_command(name, 3))
    assert "docker run -i --rm --network none coordinator/echo" in words
    assert name == "shell-loop" or "3" in words


def test_every_flag_of_a_container_can_be_left_out() -> None:
    body = ContainerSpec(image_ref="i", name="n", user="1:1", cpus=1, memory=2, network_of="c").to_api()
    members = {member for flag in FLAGS.values() for member in flag}
    assert members == {*body["HostConfig"], "User"} - {"NetworkMode"}


def test_names_are_chosen_by_the_user() -> None:
    assert chosen(RUNGS, None) == RUNGS
    assert chosen(RUNGS, ("resident", "fresh")) == ("fresh", "resident")
    assert chosen(BASELINES, ("none",)) == ()
    with pytest.raises(UsageError, match="'docker' is none of shell-loop, xargs"):
        chosen(BASELINES, ("docker",))


def test_a_command_is_measured_and_its_failure_told() -> None:
    usage = measure([sys.executable, "-c", "import time; time.sleep(0.2)"])
    assert usage.seconds > 0.2
    assert usage.peak_memory > 1_000_000
    with pytest.raises(BenchError, match="exit code 3: no luck"):
        measure([sys.executable, "-c", "import sys; sys.stderr.write('no luck'); sys.exit(3)"])


def test_cpu_is_told_between_two_times() -> None:
    usage = Usage(
        started=100.0,
        seconds=4.0,
        cpu=3.0,
        children_cpu=0.0,
        peak_memory=1,
        course=((100.0, 0.0), (101.0, 1.0), (102.0, 1.0), (104.0, 3.0)),
    )
    assert usage.cpu_between(100.5, 103.0) == pytest.approx(1.5)
    assert usage.cpu_between(101.0, 102.0) == 0.0


def test_a_commands_cpu_has_a_course() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(0.5)"
    usage = measure([sys.executable, "-c", busy])
    times, spent = zip(*usage.course, strict=True)
    assert list(times) == sorted(times)
    assert list(spent) == sorted(spent)
    assert spent[0] == 0.0
    assert 0.2 < spent[-1] <= usage.cpu + 0.1


def test_the_busy_share_counts_every_instance_from_when_it_was_ready(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        journal.executescript(SCHEMA)
        for at, change in ((10.0, "asked"), (12.0, "began"), (16.0, "began"), (21.0, "closed")):
            journal.execute("INSERT INTO pools VALUES (1, ?, 'echo', 1, ?, '')", (at, change))
        for task, ended in (("a", 17.0), ("b", 20.0)):
            row = (task, 1, 1, None, 12.0, ended, None, None, '{"compute_s": 3.0, "busy_s": 9.0}')
            journal.execute(PUT_ATTEMPT, row)
        journal.commit()
    assert first_began(tmp_path) == 12.0
    assert busy_share(tmp_path) == pytest.approx((3.0 + 3.0) / (8.0 + 4.0))


def test_a_run_without_instances_has_no_busy_share(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
        journal.executescript(SCHEMA)
    assert first_began(tmp_path) is None
    with pytest.raises(BenchError, match="had no instances"):
        busy_share(tmp_path)


# -- what is shown -----------------------------------------------------------------------------------------

ROUNDS = [
    {
        "fresh": sample(seconds=1.0, cpu=0.1),
        "resident": sample(tasks=5000, seconds=1.0),
        "api-loop": sample(),
    },
    {
        "fresh": sample(seconds=1.2, cpu=0.1),
        "resident": sample(tasks=5000, seconds=1.1),
        "api-loop": sample(),
    },
]


def test_the_table_has_a_row_for_every_variant_and_ratio() -> None:
    lines = report.comparison_lines(comparison(*ROUNDS))
    assert [name for name in ROUNDS[0] if any(line.startswith(f"{name} ") for line in lines)] == list(
        ROUNDS[0]
    )
    assert any(line.startswith("fresh / api-loop") and line.endswith("met") for line in lines)
    assert "parallel: not measured: it is not installed" in lines
    assert lines[-1] == "results: byte-identical from every variant"


def test_columns_are_aligned() -> None:
    assert report.aligned([["a", "1"], ["long", "1000"]]) == ["a        1", "long  1000"]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.123, "0.12"), (9.99, "9.99"), (12.34, "12.3"), (2500.4, "2500")]
)
def test_figures_are_rounded_for_reading(value: float, text: str) -> None:
    assert report.rounded(value) == text


def test_json_and_csv_hold_every_variant() -> None:
    compared = comparison(*ROUNDS)
    document = json.loads(json.dumps(report.as_json({}, {}, comparisons=[compared])))
    assert [row["name"] for row in document["comparisons"][0]["figures"]] == list(ROUNDS[0])
    rows = list(csv.DictReader(io.StringIO(report.as_csv([compared]))))
    assert [row["variant"] for row in rows] == list(ROUNDS[0])
    assert float(rows[0]["client_cpu_s_per_task"]) == pytest.approx(0.01)
    assert rows[1]["peak_memory_bytes"] == ""


@pytest.mark.parametrize("far", [True, False])
def test_the_picture_is_well_formed_and_stays_within_its_frame(far: bool) -> None:
    rounds = ROUNDS if far else [{"fresh": sample(), "a <b> & c": sample(seconds=1.0)}]
    root = ElementTree.fromstring(svg([comparison(*rounds), comparison(*rounds, workload="second")], "a & b"))
    width = float(root.attrib["width"])
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("fresh") == 2
    assert any("logarithmic" in text for text in texts) is far
    for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert 0 <= float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= float(root.attrib["height"])
