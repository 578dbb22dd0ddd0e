"""Photographs that decoders only complain of, and TIFFs that they do not know."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from steps.imaging import reading
from steps.stepkit import BadInput, photograph
from steps.stepkit.arrays import U8


def street() -> U8:
    """A smooth scene with some noise, 640 x 480, BGR."""
    rng = np.random.default_rng(5)
    smooth = cv2.resize(rng.uniform(60, 200, (12, 16, 3)), (640, 480), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255), np.uint8)


def jpeg(pixels: U8 | None = None, **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(street() if pixels is None else pixels).save(data, "JPEG", **{"quality": 90, **options})
    return data.getvalue()


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "with restarts": {"restart_marker_rows": 1},
    "in full colour": {"subsampling": 0, "quality": 60, "optimize": True},
}


class TestDamage:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("part", [0.15, 0.4])
    @pytest.mark.parametrize("fill", [0x00, 0x5A])
    def test_a_stretch_that_was_overwritten_is_told(
        self, tmp_path: Path, kind: str, part: float, fill: int
    ) -> None:
        whole = jpeg(**KINDS[kind])
        at = int(len(whole) * part)
        (tmp_path / "a.jpg").write_bytes(whole[:at] + bytes([fill]) * 2000 + whole[at + 2000 :])
        for read in (photograph.read, reading.read):
            with pytest.raises(BadInput, match=r"is a damaged JPEG \(.*get it anew|cannot be decoded"):
                read(str(tmp_path / "a.jpg"))

    def test_damage_is_told_behind_stray_bytes_too(self, tmp_path: Path) -> None:
        whole = jpeg()
        table, middle = whole.index(b"\xff\xdb"), len(whole) // 2
        data = whole[:table] + b"stray bytes" + whole[table:middle] + bytes(2000) + whole[middle + 2000 :]
        (tmp_path / "a.jpg").write_bytes(data)
        with pytest.raises(BadInput, match="is a damaged JPEG"):
            photograph.read(tmp_path / "a.jpg")

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("value", [0, 128, 255])
    def test_a_plain_photograph_is_none(self, tmp_path: Path, kind: str, value: int) -> None:
        plain = np.full((800, 1200, 3), value, np.uint8)
        plain[::300, ::500] = 255 - value
        (tmp_path / "a.jpg").write_bytes(jpeg(plain, **KINDS[kind]))
        assert photograph.read(tmp_path / "a.jpg").shape == (800, 1200, 3)

    @pytest.mark.parametrize("behind", [b"\0", b"\0\1\2", bytes(4000), b"\xab" * 50])
    def test_padding_behind_the_pixels_is_none(self, tmp_path: Path, behind: bytes) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg()[:-2] + behind + b"\xff\xd9" + bytes(99))
        (tmp_path / "whole.jpg").write_bytes(jpeg())
        assert np.array_equal(photograph.read(tmp_path / "a.jpg"), photograph.read(tmp_path / "whole.jpg"))

    def test_what_the_decoder_says_stays_on_stderr(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a.jpg").write_bytes(jpeg()[:-2] + b"\0\0\0\xff\xd9")
        photograph.read(tmp_path / "a.jpg")
        assert "extraneous bytes before marker 0xd9" in capfd.readouterr().err


def tiff(*, bits: int = 8, samples: int = 3, kind: int = 1, colour: int = 2, compression: int = 1) -> bytes:
    """A TIFF of 16 x 16 pixels, with whatever its tags say."""
    tags = {256: 16, 257: 16, 258: bits, 259: compression, 262: colour, 273: 0, 277: samples, 278: 16}
    tags |= {279: 32 * samples * bits, 339: kind}
    behind = 8 + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, value in tags.items():
        value = behind + 4 * samples if tag == 273 else value
        if tag in (258, 339) and samples > 2:
            entries += struct.pack("<HHII", tag, 3, samples, behind + (2 * samples if tag == 339 else 0))
        else:
            entries += struct.pack("<HHII", tag, 4, 1, value)
    lists = struct.pack(f"<{2 * samples}H", *[bits] * samples, *[kind] * samples)
    pixels = bytes(range(256)) * (samples * bits // 8 + 1)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + lists + pixels


class TestTiff:
    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"bits": 32, "kind": 3}, "is a TIFF of 32-bit floating-point numbers"),
            (
                {"bits": 32, "kind": 3, "samples": 1, "colour": 1},
                "is a TIFF of 32-bit floating-point numbers",
            ),
            ({"bits": 12}, "is a TIFF of 12-bit unsigned integers"),
            ({"bits": 32, "samples": 1, "colour": 1}, "is a TIFF of 32-bit unsigned integers"),
            ({"samples": 6}, "is a TIFF of 6 channels"),
            ({"bits": 16, "samples": 1, "colour": 32803}, "is a TIFF of raw data of a sensor"),
            ({"compression": 34712}, "is a TIFF compressed by JPEG 2000"),
            ({"compression": 50000}, "is a TIFF compressed by Zstandard"),
            ({"compression": 34933}, "is a TIFF compressed by method 34933"),
        ],
    )
    def test_one_that_no_step_reads_is_called_what_it_is(
        self, tmp_path: Path, given: dict[str, int], told: str
    ) -> None:
        (tmp_path / "a.tif").write_bytes(tiff(**given))
        with pytest.raises(BadInput, match=f"{told}.*convert it to 8-bit RGB"):
            photograph.read(tmp_path / "a.tif")

    @pytest.mark.parametrize(
        "given", [{}, {"bits": 16}, {"samples": 4, "colour": 5}, {"samples": 1, "colour": 1}]
    )
    def test_others_are_read(self, tmp_path: Path, given: dict[str, int]) -> None:
        (tmp_path / "a.tif").write_bytes(tiff(**given))
        assert photograph.read(tmp_path / "a.tif").shape == (16, 16, 3)

    @pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
    def test_the_usual_compressions_are_read(self, tmp_path: Path, compression: str) -> None:
        Image.fromarray(street()).save(tmp_path / "a.tif", compression=compression)
        assert photograph.read(tmp_path / "a.tif").std() > 10
