"""Files of very many pieces are refused before anything looks at each; a run of one byte is gone over once."""

from __future__ import annotations

import io
import random
import re
import struct
import time
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from coordinator.formats import isobmff, jpeg
from coordinator.service.photographs import examine
from coordinator.service.refusal import Refused
from steps.stepkit import imagefile

MANY = 100_000


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, kind)
    return file.getvalue()


def png(count: int) -> bytes:
    plain = picture("PNG")
    empty = struct.pack(">I4sI", 0, b"teXt", zlib.crc32(b"teXt"))
    return plain[:33] + empty * count + plain[33:]


def webp(count: int) -> bytes:
    body = picture("WEBP")[8:] + b"EXIF\0\0\0\0" * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif(count: int) -> bytes:
    return picture("GIF")[:-1] + b"!\xfe\0" * count + b";"


def gif_of_bytes(count: int) -> bytes:
    return picture("GIF")[:-1] + b"!\xfe" + b"\1x" * count + b"\0;"


def avif(count: int) -> bytes:
    return picture("AVIF") + b"\0\0\0\x08free" * count


@pytest.mark.parametrize("made", [png, webp, gif, gif_of_bytes, avif])
def test_files_of_very_many_pieces_are_refused(made: Callable[[int], bytes]) -> None:
    assert examine(made(100), "files[0]", 10**6).width == 16
    with pytest.raises(Refused, match=r"is made of more than \d,\d+ pieces, far more than its size needs"):
        examine(made(MANY), "files[0]", 10**6)


def test_boxes_within_a_box_are_bounded() -> None:
    many = b"\0\0\0\x08free" * MANY
    with pytest.raises(ValueError, match="more than 20,000 boxes stand in one"):
        list(isobmff.boxes(many, 0, len(many)))


@pytest.mark.parametrize("run", [b"\xff", b"\xff\0", b"\xff\xd0", b"\xff" * 99 + b"\0", b"\xff\xff\xd8"])
@pytest.mark.parametrize("at", [-2, 20])
def test_a_run_of_fill_bytes_is_gone_over_once(run: bytes, at: int) -> None:
    plain = picture("JPEG")
    odd = plain[:at] + run * (2_000_000 // len(run)) + plain[at:]
    began = time.process_time()
    assert next(part for part in jpeg.parts(odd) if part.marker in jpeg.FRAMES)
    assert imagefile.scans(odd) == 1
    assert time.process_time() - began < 60  # a square of it would be hours


def test_markers_are_found_wherever_they_stand() -> None:
    simple = re.compile(rb"(\xff+)([\x01-\xcf\xd8-\xfe])", re.DOTALL)
    rng = random.Random(1)
    for _ in range(20_000):
        data = bytes(rng.choice(b"\0\1\xd0\xd8\xff\xff\xff\7\xe1\xda") for _ in range(rng.randint(0, 12)))
        expected = simple.search(data)
        for pattern in (jpeg._BEHIND_PIXELS, imagefile._BEHIND_PIXELS):
            found = pattern.match(data)
            assert (found and (found.span(1), found.span(2))) == (
                expected and (expected.span(1), expected.span(2))
            )
