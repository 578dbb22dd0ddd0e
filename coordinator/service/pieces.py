"""How many pieces a file is made of, counted before anything looks at each one. Pure.

Each costs some microseconds here and in Pillow, which no estimate of pixels counts; a file of nothing but empty pieces
would keep the service from everybody for minutes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Mapping

from coordinator.formats import isobmff
from coordinator.service.rasters import Buffer
from coordinator.service.refusal import Refused

_FEW, _LEAST, _LEAST_BLOCK = 5_000, 1024, 64
"""So many pieces any file may have, and beyond them one for so many bytes. Encoders write pieces of 4 kB and more, and
the blocks within those of a GIF have 255 bytes."""


GIF_PICTURE, GIF_EXTENSION = 0x2C, 0x21
"""What the pieces of a GIF begin with."""
_GIF_BLOCK = re.compile(rb"[\x21\x2c\x3b]")


def check_pieces(data: Buffer, suffix: str, field: str) -> None:
    """Raises Refused, which blames ``field``, for a file of ``suffix`` that is made of too many pieces."""
    if (pieces := _PIECES.get(suffix)) is None:
        return
    most = _FEW + len(data) // (_LEAST_BLOCK if suffix == ".gif" else _LEAST)
    for number, _ in enumerate(pieces(data)):
        if number == most:
            raise Refused(
                field, f"is made of more than {most:,} pieces, far more than its size needs; save it anew"
            )


def _png(data: Buffer) -> Iterator[int]:
    """Where each chunk begins."""
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND" or not kind.isalpha():
            return
        yield at
        at += 12 + length


def _webp(data: Buffer) -> Iterator[int]:
    at = 12
    while at + 8 <= len(data):
        yield at
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2


def _gif(data: Buffer) -> Iterator[int]:
    """Where each block of a picture or an extension begins."""
    at = gif_block(data, 13 + colours(data[10])) if len(data) > 10 else 0
    while at < len(data) and data[at] in (GIF_PICTURE, GIF_EXTENSION):
        at = gif_content(data, at)
        yield at
        while at < len(data) and data[at]:
            yield at
            at += 1 + data[at]
        at = gif_block(data, at + 1)


def gif_block(data: Buffer, at: int) -> int:
    """Where the next picture, extension or end of a GIF is, behind bytes astray, over which decoders pass."""
    found = _GIF_BLOCK.search(data, at)
    return found.start() if found else len(data)


def gif_content(data: Buffer, begin: int) -> int:
    """Where the blocks of a picture or an extension begin that itself begins there."""
    if data[begin] == GIF_EXTENSION:
        return begin + 2
    return begin + 11 + (colours(data[begin + 9]) if begin + 9 < len(data) else 0)


def colours(flags: int) -> int:
    """The bytes of a GIF's table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_PIECES: Mapping[str, Callable[[Buffer], Iterator[int]]] = {
    ".png": _png,
    ".webp": _webp,
    ".gif": _gif,
    ".avif": isobmff.ends,  # of the file's own boxes; those within them isobmff bounds itself
}
