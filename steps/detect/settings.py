"""The step's parameters: names, defaults, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steps.detect.labels import LABELS, OTHER, SHAPES
from steps.stepkit.loop import BadInput, Json
from steps.stepkit.parameters import Reader, choice, names, number, whole

LAYOUTS = ("auto", "yolov5", "yolov8", "nms")
DEVICES = ("cpu", "cuda")
METHODS = ("network", "classical")
_OF_MODELS, _OF_METHODS = ("layout", "input_size", "classes"), ("labels", "method")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of a request's ``params``.

    ================  ==============================================================================
    threshold         least score told, 0..1; low, as a missed view is lost while recognise drops what is no sign
    min_size          least larger side of a box, pixels
    max_size          largest larger side of a box, pixels
    labels            shapes and colours to tell, of :data:`steps.detect.labels.LABELS`; all but ``other``
    elevation         [lowest, highest] degrees above the horizon looked at, equirectangular images only
    overlap           boxes that overlap by more (intersection over union) are one sign
    max_detections    only so many, the best, are told for one image
    method            network, or classical: by colours and outlines, without a learned network
    model             path of an ONNX file to use instead of ``method``, or null
    device            cpu or cuda, for the networks; not for ``method: classical``
    layout            the model's output: auto, yolov5, yolov8 or nms (see :mod:`steps.detect.onnx_layouts`)
    input_size        larger side of the model's input, pixels, if its file is made for any (else 640)
    classes           the model's class names in its order, told as labels, if its file does not name them
    ================  ==============================================================================

    The last three are refused without a ``model``, and ``labels`` and ``method`` with one: they would change nothing.
    """

    threshold: float = 0.2
    min_size: float = 15.0
    max_size: float = 400.0
    labels: tuple[str, ...] = SHAPES
    elevation: tuple[float, float] = (-30.0, 40.0)
    overlap: float = 0.3
    max_detections: int = 100
    method: str = "network"

    model: str | None = None
    device: str = "cpu"
    layout: str = "auto"
    input_size: int | None = None
    classes: tuple[str, ...] = ()


def parse(params: Json) -> Settings:
    """Settings from a request's ``params``.

    Raises BadInput for an unknown name, a value out of bounds, and one that would change nothing beside the others.
    """
    settings = _READER.read(params)
    if settings.min_size > settings.max_size:
        raise BadInput(f"min_size {settings.min_size:g} is larger than max_size {settings.max_size:g}")
    if settings.model is not None:
        _refuse(settings, _OF_METHODS, "counts only without a model: leave it out, or model")
    else:
        _refuse(settings, _OF_MODELS, "counts only with a model: give model, or leave it out")
        if settings.method == "classical":
            _check_classical(settings)
    return settings


def _refuse(settings: Settings, names: tuple[str, ...], why: str) -> None:
    """Raises BadInput for the first of these that is not as it is by default."""
    for name in names:
        if (value := getattr(settings, name)) != getattr(Settings(), name):
            raise BadInput(f"{name} is {_told(value)}, and {why}")


def _told(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _check_classical(settings: Settings) -> None:
    if settings.device != "cpu":
        raise BadInput(
            f"device is {settings.device}, but method: classical runs on the CPU alone; leave device out, or method"
        )
    if OTHER in settings.labels:
        raise BadInput(
            f"labels holds {OTHER}, which method: classical does not know; leave it out, or method"
        )


def _path(called: str, value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise BadInput(f"{called} must be the path of an ONNX file or null, not {value!r}")
    return value


def _elevation(called: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise BadInput(f"{called} must be [lowest, highest] in degrees, not {value!r}")
    low, high = (number(-60, 60)(called, angle) for angle in value)
    if high - low < 1:
        raise BadInput(f"{called} must rise from lowest to highest by at least a degree, not {value!r}")
    return low, high


_READER = Reader(
    kind=Settings,
    unknown="unknown parameter {name!r} of detect; known are {known}",
    called="{name}",
    checks={
        "threshold": number(0, 1),
        "min_size": number(8, 10_000),
        "max_size": number(8, 10_000),
        "labels": names(*LABELS),
        "elevation": _elevation,
        "overlap": number(0, 1),
        "max_detections": whole(1, 100_000),
        "method": choice(*METHODS),
        "model": _path,
        "device": choice(*DEVICES),
        "layout": choice(*LAYOUTS),
        "input_size": whole(32, 4096),
        "classes": names(),
    },
)
