"""Small neural networks as ONNX files, made by the tests that run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF, INT64, STRING = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64, TensorProto.STRING
Size = int | str | None
"""A dimension: a number, or a name for any."""


def tensor(name: str, shape: Sequence[Size], kind: int = FLOAT) -> Any:
    """An input or an output of a network."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def write(
    path: Path,
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: Sequence[Any] = (),
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """The ONNX file of a graph of these nodes, of operator set 17, checked."""
    graph = helper.make_graph(list(nodes), "small", list(inputs), list(outputs), list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def mean(path: Path, shape: Sequence[Size] = ("n", 3, "h", "w"), kind: int = FLOAT, **more: Any) -> Path:
    """A network whose output, n x channels x 1 x 1, is the mean of each channel."""
    node = helper.make_node("GlobalAveragePool", ["images"], ["mean"])
    outputs = [tensor("mean", (*shape[:2], 1, 1), kind)]
    return write(path, [node], [tensor("images", shape, kind)], outputs, **more)


RED, BLUE = (20.0, 24.0, 16.0, 16.0), (48.0, 36.0, 8.0, 12.0)
"""Where :func:`detector` sees red and blue, in its input: centre x, centre y, width, height."""
_OVERLAPPING = (21.0, 24.0, 16.0, 16.0)
_ROWS = {"yolov5": 3 * 84, "yolov8": 84, "nms": 300}
"""Boxes for an input of 64 x 64, with a place for every 8, 16 and 32 pixels."""


def detector(
    path: Path, layout: str, shape: Sequence[Size] = (1, 3, 64, 64), kind: int = FLOAT, **more: Any
) -> Path:
    """A network that gives boxes in one of detect's layouts: their places are fixed, their scores a channel's mean.

    The red channel's for class 0, twice, overlapping; the blue one's for class 1. So the boxes test the way into the
    input and back, the scores the order and the range of the channels. All other rows score 0.
    """
    numbers = _values(layout)
    weight, bias = numbers[:, :, :3], numbers[:, :, 3]
    if layout == "yolov8":
        weight, bias = weight.transpose(1, 0, 2), bias.T
    dtype = np.float16 if kind == HALF else np.float32
    constants = {
        "weight": np.ascontiguousarray(weight.reshape(-1, 3, 1, 1), dtype),
        "bias": np.ascontiguousarray(bias.reshape(-1), dtype),
        "shape": np.array([-1, *bias.shape], np.int64),
    }
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["mean"]),
        helper.make_node("Conv", ["mean", "weight", "bias"], ["flat"], kernel_shape=[1, 1]),
        helper.make_node("Reshape", ["flat", "shape"], ["output0"]),
    ]
    outputs = [tensor("output0", (shape[0], *bias.shape), kind)]
    made = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    return write(path, nodes, [tensor("images", shape, kind)], outputs, made, **more)


def _values(layout: str) -> Any:
    """Each value of each row as what multiplies the channels' means (red, green, blue), and what is added."""
    first = {"yolov5": 5, "yolov8": 4, "nms": 4}[layout]
    numbers = np.zeros((_ROWS[layout], 6 if layout == "nms" else first + 2, 4))
    seen = [(RED, 0, 0, 1.0), (_OVERLAPPING, 0, 0, 0.9), (BLUE, 1, 2, 1.0)]
    for row, (box, number, channel, factor) in zip(numbers, seen, strict=False):
        x, y, width, height = box
        if layout == "nms":
            row[:4, 3] = x - width / 2, y - height / 2, x + width / 2, y + height / 2
            row[4, channel], row[5, 3] = factor, number
        else:
            row[:4, 3] = box
            row[first + number, channel] = factor
        if layout == "yolov5":
            row[4, 3] = 1
    return numbers
