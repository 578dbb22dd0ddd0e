"""Colours that a file tells by numbers (ITU-T H.273) as an ICC profile, for whoever converts by those. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np

from steps.stepkit.arrays import F64

_SRGB_PRIMARIES, _UNKNOWN = 1, 2
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
"""By the number of the transfer; all others are taken for sRGB's curve, as theirs are close to it, but for HDR's."""
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""Of a parametric curve of type 3: g, a, b, c and d."""
_D65, _C = (0.3127, 0.329), (0.31, 0.316)
_CHROMATICITIES = {
    1: ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06), _D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06), _D65),
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    7: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), _D65),
    11: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)),
    12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65),
    22: ((0.63, 0.34), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""Red, green, blue and white by the number of the primaries (H.273, table 2)."""
_NAMES = ("red", "green", "blue", "white")
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""From XYZ to the eye's three kinds of cones, in which a white is adapted to another."""


def told(primaries: int, transfer: int) -> Mapping[str, float] | None:
    """What libheif would tell of these numbers; None for primaries that are none."""
    points = _CHROMATICITIES.get(primaries)
    if points is None:
        return None
    coordinates = {
        f"color_primary_{name}_{axis}": value
        for name, point in zip(_NAMES, points, strict=True)
        for axis, value in zip("xy", point, strict=True)
    }
    return {"color_primaries": primaries, "transfer_characteristics": transfer, **coordinates}


def profile(told: Mapping[str, float] | None) -> bytes:
    """A profile of those primaries and that transfer, as libheif tells them; none where that would be sRGB's."""
    if told is None:
        return b""
    primaries, transfer = told["color_primaries"], told["transfer_characteristics"]
    if primaries == _UNKNOWN or (primaries == _SRGB_PRIMARIES and transfer not in _GAMMAS):
        return b""
    points = [_xyz(told, name) for name in _NAMES]
    if not all(np.isfinite(point).all() for point in points):
        return b""
    return _profile(_under_d50(*points), _curve(int(transfer)))


def _xyz(told: Mapping[str, float], name: str) -> F64:
    x, y = told[f"color_primary_{name}_x"], told[f"color_primary_{name}_y"]
    return np.array([x / y, 1.0, (1 - x - y) / y]) if y else np.full(3, np.nan)


def _under_d50(red: F64, green: F64, blue: F64, white: F64) -> F64:
    """From linear RGB to XYZ under D50, shape (3, 3). After Lindbloom, "RGB/XYZ matrices"."""
    columns = np.stack((red, green, blue), axis=1)
    matrix = columns * np.linalg.solve(columns, white)
    adapted = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    return np.asarray(np.linalg.inv(_BRADFORD) @ adapted @ _BRADFORD @ matrix)


def _curve(transfer: int) -> bytes:
    kind, numbers = (0, (_GAMMAS[transfer],)) if transfer in _GAMMAS else (3, _SRGB_CURVE)
    return b"para" + struct.pack(">IHH", 0, kind, 0) + _fixed(*numbers)


def _profile(matrix: F64, curve: bytes) -> bytes:
    """Version 4 of the ICC's format: a head of 128 bytes, a table of what follows, and that."""
    tags = {b"wtpt": _point(_D50), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags |= {name + b"XYZ": _point(matrix[:, at]) for at, name in enumerate((b"r", b"g", b"b"))}
    table, contents = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", begin + len(contents), len(content))
        contents += content
    head = b"lcms" + struct.pack(">I", 0x04400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    body = (head + _fixed(*_D50)).ljust(124, b"\0") + table + contents
    return struct.pack(">I", len(body) + 4) + body


def _point(xyz: F64) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*xyz)


def _fixed(*numbers: float) -> bytes:
    """Numbers with 16 bits behind the point."""
    return struct.pack(f">{len(numbers)}i", *(round(float(number) * 65536) for number in numbers))
