"""What cannot be seen does not colour what can; and every kind of transparency that a file may have is kept."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from steps.imaging import blur, reading, resize, write
from steps.stepkit.arrays import Pixels
from tests.unit.pictures import chunk, encoded, scene

MIXES = {
    "smaller": resize.parse("37%"),
    "much smaller": resize.parse("5x5"),
    "larger": resize.parse("210%"),
    "gaussian": blur.parse("gaussian"),
    "updownsampling": blur.parse("updownsampling"),
}
EXACT: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100}}
HIDDEN = {"black": (0, 0, 0), "white": (255, 255, 255), "green": (0, 255, 0), "red": (0, 0, 255)}


def disc(hidden: tuple[int, int, int], dtype: Any = np.uint8) -> Pixels:
    """A soft-edged disc of one colour, 64x64, BGR with alpha, and another colour where nothing is to be seen."""
    x, y = np.meshgrid(np.arange(64), np.arange(64))
    alpha = np.clip((24 - np.hypot(x - 32, y - 32)) / 4 * 255, 0, 255)
    image = np.empty((64, 64, 4), np.uint8)
    image[..., :3] = np.where(alpha[..., None] > 0, (200, 120, 40), hidden)
    image[..., 3] = alpha
    return image.astype(dtype) * (257 if dtype == np.uint16 else 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("hidden", HIDDEN)
class TestNoHalo:
    def test_what_is_seen_has_its_own_colour(self, dtype: Any, mix: str, hidden: str) -> None:
        level = 257 if dtype == np.uint16 else 1
        found = MIXES[mix](disc(HIDDEN[hidden], dtype))
        seen = found[found[..., 3] > 3 * level][:, :3].astype(int)
        assert len(seen) > 3
        assert np.abs(seen - np.array((200, 120, 40)) * level).max() <= 2 * level

    def test_nor_over_white(self, tmp_path: Path, dtype: Any, mix: str, hidden: str) -> None:
        """It is as if the disc's own colour were hidden around it."""
        found, expected = (
            stored(write.jpg(MIXES[mix](disc(colour, dtype)), tmp_path / "a")).astype(int)
            for colour in (HIDDEN[hidden], (200, 120, 40))
        )
        assert np.abs(found - expected).max() <= 6


def stored(path: Path) -> Pixels:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def read(tmp_path: Path, data: bytes) -> Pixels:
    (tmp_path / "a").write_bytes(data)
    return reading.read(str(tmp_path / "a"))


def png(colour_type: int, bits: int, lines: list[bytes], width: int, *between: bytes) -> bytes:
    """A PNG of any colour type and depth, with further chunks before its pixels."""
    header = struct.pack(">IIBBBBB", width, len(lines), bits, colour_type, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines)))
    return b"".join((b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *between, pixels, chunk(b"IEND", b"")))


