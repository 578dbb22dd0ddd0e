"""Write the tiny ONNX models of test_detect_onnx.py: ``python tests/unit/detect_models/make.py`` (needs onnx).

Each takes 1 x 3 x 64 x 64, averages every channel over the whole input and gives three boxes whose place is
fixed and whose scores grow with the average: the red channel for class 0, the blue for class 1. So the boxes
test the letterbox, and the scores the order and the range of the channels. The first two boxes overlap; the
rest, never sure, make the output longer than wide as a real model's is.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

# Not a dependency of the project: installed by hand to run this script.
onnx: Any = import_module("onnx")
helper, numpy_helper = onnx.helper, import_module("onnx.numpy_helper")
FLOAT = onnx.TensorProto.FLOAT

BOXES = [
    (20.0, 24.0, 16.0, 16.0),
    (21.0, 24.0, 16.0, 16.0),
    (48.0, 36.0, 8.0, 12.0),
    *[(0.0, 0.0, 0.0, 0.0)] * 9,
]
WEIGHTS = [(1.0, 0.0), (0.9, 0.0), (0.0, 1.0), *[(0.0, 0.0)] * 9]


def _model(objectness: bool) -> Any:
    values = 4 + objectness + 2
    weight, bias = np.zeros((len(BOXES), values, 3), np.float32), np.zeros((len(BOXES), values), np.float32)
    for row, (box, (red, blue)) in enumerate(zip(BOXES, WEIGHTS, strict=True)):
        bias[row, :4] = box
        if objectness:
            bias[row, 4] = 1
        weight[row, -2, 0], weight[row, -1, 2] = red, blue
    if objectness:
        shape = [1, len(BOXES), values]
    else:
        weight, bias, shape = weight.transpose(1, 0, 2), bias.T, [1, values, len(BOXES)]
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["mean"]),
        helper.make_node("Conv", ["mean", "weight", "bias"], ["flat"], kernel_shape=[1, 1]),
        helper.make_node("Reshape", ["flat", "shape"], ["output0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "three-boxes",
        [helper.make_tensor_value_info("images", FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output0", FLOAT, shape)],
        [
            numpy_helper.from_array(np.ascontiguousarray(weight.reshape(-1, 3, 1, 1)), "weight"),
            numpy_helper.from_array(np.ascontiguousarray(bias.reshape(-1)), "bias"),
            numpy_helper.from_array(np.array(shape, np.int64), "shape"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    for name, objectness in (("yolov5", True), ("yolov8", False)):
        Path(__file__).with_name(f"{name}.onnx").write_bytes(_model(objectness).SerializeToString())
