"""Which tests may run side by side (``pytest --numprocesses 2``, as ``make test`` calls it)."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_APART = (
    "tests/unit/",
    "tests/acceptance/test_inputs.py",
    "tests/acceptance/test_plan.py",
    "tests/acceptance/test_review_run.py",
    "tests/acceptance/test_roundtrip.py",
    "tests/acceptance/test_summary.py",
)
"""What runs in processes of its own folder alone."""


class _Rooms(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """What needs a machine's engine, browser or cluster runs one after another, in one process.

    Two of them at once would be slower than one after the other, and each looks at what is left behind. All others,
    which share nothing, run beside them.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.startswith(_APART) else "machine"


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Rooms:
    """Who says which test runs next in which process."""
    return _Rooms(config, log)