class TestKinds:
    @pytest.mark.parametrize("bits", [1, 2, 4, 8])
    @pytest.mark.parametrize("clear", [(0,), (255, 128), (255, 0), (7, 99)])
    def test_a_palette(self, tmp_path: Path, bits: int, clear: tuple[int, ...]) -> None:
        palette = chunk(b"PLTE", bytes([200, 10, 20, 30, 210, 40])) + chunk(b"tRNS", bytes(clear))
        line = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\x00\x01"}[bits]
        found = read(tmp_path, png(3, bits, [line], 2, palette))
        alphas = [*clear, 255][:2]
        assert found[0].tolist() == [[20, 10, 200, alphas[0]], [40, 210, 30, alphas[1]]]

    @pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
    @pytest.mark.parametrize("key", [0, 1])
    def test_a_grey_that_is_transparent(self, tmp_path: Path, bits: int, key: int) -> None:
        line = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\x00\x01", 16: b"\0\0\0\x01"}[bits]
        found = read(tmp_path, png(0, bits, [line], 2, chunk(b"tRNS", struct.pack(">H", key))))
        step = 255 // (2**bits - 1) if bits < 8 else 1
        top = 65535 if bits == 16 else 255
        assert found[0, :, 0].tolist() == [0, step]
        assert found[0, :, 3].tolist() == ([0, top] if key == 0 else [top, 0])

    @pytest.mark.parametrize("bits", [8, 16])
    @pytest.mark.parametrize("key", [(1, 2, 3), (1, 2, 4)])
    def test_a_colour_that_is_transparent(self, tmp_path: Path, bits: int, key: tuple[int, ...]) -> None:
        code = "B" if bits == 8 else "H"
        line = struct.pack(f">6{code}", 1, 2, 3, 1, 2, 4)
        found = read(tmp_path, png(2, bits, [line], 2, chunk(b"tRNS", struct.pack(">3H", *key))))
        top = 65535 if bits == 16 else 255
        assert found[0, :, 3].tolist() == ([0, top] if key == (1, 2, 3) else [top, 0])
        assert found[0, :, :3].tolist() == [[3, 2, 1], [4, 2, 1]]

    def test_a_colour_of_16_bit_is_not_taken_for_one_that_is_alike_in_8(self, tmp_path: Path) -> None:
        line = struct.pack(">6H", 256, 256, 256, 257, 256, 256)
        found = read(tmp_path, png(2, 16, [line], 2, chunk(b"tRNS", struct.pack(">3H", 257, 256, 256))))
        assert found[0, :, 3].tolist() == [65535, 0]

    @pytest.mark.parametrize("colour_type", [4, 6])
    @pytest.mark.parametrize("bits", [8, 16])
    def test_a_channel_of_its_own(self, tmp_path: Path, colour_type: int, bits: int) -> None:
        code = "B" if bits == 8 else "H"
        pixel = (9, 77) if colour_type == 4 else (9, 8, 7, 77)
        found = read(tmp_path, png(colour_type, bits, [struct.pack(f">{len(pixel)}{code}", *pixel)], 1))
        assert found[0, 0].tolist() == ([9, 9, 9, 77] if colour_type == 4 else [7, 8, 9, 77])

    @pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF"])
    def test_in_other_formats(self, tmp_path: Path, kind: str) -> None:
        rgba = np.dstack([scene(), np.full((24, 32), 255, np.uint8)])
        rgba[:, :16, 3] = 0
        found = read(tmp_path, encoded(kind, rgba))
        assert found.shape == (24, 32, 4)
        assert (found[..., 3] == rgba[..., 3]).all()

    @pytest.mark.parametrize("chunks", [chunk(b"tRNS", b""), chunk(b"tRNS", b"\0"), chunk(b"tRNS", bytes(7))])
    def test_a_damaged_chunk_makes_nothing_transparent(self, tmp_path: Path, chunks: bytes) -> None:
        assert read(tmp_path, png(2, 8, [b"\1\2\3"], 1, chunks)).tolist() == [[[3, 2, 1]]]


class TestAnimations:
    @pytest.mark.parametrize("is_part", [True, False], ids=["first of it", "apart"])
    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
    def test_of_a_png_the_default_picture(self, tmp_path: Path, is_part: bool, mode: str) -> None:
        pictures = [
            Image.fromarray(np.roll(scene(), 7 * number, axis=1)).convert(mode) for number in range(4)
        ]
        data = encoded(
            "PNG", pictures[0], save_all=True, append_images=pictures[1:], default_image=not is_part
        )
        assert b"acTL" in data
        assert np.array_equal(read(tmp_path, data), read(tmp_path, encoded("PNG", pictures[0])))

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF"])
    def test_of_others_the_first(self, tmp_path: Path, kind: str) -> None:
        pictures = [Image.fromarray(np.roll(scene(), 7 * number, axis=1)) for number in range(4)]
        data = encoded(kind, pictures[0], save_all=True, append_images=pictures[1:], **EXACT.get(kind, {}))
        with Image.open(io.BytesIO(data)) as animation:
            assert getattr(animation, "n_frames", 1) == 4
            expected = np.asarray(animation.convert("RGB"))[..., ::-1]
        assert np.abs(read(tmp_path, data).astype(int) - expected).max() < 4
