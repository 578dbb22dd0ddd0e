"""Paths below /batch and /work, and where they really lie, in lines of JSON.

For programs without mounts of their own: the paths that a step finds are turned into the real ones on their way in,
and back on their way out, so that its results are those of every rung.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from coordinator.record.files import Files


class RealPaths:
    """The paths of one run's files, as steps know them and as they are."""

    def __init__(self, files: Files) -> None:
        mounts = {_quoted(mount): _quoted(str(folder)) for mount, folder in files.mounts.items()}
        self._to_real = _Beginnings(mounts)
        self._to_mounted = _Beginnings({real: mounted for mounted, real in mounts.items()})

    def real(self, line: bytes) -> bytes:
        """The line with real paths in the place of mounted ones."""
        return self._to_real.replace(line)

    def mounted(self, line: bytes) -> bytes:
        """The line with mounted paths in the place of real ones."""
        return self._to_mounted.replace(line)


class _Beginnings:
    """Replaces what JSON strings begin with, all in one pass: a real path may itself lie below a /work."""

    def __init__(self, replacements: Mapping[bytes, bytes]) -> None:
        self._replacements = replacements
        longest_first = sorted(replacements, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))

    def replace(self, line: bytes) -> bytes:
        return self._pattern.sub(lambda found: self._replacements[found[0]], line)


def _quoted(folder: str) -> bytes:
    """How a path below ``folder`` begins as a JSON string."""
    return json.dumps(folder, ensure_ascii=False)[:-1].encode() + b"/"
