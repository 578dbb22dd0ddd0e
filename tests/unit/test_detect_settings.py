"""The detect step's parameters: defaults, bounds, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from steps.detect import settings
from steps.detect.labels import SHAPES
from steps.stepkit import BadInput


def test_no_parameters_are_the_defaults() -> None:
    assert settings.parse({}) == settings.Settings()


def test_every_parameter_can_be_given() -> None:
    given: dict[str, Any] = {
        "threshold": 0,
        "min_size": 20,
        "max_size": 300.5,
        "elevation": [-10, 20],
        "overlap": 0.5,
        "max_detections": 7,
    }
    wanted = settings.Settings(
        threshold=0.0, min_size=20.0, max_size=300.5, elevation=(-10.0, 20.0), overlap=0.5, max_detections=7
    )
    assert settings.parse({**given, "labels": ["red-circle"], "method": "classical"}) == replace(
        wanted, labels=("red-circle",), method="classical"
    )
    of_model: dict[str, Any] = {
        "model": "/batch/x.onnx",
        "device": "cuda",
        "layout": "yolov8",
        "input_size": 1280,
    }
    assert settings.parse({**given, **of_model, "classes": ["stop"]}) == replace(
        wanted, **of_model, classes=("stop",)
    )


def test_what_is_as_by_default_may_be_said_beside_anything() -> None:
    said = {"method": "network", "layout": "auto", "labels": list(SHAPES), "device": "cpu", "model": None}
    assert settings.parse(said) == settings.Settings()
    assert settings.parse({**said, "model": "x.onnx"}) == settings.Settings(model="x.onnx")


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
        ({"layout": "nms"}, "layout is nms, and counts only with a model: give model, or leave it out"),
        ({"classes": ["stop", "yield"]}, "classes is stop, yield, and counts only with a model"),
        ({"input_size": 640, "method": "classical"}, "input_size is 640, and counts only with a model"),
        ({"model": "x", "labels": ["red-circle"]}, "labels is red-circle, and counts only without a model"),
        ({"model": "x", "method": "classical"}, "method is classical, and counts only without a model"),
        ({"method": "classical", "device": "cuda"}, "device is cuda, but method: classical runs on the CPU"),
        (
            {"method": "classical", "labels": ["other"]},
            "labels holds other, which method: classical does not",
        ),
    ],
)
def test_wrong_parameters_are_refused_by_name(params: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        settings.parse(params)
