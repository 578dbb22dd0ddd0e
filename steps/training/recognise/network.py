"""The sign network, in torch: made here, trained by :mod:`steps.training.recognise.train`, run as ONNX by the steps."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from steps.signs.patches import SIDE

OPSET = 17


class SignNetwork(nn.Module):  # type: ignore[misc, unused-ignore]
    """Patches, BGR from 0 to 255, shape (n, 3, SIDE, SIDE) -> logits, shape (n, classes).

    Six convolutions with batch normalisation (Ioffe and Szegedy, ICML 2015), halved three times and once more on the
    way out, and one linear layer. Light and contrast go first: a patch's mean is taken from it, and it is divided by
    its spread.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _convolution(3, 24, 5, stride=2),
            _convolution(24, 48, 3),
            nn.MaxPool2d(2),
            _convolution(48, 80, 3),
            _convolution(80, 80, 3),
            nn.MaxPool2d(2),
            _convolution(80, 128, 3),
            _convolution(128, 128, 3),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
        )
        self.decision = nn.Linear(128 * (SIDE // 16) ** 2, classes)

    def forward(self, patches: Tensor) -> Tensor:
        """Logits, shape (n, classes)."""
        mean = patches.mean((1, 2, 3), keepdim=True)
        spread = ((patches - mean) ** 2).mean((1, 2, 3), keepdim=True).sqrt()
        logits: Tensor = self.decision(self.features((patches - mean) / (spread + 1.0)))
        return logits


def export(network: SignNetwork, path: Path, temperature: float = 1.0) -> None:
    """Write the network as ONNX, its logits divided by ``temperature``. Raises OSError if that cannot be done."""
    network = copy.deepcopy(network).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, unused-ignore]
    with torch.no_grad():
        network.decision.weight.div_(temperature)
        network.decision.bias.div_(temperature)
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        input_names=["patches"],
        output_names=["logits"],
        dynamic_axes={"patches": {0: "n"}, "logits": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
