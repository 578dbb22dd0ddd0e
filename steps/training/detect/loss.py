"""How wrong the network is: of the heat, and of the edges."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from steps.detect.heat import CLASSES
from steps.training.detect.network import edges

_KINDS = len(CLASSES)
_SURE = 1e-5


def heat_loss(raw: Tensor, heat: Tensor, counts: Tensor, signs: int) -> Tensor:
    """The focal loss of "Objects as points" a sign, of logits (n, K, h, w), heat of that shape and counts (n, h, w)."""
    told = torch.sigmoid(raw).clamp(_SURE, 1 - _SURE)
    is_middle = (heat >= 1).float()
    missed = is_middle * (1 - told) ** 2 * told.log()
    wrong = (1 - is_middle) * (1 - heat) ** 4 * told**2 * (1 - told).log()
    return -((missed + wrong) * counts[:, None]).sum() / max(signs, 1)


def edge_losses(raw: Tensor, wanted: Tensor, weights: Tensor, signs: int) -> tuple[Tensor, Tensor]:
    """Two losses a sign, of raw outputs (n, 4, h, w), distances of that shape in pixels and weights (n, h, w).

    The generalised intersection over union (Rezatofighi et al., CVPR 2019), and the logarithms' smooth distance.
    """
    chosen = weights > 0
    told, true = edges(raw).permute(0, 2, 3, 1)[chosen], wanted.permute(0, 2, 3, 1)[chosen]
    counted = weights[chosen]
    smooth = functional.smooth_l1_loss(told.log(), true.log(), reduction="none", beta=0.03).mean(1)
    return (_giou_loss(told, true) * counted).sum() / max(signs, 1), (smooth * counted).sum() / max(signs, 1)


def _giou_loss(told: Tensor, true: Tensor) -> Tensor:
    """1 - GIoU of boxes around the same point by the distances of their edges, (n, 4)."""
    shared, hull = torch.minimum(told, true), torch.maximum(told, true)
    inner, outer, a, b = (_area(one) for one in (shared, hull, told, true))
    union = a + b - inner
    return 1 - inner / union + (outer - union) / outer


def _area(distances: Tensor) -> Tensor:
    left, top, right, bottom = distances.unbind(1)
    return (left + right) * (top + bottom)


def total(
    raw: Tensor, batch: tuple[Tensor, Tensor, Tensor, Tensor], signs: int
) -> tuple[Tensor, tuple[float, ...]]:
    """The loss of raw outputs (n, K + 4, h, w), and its three parts, of which the latter two count twice.

    ``batch`` is heat, counts, edges and weights of :class:`steps.training.detect.targets.Targets`, each stacked.
    """
    heat, counts, wanted, weights = batch
    parts = (
        heat_loss(raw[:, :_KINDS], heat, counts, signs),
        *edge_losses(raw[:, _KINDS:], wanted, weights, signs),
    )
    return parts[0] + 2 * parts[1] + 2 * parts[2], tuple(float(part.detach()) for part in parts)
