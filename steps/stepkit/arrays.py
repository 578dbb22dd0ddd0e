"""The array types of the steps: a name says which numbers they hold, as in ``F64``.

Shapes, units and frames stand in the docstrings of the functions that take and give arrays. Needs numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
I16 = NDArray[np.int16]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
"""F32 or F64, where either will do."""

Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
"""Places in another array, in the kind of number that numpy finds them in."""
Image = U8
"""A photograph or a part of one: BGR, shape (height, width, 3)."""
Pixels = NDArray[Any]
"""8 or 16 bit, unsigned; shape (height, width) if grey, (height, width, 3) for BGR, (height, width, 4) for BGRA.

It may be a view, and is never changed in place.
"""
