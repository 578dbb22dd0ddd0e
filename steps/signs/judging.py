"""What a patch shows, as probabilities that hold: of those called 90 % sure, 90 % are right.

A network of a few convolutions (``weights.onnx``; how it was made and measured is in ``weights.json`` beside it and
in :mod:`steps.training.recognise.train`). It takes patches as they are: mean and contrast are taken out inside. Its
outputs are logits whose temperature was fitted on tracks that it did not learn from (Guo, Pleiss, Sun and Weinberger,
"On calibration of modern neural networks", ICML 2017), all classes being equally frequent beforehand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from steps.signs.classes import CLASSES
from steps.signs.patches import SIDE
from steps.stepkit.arrays import F64, U8
from steps.stepkit.network import load

WEIGHTS = Path(__file__).with_name("weights.onnx")
AT_ONCE = 64
"""Patches that go through the network in one call: more are no faster, and take memory."""


def judge(patches: U8, weights: Path = WEIGHTS, device: str = "cpu") -> F64:
    """P(class | patch), shape (n, K), in the order of :data:`CLASSES`, whose last is no sign; rows add up to one.

    ``patches`` are BGR, shape (n, SIDE, SIDE, 3), as :func:`steps.signs.patches.patch` cuts them. A patch's row does
    not depend on the others but for the last digits of single precision. Raises ValueError for patches of another
    shape, and BadInput for weights that cannot be loaded.
    """
    if patches.ndim != 4 or patches.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"patches must have the shape (n, {SIDE}, {SIDE}, 3), not {patches.shape}")
    if not len(patches):
        return np.zeros((0, len(CLASSES)))
    network = load(weights, device)
    inputs = patches.transpose(0, 3, 1, 2).astype(np.float32)
    parts = [network.run(inputs[first : first + AT_ONCE])[0] for first in range(0, len(inputs), AT_ONCE)]
    return _softmax(np.concatenate(parts).astype(np.float64))


def _softmax(logits: F64) -> F64:
    shifted: F64 = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: F64 = shifted / shifted.sum(axis=1, keepdims=True)
    return shares
