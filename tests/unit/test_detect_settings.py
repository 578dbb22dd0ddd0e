"""The detect step's parameters: defaults, bounds, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from steps.detect import settings
from steps.stepkit import BadInput


def test_no_parameters_are_the_defaults() -> None:
    assert settings.parse({}) == settings.Settings()


def test_every_parameter_can_be_given() -> None:
    given: dict[str, Any] = {
        "threshold": 0,
        "min_size": 20,
        "max_size": 300.5,
        "labels": ["red-circle"],
        "elevation": [-10, 20],
        "overlap": 0.5,
        "max_detections": 7,
        "method": "classical",
        "model": "/batch/models/x.onnx",
        "device": "cuda",
        "layout": "yolov8",
        "input_size": 1280,
        "classes": ["stop"],
    }
    assert settings.parse(given) == settings.Settings(
        threshold=0.0,
        min_size=20.0,
        max_size=300.5,
        labels=("red-circle",),
        elevation=(-10.0, 20.0),
        overlap=0.5,
        max_detections=7,
        method="classical",
        model="/batch/models/x.onnx",
        device="cuda",
        layout="yolov8",
        input_size=1280,
        classes=("stop",),
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"treshold": 0.5}, "unknown parameter 'treshold'"),
        ({"threshold": 1.5}, "threshold must be a number from 0 to 1, not 1.5"),
        ({"threshold": True}, "threshold must be a number"),
        ({"threshold": float("nan")}, "threshold must be a number"),
        ({"threshold": "high"}, "threshold must be a number"),
        ({"min_size": 500}, "min_size 500 is larger than max_size 400"),
        ({"labels": []}, "labels must be a list of names"),
        ({"labels": ["green-circle"]}, "labels may hold red-circle,.*, not 'green-circle'"),
        ({"elevation": [10]}, "elevation must be"),
        ({"elevation": [20, -20]}, "elevation must rise"),
        ({"elevation": [-90, 90]}, "elevation must be a number from -60 to 60"),
        ({"max_detections": 0}, "max_detections must be a whole number"),
        ({"method": "neural"}, "method must be one of network, classical"),
        ({"model": 3}, "model must be the path"),
        ({"device": "tpu"}, "device must be one of cpu, cuda"),
        ({"layout": "ssd"}, "layout must be one of"),
        ({"input_size": 640.0}, "input_size must be a whole number"),
        ({"classes": "stop"}, "classes must be a list of names"),
    ],
)
def test_wrong_parameters_are_refused_by_name(params: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        settings.parse(params)
