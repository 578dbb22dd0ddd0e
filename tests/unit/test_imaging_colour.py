"""Pictures with an ICC profile look as they did: in the colours of sRGB, against arithmetic of the tests' own."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from steps.imaging import avif, reading
from steps.stepkit.arrays import Pixels
from tests.unit.pictures import chunk, encoded, scene, segment
from tests.unit.profiles import SPACES, Space, cmyk_profile, difference, grey_profile, printed_to_srgb

CLOSE = 1.0
"""dE76, mean: less than an eye sees."""
ALL_BUT_EXACT: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 100, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}
SCENES = {
    "smooth": scene(48, 32),
    "noise": np.random.default_rng(4).integers(0, 256, (24, 24, 3), np.uint8),
    "greys": np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2),
    "one pixel": np.array([[[200, 40, 90]]], np.uint8),
}


def read(tmp_path: Path, data: bytes) -> Pixels:
    (tmp_path / "a").write_bytes(data)
    return reading.read(str(tmp_path / "a"))


@pytest.mark.parametrize("name", SPACES)
class TestWideSpaces:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
    @pytest.mark.parametrize("shown", SCENES)
    def test_a_picture_of_every_format(self, tmp_path: Path, name: str, kind: str, shown: str) -> None:
        space, rgb = SPACES[name], SCENES[shown]
        data = encoded(kind, rgb, icc_profile=space.profile(), **ALL_BUT_EXACT[kind])
        stored = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
        found = read(tmp_path, data)
        assert difference(found[..., ::-1], space.to_srgb(stored)).mean() < CLOSE
        assert shown == "greys" or difference(stored, space.to_srgb(stored)).mean() > 1.5

    def test_alpha_stays(self, tmp_path: Path, name: str) -> None:
        space = SPACES[name]
        rgba = np.dstack([scene(), scene()[..., 0]])
        found = read(tmp_path, encoded("PNG", rgba, icc_profile=space.profile()))
        assert np.array_equal(found[..., 3], rgba[..., 3])
        assert difference(found[..., 2::-1], space.to_srgb(rgba[..., :3].astype(float))).mean() < CLOSE

    def test_16_bit_stays(self, tmp_path: Path, name: str) -> None:
        space = SPACES[name]
        found = read(tmp_path, deep_png(scene().astype(np.uint16) * 257, space))
        assert found.dtype == np.uint16
        assert difference(found[..., ::-1] / 257, space.to_srgb(scene().astype(float))).mean() < CLOSE

    def test_palette_and_transparent_colour(self, tmp_path: Path, name: str) -> None:
        space = SPACES[name]
        rgb = np.array([[[255, 0, 0], [10, 200, 30]]], np.uint8)
        image = Image.fromarray(rgb).quantize(2)
        clear = image.getpixel((0, 0))
        found = read(tmp_path, encoded("PNG", image, icc_profile=space.profile(), transparency=clear))
        assert found[0, :, 3].tolist() == [0, 255]
        assert difference(found[0, 1, 2::-1], space.to_srgb(rgb[0, 1].astype(float))) < CLOSE

    def test_a_transparent_colour_is_one_of_the_files_own_colours(self, tmp_path: Path, name: str) -> None:
        rgb = np.full((4, 6, 3), (200, 30, 40), np.uint8)
        rgb[:, 3:] = 10, 200, 30
        profile = SPACES[name].profile()
        found = read(tmp_path, encoded("PNG", rgb, icc_profile=profile, transparency=(200, 30, 40)))
        assert found[..., 3].tolist() == [[0, 0, 0, 255, 255, 255]] * 4
        assert np.array_equal(found[..., :3], read(tmp_path, encoded("PNG", rgb, icc_profile=profile)))

    def test_a_picture_of_many_strips(self, tmp_path: Path, name: str) -> None:
        space = SPACES[name]
        row = SCENES["noise"][0]
        found = read(tmp_path, encoded("PNG", np.tile(row, (30_000, 2, 1)), icc_profile=space.profile()))
        expected = read(tmp_path, encoded("PNG", np.tile(row, (1, 2, 1)), icc_profile=space.profile()))
        assert (found == expected).all()


class TestNumbers:
    """An AVIF may tell its colours by numbers (ITU-T H.273) instead of a profile."""

    SPACE = Space(SPACES["P3"].primaries, SPACES["P3"].white, 2.2)

    def test_they_count_as_a_profile_does(self, tmp_path: Path) -> None:
        found = read(tmp_path, numbered(12, 4))
        stored = np.asarray(Image.open(io.BytesIO(numbered(1, 13)))).astype(float)
        assert difference(found[..., ::-1], self.SPACE.to_srgb(stored)).mean() < CLOSE
        assert difference(stored, self.SPACE.to_srgb(stored)).mean() > 1.5

    def test_a_profile_counts_before_them(self, tmp_path: Path) -> None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        both = numbered(12, 4, icc_profile=profile)
        assert np.array_equal(read(tmp_path, both), read(tmp_path, numbered(1, 13)))

    @pytest.mark.parametrize("numbers", [(1, 13), (2, 2), (1, 1), (3, 3), (65535, 65535)])
    def test_those_of_srgb_and_none_change_nothing(self, tmp_path: Path, numbers: tuple[int, int]) -> None:
        data = numbered(*numbers)
        stored = np.asarray(Image.open(io.BytesIO(data)))
        assert np.array_equal(read(tmp_path, data)[..., ::-1], stored)

    def test_whatever_a_byte_of_the_boxes_is_changed_to(self) -> None:
        data = numbered(12, 4)
        for at in range(data.index(b"mdat")):
            for value in (0, 1, 0xFF):
                avif.colours(data[:at] + bytes([value]) + data[at + 1 :])


def numbered(primaries: int, transfer: int, **options: Any) -> bytes:
    data = encoded("AVIF", SCENES["smooth"], **ALL_BUT_EXACT["AVIF"], **options)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


class TestInks:
    @pytest.mark.parametrize("seed", range(12))
    def test_a_picture_of_inks(self, tmp_path: Path, seed: int) -> None:
        corners = np.random.default_rng(seed).integers(0, 256, (3, 3, 4), np.uint8)
        inks = np.asarray(Image.fromarray(corners, "CMYK").resize((48, 48), Image.Resampling.BILINEAR))
        picture = Image.fromarray(inks, "CMYK")
        data = encoded("JPEG", picture, quality=100, icc_profile=cmyk_profile())
        stored = np.asarray(Image.open(io.BytesIO(data))).astype(float)
        assert difference(read(tmp_path, data)[..., ::-1], printed_to_srgb(stored)).mean() < CLOSE

    def test_a_profile_in_many_segments_in_any_order(self, tmp_path: Path) -> None:
        profile = cmyk_profile()
        pieces = [profile[at : at + 1000] for at in range(0, len(profile), 1000)]
        numbered = [
            segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
            for number, piece in enumerate(pieces, start=1)
        ]
        picture = Image.fromarray(np.dstack([scene(), scene()[..., 0]]), "CMYK")
        plain = encoded("JPEG", picture)
        expected = read(tmp_path, encoded("JPEG", picture, icc_profile=profile))
        assert np.array_equal(read(tmp_path, plain[:2] + b"".join(reversed(numbered)) + plain[2:]), expected)
        missing = b"".join(numbered[1:])
        assert np.array_equal(read(tmp_path, plain[:2] + missing + plain[2:]), read(tmp_path, plain))


def test_greys_stay_greys(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    found = read(tmp_path, encoded("PNG", levels, icc_profile=grey_profile(1.8)))
    linear = (levels / 255) ** (461 / 256)
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert found.shape == (1, 256)
    assert np.abs(found - expected).max() <= 2


@pytest.mark.parametrize("bits", [8, 16])
def test_greys_with_alpha_are_converted_as_greys(tmp_path: Path, bits: int) -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    profile = grey_profile(1.8)
    alone = read(tmp_path, encoded("PNG", levels, icc_profile=profile))
    found = read(tmp_path, grey_with_alpha(levels, bits, profile))
    step = 257 if bits == 16 else 1
    assert found.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert all(np.array_equal(found[..., channel], alone.astype(int) * step) for channel in range(3))
    assert np.array_equal(found[..., 3], levels[:, ::-1].astype(int) * step)
    of_colours = grey_with_alpha(levels, bits, SPACES["ProPhoto"].profile())
    assert np.array_equal(read(tmp_path, of_colours)[..., 0], levels.astype(int) * step)


def test_a_transparent_grey_is_one_of_the_files_own_greys(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    found = read(tmp_path, encoded("PNG", levels, icc_profile=grey_profile(1.8), transparency=200))
    assert np.flatnonzero(found[0, :, 3] == 0).tolist() == [200]
    assert np.array_equal(
        found[..., 0], read(tmp_path, encoded("PNG", levels, icc_profile=grey_profile(1.8)))
    )


class TestNothingToDo:
    def test_srgb_by_profile_is_left_as_it_is(self, tmp_path: Path) -> None:
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert np.array_equal(
            read(tmp_path, encoded("PNG", icc_profile=profile)), read(tmp_path, encoded("PNG"))
        )

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    @pytest.mark.parametrize(
        "profile",
        [b"none", bytes(200), SPACES["P3"].profile()[:200], grey_profile(1.0), cmyk_profile()],
        ids=["text", "zeros", "cut off", "of greys", "of inks"],
    )
    def test_a_profile_that_is_none_of_this_picture_changes_nothing(
        self, tmp_path: Path, kind: str, profile: bytes
    ) -> None:
        found = read(tmp_path, encoded(kind, icc_profile=profile))
        assert np.array_equal(found, read(tmp_path, encoded(kind)))

    def test_a_profile_of_colours_changes_no_inks(self, tmp_path: Path) -> None:
        inks = Image.fromarray(np.dstack([scene(), scene()[..., 0]]), "CMYK")
        found = read(tmp_path, encoded("JPEG", inks, icc_profile=SPACES["P3"].profile()))
        assert np.array_equal(found, read(tmp_path, encoded("JPEG", inks)))

    def test_a_profile_that_unpacks_to_more_than_any_has_changes_nothing(self, tmp_path: Path) -> None:
        plain = encoded("PNG")
        bomb = chunk(b"iCCP", b"a\0\0" + zlib.compress(SPACES["P3"].profile() + bytes(20_000_000), 9))
        assert np.array_equal(read(tmp_path, plain[:33] + bomb + plain[33:]), read(tmp_path, plain))


def deep_png(rgb: Any, space: Space) -> bytes:
    """A PNG of 16 bit, which Pillow does not write."""
    return made_png(rgb.astype(">u2"), b"\x10\2", space.profile())


def grey_with_alpha(levels: Any, bits: int, profile: bytes) -> bytes:
    """A PNG of grey levels of 8 bit, shape (height, width), with their mirror image for alpha."""
    both = np.dstack([levels, levels[:, ::-1]])
    return made_png(both.astype(">u2") * 257 if bits == 16 else both, bytes([bits, 4]), profile)


def made_png(samples: Any, kind: bytes, profile: bytes) -> bytes:
    """``kind`` are the bytes of the depth and of the colour type."""
    height, width = samples.shape[:2]
    lines = b"".join(b"\0" + row.tobytes() for row in samples)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + kind + b"\0\0\0")
        + chunk(b"iCCP", b"a\0\0" + zlib.compress(profile))
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
