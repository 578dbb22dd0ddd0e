"""The formats of recordings that are known, in the order in which a folder's files are taken for one of them.

Photographs alone are none of them: whoever looks for formats falls back on these.
"""

from __future__ import annotations

from pathlib import Path

from coordinator.formats import table, telltales
from coordinator.formats.format import Format

TABLE = Format(table.NAME, table.find, lambda file, tell: table.read(file.path, tell))
NAMES = (table.NAME, "mapillary-description", "stac", "mapillary", "opensfm", "colmap", "kitti")
"""Of all formats; of those that a folder has the first counts, unless one is forced."""
OF_RECEIVERS = frozenset({"mapillary-description", "stac", "mapillary"})
"""The formats in which services pass on what the receivers and compasses of telephones and cameras told."""


def formats_found(folder: Path) -> list[tuple[Format, Path]]:
    """The formats that ``folder`` has, with their files, in the order of NAMES."""
    known = (TABLE, *(_load_foreign() if telltales.recordings(folder) else ()))
    return [(one, path) for one in known if (path := one.find(folder))]


def _load_foreign() -> tuple[Format, ...]:
    """Late, because these readers and what they stand on take a tenth of a run's start, and few folders need any."""
    from coordinator.formats.foreign import FOREIGN

    return FOREIGN
