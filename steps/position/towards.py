"""Where a sign's face looks to: a box gets narrower as the sign is seen from aside, and it is seen from its front only.

A flat sign that is seen at an angle a from its normal keeps its height and loses its width to cos(a). So each view's
proportions tell the angle, but not to which side, and views from several places tell that, too. The sign's own
proportions (a triangle is wider than a disc) are found along with it. All directions are tried, and what they
are worth is kept: the answer is their mean, with its spread.
"""

from __future__ import annotations

import math

import numpy as np

from steps.stepkit.arrays import F64

_STEP = 3.0
"""Degrees between the directions that are tried."""
_PROPORTION = 0.15
"""Standard deviation of the logarithm of how many times wider than high a sign is."""
_PROPORTIONS = np.linspace(-3.0, 3.0, 13) * _PROPORTION
_EDGE = 1.4
"""Standard deviation of a box's side in pixels: two edges that are a pixel off each."""
_SHARE = 0.04
"""Standard deviation of a box's proportions, whatever its size."""
_OUTLIER, _BEYOND = 0.05, math.exp(-4.5)
"""Share of boxes that are of something else, or half hidden; how likely such a one is anywhere."""
_UNSEEN = -6.0
"""Logarithm of how likely a view is from the side, or from behind: nearly not at all."""
_ASIDE = 0.1
"""Cosine of the angle from which on a face is seen from the side."""
_LEAST = 1e-12
"""Of a height that one can divide by."""
_TOWARDS_VIEWS = math.radians(60.0)
"""Standard deviation of the angle between where a sign looks and where it is mostly seen from."""


def towards(azimuth: F64, height: F64, across: F64, pixels: F64) -> tuple[float, float]:
    """Where the face looks to, and the standard deviation of that: degrees, clockwise from grid north.

    Of its N views: ``azimuth`` (N,) from the object to the recording, radians clockwise from north; ``height`` and
    ``across`` (N,), the box's upright and sideward reach; ``pixels`` (N,), the box's height.
    """
    tried = np.radians(np.arange(0.0, 360.0, _STEP))
    cosine = np.cos(tried[:, None] - azimuth)  # (T, N)
    expected = np.exp(_PROPORTIONS)[:, None] * np.maximum(cosine, 0.0)[:, None, :]  # (T, P, N)
    off = (across / np.maximum(height, _LEAST) - expected) / np.hypot(_SHARE, _EDGE / pixels)
    likely = np.log((1 - _OUTLIER) * np.exp(-0.5 * off * off) + _OUTLIER * _BEYOND)
    # Boxes of one sign share their faults: N of them count as the root of N.
    seen = np.where(cosine[:, None, :] <= _ASIDE, _UNSEEN, likely).sum(axis=2) / math.sqrt(len(azimuth))
    worth = np.logaddexp.reduce(seen - 0.5 * (_PROPORTIONS / _PROPORTION) ** 2, axis=1)
    middle = np.angle(np.exp(1j * azimuth).sum())
    aside = (tried - middle + np.pi) % (2 * np.pi) - np.pi
    worth -= 0.5 * (aside / _TOWARDS_VIEWS) ** 2
    weight = np.exp(worth - worth.max())
    mean = complex(np.sum(weight * np.exp(1j * tried)) / weight.sum())
    # The circular standard deviation (Mardia and Jupp, "Directional Statistics", 2000, 2.3.2).
    spread = math.sqrt(-2 * math.log(min(1.0, abs(mean))))
    return math.degrees(math.atan2(mean.imag, mean.real)) % 360, math.degrees(spread)
