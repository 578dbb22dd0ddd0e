"""The photographs of a folder, found by the names that other tools' files give them."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from coordinator.core.paths import IMAGE_SUFFIXES
from coordinator.formats import imageheader, upright


@dataclass(frozen=True)
class Photographs:
    """The image files below ``folder``, hidden ones aside; paths are relative to it, with ``/``."""

    folder: Path

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Paths by their base name in lower case."""
        found: dict[str, list[str]] = defaultdict(list)
        for top, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inner = Path(top).relative_to(self.folder)
            for name in sorted(files):
                if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                    found[name.lower()].append((inner / name).as_posix())
        return found

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for paths in self._by_name.values():
            for path in paths:
                found[PurePosixPath(path).stem.lower()].append(path)
        return found

    def named(self, name: str) -> str | None:
        """The photograph that a path of any machine means, ``\\`` or ``/`` between its parts; None if none is sure.

        Of several with its base name it is the one that shares more of the path's last parts than all others; else the
        path itself, or that below ``images``, where OpenSfM, COLMAP and downloaders keep them.
        """
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        found = self._by_name.get(parts[-1].lower(), []) if parts else []
        ranked = sorted(found, key=lambda path: _shared(path, parts), reverse=True)
        if len(ranked) > 1 and _shared(ranked[0], parts) == _shared(ranked[1], parts):
            exact = "/".join(parts)
            return next((path for path in (exact, f"images/{exact}") if path in ranked), None)
        return ranked[0] if ranked else None

    def of_stem(self, stem: str) -> str | None:
        """The only photograph whose base name without its ending is ``stem``."""
        found = self._by_stem.get(stem.lower(), [])
        return found[0] if len(found) == 1 else None

    def size(self, path: str) -> tuple[int, int] | None:
        """Width and height of an upright photograph in pixels; None if it is not there, or cannot be read."""
        header = imageheader.read(self.folder / path)
        return (header.width, header.height) if isinstance(header, imageheader.Header) else None

    def orientation(self, path: str) -> int:
        """How EXIF says that a stored photograph is to be turned; 1 if it says nothing of use."""
        return upright.known(imageheader.read_orientation(self.folder / path))


def _shared(path: str, parts: list[str]) -> int:
    """How many of the last parts of a photograph's path are those of a name's."""
    count = 0
    for mine, other in zip(reversed(path.split("/")), reversed(parts), strict=False):
        if mine.lower() != other.lower():
            break
        count += 1
    return count
