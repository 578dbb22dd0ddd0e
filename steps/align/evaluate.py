"""Measure the step on a drive whose true poses are known: `python -m steps.align.evaluate kitti FOLDER --draws 20`.

It is in no image. FOLDER holds grey frames (``000000.png`` and so on), ``calib.txt`` (``P0`` or three numbers a row, as
KITTI's odometry set has it) and ``poses*.txt``, one camera-to-world matrix a frame. Photographs are compared once; each
draw of noise gets a fit of its own. Errors within the drive are those left when the mean error of all photographs
(a shift, a turn about each axis) is taken off; absolute ones are as they are.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from images.kitti import camera_to_world
from steps.align import fuse, pairs, rotations, track
from steps.align.params import Params
from steps.align.poses import angles, priors
from steps.stepkit import Json
from steps.stepkit.arrays import F64


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Photographs with their true poses."""

    items: list[Json]
    """With true poses."""
    position: F64
    """Shape (n, 3)."""
    turn: F64
    """Camera to world, shape (n, 3, 3)."""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of one draw: means over the photographs, in metres and degrees."""

    missing: int
    within_m: float
    within_deg: float
    absolute_m: float
    absolute_deg: float
    covered: float
    """Share of photographs whose horizontal error lies within the 95% circle that their accuracy tells."""


def kitti(folder: Path) -> Drive:
    """The drive in a folder of KITTI's odometry layout. Raises OSError or ValueError for one that is none."""
    poses = np.loadtxt(next(iter(sorted(folder.glob("poses*.txt"))))).reshape(-1, 3, 4)
    lens = _lens(folder / "calib.txt")
    files = sorted(folder.glob("*.png"))
    if len(files) != len(poses):
        raise ValueError(f"{folder}: {len(files)} photographs and {len(poses)} poses")
    placed = [camera_to_world(matrix) for matrix in poses]
    items = [_item(file, lens, position, turn) for file, (turn, position) in zip(files, placed, strict=True)]
    turns, positions = zip(*placed, strict=True)
    return Drive(items=items, position=np.array(positions), turn=np.array(turns))


def noisy(drive: Drive, position_m: float, turn_deg: float, seed: int) -> list[Json]:
    """The items with independent errors of every coordinate and angle, and their accuracy told."""
    random = np.random.default_rng(seed)
    return [_shaken(item, position_m, turn_deg, random) for item in drive.items]


def measure(drive: Drive, draws: int, noise: tuple[float, float], folder: Path) -> list[Errors]:
    """The errors after aligning, of every draw; the CPU time goes to stderr."""
    params = Params(threads=1)
    first = noisy(drive, *noise, 0)
    known = priors(first, params)
    driven = pairs.drives(first, known)
    started = time.process_time()
    tracked = track.track(first, known, driven, params, folder)
    seen = time.process_time()
    measured = []
    for seed in range(draws):
        known = priors(noisy(drive, *noise, seed), params)
        placed, _ = fuse.fuse(tracked.components, known, driven, params)
        measured.append(_errors(drive, placed))
    count = len(drive.items)
    fitted = (time.process_time() - seen) / draws
    print(
        f"CPU seconds a photograph: {(seen - started) / count:.2f} to compare them, {fitted / count:.2f} for a fit",
        file=sys.stderr,
    )
    return measured


def report(measured: list[Errors]) -> str:
    """Mean and largest value over the draws, as a table in Markdown; photographs aligned, first."""
    rows = ["| over the draws | mean | largest |", "|---|---|---|"]
    named = {
        "within the drive, m": [one.within_m for one in measured],
        "within the drive, degrees": [one.within_deg for one in measured],
        "absolute, m": [one.absolute_m for one in measured],
        "absolute, degrees": [one.absolute_deg for one in measured],
        "photographs not aligned": [float(one.missing) for one in measured],
        "share outside the 95% circle": [1 - one.covered for one in measured],
    }
    rows += [f"| {name} | {np.mean(values):.3f} | {np.max(values):.3f} |" for name, values in named.items()]
    return "\n".join(rows)


def _errors(drive: Drive, placed: list[fuse.Placed]) -> Errors:
    places = np.concatenate([one.adjusted.model.places for one in placed])
    off = np.concatenate([one.adjusted.model.centre for one in placed]) - drive.position[places]
    turn = np.concatenate([one.adjusted.model.turn for one in placed])
    turned = rotations.vectors(turn @ np.swapaxes(drive.turn[places], 1, 2))
    told = np.concatenate([np.hypot(one.accuracy.position_m, one.accuracy.shared_m) for one in placed])
    length = np.linalg.norm
    return Errors(
        missing=len(drive.items) - len(places),
        within_m=float(length(off - off.mean(axis=0), axis=1).mean()),
        within_deg=float(np.degrees(length(turned - turned.mean(axis=0), axis=1)).mean()),
        absolute_m=float(length(off, axis=1).mean()),
        absolute_deg=float(np.degrees(length(turned, axis=1)).mean()),
        # The 95% point of a chi-square with two degrees of freedom.
        covered=float(np.mean(length(off[:, :2], axis=1) <= np.sqrt(5.991) * told)),
    )


def _lens(path: Path) -> F64:
    """The 3x4 projection of camera 0: the first twelve numbers of the file."""
    numbers = path.read_text(encoding="ascii").replace("P0:", " ").split()
    return np.array([float(number) for number in numbers[:12]]).reshape(3, 4)


def _item(file: Path, lens: F64, position: F64, turn: F64) -> Json:
    height, width = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).shape  # type: ignore[union-attr]
    heading, pitch, roll = angles(turn)
    x, y, z = (float(value) for value in position)
    camera = {"model": "pinhole", "fx": lens[0, 0], "fy": lens[1, 1], "cx": lens[0, 2], "cy": lens[1, 2]}
    pose = {"x": x, "y": y, "z": z, "heading": heading, "pitch": pitch, "roll": roll}
    image = {"id": file.stem, "image": str(file), "width": width, "height": height}
    return {**image, "camera": camera, "pose": pose}


def _shaken(item: Json, position_m: float, turn_deg: float, random: np.random.Generator) -> Json:
    sizes = dict.fromkeys(("x", "y", "z"), position_m) | dict.fromkeys(("heading", "pitch", "roll"), turn_deg)
    pose = {name: item["pose"][name] + float(random.normal(0, size)) for name, size in sizes.items()}
    return {**item, "pose": {**pose, "accuracy": {"position_m": position_m, "heading_deg": turn_deg}}}


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m steps.align.evaluate", description=__doc__)
    parser.add_argument("layout", choices=["kitti"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--noise", type=float, nargs=2, default=(3.0, 5.0), metavar=("METRES", "DEGREES"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(kitti(options.folder), options.draws, tuple(options.noise), Path(folder))
    print(report(measured))


if __name__ == "__main__":
    main()
