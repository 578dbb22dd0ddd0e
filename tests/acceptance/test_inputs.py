"""Every batch that people may have ends in a right map, or with a word of what is wrong; never silently."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT
from tests.acceptance.inputs.expected import Input, attempt, fault
from tests.acceptance.inputs.inputs import INPUTS, NAMES


@pytest.mark.parametrize("given", INPUTS, ids=NAMES)
def test_the_map_is_right_or_the_fault_is_told(given: Input, tmp_path: Path) -> None:
    scene, came = attempt(given, tmp_path, ROOT, sys.executable)
    wrong = fault(given.expect, scene, came)
    assert wrong is None, f"{given.what}: {wrong}\n{came.out}{came.err}"
