"""Detections become rays: where each starts, where it points and how large its object looks.

Everything downstream works on these arrays and never on JSON. Recordings are sorted by id and detections keep
their order within a recording, so that an index is as good as an id for breaking ties: the order of any two
rays is the same in every region that holds both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from steps.position.accuracy import Accuracy, read_accuracy
from steps.position.params import Params
from steps.stepkit import BadInput, Json
from steps.stepkit.arrays import F64, I64, Mask
from steps.stepkit.camera import box_centre, pixels_to_rays, read_model, rotation
from steps.stepkit.numbers import is_finite

NO_LABEL = -1
_FARTHEST = 1e8
"""Metres from the CRS's origin, as the contract has it, and for want of a better limit pixels and degrees, too: what is
reckoned from larger numbers is nothing."""
_DISTORTION = ("k1", "k2", "p1", "p2", "k3")
_LEAST_FOCAL = 1e-3
"""Pixels."""


@dataclass(frozen=True, kw_only=True)
class Rays:
    """R recordings that see something, and their D rays; world frame, metres.

    A detection's *reach* is the angle it spans as a length per metre of distance, ``2 tan(angle / 2)``: times
    a distance it is a size. ``height`` is the box's upright reach, which hardly changes when a sign is turned
    aside (its width shrinks, ``across``); ``extent`` is the larger of both.
    """

    recordings: Sequence[Json]
    """The R items, sorted by id."""
    centre: F64
    """(R, 3) camera positions."""
    first: I64
    """(R + 1,) recording r owns the rays ``first[r]`` up to ``first[r + 1]``."""
    recording: I64
    """(D,) index of the recording of a ray."""
    origin: F64
    """(D, 3) its recording's position."""
    direction: F64
    """(D, 3) unit vectors."""
    height: F64
    """(D,) upright reach, metres per metre."""
    across: F64
    """(D,) sideward reach, metres per metre."""
    label: I64
    """(D,) number of what it is called in alphabetical order, NO_LABEL where that is not known."""
    face: Mask
    """(D,) whether it shows a face, which cannot be seen from behind."""
    accuracy: Accuracy | None = None
    """What the recordings say of their poses; None if none says anything."""

    def variance(self, ray: I64, distance: F64, params: Params) -> F64:
        """Variance in m^2 of the rays (N,) in each direction across them, at distances (N,) in metres."""
        if self.accuracy is None:
            return params.variance(distance)
        return self.accuracy.variance(self.recording[ray], distance, params)

    @property
    def extent(self) -> F64:
        """(D,) reach of the larger side, metres per metre."""
        larger: F64 = np.maximum(self.height, self.across)
        return larger

    @property
    def poor(self) -> bool:
        """Whether any recording states a poor pose (:attr:`Accuracy.poor`)."""
        return self.accuracy is not None and self.accuracy.poor

    def __len__(self) -> int:
        return len(self.recording)


def cast(items: Iterable[Json]) -> Rays:
    """The rays of all items that have pose, camera and detections; other items contribute nothing.

    Raises BadInput, naming the item, for a pose, camera or detection that cannot be used, and for an id
    that comes twice.
    """
    seeing = sorted((item for item in items if _sees(item)), key=lambda item: str(item["id"]))
    for one, other in pairwise(seeing):
        if one["id"] == other["id"]:
            raise BadInput(f"two recordings have the id {one['id']!r}")
    _check_detections(seeing)
    counts = [len(item["detections"]) for item in seeing]
    first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    recording = np.repeat(np.arange(len(seeing), dtype=np.int64), counts)
    centre, turn = _poses(seeing)
    boxes = _boxes(seeing)
    middle, height, across = _in_camera_frames(seeing, recording, boxes)
    return Rays(
        recordings=seeing,
        centre=centre,
        first=first,
        recording=recording,
        origin=centre[recording],
        direction=_turned(turn[recording], middle),
        height=height,
        across=across,
        label=_labels(seeing),
        face=np.array([one.get("face") is True for one in _detections(seeing)], dtype=np.bool_),
        accuracy=read_accuracy(seeing),
    )


def _sees(item: Json) -> bool:
    return bool(item.get("pose") and item.get("camera") and item.get("detections"))


def _check_detections(seeing: Sequence[Json]) -> None:
    for item in seeing:
        found = item["detections"]
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise BadInput(f"recording {item['id']!r}: detections must be a list of objects, not {found!r}")


def _number(value: Any, what: str, item: Json, least: float = -_FARTHEST, most: float = _FARTHEST) -> float:
    if not is_finite(value):
        raise BadInput(f"recording {item['id']!r}: {what} must be a finite number, not {value!r}")
    if not least <= value <= most:
        raise BadInput(
            f"recording {item['id']!r}: {what} must be a number from {least:g} to {most:g}, not {value!r}"
        )
    return float(value)


def _poses(seeing: Sequence[Json]) -> tuple[F64, F64]:
    """(R, 3) positions and (R, 3, 3) rotations, camera to world."""
    centre = np.empty((len(seeing), 3))
    turn = np.empty((len(seeing), 3, 3))
    for r, item in enumerate(seeing):
        pose = item["pose"]
        if not isinstance(pose, dict):
            raise BadInput(f"recording {item['id']!r}: pose must be an object, not {pose!r}")
        centre[r] = [_number(pose.get(axis), f"pose {axis}", item) for axis in ("x", "y", "z")]
        heading = _number(pose.get("heading"), "pose heading", item)
        level = {"pitch": 0.0, "roll": 0.0}
        given = {name: pose[name] for name in level if pose.get(name) is not None}
        pitch, roll = (_number(value, f"pose {name}", item) for name, value in {**level, **given}.items())
        turn[r] = rotation(heading, pitch, roll)
    return centre, turn


