"""KITTI: the poses of its odometry benchmark, and its raw recordings with GPS and inertial sensor.

Geiger, Lenz and Urtasun, "Are we ready for autonomous driving?", CVPR 2012; Geiger, Lenz, Stiller and Urtasun, "Vision
meets robotics: the KITTI dataset", IJRR 2013. Odometry: ``poses.txt`` (or ``NN.txt``) has a row-major 3 x 4 matrix a
line, from camera 0 to the first frame's camera 0; ``calib.txt`` has the projections P0 to P3 from camera 0's axes.
Raw: see :mod:`coordinator.formats.kittiraw`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.core.paths import IMAGE_SUFFIXES
from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, Tell
from coordinator.formats import kittiraw
from coordinator.formats.attitude import Matrix, Vector, added, applied, nearest_rotation, product, vector
from coordinator.formats.georeference import Model, Placing, on_grid
from coordinator.formats.row import Entry

NAME = "kitti"
_CAMERAS = (2, 0, 3, 1)
"""Colour before grey, left before right."""
_POSES = re.compile(r"poses.*\.txt|\d\d\.txt")
_UPRIGHT: Matrix = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
"""From KITTI's world (x right, y down, z forward) to x east, y north, z up, the first camera looking north."""


def find(folder: Path) -> Path | None:
    """The file of poses in ``folder``, if calib.txt and images lie beside it; else the first drive's oxts folder."""
    if (folder / "calib.txt").is_file() and _images(folder) is not None:
        names = sorted(path for path in folder.glob("*.txt") if _POSES.fullmatch(path.name))
        if names:
            return names[-1]
    return next(iter(kittiraw.drives(folder)), None)


def read(path: Path, tell: Tell, folder: Path | None = None, projected: bool = False) -> Iterator[Entry]:
    """Its frames as rows; ``projected`` says that the batch names a CRS, in which local poses are metres then.

    Images are named from ``folder``, the batch's. Odometry without GPS in the photographs and without a CRS has no
    rows, and an error is told. Raises BatchError for files that are not KITTI's.
    """
    if path.is_dir():
        yield from kittiraw.read(path, tell, folder or path.parent)
        return
    found = _images(path.parent)
    if found is None:
        raise BatchError(
            f"{path}: no images lie beside it; KITTI has them in image_2 (or image_0, image_1, image_3)"
        )
    number, images = found
    poses = _read_poses(path)
    lens = _lens(path.with_name("calib.txt"), number)
    batch = folder or path.parent
    frames = _frames(poses, lens, images, batch)
    placing = _placing(path, {name: frame.centre for name, frame in frames.items()}, batch, projected, tell)
    if placing is not None:
        for name, frame in frames.items():
            yield (
                f"{path.name}, frame {frame.number}",
                {
                    "image": name,
                    **placing(frame.centre, frame.turn),
                    "camera": lens.camera,
                },
            )
        _tell_of_rest(path, len(poses), len(images), tell)


@dataclass(frozen=True)
class _Frame:
    """The camera of one line of the poses, in axes x east, y north, z up that begin at the first one."""

    number: int
    centre: Vector
    turn: Matrix


def _images(folder: Path) -> tuple[int, list[Path]] | None:
    """The number of the best camera that has images, and these by frame; None if none has.

    Images in the folder itself are taken for those of camera 0, from which the poses are.
    """
    for number, holder in (*((number, f"image_{number}") for number in _CAMERAS), (0, ".")):
        paths = (path for path in (folder / holder).glob("*.*") if path.suffix.lower() in IMAGE_SUFFIXES)
        images = sorted(path for path in paths if path.stem.isdecimal())
        if images:
            return number, images
    return None


def _lens(path: Path, number: int) -> kittiraw.Projection:
    """Camera ``number`` of calib.txt, whose lines are named, or else in the cameras' order. Raises BatchError."""
    for at, line in enumerate(kittiraw.lines(path)):
        name, colon, values = line.rpartition(":")
        if name.strip() == f"P{number}" or (not colon and at == number):
            try:
                return kittiraw.projection([float(value) for value in values.split()])
            except ValueError as error:
                raise BatchError(f"{path}: P{number} is no projection: {error}") from error
    raise BatchError(f"{path}: no line P{number}, the camera of image_{number}")


def _read_poses(path: Path) -> list[tuple[Vector, Matrix]]:
    """Centre and rotation of camera 0, a line each. Raises BatchError."""
    poses = []
    for number, line in enumerate(kittiraw.lines(path), start=1):
        try:
            values = [float(value) for value in line.split()]
            if len(values) != 12:
                raise ValueError(f"{len(values)} numbers")
            turn = nearest_rotation((vector(values[0:3]), vector(values[4:7]), vector(values[8:11])))
        except ValueError as error:
            raise BatchError(f"{path}, line {number}: {error}; a pose is twelve numbers, 3 x 4") from error
        poses.append(((values[3], values[7], values[11]), turn))
    return poses


def _frames(
    poses: Sequence[tuple[Vector, Matrix]], lens: kittiraw.Projection, images: Sequence[Path], batch: Path
) -> dict[str, _Frame]:
    """The frames that have an image, by its path; a frame's image has its number as its name."""
    frames = {}
    for image in images:
        number = int(image.stem)
        if number < len(poses):
            centre, turn = poses[number]
            stands = applied(_UPRIGHT, added(centre, applied(turn, lens.offset)))
            frames[image.relative_to(batch).as_posix()] = _Frame(number, stands, product(_UPRIGHT, turn))
    return frames


def _placing(
    path: Path, centres: dict[str, Vector], batch: Path, projected: bool, tell: Tell
) -> Placing | None:
    """By the photographs' GPS; without it, in the batch's CRS, if it names one."""
    told: list[Finding] = []
    placing = Model(f"KITTI's {path.name}", centres, batch, projected).placing(told.append, path.parent)
    if placing is None and projected:
        text = (
            f"KITTI's {path.name} has no georeference: its metres are taken as x and y of the batch's crs, with the "
            "first camera at 0, 0 looking north; the map has the right shape, and stands at the wrong place"
        )
        tell(Finding(kind="no-georeference", level=Level.WARNING, text=text))
        return on_grid
    for finding in told:
        tell(finding)
    return placing


def _tell_of_rest(path: Path, poses: int, images: int, tell: Tell) -> None:
    if poses != images:
        text = f"{path.name} has {poses:,} poses for {images:,} images; they belong together by their number"
        tell(Finding(kind="kitti-counts-differ", level=Level.WARNING, text=text))
