"""Whoever waits for something is told what for, if it takes long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LONG = 3.0
"""Seconds after which somebody at a terminal begins to wonder."""
_LOG = logging.getLogger("coordinator.waiting")
"""Where nothing else is set, Python writes warnings to stderr."""


@contextmanager
def told_of(what: str) -> Iterator[None]:
    """Says that ``what`` is waited for, once that has taken long; nothing if the block ends before."""
    teller = threading.Timer(_LONG, _LOG.warning, (f"waiting for {what}",))
    teller.daemon = True
    teller.start()
    try:
        yield
    finally:
        teller.cancel()
