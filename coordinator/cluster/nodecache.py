"""Where each node keeps images that the batch names by URL, and how much of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from coordinator.errors import UsageError
from coordinator.pipeline import parse_size
from coordinator.runners.usercache import user_cache

_OPTION = "--node-cache"
_SIZE = 20 * 1024**3


@dataclass(frozen=True, kw_only=True)
class NodeCache:
    """A node's cache: its ``folder``, without one in the cache folder of who runs the node; its bound in bytes."""

    folder: str | None = None
    limit: int = _SIZE

    def on_this_node(self) -> Path:
        """Raises OSError if there is no home for it."""
        if self.folder is not None:
            return Path(self.folder)
        return user_cache() / "images"

    def fault(self) -> str | None:
        """Why this machine cannot keep images there; None if it can. Nothing is written."""
        try:
            folder = self.on_this_node()
        except OSError as error:
            return str(error)
        place = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not place.is_dir():
            return f"{str(place)!r} is no folder"
        if not os.access(place, os.W_OK | os.X_OK):
            return f"{str(place)!r} cannot be written"
        return None


def parse_node_cache(text: str | None) -> NodeCache:
    """Reads ``DIR``, ``DIR:SIZE`` or ``:SIZE``. Raises UsageError."""
    if text is None:
        return NodeCache()
    folder, colon, size = text.rpartition(":")
    if not colon:
        folder, size = text, ""
    try:
        limit = parse_size(size) if size else _SIZE
    except ValueError as error:
        raise UsageError(f"{_OPTION} {text}: {error}") from error
    if limit <= 0 or (folder and not folder.startswith("/")) or not (folder or size):
        raise UsageError(
            f"{_OPTION} {text}: write DIR:SIZE, a folder's absolute path on the nodes, as /scratch/images:200g"
        )
    return NodeCache(folder=folder or None, limit=limit)
