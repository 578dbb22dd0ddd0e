"""What the service sees of an uploaded file before it works on it."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest

from coordinator.service.photographs import examine
from coordinator.service.refusal import Refused
from tests.unit.pictures import chunk, encoded

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


@pytest.mark.parametrize(
    "content",
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2_000_000))),
        (b"iCCP", b"printer\0\0" + zlib.compress(bytes(1_500_000))),
    ],
    ids=["text", "profile"],
)
def test_a_png_may_have_a_long_text_or_profile(content: tuple[bytes, bytes]) -> None:
    data = encoded("PNG")
    assert examine(data[:33] + chunk(*content) + data[33:], "files[0]", 10_000).width == 32
