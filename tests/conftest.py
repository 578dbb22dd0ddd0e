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
_OWN_NODES = tuple(
    f"tests/integration/test_{name}.py" for name in ("cluster_growth", "joining", "losses", "twonodes")
)
"""What makes its machines itself, with an engine and a Ray of their own."""


class _Rooms(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """What needs a machine's engine, browser or cluster runs one after another, in one process.

    Two of them at once would be slower than one after the other, and each looks at what is left behind. Those on
    machines that they make themselves share these, and run beside; all others share nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in _OWN_NODES:
            return "nodes"
        return file if file.startswith(_APART) else "machine"


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Rooms:
    """Who says which test runs next in which process."""
    return _Rooms(config, log)
