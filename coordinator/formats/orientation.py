"""How an EXIF block says that a picture is to be turned, read as the steps' kit reads it. Pure.

Pillow gives up a block at the first value that is damaged; who turns pictures does not.
"""

from __future__ import annotations

import struct

UPRIGHT = 1
_TAG = 0x0112
_PREFIX = b"Exif\0\0"
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_NUMBERS = (b"\0*", b"*\0")
"""That of TIFF in both byte orders: some writers mix them up, and the letters count then."""
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I"}
"""Of whole numbers. The standard wants SHORT; cameras write LONG and BYTE, too."""
_KNOWN = {*range(1, 14), 16}
"""All types: an entry of another one is passed over."""
_INLINE = 4
"""Maximum number of bytes of values that stand in the entry itself."""


def turning(block: bytes) -> int:
    """The orientation that an EXIF block (TIFF bytes) tells, 1 where it tells none. Of several the first counts."""
    # In a PNG, some writers begin it as in a JPEG, and some of those twice.
    block = block.removeprefix(_PREFIX).removeprefix(_PREFIX)
    order = _BYTE_ORDERS.get(block[:2])
    if order is None or block[2:4] not in _NUMBERS:
        return UPRIGHT
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (entries,) = struct.unpack_from(f"{order}H", block, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", block, entry)
            if tag == _TAG and kind in _KNOWN:
                return _number(block, entry + 8, order, kind, count)
    except struct.error:  # it leads out of the block
        pass
    return UPRIGHT


def _number(block: bytes, at: int, order: str, kind: int, count: int) -> int:
    """The first of an entry's values, which stand at ``at``, or if they are too many for 4 bytes, where that leads."""
    code = _TYPES.get(kind)
    if code is None or count < 1 or (count > 1 and code == "B"):
        return UPRIGHT
    if count * struct.calcsize(f"={code}") > _INLINE:
        (at,) = struct.unpack_from(f"{order}I", block, at)
    return int(struct.unpack_from(order + code, block, at)[0])
