"""The recordings of an earlier GeoPackage of the same run, for who writes its results anew without the batch."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from coordinator.core.paths import mounted
from coordinator.errors import RunFolderError
from coordinator.formats.moments import seconds_since_1970
from coordinator.record.recorded import Recorded

_HEADER = 8 + 32
"""Bytes before a geometry: the header with the bounds in the plane."""
_ASIDE = frozenset({"fid", "geom", "image", "time", "photo"})
"""Columns that a recording has in another form."""


def read_recordings(path: Path) -> Iterator[Recorded]:
    """The recordings of the file at ``path``; none without such a file. Raises RunFolderError for a damaged one."""
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            for row in database.execute("SELECT * FROM recordings ORDER BY fid"):
                yield _recorded(dict(row))
    except (sqlite3.Error, struct.error, KeyError, TypeError) as error:
        raise RunFolderError(f"{path} cannot be read: {error!r}; `run` writes it anew") from error


def _recorded(row: dict[str, Any]) -> Recorded:
    x, y, z = _position(row["geom"])
    image, time = row["image"], row["time"]
    return Recorded(
        image=image if image is None or image.startswith("/") else mounted(image),
        x=x,
        y=y,
        z=z,
        taken=None if time is None else seconds_since_1970(time),
        **{name: value for name, value in row.items() if name not in _ASIDE},
    )


def _position(place: bytes | None) -> tuple[float | None, float | None, float | None]:
    if place is None:
        return None, None, None
    if len(place) > _HEADER + 5 + 16:
        x, y, z = struct.unpack_from("<3d", place, _HEADER + 5)
        return x, y, z
    x, y = struct.unpack_from("<2d", place, _HEADER + 5)
    return x, y, None