def _boxes(seeing: Sequence[Json]) -> F64:
    """(D, 4) boxes as COCO has them, x, y, width, height in pixels; scores are checked on the way."""
    boxes = []
    for item in seeing:
        for detection in item["detections"]:
            bbox = detection.get("bbox")
            if not isinstance(bbox, (list, tuple)) or len(bbox) != 4:
                raise BadInput(f"recording {item['id']!r}: bbox must be [x, y, width, height], not {bbox!r}")
            box = [_number(value, "bbox", item) for value in bbox]
            if box[2] <= 0 or box[3] <= 0:
                raise BadInput(f"recording {item['id']!r}: bbox {bbox!r} is empty")
            _number(detection.get("score", 1.0), "score", item, 0.0, 1.0)
            boxes.append(box)
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _in_camera_frames(seeing: Sequence[Json], recording: I64, boxes: F64) -> tuple[F64, F64, F64]:
    """(D, 3) rays through the boxes' centres, (D,) upright reach and (D,) sideward reach.

    Recordings of one camera model are worked on together: a batch has few models and many recordings.
    """
    middle, height, across = np.empty((len(boxes), 3)), np.empty(len(boxes)), np.empty(len(boxes))
    models: dict[str, list[int]] = {}
    for r, item in enumerate(seeing):
        key = json.dumps([item["camera"], item.get("width"), item.get("height")], sort_keys=True)
        models.setdefault(key, []).append(r)
    model_of = np.empty(len(seeing), dtype=np.int64)
    for number, members in enumerate(models.values()):
        model_of[members] = number
    for number, members in enumerate(models.values()):
        mine = np.flatnonzero(model_of[recording] == number)
        middle[mine], height[mine], across[mine] = _through(seeing[members[0]], boxes[mine])
    return middle, height, across


def _through(item: Json, boxes: F64) -> tuple[F64, F64, F64]:
    """Rays in the camera frame through boxes' centres, and the boxes' upright and sideward reach."""
    width, height = (int(_number(item.get(side), side, item, 1.0)) for side in ("width", "height"))
    camera = _camera(item)
    centre = box_centre(boxes)
    up, side = np.zeros_like(centre), np.zeros_like(centre)
    up[:, 1], side[:, 0] = boxes[:, 3] / 2, boxes[:, 2] / 2
    pixels = np.concatenate([centre, centre - up, centre + up, centre - side, centre + side])
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # of what is looked at below
            rays = pixels_to_rays(camera, width, height, pixels)
    except ValueError as error:
        raise BadInput(f"recording {item['id']!r}: camera cannot be used: {error}") from error
    if not np.isfinite(rays).all():
        raise BadInput(
            f"recording {item['id']!r}: its camera's distortion {[camera.get(name) for name in _DISTORTION]} "
            "leaves no ray for a box"
        )
    middle, top, bottom, left, right = rays.reshape(5, -1, 3)
    return middle, _reach(top, bottom), _reach(left, right)


def _camera(item: Json) -> Json:
    """The recording's camera, its numbers checked but for a crop's."""
    camera = read_model(item["camera"], f"recording {item['id']!r}")
    assert camera is not None  # it would see nothing
    if camera["model"] == "pinhole":
        for name in ("fx", "fy"):
            _number(camera.get(name), f"camera {name}", item, _LEAST_FOCAL)
        for name in ("cx", "cy"):
            _number(camera.get(name), f"camera {name}", item)
        for name in _DISTORTION:
            if camera.get(name) is not None:
                _number(camera[name], f"camera {name}", item)
    return camera


def _reach(one: F64, other: F64) -> F64:
    """``2 tan(angle / 2)`` between unit vectors (N, 3): |a - b| is the chord, |a + b| / 2 its distance."""
    chord, middle = one - other, (one + other) / 2
    reach: F64 = np.sqrt(dot(chord, chord) / dot(middle, middle))
    return reach


def dot(one: F64, other: F64) -> F64:
    """Row-wise dot product of (N, 3) arrays, always added in the same order.

    Matrix products and einsum may add in another order in a larger array; regions must not differ by that.
    """
    product: F64 = one[:, 0] * other[:, 0] + one[:, 1] * other[:, 1] + one[:, 2] * other[:, 2]
    return product


def _turned(turn: F64, ray: F64) -> F64:
    """Rays (D, 3) turned by their rotations (D, 3, 3)."""
    return np.stack([dot(turn[:, axis], ray) for axis in range(3)], axis=1)


def _detections(seeing: Sequence[Json]) -> Iterator[Json]:
    return (detection for item in seeing for detection in item["detections"])


def _labels(seeing: Sequence[Json]) -> I64:
    called = [_called(detection) for detection in _detections(seeing)]
    names = sorted({name for name in called if name is not None})
    number = {name: at for at, name in enumerate(names)}
    coded = [NO_LABEL if name is None else number[name] for name in called]
    return np.array(coded, dtype=np.int64)


def _called(detection: Json) -> str | None:
    """The kind of a detection's face, which tells more than its label; a face of no kind may be of any."""
    name = detection.get("kind") if detection.get("face") is True else detection.get("label")
    return None if name is None else str(name)
