"""A detection model in an ONNX file: any network of the YOLO type, on the CPU or a GPU.

Convention (what YOLOv5 and ultralytics export): images in, n x 3 x height x width, RGB, 0..1, each scaled to fit and
padded with grey (letterbox); a table of boxes out (:mod:`steps.detect.onnx_layouts`). A file of fixed size says itself
how large its input is; one of any size gets ``input_size`` as the larger side, and as little padding as its strides
allow. What ultralytics writes into the file is used: the names of the classes, the strides, what the model is for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np

from steps.detect import onnx_layouts
from steps.detect.boxes import within
from steps.detect.detection import Detection, Finder, once
from steps.detect.onnx_layouts import Boxes, Expected
from steps.detect.settings import Settings
from steps.stepkit import network
from steps.stepkit.arrays import F32, Image
from steps.stepkit.loop import BadInput
from steps.stepkit.network import Network

_INPUT_SIZE = 640
"""Where neither the file nor the settings say."""
_STRIDE = 32
_PADDING = (114, 114, 114)
_MOST_CANDIDATES = 1000
"""Only so many of the best raw boxes are compared with each other."""


def finder(settings: Settings) -> Finder:
    """A finder that runs ``settings.model``. Raises BadInput if the file or the device cannot be used."""
    model = load(settings)
    return lambda image: model.find([image])[0]


def load(settings: Settings) -> Model:
    """The model of the settings. Raises BadInput if the file, the device or a setting does not fit."""
    assert settings.model is not None
    loaded = network.load(Path(settings.model), settings.device)
    task = loaded.metadata.get("task", "detect")
    if task != "detect":
        raise BadInput(
            f"{loaded.name} is made for the task {task!r}; detect takes models of the task 'detect'"
        )
    return Model(network=loaded, settings=settings, names=settings.classes or _names(loaded))


@dataclass(frozen=True, kw_only=True)
class Model:
    """A detection network with the settings that it is run with."""

    network: Network
    settings: Settings
    names: tuple[str, ...]
    """Of the classes, in the model's order; none if nobody says."""

    def find(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Each image's detections, best first, as for each alone; images of the same size go through at once.

        BGR, shape (height, width, 3). Raises BadInput if the model does not take them or gives what cannot be read.
        """
        found: list[list[Detection]] = []
        for (height, width), alike in groupby(images, lambda image: image.shape[:2]):
            box = Letterbox.around(width, height, *self._input_size())
            raw = onnx_layouts.table(self.network.run(box.inputs(list(alike))))
            expected = self._expected(box)
            for one in raw:
                boxes = onnx_layouts.decode(one, expected)
                kept = list(self._kept(boxes, box.leave(boxes.corners), width, height))
                found.append(once(kept, self.settings.overlap))
        return found

    def _input_size(self) -> tuple[tuple[int, int], int]:
        """(width, height) of the network's input, and the stride that it may be cut down by: 0 if it is fixed."""
        fixed_height, fixed_width = self.network.shape[2:]
        wanted = self.settings.input_size
        if fixed_width is not None and fixed_height is not None:
            if wanted is not None and wanted != max(fixed_width, fixed_height):
                raise BadInput(
                    f"input_size is {wanted}, but {self.network.name} is made for {fixed_width}x{fixed_height}; leave "
                    "input_size out, or export the model with dynamic=True or that size"
                )
            return (fixed_width, fixed_height), 0
        side = wanted or _INPUT_SIZE
        return (fixed_width or side, fixed_height or side), self._stride()

    def _stride(self) -> int:
        told = self.network.metadata.get("stride", "")
        return max(_STRIDE, int(told)) if told.isdecimal() else _STRIDE

    def _expected(self, box: Letterbox) -> Expected:
        return Expected(
            layout=self.settings.layout,
            classes=len(self.names),
            size=(box.height, box.width),
            suppressed=self.network.metadata.get("end2end") == "True"
            or "'nms': True" in self.network.metadata.get("args", ""),
        )

    def _kept(self, boxes: Boxes, corners: F32, width: int, height: int) -> Iterator[Detection]:
        """The detections of one image, best first, with those of one object still among them."""
        settings = self.settings
        best = np.argsort(-boxes.scores, kind="stable")[:_MOST_CANDIDATES]
        likely = best[boxes.scores[best] >= settings.threshold]
        for i, (x, y, w, h) in zip(
            likely.tolist(), within(corners[likely], width, height).tolist(), strict=True
        ):
            if settings.min_size <= max(w, h) <= settings.max_size and min(w, h) > 0:
                label = self._label(int(boxes.classes[i]))
                yield Detection(bbox=(x, y, w, h), score=min(float(boxes.scores[i]), 1.0), label=label)

    def _label(self, number: int) -> str | None:
        if not self.names:
            return None
        if not 0 <= number < len(self.names):
            raise BadInput(
                f"{self.network.name} found an object of class {number}, but {len(self.names)} classes are named; "
                "give classes all names, in the model's order"
            )
        return self.names[number]


@dataclass(frozen=True, kw_only=True)
class Letterbox:
    """How images of one size become a network's input: scaled to fit, and padded with grey on all sides."""

    width: int
    """Of the input, pixels; so are all the others."""
    height: int
    scale: tuple[float, float]
    """Pixels of the input for one of the image, across and down: equal but for rounding."""
    inner: tuple[int, int]
    """(width, height) of the scaled image."""
    left: int
    top: int

    @staticmethod
    def around(width: int, height: int, size: tuple[int, int], stride: int = 0) -> Letterbox:
        """For images of ``width`` x ``height``, into ``size`` (width, height).

        With a ``stride``, into the least multiples of it that hold the scaled image.
        """
        scale = min(size[0] / width, size[1] / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        if stride:
            size = -(-inner[0] // stride) * stride, -(-inner[1] // stride) * stride
        return Letterbox(
            width=size[0],
            height=size[1],
            scale=(inner[0] / width, inner[1] / height),
            inner=inner,
            left=(size[0] - inner[0]) // 2,
            top=(size[1] - inner[1]) // 2,
        )

    def inputs(self, images: Sequence[Image]) -> F32:
        """The network's input, shape (n, 3, height, width): RGB, 0..1. The images are BGR, (height, width, 3)."""
        inputs = np.empty((len(images), 3, self.height, self.width), np.float32)
        how = cv2.INTER_LINEAR if max(self.scale) > 1 else cv2.INTER_AREA
        right = self.width - self.inner[0] - self.left
        bottom = self.height - self.inner[1] - self.top
        for place, image in zip(inputs, images, strict=True):
            resized = cv2.resize(image, self.inner, interpolation=how)
            padded = cv2.copyMakeBorder(
                resized, self.top, bottom, self.left, right, cv2.BORDER_CONSTANT, value=_PADDING
            )
            np.multiply(padded[:, :, ::-1].transpose(2, 0, 1), np.float32(1 / 255), out=place)
        return inputs

    def leave(self, corners: F32) -> F32:
        """Corners (n, 4) in the input's pixels, in the image's."""
        moved: F32 = corners - np.array([self.left, self.top] * 2, np.float32)
        moved /= np.array(self.scale * 2, np.float32)
        return moved


def _names(loaded: Network) -> tuple[str, ...]:
    """The names of the classes that the exporter wrote into the file, none if it did not.

    Raises BadInput for what cannot be read: labels would be missing without a word.
    """
    told = loaded.metadata.get("names")
    if told is None:
        return ()
    try:
        read = ast.literal_eval(told)
        listed = [read[number] for number in range(len(read))] if isinstance(read, dict) else list(read)
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise BadInput(
            f"{loaded.name} names its classes in a way that cannot be read; give classes: {told[:80]}"
        ) from error
    return tuple(str(name) for name in listed)
