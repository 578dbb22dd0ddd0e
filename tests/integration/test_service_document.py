"""The service against its own OpenAPI document: whatever schemathesis makes of it, the answer is one that it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.serving import Served

EXAMPLES = os.environ.get("COORDINATOR_SCHEMATHESIS_EXAMPLES", "30")
"""For each operation, beside the cases that cover the document; 1600 make about 6,600 cases."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "data", "--rung", "process", "--workers", "1", "--max-request-bytes", "2m")
    try:
        yield served
        assert served.stop() == 0
        assert "Traceback" not in served.log
    finally:
        served.end()


def test_it_answers_as_its_document_says(service: Served, tmp_path: Path) -> None:
    # Without one check: the document cannot say which paths lie below the operator's folder, nor that the number of
    # results depends on files and splits together, so not everything that it allows can be accepted.
    options = ["--max-examples", EXAMPLES, "--seed", "1", "--generation-deterministic", "--no-color"]
    options += ["--exclude-checks", "positive_data_acceptance", "--phases", "examples,coverage,fuzzing"]
    command = [str(Path(sys.executable).parent / "st"), "run", f"{service.url}/openapi.json", *options]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stdout[-5000:]
    cases = re.search(r"(\d+) generated, (\d+) passed", said.stdout)
    assert cases is not None, said.stdout[-5000:]
    assert int(cases[1]) == int(cases[2]) >= 250
