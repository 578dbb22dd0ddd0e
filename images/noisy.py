"""Noise on the written poses of a batch that is there: ``python -m images.noisy BATCH OUT --pose-noise M D``.

Photographs, detections and truth are the same files (hard links), so that one drawn town serves many draws of noise.
The poses of BATCH are taken for exact, its rows for the order of the drive.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import yaml

from images.batchfiles import Pose
from images.posenoise import PoseNoise, add_options, from_options

_POSE = tuple(Pose.__dataclass_fields__)


def noisy(batch: Path, out: Path, noise: PoseNoise, *, seed: int, stated: bool) -> None:
    """Writes the batch to ``out``. Raises FileExistsError if there is something in it, ValueError for a bad table."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; name another folder")
    with (batch / "recordings.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or ())
    if not set(_POSE) <= set(columns):
        raise ValueError(f"{batch / 'recordings.csv'} needs the columns {', '.join(_POSE)}")
    out.mkdir(parents=True, exist_ok=True)
    _link(batch, out)
    poses = [Pose(**{name: float(row[name] or 0.0) for name in _POSE}) for row in rows]
    told = noise.put_on(poses, np.random.default_rng([seed, 2]))
    with (out / "recordings.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row, pose in zip(rows, told, strict=True):
            writer.writerow({**row, **{name: round(value, 9) for name, value in asdict(pose).items()}})
    settings = yaml.safe_load((batch / "batch.yaml").read_text(encoding="utf-8"))
    accuracy = {"accuracy": noise.accuracy()} if stated and noise.accuracy() else {}
    text = yaml.safe_dump({**settings, **accuracy}, sort_keys=False)
    (out / "batch.yaml").write_text(text, encoding="utf-8")


def _link(batch: Path, out: Path) -> None:
    """Everything but the table and the settings; copies where the disk is another."""
    for path in sorted(batch.rglob("*")):
        inner = path.relative_to(batch)
        if path.is_dir() or str(inner) in ("recordings.csv", "batch.yaml"):
            continue
        target = out / inner
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copy2(path, target)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m images.noisy", description="Noise on a batch's written poses."
    )
    parser.add_argument("batch", type=Path, help="the batch, with exact poses in its recordings.csv")
    parser.add_argument("out", type=Path, help="the batch to write")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the noise; a drawn town's own gives the same poses"
    )
    add_options(parser)
    given = vars(parser.parse_args(arguments))
    noise, stated = from_options(given)
    try:
        noisy(given["batch"], given["out"], noise, seed=given["seed"], stated=stated)
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
