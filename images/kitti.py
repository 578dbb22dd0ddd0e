"""Turn KITTI's hand-drawn sign boxes and camera poses into a batch, to measure the position step on real rays.

``python -m images.kitti KITTI_SIGNS OUT --sequence 00`` reads ``detections.csv``, ``gt_signs_camera_frame.csv``
and ``NN.txt.gz`` and writes recordings.csv, detections.json (COCO), truth.geojson and batch.yaml. The
photographs themselves are not part of the data: the batch serves pipelines that start from its detections.

KITTI's world is the first camera: x right, y down, z forward. The batch's is x east, y north, z up with the
first camera looking north, moved to where the sequences were driven (Karlsruhe), give or take a few kilometres.

The data: Geiger, Lenz and Urtasun, "Are we ready for autonomous driving?", CVPR 2012 (poses); Chawla,
Jukola, Arani and Zonooz, "Monocular vision based crowdsourced 3D traffic sign positioning", ITSC 2020 (boxes, truth).
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from images.batchfiles import (
    Pose,
    Recording,
    TrueObject,
    write_json,
    write_recordings,
    write_settings,
    write_truth,
)
from steps.stepkit.arrays import F64
from steps.stepkit.camera import box_centre, pixels_to_rays

CRS = "EPSG:25832"
_ORIGIN = np.array([456000.0, 5428000.0, 115.0])
_TO_EAST_NORTH_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
NEAR_M, REACH_M, FEW = 1.5, 50.0, 3
"""A box shows a sign if its ray passes so near and the sign is so near; with fewer boxes nothing is positioned."""
_FRAME_SECONDS = 0.1
_SIZES = {"00": (1241, 376), "02": (1241, 376), "06": (1226, 370)}
_LENSES = {
    "00": {"fx": 718.856, "fy": 718.856, "cx": 607.1928, "cy": 185.2157},
    "02": {"fx": 718.856, "fy": 718.856, "cx": 607.1928, "cy": 185.2157},
    "06": {"fx": 707.0912, "fy": 707.0912, "cx": 601.8873, "cy": 183.1104},
}


def angles(turn: F64) -> tuple[float, float, float]:
    """Heading, pitch and roll in degrees of a camera-to-world rotation, shape (3, 3).

    The exact inverse of :func:`steps.stepkit.camera.rotation`; heading is in [0, 360). Looking straight up
    or down, where heading and roll are one, the answer is still a valid one.
    """
    heading = np.degrees(np.arctan2(turn[0, 2], turn[1, 2])) % 360.0
    pitch = np.degrees(np.arctan2(turn[2, 2], np.hypot(turn[0, 2], turn[1, 2])))
    roll = np.degrees(np.arctan2(-turn[2, 0], -turn[2, 1]))
    return float(heading), float(pitch), float(roll)


def camera_to_world(matrix: F64) -> tuple[F64, F64]:
    """The batch's rotation (3, 3) and camera position (3,) in metres from a KITTI pose, shape (3, 4).

    KITTI prints seven digits, so its matrices are rotations only to about 1e-6: the nearest rotation is
    taken (by singular values: Arun, Huang and Blostein, PAMI 1987).
    """
    u, _, vt = np.linalg.svd(matrix[:, :3])
    return _TO_EAST_NORTH_UP @ u @ vt, _TO_EAST_NORTH_UP @ matrix[:, 3] + _ORIGIN


def convert(source: Path, out: Path, sequence: str) -> dict[str, int]:
    """Write the batch of one sequence to ``out``; how many boxes show each true sign, by its id.

    Raises OSError for missing files, KeyError for another sequence.
    """
    poses = read_poses(source / f"{sequence}.txt.gz")
    boxes = list(_rows(source / "detections.csv", sequence))
    frames = sorted({int(row["frame"]) for row in boxes})
    out.mkdir(parents=True, exist_ok=True)
    write_recordings(out, (_recording(sequence, frame, poses[frame]) for frame in frames))
    write_json(out / "detections.json", _coco(sequence, frames, boxes))
    signs = _truth(_rows(source / "gt_signs_camera_frame.csv", sequence), poses, sequence)
    write_truth(out, signs, CRS)
    write_settings(out, f"kitti-{sequence}", CRS, region_size=100, halo=60)
    return {sign.id: shown(sign, sequence, poses, boxes) for sign in signs}


def shown(sign: TrueObject, sequence: str, poses: F64, boxes: list[dict[str, str]]) -> int:
    """How many boxes show a sign: their rays pass within NEAR_M of it, at most REACH_M away.

    ``poses`` is (frames, 3, 4). A sign that no boxes show cannot be found from them.
    """
    width, height = _SIZES[sequence]
    count = 0
    for row in boxes:
        turn, position = camera_to_world(poses[int(row["frame"])])
        camera = {"model": "pinhole", **_LENSES[sequence]}
        ray = turn @ pixels_to_rays(camera, width, height, box_centre([_bbox(row)]))[0]
        offset = np.array([sign.x, sign.y, sign.z]) - position
        along = float(offset @ ray)
        count += 0 < along <= REACH_M and float(np.linalg.norm(offset - along * ray)) <= NEAR_M
    return count


def read_poses(path: Path) -> F64:
    """Camera-to-world matrices of KITTI's odometry format, shape (frames, 3, 4)."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        return np.loadtxt(file, dtype=np.float64).reshape(-1, 3, 4)


