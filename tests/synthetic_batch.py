"""``python -m tests.synthetic_batch OUT --tiles N``: a made-up town's detections as a batch.

It is for ``run --from position``. A tile has about 175 detections. The figures of docs/accuracy.md for large
numbers are measured on it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.unit.synthetic_scene import town


def write(out: Path, tiles: int, seed: int) -> int:
    """Writes recordings.jsonl, detections.json and batch.yaml; returns the number of detections."""
    out.mkdir(parents=True)
    items = town(seed, tiles)
    annotations = [
        {"id": f"{number}/{place}", "image_id": number, "bbox": seen["bbox"], "score": seen.get("score", 1.0)}
        for number, item in enumerate(items)
        for place, seen in enumerate(item["detections"])
    ]
    images = [{"id": number, "file_name": f"{item['id']}.jpg"} for number, item in enumerate(items)]
    (out / "detections.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    with (out / "recordings.jsonl").open("w", encoding="utf-8") as rows:
        for item in items:
            plain = {name: item[name] for name in ("id", "camera", "width", "height")}
            rows.write(json.dumps({**plain, "image": f"{item['id']}.jpg", **item["pose"]}) + "\n")
    (out / "batch.yaml").write_text("crs: EPSG:28992\nregion: {size: 1000000, halo: 0}\n")
    return len(annotations)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tiles", type=int, default=590)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{write(options.out, options.tiles, options.seed)} detections")


if __name__ == "__main__":
    main()
