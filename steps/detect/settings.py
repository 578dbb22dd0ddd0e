"""The step's parameters: names, defaults, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from steps.detect.labels import LABELS
from steps.stepkit.loop import BadInput, Json

LAYOUTS = ("auto", "yolov5", "yolov8", "nms")
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of a request's ``params``.

    ================  ==============================================================================
    threshold         least score told, 0..1; 0.5 means as likely a sign as not. Low, as a missed view is
                      lost while recognise drops what is no sign
    min_size          least larger side of a box, pixels
    max_size          largest larger side of a box, pixels
    labels            shapes and colours to tell, of :data:`steps.detect.labels.LABELS`
    elevation         [lowest, highest] degrees above the horizon looked at, equirectangular images only
    overlap           boxes that overlap by more (intersection over union) are one sign
    max_detections    only so many, the best, are told for one image
    model             path of an ONNX file to use instead of colour and shape, or null
    device            cpu or cuda, for ``model``
    layout            the model's output: auto, yolov5, yolov8 or nms (see :mod:`steps.detect.onnx_model`)
    input_size        side of the model's square input, pixels
    classes           the model's class names in its order, told as labels
    ================  ==============================================================================

    ``labels`` concerns colour and shape only; the last four count only when ``model`` is given.
    """

    threshold: float = 0.2
    min_size: float = 14.0
    max_size: float = 400.0
    labels: tuple[str, ...] = LABELS
    elevation: tuple[float, float] = (-30.0, 40.0)
    overlap: float = 0.3
    max_detections: int = 100

    model: str | None = None
    device: str = "cpu"
    layout: str = "auto"
    input_size: int = 640
    classes: tuple[str, ...] = ()


def parse(params: Json) -> Settings:
    """Settings from a request's ``params``. Raises BadInput for an unknown name or a value out of bounds."""
    known = {field.name for field in fields(Settings)}
    if unknown := sorted(set(params) - known):
        raise BadInput(f"unknown parameter {unknown[0]!r} of detect; known are {', '.join(sorted(known))}")
    settings = Settings(**{name: _READERS[name](name, value) for name, value in params.items()})
    if settings.min_size > settings.max_size:
        raise BadInput(f"min_size {settings.min_size:g} is larger than max_size {settings.max_size:g}")
    return settings


def _number(low: float, high: float) -> Callable[[str, Any], float]:
    def read(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadInput(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    return read


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadInput(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        return value

    return read


def _choice(options: tuple[str, ...]) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if value not in options:
            raise BadInput(f"{name} must be one of {', '.join(options)}, not {value!r}")
        return str(value)

    return read


def _names(options: tuple[str, ...] | None) -> Callable[[str, Any], tuple[str, ...]]:
    def read(name: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise BadInput(f"{name} must be a list of names, not {value!r}")
        if options is not None and (unknown := [one for one in value if one not in options]):
            raise BadInput(f"{name} may hold {', '.join(options)}, not {unknown[0]!r}")
        return tuple(value)

    return read


def _path(name: str, value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise BadInput(f"{name} must be the path of an ONNX file or null, not {value!r}")
    return value


def _elevation(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise BadInput(f"{name} must be [lowest, highest] in degrees, not {value!r}")
    low, high = (_number(-60, 60)(name, angle) for angle in value)
    if high - low < 1:
        raise BadInput(f"{name} must rise from lowest to highest by at least a degree, not {value!r}")
    return low, high


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "threshold": _number(0, 1),
    "min_size": _number(8, 10_000),
    "max_size": _number(8, 10_000),
    "labels": _names(LABELS),
    "elevation": _elevation,
    "overlap": _number(0, 1),
    "max_detections": _whole(1, 100_000),
    "model": _path,
    "device": _choice(DEVICES),
    "layout": _choice(LAYOUTS),
    "input_size": _whole(32, 4096),
    "classes": _names(None),
}
