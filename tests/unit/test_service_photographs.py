"""What the service sees of an uploaded file before it works on it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.formats import imageheader
from coordinator.formats.orientation import turning
from coordinator.service.photographs import examine
from coordinator.service.refusal import Refused
from steps.imaging import reading
from steps.stepkit.orientation import orientation
from tests.unit.builders import PROPERTY
from tests.unit.pictures import chunk, encoded, exif, with_exif

PIXELS = np.random.default_rng(7).integers(0, 255, (10, 20, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_may_have_any_padding_behind_its_end(suffix: str) -> None:
    data = cv2.imencode(suffix, PIXELS)[1].tobytes()
    assert examine(data + bytes(200_000), "files[0]", 10_000).suffix == suffix
    with pytest.raises(Refused, match="is truncated"):
        examine(data[:-60] + bytes(200_000), "files[0]", 10_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_what_is_cut_off_is_called_truncated(kind: str) -> None:
    data = encoded(kind)
    for length in (len(data) // 2, len(data) - 5):
        with pytest.raises(Refused, match="is truncated"):
            examine(data[:length], "files[0]", 10_000)


PLAIN = encoded("PNG")


def with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    return PLAIN[:33] + b"".join(chunk(*one) for one in chunks) + PLAIN[33:]


@pytest.mark.parametrize(
    "content",
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2_000_000))),
        (b"iCCP", b"printer\0\0" + zlib.compress(bytes(1_500_000))),
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(17 * 1024**2))),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(17 * 1024**2))),
        (b"iCCP", b"printer\0\0" + zlib.compress(bytes(17 * 1024**2))),
        (b"zTXt", b"Comment\0\0not packed"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1"),
        *((kind, content) for kind in (b"iCCP", b"gAMA", b"cHRM", b"pHYs", b"acTL", b"fcTL", b"tRNS", b"eXIf")
          for content in (b"", b"\0")),
    ],
    ids=lambda content: f"{content[0].decode()} {len(content[1])}",
)  # fmt: skip
def test_a_chunk_of_a_png_that_no_pixel_needs_may_be_huge_or_damaged(
    tmp_path: Path, content: tuple[bytes, bytes]
) -> None:
    data = with_chunks(content)
    found = examine(data, "files[0]", 10_000)
    assert (found.width, found.height) == (32, 24)
    for name, one in (("odd", data), ("plain", PLAIN)):
        (tmp_path / name).write_bytes(one)
    assert np.array_equal(reading.read(str(tmp_path / "odd")), reading.read(str(tmp_path / "plain")))
    header = imageheader.read(tmp_path / "odd")
    assert isinstance(header, imageheader.Header)
    assert (header.width, header.height) == (32, 24)


BIG = b"MM\0+\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\3\0\0\0\0"
"""An EXIF block that tells a quarter turn, if it is read as a TIFF of the classic kind; or as a BigTIFF."""


@pytest.mark.parametrize(
    ("data", "is_turned"),
    [
        (PLAIN + chunk(b"eXIf", exif(6)), False),
        (PLAIN[:-12] + chunk(b"eXIf", exif(6)) + PLAIN[-12:], True),
        (with_chunks((b"eXIf", exif(6)), (b"eXIf", exif(1))), True),
        (with_exif("JPEG", BIG), False),
        (with_exif("PNG", BIG), False),
        (with_exif("PNG", b"Exif\0\0" + BIG), False),
        (with_exif("WEBP", BIG), False),
    ],
    ids=["behind the end", "behind the pixels", "two", "JPEG", "PNG", "PNG twice", "WEBP"],
)
def test_headers_are_read_as_the_worker_reads_them(tmp_path: Path, data: bytes, is_turned: bool) -> None:
    path = tmp_path / "picture"
    path.write_bytes(data)
    found = examine(data, "files[0]", 10_000)
    header = imageheader.read(path)
    assert isinstance(header, imageheader.Header)
    size = (24, 32) if is_turned else (32, 24)
    assert (found.width, found.height) == (header.width, header.height) == size
    assert reading.read(str(path), size).size


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """EXIF blocks of a few entries, most of them orientations, of any type, number and value; some are damaged."""
    order = draw(st.sampled_from("<>"))
    entries = b"".join(
        struct.pack(
            f"{order}HHII",
            draw(st.sampled_from([0x0112, 0x0112, 0x010F])),
            draw(st.integers(0, 17)),
            draw(st.sampled_from([0, 1, 1, 1, 2, 4, 2**32 - 1])),
            draw(st.sampled_from([1, 6, 8, 6 << 16, 6 << 24, 20, 26, 2**32 - 1])),
        )
        for _ in range(draw(st.integers(0, 3)))
    )
    magic = draw(st.sampled_from([b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"]))
    head = magic + struct.pack(f"{order}IH", 8, draw(st.sampled_from([len(entries) // 12, 3, 65535])))
    block = draw(st.sampled_from([b"", b"Exif\0\0", b"Exif\0\0" * 2, b"Exif\0\0" * 3])) + head + entries
    return block + draw(st.sampled_from([b"", bytes(4), bytes([6, 0] * 9)]))


@PROPERTY
@given(blocks())
def test_header_and_worker_turn_alike_whatever_the_block(block: bytes) -> None:
    assert turning(block) == orientation(block)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_value_that_leads_out_of_its_block_costs_no_turn(tmp_path: Path, kind: str) -> None:
    """Pillow reads nothing behind it."""
    lost = struct.pack("<HHII", 0x0100, 10, 2, 2**32 - 1)
    turned = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    data = with_exif(kind, b"II*\0" + struct.pack("<IH", 8, 2) + lost + turned + bytes(4))
    (tmp_path / "picture").write_bytes(data)
    found = examine(data, "files[0]", 10_000)
    assert (found.width, found.height) == (24, 32)
    assert reading.read(str(tmp_path / "picture"), (24, 32)).size


def test_a_png_of_more_chunks_than_any_photograph_is_refused() -> None:
    data = with_chunks(*[(b"teXt", b"")] * 200_001)
    with pytest.raises(Refused, match="is made of more than 7,344 pieces"):
        examine(data, "files[0]", 10_000)
