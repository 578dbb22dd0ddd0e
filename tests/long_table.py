"""A batch of nothing but a table: ``python -m tests.long_table ROWS DIR``, for the figures in docs/performance.md.

    python -m tests.long_table 1000000 DIR
    /usr/bin/time -v python -m coordinator validate DIR

The images that it names are not there.
"""

from __future__ import annotations

import sys
from pathlib import Path

_COLUMNS = "id,image,x,y,z,heading,camera,width,height\n"


def write(rows: int, folder: Path) -> None:
    """Recordings every 5 m along streets of 5 km, in the Dutch grid."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "batch.yaml").write_text("crs: EPSG:28992\n")
    with (folder / "recordings.csv").open("w") as table:
        table.write(_COLUMNS)
        for number in range(rows):
            street, along = divmod(number, 1000)
            place = f"{120_000 + 5 * along}.0,{480_000 + 5 * street}.0,2.0,90.0"
            table.write(f"r{number},im/{number:07d}.jpg,{place},equirectangular,4000,2000\n")


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
