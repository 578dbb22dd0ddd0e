"""Waiting for what is to happen: a state that is looked at, never a time that should be enough."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which a thing is taken for one that never happens. No test that succeeds waits for their end."""
_LOOK = 0.02


def eventually(is_so: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Waits until something is so, however slow the machine is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(_LOOK)
