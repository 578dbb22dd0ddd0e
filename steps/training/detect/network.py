"""The detection network: plain 3 x 3 convolutions down to a 32nd of the resolution, and up again to an eighth.

At each place of its map, every 8 pixels, it tells how likely the middle of a sign of each class is there, and how far
the sign's edges are. Heat maps as in Zhou, Wang and Krähenbühl, "Objects as points" (2019); distances to edges as in
Tian, Shen, Chen and He, "FCOS: fully convolutional one-stage object detection" (ICCV 2019); the way up as in Lin et
al., "Feature pyramid networks for object detection" (CVPR 2017). 0.93 million parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from steps.detect.heat import CLASSES

_RARE = 0.01
"""How likely a sign is anywhere before anything is learned (Lin et al., "Focal loss ...", ICCV 2017)."""
_UNIT = 16.0
"""Edges are told as the logarithm of their distance in this many pixels."""
_FARTHEST = 4.0
"""Bounds of that logarithm: 0.3 to 870 pixels."""


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3 x 3, normalised over the batch, rectified."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions that change what passes by them (He, Zhang, Ren and Sun, 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The same shape, (n, channels, h, w)."""
        return torch.relu(x + self.second(self.first(x)))


class SignNet(nn.Module):
    """Images, BGR in 0..1, shape (n, 3, h, w) with h and w multiples of 32, to maps of an eighth of their size."""

    def __init__(self) -> None:
        super().__init__()
        self.to4 = nn.Sequential(convolution(3, 16, 2), convolution(16, 24, 2))
        self.to8 = nn.Sequential(convolution(24, 48, 2), Residual(48))
        self.to16 = nn.Sequential(convolution(48, 96, 2), Residual(96), Residual(96))
        self.to32 = nn.Sequential(convolution(96, 128, 2), Residual(128))
        self.side8, self.side16, self.side32 = (nn.Conv2d(inputs, 64, 1) for inputs in (48, 96, 128))
        self.head = nn.Sequential(convolution(64, 64), convolution(64, 64))
        self.out = nn.Conv2d(64, len(CLASSES) + 4, 1)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type, unused-ignore]
        with torch.no_grad():
            self.out.bias[: len(CLASSES)] = torch.logit(torch.tensor(_RARE))  # type: ignore[index, unused-ignore]
            self.out.weight.mul_(0.3)

    def forward(self, images: Tensor) -> Tensor:
        """Shape (n, K + 4, h / 8, w / 8): logits of the K classes, then logarithms of distances (:func:`edges`)."""
        at8 = self.to8(self.to4(images))
        at16 = self.to16(at8)
        up16 = self.side16(at16) + _doubled(self.side32(self.to32(at16)))
        up8 = self.side8(at8) + _doubled(up16)
        told: Tensor = self.out(self.head(up8))
        return told


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def edges(raw: Tensor) -> Tensor:
    """Pixels from a place's middle to the left, top, right and bottom edge, of raw outputs of any shape."""
    return torch.exp(raw.clamp(-_FARTHEST, _FARTHEST)) * _UNIT


class Told(nn.Module):
    """The network as it is exported: bytes as floats in, probabilities and distances in pixels out."""

    def __init__(self, network: SignNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Of BGR in 0..255, (n, 3, h, w): heat in 0..1 and edges in pixels, (n, K and 4, h / 8, w / 8)."""
        raw = self.network(images * (1 / 255))
        return torch.sigmoid(raw[:, : len(CLASSES)]), edges(raw[:, len(CLASSES) :])
