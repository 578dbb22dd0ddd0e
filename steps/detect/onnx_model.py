"""A detection model in an ONNX file instead of colour and shape, run by OpenCV's dnn module.

Convention (what YOLOv5 and YOLOv8 / ultralytics export): input 1 x 3 x S x S, RGB, 0..1, the image scaled to
fit and padded with grey (letterbox), S = ``input_size``. Output, in pixels of that input, by ``layout``:

===========  ================  ====================================================================
``yolov5``   1 x N x (5 + C)   centre x, centre y, width, height, objectness, C class scores
``yolov8``   1 x (4 + C) x N   centre x, centre y, width, height, C class scores (also untransposed,
                               1 x N x (4 + C), which ``classes`` must then tell from yolov5)
``nms``      1 x N x 6         left, top, right, bottom, score, class number (suppressed in the model)
===========  ================  ====================================================================

``auto`` takes fewer rows than columns for yolov8 and the rest for yolov5, or for what fits ``classes``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from steps.detect.boxes import Box
from steps.detect.detection import Detection, Finder, once
from steps.detect.settings import Settings
from steps.stepkit.arrays import F32, Image, Index
from steps.stepkit.loop import BadInput

_PADDING = (114, 114, 114)
_MOST_CANDIDATES = 1000
"""Only so many of the best raw boxes are compared with each other."""


def finder(settings: Settings) -> Finder:
    """A finder that runs ``settings.model``. Raises BadInput if the file or the device cannot be used."""
    assert settings.model is not None
    path = Path(settings.model)
    if not path.is_file():
        raise BadInput(f"model {settings.model!r} is not a file this step can see")
    net = _load(str(path), path.stat().st_mtime_ns, settings.device)
    return lambda image: _find(net, image, settings)


@lru_cache(maxsize=2)
def _load(path: str, _modified: int, device: str) -> Any:
    if device == "cuda" and cv2.cuda.getCudaEnabledDeviceCount() == 0:
        raise BadInput(
            "device is cuda, but this OpenCV sees no CUDA device; use cpu, or an image built with CUDA"
        )
    try:
        net = cv2.dnn.readNetFromONNX(path)
    except cv2.error as error:
        raise BadInput(f"model {path!r} cannot be read as ONNX by OpenCV: {error.err}") from error
    if device == "cuda":
        net.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
        net.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
    return net


def _find(net: Any, image: Image, settings: Settings) -> list[Detection]:
    blob, scale, (left, top) = letterbox(image, settings.input_size)
    net.setInput(blob)
    try:
        raw = np.asarray(net.forward(), np.float32)
    except cv2.error as error:
        raise BadInput(
            f"model {settings.model!r} fails on an input of 1x3x{blob.shape[2]}x{blob.shape[3]} "
            f"(is input_size what it was exported with?): {error.err}"
        ) from error
    corners, scores, classes = decode(raw, settings.layout, len(settings.classes))
    names = settings.classes
    best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
    found = []
    for i in best[scores[best] >= settings.threshold].tolist():
        box = _clipped((corners[i] - (left, top, left, top)) / scale, image.shape[1], image.shape[0])
        if not settings.min_size <= max(box[2:]) <= settings.max_size or min(box[2:]) <= 0:
            continue
        number = int(classes[i])
        label = names[number] if 0 <= number < len(names) else None
        found.append(Detection(bbox=box, score=min(float(scores[i]), 1.0), label=label))
    return once(found, settings.overlap)


def letterbox(image: Image, size: int) -> tuple[F32, float, tuple[int, int]]:
    """The network's input, shape (1, 3, size, size), the scale applied, and the padding at left and top.

    RGB, 0..1; scale and padding in the input's pixels. ``image`` is BGR, shape (height, width, 3).
    """
    height, width = image.shape[:2]
    scale = min(size / width, size / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    resized = cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR if scale > 1 else cv2.INTER_AREA)
    left, top = (size - inner[0]) // 2, (size - inner[1]) // 2
    padded = cv2.copyMakeBorder(
        resized,
        top,
        size - inner[1] - top,
        left,
        size - inner[0] - left,
        cv2.BORDER_CONSTANT,
        value=_PADDING,
    )
    blob = cv2.dnn.blobFromImage(padded, 1 / 255, swapRB=True)
    return np.asarray(blob, np.float32), scale, (left, top)


def decode(raw: F32, layout: str, classes: int) -> tuple[F32, F32, Index]:
    """Corners (n, 4) in input pixels, scores (n,) and class numbers (n,) from a network's output.

    ``classes`` is how many classes the settings name, 0 if none. Raises BadInput for an output of another
    form or with numbers that are not finite.
    """
    table = raw[0] if raw.ndim == 3 and raw.shape[0] == 1 else raw
    if table.ndim != 2:
        raise BadInput(f"the model's output has shape {raw.shape}, not 1 x boxes x values")
    if not np.isfinite(table).all():
        raise BadInput("the model's output holds numbers that are not finite")
    if layout == "nms":
        _require(table.shape[1] == 6, layout, raw.shape)
        return table[:, :4], table[:, 4], table[:, 5].astype(np.intp)
    rows, objectness = _rows(table, layout, classes, raw.shape)
    scores = rows[:, 5:] * rows[:, 4:5] if objectness else rows[:, 4:]
    best = scores.argmax(axis=1)
    half = rows[:, 2:4] / 2
    corners = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
    return corners, scores[np.arange(len(scores)), best], best


def _rows(table: F32, layout: str, classes: int, shape: tuple[int, ...]) -> tuple[F32, bool]:
    """One row a box, and whether its fifth value is an objectness."""
    transposed = table.T if table.shape[0] < table.shape[1] else table
    if layout == "auto" and classes:
        values = table.shape[1] if table.shape[1] in (4 + classes, 5 + classes) else table.shape[0]
        rows = table if values == table.shape[1] else table.T
        _require(values in (4 + classes, 5 + classes), f"{classes} classes", shape)
        return rows, values == 5 + classes
    objectness = layout == "yolov5" or (layout == "auto" and transposed is table)
    rows = table if objectness else transposed
    least = 6 if objectness else 5
    _require(rows.shape[1] >= least and (not classes or rows.shape[1] == least - 1 + classes), layout, shape)
    return rows, objectness


def _require(fits: bool, wanted: str, shape: tuple[int, ...]) -> None:
    if not fits:
        raise BadInput(f"the model's output of shape {shape} does not fit {wanted}; set layout or classes")


def _clipped(corners: Any, width: int, height: int) -> Box:
    left, right = (float(min(max(v, 0.0), width)) for v in corners[[0, 2]])
    top, bottom = (float(min(max(v, 0.0), height)) for v in corners[[1, 3]])
    return left, top, right - left, bottom - top
