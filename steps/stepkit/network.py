"""A neural network in an ONNX file, run by onnxruntime on the step's CPUs or on its GPU. Needs numpy and onnxruntime.

onnxruntime rather than OpenCV's dnn, as measured with a detector of 1.0 million parameters at 1360x800 on one thread:
0.11 against 0.14 s a photograph, 0.32 against 0.35 s of CPU for a process that starts, loads the file and runs it once
(0.05 s of that to import it, made up for by dnn's slow first run), 140 MB of memory against 150. It also takes what dnn
does not (any sizes, half precision), tells the file's metadata, and runs the same file on a GPU. Its price is 65 MB in
the base image. Official builds from 1.29 on report on their use over the network, so an older one is in the image, and
whichever is there is told not to before it is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it looks once, while it is loaded
import onnxruntime

from steps.stepkit.arrays import F32
from steps.stepkit.cpus import threads
from steps.stepkit.loop import BadInput

DEVICES = ("cpu", "cuda")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_OPTIONS: dict[str, dict[str, str]] = {
    "cpu": {},
    # By default cuDNN chooses its algorithms by their time in this process, and multiplies in 10 bits of precision:
    # equal photographs would get unequal numbers.
    "cuda": {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"},
}
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_NUMBERS = {*_FLOATS, "tensor(int64)", "tensor(int32)", "tensor(uint8)", "tensor(int8)", "tensor(bool)"}
_SILENT = 4
"""The runtime's log of fatal errors only: what it says of others is in its exceptions."""
_LONGEST_REASON = 300
_CUDA_REMEDY = (
    "use device: cpu, or an image with onnxruntime-gpu and in the pipeline "
    "resources: {gpus: 1} (docs/models.md says how)"
)

onnxruntime.set_default_logger_severity(_SILENT)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A loaded network with one input of images."""

    name: str
    """The file, as messages call it."""
    shape: tuple[int | None, ...]
    """What the file's input takes: (n, channels, height, width), None where any size will do."""
    metadata: Mapping[str, str]
    """What the exporter wrote into the file, for instance ultralytics' ``names``."""
    session: Any
    dtype: Any

    def run(self, batch: F32) -> list[F32]:
        """The outputs, in the file's order, for a batch of shape (n, channels, height, width), n at least 1.

        A file made for a fixed n gets as many at a time, and its outputs are put together along their first axis.
        Equal batches give equal numbers, whatever the number of threads. Raises BadInput for a shape that the file does
        not take, and for outputs that are no numbers.
        """
        self._check(batch)
        at_once = self.shape[0]
        if at_once is None or at_once == len(batch):
            return self._outputs(batch)
        parts = [self._part(batch[first : first + at_once]) for first in range(0, len(batch), at_once)]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def _check(self, batch: F32) -> None:
        fits = batch.ndim == 4 and len(batch) > 0
        sizes = zip(batch.shape[1:], self.shape[1:], strict=False)
        if not fits or any(wanted not in (None, given) for given, wanted in sizes):
            raise BadInput(f"{self.name} takes an input of {_told(self.shape)}, not {_told(batch.shape)}")

    def _part(self, batch: F32) -> list[F32]:
        """Outputs for at most as many images as the file takes at a time; what is missing is filled up with zeros."""
        assert self.shape[0] is not None
        missing = self.shape[0] - len(batch)
        filled = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)])
        outputs = self._outputs(filled)
        for output in outputs:
            if output.ndim == 0 or len(output) != len(filled):
                raise BadInput(
                    f"{self.name} takes {len(filled)} images at a time, but its output of {_told(output.shape)} is not "
                    "one for each; export it with dynamic=True, or for the images it gets"
                )
        return [output[: len(batch)] for output in outputs]

    def _outputs(self, batch: F32) -> list[F32]:
        given = {self.session.get_inputs()[0].name: np.ascontiguousarray(batch, self.dtype)}
        try:
            outputs = self.session.run(None, given)
        except Exception as error:  # onnxruntime's exceptions have no class of their own in common
            raise BadInput(
                f"{self.name} fails on an input of {_told(batch.shape)}: {_reason(error)}"
            ) from error
        return [np.asarray(output, np.float32) for output in outputs]


def load(path: Path, device: str = "cpu") -> Network:
    """The network in an ONNX file, ready to run on ``device``: cpu or cuda.

    It is kept and given again as long as the file is the same. Raises BadInput for a file or a device that cannot be
    used, with what to do.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput(f"model {str(path)!r} is not a file this step can see: {error.strerror}") from error
    if not path.is_file():
        raise BadInput(f"model {str(path)!r} is not a file this step can see")
    return _load(path, (found.st_mtime_ns, found.st_size, found.st_ino), device)


@lru_cache(maxsize=4)
def _load(path: Path, _stamp: tuple[int, ...], device: str) -> Network:
    name = f"model {str(path)!r}"
    session = _session(path, name, device)
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        shapes = ", ".join(_told(one.shape) for one in inputs)
        raise BadInput(f"{name} takes {shapes or 'nothing'}, not one batch of images of 4 dimensions")
    if inputs[0].type not in _FLOATS:
        raise BadInput(f"{name} takes {inputs[0].type}; export it with an input of floating-point numbers")
    if strange := [f"{one.name}: {one.type}" for one in session.get_outputs() if one.type not in _NUMBERS]:
        raise BadInput(f"{name} gives what are no numbers in a tensor ({strange[0]}); export it without")
    return Network(
        name=name,
        shape=tuple(size if isinstance(size, int) and size > 0 else None for size in inputs[0].shape),
        metadata=dict(session.get_modelmeta().custom_metadata_map),
        session=session,
        dtype=_FLOATS[inputs[0].type],
    )


def _session(path: Path, name: str, device: str) -> Any:
    _require_device(device)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # Photographs differ in size, and a plan of the memory is kept for each size.
    options.enable_mem_pattern = False
    # Threads that wait would use up the quota of those that work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    provider = _PROVIDERS[device]
    if device == "cuda":
        onnxruntime.preload_dlls()  # CUDA and cuDNN, where pip has installed them beside it
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=[(provider, _OPTIONS[device])])
    except Exception as error:  # onnxruntime's exceptions have no class of their own in common
        raise BadInput(f"{name} cannot be loaded as ONNX by onnxruntime: {_reason(error)}") from error
    if provider not in session.get_providers():
        raise BadInput(f"device is {device}, but onnxruntime could not use it for {name}; {_CUDA_REMEDY}")
    return session


def _require_device(device: str) -> None:
    if device not in DEVICES:
        raise BadInput(f"device must be one of {', '.join(DEVICES)}, not {device!r}")
    if _PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise BadInput(f"device is {device}, but this image's onnxruntime is made without it; {_CUDA_REMEDY}")


def _told(shape: tuple[Any, ...] | list[Any]) -> str:
    return " x ".join(str(size) if isinstance(size, int) else "any" for size in shape) or "no dimensions"


def _reason(error: Exception) -> str:
    """The first line of what onnxruntime says, without the code in front."""
    said = str(error).strip().partition("\n")[0]
    return said.rpartition("[ONNXRuntimeError] : ")[2][:_LONGEST_REASON]