def _rows(path: Path, sequence: str) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from (row for row in csv.DictReader(file) if row["seq"] == sequence)


def _image(sequence: str, frame: int) -> str:
    return f"{sequence}/{frame:06d}.png"


def _recording(sequence: str, frame: int, matrix: F64) -> Recording:
    turn, position = camera_to_world(matrix)
    heading, pitch, roll = angles(turn)
    x, y, z = (float(value) for value in position)
    width, height = _SIZES[sequence]
    return Recording(
        id=_image(sequence, frame),
        image=_image(sequence, frame),
        pose=Pose(x=x, y=y, z=z, heading=heading, pitch=pitch, roll=roll),
        camera={"model": "pinhole", **_LENSES[sequence]},
        width=width,
        height=height,
        time=f"{frame * _FRAME_SECONDS:.1f}",
    )


def _coco(sequence: str, frames: list[int], boxes: list[dict[str, str]]) -> dict[str, Any]:
    width, height = _SIZES[sequence]
    images = [
        {"id": frame, "file_name": _image(sequence, frame), "width": width, "height": height}
        for frame in frames
    ]
    annotations = [
        {"id": i, "image_id": int(row["frame"]), "category_id": 1, "bbox": _bbox(row), "score": 1.0}
        for i, row in enumerate(boxes, 1)
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "traffic_sign"}]}


def _bbox(row: dict[str, str]) -> list[float]:
    """COCO edges of a box whose corners are whole pixels, both inside it."""
    x0, y0, x1, y1 = (float(row[name]) for name in ("x0", "y0", "x1", "y1"))
    return [x0, y0, x1 - x0 + 1, y1 - y0 + 1]


def _truth(rows: Iterator[dict[str, str]], poses: F64, sequence: str) -> list[TrueObject]:
    """Every measured sign once: the mean of its measurements from several frames."""
    seen: dict[int, list[F64]] = defaultdict(list)
    for row in rows:
        turn, position = camera_to_world(poses[int(row["frame"])])
        in_camera = np.array([float(row[name]) for name in ("x", "y", "z")])
        seen[int(row["gt_id"])].append(turn @ in_camera + position)
    means = {sign: np.mean(points, axis=0) for sign, points in sorted(seen.items())}
    return [
        TrueObject(id=f"{sequence}-{sign:02d}", x=float(x), y=float(y), z=float(z), category=None, size=None)
        for sign, (x, y, z) in means.items()
    ]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m images.kitti", description="KITTI sign boxes -> a batch")
    parser.add_argument(
        "source", type=Path, help="folder with detections.csv, gt_signs_camera_frame.csv, NN.txt.gz"
    )
    parser.add_argument("out", type=Path, help="batch folder to write")
    parser.add_argument("--sequence", choices=sorted(_SIZES), default="00")
    options = parser.parse_args(arguments)
    for sign, boxes in convert(options.source, options.out, options.sequence).items():
        if boxes < FEW:
            print(f"{sign}: {boxes or 'no'} boxes show it, so that it is not to be found from them")


if __name__ == "__main__":
    main()
