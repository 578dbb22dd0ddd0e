"""Drawn faces of signs, by class: the project's own of GTSRB's 43, and those of ``sign_svg/DE_svgs.tar.gz``.

The archive holds 285 drawings of German signs in the public domain, whose names are their codes. They serve training
alone and need resvg to be made pictures of.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from images.render.signs import faces
from steps.signs.classes import CLASSES, CODES, GTSRB_CLASSES, OTHER
from steps.stepkit.arrays import U8

SIDE = 128
"""Width and height of a face in pixels."""
_ALIKE = {
    **dict.fromkeys(("283-10", "283-11", "283-20", "283-21", "283-30", "283-31"), "283"),
    **dict.fromkeys(("286-10", "286-11", "286-20", "286-21", "286-30", "286-31"), "286"),
    **dict.fromkeys(("314-10", "314-20", "314-30", "314-50"), "314"),
    **dict.fromkeys(("274.1-20", "274.1[47]"), "274.1"),
    **dict.fromkeys(("274.2-20",), "274.2"),
    **dict.fromkeys(("108-15", "108[10]"), "108-10"),
    **dict.fromkeys(("110-15", "110[10]"), "110-10"),
    "350-20": "350-10",
    "201-51": "201-50",
    "274[47]": "274-10",
}
"""Signs that are told apart by arrows, numbers or mirroring, and are one class here."""
_NO_FACES = ("293", "295", "298", "299", "340", "385", "437", "438", "439", "449", "620-40", "620-41")
"""Markings on the road, posts, and boards that fill a road's width."""
_HELD_OUT = 5
"""Every so many of the drawings without a class is kept to measure with."""


def read_faces(archive: Path) -> tuple[dict[int, list[U8]], list[U8], list[U8]]:
    """Faces by class, those of :data:`OTHER` to learn from, and those kept to measure with.

    A face is BGRA, shape (SIDE, SIDE, 4), as for :func:`images.render.signs.faces.draw`. Raises OSError for a missing
    archive, ValueError for a drawing that cannot be read.
    """
    by_class: dict[int, list[U8]] = {number: [faces.draw(number, SIDE)] for number in range(GTSRB_CLASSES)}
    codes = {code.removeprefix("DE:"): CLASSES.index(name) for name, code in CODES.items()}
    others: list[U8] = []
    for code, drawing in _drawings(archive):
        plain = code.split("[")[0]
        known = _ALIKE.get(code, plain)
        if plain in _NO_FACES:
            continue
        if known in codes:
            by_class.setdefault(codes[known], []).append(_rasterised(code, drawing))
        else:
            others.append(_rasterised(code, drawing))
    kept = others[::_HELD_OUT]
    return by_class, [face for number, face in enumerate(others) if number % _HELD_OUT], kept


def other_class() -> int:
    """The number of the class of signs without a class of their own."""
    return CLASSES.index(OTHER)


def _drawings(archive: Path) -> list[tuple[str, bytes]]:
    """Codes and SVG of the archive's drawings, by name."""
    found = []
    with tarfile.open(archive) as files:
        for member in sorted(files.getmembers(), key=lambda one: one.name):
            file = files.extractfile(member) if member.name.endswith(".svg") else None
            if file is not None:
                found.append((_code(Path(member.name).stem), file.read()))
    return found


def _code(stem: str) -> str:
    """The code that a file's name stands for: DE_274_1_20 is 274.1-20, DE_262__5_5__ is 262[5_5]."""
    plain, _, value = stem.removeprefix("DE_").rstrip("_").partition("__")
    dotted = re.sub(r"^(242|244|274|277|314|325|330|331|350)_([1-5])(?=_|$)", r"\1.\2", plain)
    code = dotted.replace("_", "-")
    return f"{code}[{value}]" if value else code


def _rasterised(code: str, drawing: bytes) -> U8:
    data = bytes(_load_resvg().svg_to_bytes(svg_string=drawing.decode(), width=256))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise ValueError(f"the drawing of {code} cannot be read")
    rows, columns = (np.nonzero((image[..., 3] >= 128).any(axis=axis))[0] for axis in (1, 0))
    image = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = SIDE / max(image.shape[:2])
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    face = np.zeros((SIDE, SIDE, 4), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    face[top : top + size[1], left : left + size[0]] = small
    return face


def _load_resvg() -> Any:
    """resvg, loaded late: what measures crops alone does without the extra "training"."""
    import resvg_py

    return resvg_py
