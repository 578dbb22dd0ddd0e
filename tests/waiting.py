"""Waiting for what is to happen: a state that is looked at, never a time that should be enough."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120.0
"""Seconds after which a thing is taken for one that never happens. No test that succeeds waits for their end."""
_LOOK = 0.02


def eventually(is_so: Callable[[], object], *, seconds: float = PATIENCE) -> None:
    """Waits until something is so, however slow the machine is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(_LOOK)


def eventually_heard(process: int, number: int) -> None:
    """Waits until a signal that was sent to a process has reached it."""
    pending = re.compile(r"^(?:SigPnd|ShdPnd):\s+(\w+)$", re.MULTILINE)

    def is_pending() -> int:
        found = pending.findall(Path(f"/proc/{process}/status").read_text())
        return sum(int(mask, 16) >> (number - 1) & 1 for mask in found)

    eventually(lambda: not is_pending())
