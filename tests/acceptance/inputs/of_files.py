"""Inputs: files whose bytes are odd. They are detected in, as well: what a header says is not enough."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.inputs.expected import Done, Expected, Failed, Input
from tests.acceptance.inputs.parts import given, images, settings, table
from tests.acceptance.inputs.scene import Scene, town

DETECT = ("--until", "detect")
_FILE = "r001.jpg"


def odd(name: str, what: str, expect: Expected, change: Callable[[bytes], bytes]) -> Input:
    """Three photographs, of which one has odd bytes."""

    def spoil(folder: Path, scene: Scene) -> None:
        path = folder / _FILE
        path.write_bytes(change(path.read_bytes()))

    return given(
        name,
        what,
        expect,
        images(),
        table(),
        settings(),
        spoil,
        scene=lambda: town(count=3),
        arguments=DETECT,
    )


def comment(content: bytes) -> bytes:
    """A comment segment."""
    return b"\xff\xfe" + struct.pack(">H", len(content) + 2) + content


INPUTS = (
    odd("jpeg-plain", "photographs without a fault", Done(), lambda plain: plain),
    odd(
        "jpeg-stray-byte",
        "a byte between two segments, which libjpeg skips",
        Done(),
        lambda plain: plain[:2] + comment(b"a") + b"\0" + plain[2:],
    ),
    odd(
        "jpeg-stray-bytes",
        "some bytes between two segments",
        Done(),
        lambda plain: plain[:2] + comment(b"ab") + b"\0\1\2\3" + plain[2:],
    ),
    odd(
        "jpeg-fill-bytes",
        "fill bytes before a marker, as the standard allows",
        Done(),
        lambda plain: plain[:2] + b"\xff\xff\xff" + plain[2:],
    ),
    odd(
        "jpeg-odd-comment",
        "a comment of odd length",
        Done(),
        lambda plain: plain[:2] + comment(b"abc") + plain[2:],
    ),
    odd(
        "jpeg-trailing",
        "bytes behind the end, as of a motion photo",
        Done(),
        lambda plain: plain + b"\0" * 50 + b"ftypmp42",
    ),
    odd(
        "jpeg-truncated",
        "a file that ends in the middle",
        Failed(_FILE),
        lambda plain: plain[: len(plain) * 2 // 3],
    ),
    odd("jpeg-empty", "an empty file", Failed(_FILE), lambda plain: b""),
)
