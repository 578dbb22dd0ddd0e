"""The limits that the docs promise are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator import contract, strictjson
from coordinator.batch import sidecars
from coordinator.formats import dialect, imagelimits, jsonrows
from coordinator.pipeline import Step
from coordinator.runners import fetch, received, sources, spec

ROOT = Path(__file__).resolve().parents[2]
STEP = Step(name="any", image_ref="any")
KIB, MIB, GIB = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("steps", f"| a response | {contract.MAX_RESPONSE_BYTES // MIB} MiB,"),
        ("steps", f"| output that begins as no JSON | {received._JUNK // KIB} kB are read |"),
        ("steps", f"| lists and objects in each other | {strictjson.MAX_DEPTH} levels |"),
        ("steps", f"| a number | finite, {strictjson.MAX_DIGITS:,} digits |"),
        ("steps", f"| an answer | the step's `timeout`, by default {STEP.timeout:g} s for each task |"),
        (
            "steps",
            f"| the items of a step per batch | {contract.MAX_RESPONSE_BYTES // MIB} MiB |",
        ),
        (
            "steps",
            f"| a `position` or a `pose` in an item | {contract.MAX_METRES:,} m from the CRS's origin |",
        ),
        ("steps", f"| the message of an error | {strictjson.MAX_MESSAGE:,} characters,"),
        (
            "steps",
            f"| stderr | no limit: the first and the last {received._KEPT_OUTPUT // KIB} kB are kept |",
        ),
        (
            "steps",
            f"| stdout of a failed task | the first and the last {received._KEPT_RESPONSE // KIB} kB are kept |",
        ),
        ("steps", f"| memory | the step's `memory`, by default {STEP.resources.memory // GIB} GiB,"),
        ("steps", f"| processes and threads | {spec.PIDS_LIMIT} |"),
        ("steps", f"| `/tmp` | {spec.TMPFS.rpartition('size=')[2].removesuffix('m')} MB,"),
        ("steps", f"| one file | {spec.MAX_WRITTEN // GIB} GiB |"),
        (
            "steps",
            f"| all that a task leaves in `work_dir` | {spec.MAX_WRITTEN // GIB} GiB on the disk (",
        ),
        ("running", f"| pixels of an image | {imagelimits.MAX_PIXELS:,}, told by its header |"),
        ("running", f"| an image file | {imagelimits.MAX_BYTES // GIB} GiB,"),
        (
            "running",
            f"| an image named by URL | {imagelimits.MAX_BYTES // GIB} GiB, {fetch._FETCH_TIMEOUT:g} s, "
            f"{sources._SILENCE:g} s without a byte |",
        ),
        ("running", f"| a line of a table | {dialect.MAX_LINE:,} characters,"),
        ("running", f"| a table that is one JSON document | {jsonrows.MAX_DOCUMENT // MIB} MiB |"),
        (
            "running",
            f"| `batch.yaml` | {sidecars.MAX_CONFIG // MIB} MiB, {sidecars.MAX_CONFIG_DEPTH} levels,",
        ),
    ],
)
def test_a_row(page: str, row: str) -> None:
    assert row in (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
