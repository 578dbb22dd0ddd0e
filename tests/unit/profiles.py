"""Small ICC profiles and what they mean, by arithmetic of their own: the reference that conversions are held against.

The chromaticities are those of SMPTE EG 432-1 with D65 (Display P3), ISO 22028-2 (ProPhoto) and Adobe RGB (1998); the
inks' colours are about those of SWOP.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

import numpy as np

from steps.stepkit.arrays import F64

D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), (0.3127, 0.3290)


def _xyz(chromaticity: tuple[float, float]) -> F64:
    x, y = chromaticity
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _matrix(primaries: tuple[tuple[float, float], ...], white: tuple[float, float]) -> F64:
    """From linear RGB to XYZ under D50."""
    columns = np.stack([_xyz(one) for one in primaries], axis=1)
    matrix = columns * np.linalg.solve(columns, _xyz(white))
    scale = np.diag((_BRADFORD @ D50) / (_BRADFORD @ _xyz(white)))
    return np.asarray(np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD @ matrix)


@dataclass(frozen=True)
class Space:
    """Colours of three primaries and a gamma."""

    primaries: tuple[tuple[float, float], ...]
    white: tuple[float, float]
    gamma: float

    @property
    def matrix(self) -> F64:
        """From linear RGB to XYZ under D50."""
        return _matrix(self.primaries, self.white)

    def profile(self) -> bytes:
        """The ICC profile, version 2."""
        curve = b"curv" + struct.pack(">IIHH", 0, 1, round(self.gamma * 256), 0)
        tags = {b"wtpt": _xyz_tag(D50)}
        for name, column in zip((b"r", b"g", b"b"), self.matrix.T, strict=True):
            tags |= {name + b"XYZ": _xyz_tag(column), name + b"TRC": curve}
        return _profile(b"mntr", b"RGB ", b"XYZ ", tags)

    def to_srgb(self, rgb: F64) -> F64:
        """Steps of 8 bit of this space to those of sRGB, not rounded, but within 0 and 255; shape (..., 3)."""
        return srgb((rgb / 255) ** self._stored_gamma @ self.matrix.T)

    @property
    def _stored_gamma(self) -> float:
        return round(self.gamma * 256) / 256


SPACES = {
    "P3": Space(((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), (0.3127, 0.3290), 2.2),
    "ProPhoto": Space(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), 1.8),
    "Adobe RGB": Space(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), (0.3127, 0.3290), 2.19921875),
}
"""The wide spaces of cameras, screens and editors."""


def grey_profile(gamma: float) -> bytes:
    """The ICC profile of greys."""
    curve = b"curv" + struct.pack(">IIHH", 0, 1, round(gamma * 256), 0)
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz_tag(D50), b"kTRC": curve})


_INKS = {
    "": (100, 0, 0), "C": (55, -37, -50), "M": (48, 74, -3), "Y": (89, -5, 93), "K": (16, 0, 0), "CM": (24, 22, -46),
    "CY": (50, -68, 27), "MY": (47, 68, 48), "CMY": (22, 0, 0),
}  # fmt: skip
"""L*a*b* of paper, of the inks and of inks printed over each other."""
_GRID = 9


def _printed(ink: F64) -> F64:
    """L*a*b* of shares of the four inks, shape (..., 4), by Neugebauer's model: dots that overlap by chance."""
    found = np.zeros((*ink.shape[:-1], 3))
    for on in itertools.product((False, True), repeat=4):
        share = np.prod(np.where(on, ink, 1 - ink), axis=-1)
        name = "".join(letter for letter, is_on in zip("CMY", on, strict=False) if is_on)
        colour = np.array(_INKS[name], float)
        if on[3]:
            # Nothing but black under black; with all inks on each other, none is reflected.
            colour = np.zeros(3) if name == "CMY" else colour * _INKS["K"][0] / 100 * [1, 0.3, 0.3]
        found += share[..., None] * colour
    return found


def cmyk_profile() -> bytes:
    """The ICC profile of a press: a table of 9 shares of each ink."""
    shares = np.linspace(0, 1, _GRID)
    lab = _printed(np.stack(np.meshgrid(shares, shares, shares, shares, indexing="ij"), axis=-1))
    table = np.clip(np.rint(lab * [655.35 * 0.99609375, 256, 256] + [0, 32768, 32768]), 0, 65535)
    straight = np.array([0, 65535], ">u2").tobytes()
    content = b"mft2" + bytes(4) + bytes([4, 3, _GRID, 0])
    content += np.eye(3).ravel().__mul__(65536).astype(">i4").tobytes() + struct.pack(">HH", 2, 2)
    content += straight * 4 + table.astype(">u2").tobytes() + straight * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz_tag(D50), b"A2B0": content})


def printed_to_srgb(ink: F64) -> F64:
    """Steps of 8 bit of the four inks, 255 for all of it, to those of sRGB, not rounded; shape (..., 4) to (..., 3)."""
    return srgb(_xyz_of_lab(_printed(ink / 255)))


def srgb(xyz: F64) -> F64:
    """XYZ under D50 to steps of 8 bit of sRGB, not rounded, but within 0 and 255; shape (..., 3)."""
    linear = np.clip(xyz @ np.linalg.inv(_matrix(*_SRGB)).T, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def difference(one: F64, other: F64) -> F64:
    """dE76 between colours of sRGB in steps of 8 bit, shape (..., 3) to (...)."""
    return np.asarray(np.linalg.norm(_lab(one) - _lab(other), axis=-1))


def _lab(rgb: F64) -> F64:
    share = np.asarray(rgb, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    ratio = linear @ _matrix(*_SRGB).T / D50
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def _xyz_of_lab(lab: F64) -> F64:
    middle = (lab[..., 0] + 16) / 116
    root = np.stack((middle + lab[..., 1] / 500, middle, middle - lab[..., 2] / 200), axis=-1)
    return np.asarray(np.where(root > 6 / 29, root**3, (root - 4 / 29) * 3 * (6 / 29) ** 2) * D50)


def _xyz_tag(xyz: F64) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(value) * 65536) for value in xyz))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"made by a test\0"
    described = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {b"desc": described, b"cprt": b"text" + bytes(4) + text, **tags}
    table, contents = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", begin + len(contents), len(content))
        contents += content + bytes(-len(content) % 4)
    head = b"lcms" + struct.pack(">I", 0x02400000) + kind + space + connection + bytes(12)
    head += b"acsp" + bytes(28) + _xyz_tag(D50)[8:]
    body = head.ljust(124, b"\0") + table + contents
    return struct.pack(">I", len(body) + 4) + body
