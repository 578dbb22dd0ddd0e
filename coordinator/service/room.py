"""Whether the disk has room for what a request is about to bring, asked before any of it is taken in."""

from __future__ import annotations

import os
from http import HTTPStatus
from pathlib import Path

from coordinator.service.refusal import Refused

MARGIN = 256 * 1024
"""Bytes that are to be left beside a body: for records, and for its results if they are small."""


def check_room(folder: Path, length: int) -> None:
    """Raises Refused (507) if the folder's disk has no room for a body of so many bytes.

    Nothing is set aside for it: whoever promises much and sends it slowly would keep others out.
    """
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if length + MARGIN > free:
        message = (
            f"has no room to store the request: it has {length:,} bytes, {max(0, free - MARGIN):,} are free"
        )
        raise Refused("service", message, HTTPStatus.INSUFFICIENT_STORAGE)
