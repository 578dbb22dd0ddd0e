"""The shapes and colours of signs that detect tells apart."""

from __future__ import annotations

LABELS = (
    "red-circle",
    "red-triangle",
    "red-triangle-down",
    "red-octagon",
    "blue-circle",
    "yellow-diamond",
    "grey-circle",
)
"""``grey-circle`` is the colourless end of a restriction; ``red-circle`` a red ring or a full red disc."""
