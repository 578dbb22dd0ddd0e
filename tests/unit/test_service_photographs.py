"""What the service sees of an uploaded file before it works on it."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from coordinator.service.photographs import examine
from coordinator.service.refusal import Refused
from tests.unit.pictures import chunk, encoded

PIXELS = np.random.default_rng(7).integers(0, 255, (10, 20, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_may_have_any_padding_behind_its_end(tmp_path: Path, suffix: str) -> None:
    data = cv2.imencode(suffix, PIXELS)[1].tobytes()
    (tmp_path / "whole").write_bytes(data + bytes(200_000))
    assert examine(tmp_path / "whole", "files[0]", 10_000).suffix == suffix
    (tmp_path / "half").write_bytes(data[:-60] + bytes(200_000))
    with pytest.raises(Refused, match="is truncated"):
        examine(tmp_path / "half", "files[0]", 10_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_what_is_cut_off_is_called_truncated(tmp_path: Path, kind: str) -> None:
    data = encoded(kind)
    for length in (len(data) // 2, len(data) - 5):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(Refused, match="is truncated"):
            examine(tmp_path / "cut", "files[0]", 10_000)


@pytest.mark.parametrize(
    "content",
    [
        (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2_000_000))),
        (b"iCCP", b"printer\0\0" + zlib.compress(bytes(1_500_000))),
    ],
    ids=["text", "profile"],
)
def test_a_png_may_have_a_long_text_or_profile(tmp_path: Path, content: tuple[bytes, bytes]) -> None:
    data = encoded("PNG")
    (tmp_path / "long").write_bytes(data[:33] + chunk(*content) + data[33:])
    assert examine(tmp_path / "long", "files[0]", 10_000).width == 32
