"""The coordinator's memory while a step writes far more than it should: measured in a process of its own."""

from __future__ import annotations

import pytest

from coordinator.pipeline import Rung
from tests.integration.conftest import Workshop
from tests.integration.ran import measured

LOCAL = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    do, megabytes = request["params"]["do"], request["params"]["megabytes"]
    for _ in range(megabytes if do in ("both", "stderr") else 0):
        sys.stderr.write("e" * 2**20)
    sys.stdout.write('{"task": "' if do == "both" else "")
    for _ in range(megabytes if do in ("both", "junk") else 0):
        sys.stdout.write("x" * 2**20)
    print(json.dumps({"task": request["task"], "items": request["items"]}), flush=True)
"""
"""The stub step for the process rung."""
FLAT = 20 * 1024**2
"""Bytes that the peak may lie above that of a run whose step behaves."""
MEGABYTES = 280
"""More than a response may have, and far more than may be held."""


@pytest.mark.parametrize("rung", Rung)
def test_memory_stays_flat_while_a_step_floods(workshop: Workshop, stub_image: str, rung: Rung) -> None:
    workshop.photographs("a.jpg")
    program = workshop.folder / "local.py"
    program.write_text(LOCAL)

    def peak(do: str, code: int) -> int:
        """Bytes of a run of one task, whose step floods as ``do`` says; ``code`` is how the run is to end."""
        params = {"do": do, "megabytes": MEGABYTES}
        step = {"name": "step", "image_ref": stub_image, "params": params, "timeout": 120, "writes": False}
        pipeline = workshop.pipeline({**step, "command": ["python3", str(program)]})
        out = ["--out", str(workshop.folder / do), "--rung", rung]
        asked = ("run", str(workshop.batch), "--pipeline", str(pipeline), *out)
        ended, seen, memory = measured(workshop.folder / "peak", *asked)
        assert ended == code, seen
        return memory

    plain = peak("nothing", 0)
    grown = {
        "stderr": peak("stderr", 0) - plain,
        "both": peak("both", 1) - plain,
        "junk": peak("junk", 1) - plain,
    }
    assert max(grown.values()) < FLAT, grown
    (kept,) = (workshop.folder / "both" / "failures").glob("*/stdout")
    assert kept.stat().st_size < 2 * 2**20
    assert b"bytes left out" in kept.read_bytes()
