"""Pictures of a real run: photographs with what was found in them, and a plan of the ground.

``python -m images.pictures RUN_DIR BATCH_DIR OUT [--truth TRUTH.geojson]`` writes ``detections.jpg`` and
``map.svg`` into OUT. The same run gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from coordinator.errors import BatchError
from images.pictures import findings, overlay, plan

DETECTIONS, MAP = "detections.jpg", "map.svg"
MOST_BYTES = 300_000
"""How large detections.jpg may become."""


def encoded(picture: Image.Image, most: int = MOST_BYTES) -> bytes:
    """``picture`` as a JPEG file of at most ``most`` bytes, as good as that allows.

    Raises ValueError if even the poorest is larger.
    """
    for quality in range(92, 30, -4):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
        if file.tell() <= most:
            return file.getvalue()
    raise ValueError(f"a picture of {picture.width} x {picture.height} pixels does not fit into {most} bytes")


def write(run: Path, batch: Path, out: Path, truth: Path | None = None) -> list[Path]:
    """Draw the run's pictures into ``out``; returns the files written. Raises as ``findings.read`` does."""
    found = findings.read(run, batch, truth)
    out.mkdir(parents=True, exist_ok=True)
    (out / DETECTIONS).write_bytes(encoded(overlay.draw(found)))
    (out / MAP).write_text(plan.draw(found), encoding="utf-8")
    return [out / DETECTIONS, out / MAP]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m images.pictures", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN_DIR", help="the folder of a finished run")
    parser.add_argument("batch", type=Path, metavar="BATCH_DIR", help="the batch it ran over")
    parser.add_argument("out", type=Path, metavar="OUT", help="where the pictures go")
    parser.add_argument("--truth", type=Path, help="true positions, GeoJSON: drawn as rings")
    options = parser.parse_args(arguments)
    try:
        written = write(options.run, options.batch, options.out, options.truth)
    except (BatchError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    for path in written:
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
    return 0
