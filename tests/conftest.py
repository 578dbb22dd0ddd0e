"""Which tests may run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a machine's engine, browser or cluster runs one after another, in one process (``make test``).

    Two of them at once would be slower than one after the other, and each looks at what is left behind. The unit
    tests, which share nothing, run beside them.
    """
    for item in items:
        if not item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.xdist_group("machine"))
