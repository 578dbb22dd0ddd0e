"""Joining a Ray cluster."""

from __future__ import annotations

from typing import Any

_BUSY = "Starting Ray client server failed"
"""What a head says that had no server for a ``ray://`` client ready within its half minute."""


def join(ray: Any, address: str) -> None:
    """Connects to the cluster at ``address``, once more if its head was too busy. Raises whatever Ray does."""
    try:
        _init(ray, address)
    except Exception as error:
        if _BUSY not in str(error):
            raise
        _init(ray, address)


def _init(ray: Any, address: str) -> None:
    ray.init(address=address, log_to_driver=False, logging_level="error", configure_logging=False)
