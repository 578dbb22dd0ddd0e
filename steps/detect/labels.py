"""The shapes and colours of signs that detect tells apart."""

from __future__ import annotations

SHAPES = (
    "red-circle",
    "red-triangle",
    "red-triangle-down",
    "red-octagon",
    "blue-circle",
    "yellow-diamond",
    "grey-circle",
)
"""``grey-circle`` is the colourless end of a restriction; ``red-circle`` a red ring or a full red disc."""
OTHER = "other"
"""A traffic sign of none of these shapes: rectangles, mostly (parking, a crossing for pedestrians, a bus stop)."""
LABELS = (*SHAPES, OTHER)
"""All that can be asked for; without asking, the shapes are told."""
