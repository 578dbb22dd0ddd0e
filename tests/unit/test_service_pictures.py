"""The service's look at a file's header and the worker that decodes it say the same of every file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from coordinator.formats import jpeg
from coordinator.service.photographs import examine
from coordinator.service.refusal import Refused
from steps.imaging import reading
from steps.stepkit import BadInput, imagefile, photograph
from steps.stepkit.arrays import Pixels
from steps.stepkit.orientation import turned
from tests.unit.pictures import (
    NUMBERS,
    ORIENTATIONS,
    encoded,
    exif,
    scene,
    segment,
    segments,
    with_exif,
    with_scans,
)
from tests.unit.profiles import difference

CASES = Path(os.environ.get("COORDINATOR_CASES", "/nowhere"))
MANY = 100_000_000


def scans(data: bytes) -> int:
    return sum(part.marker == jpeg.SCAN for part in jpeg.parts(data))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def taken(path: Path, data: bytes) -> Pixels:
    """The image that the worker reads, of the size that the service promised it."""
    path.write_bytes(data)
    found = examine(path.read_bytes(), "files[0]", MANY)
    return reading.read(str(path), (found.width, found.height))


@pytest.mark.skipif(not CASES.is_dir(), reason="COORDINATOR_CASES names no folder of cases")
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("exif-long-mm/exif6_with_Exif00_prefix.png", (120, 160)),
        ("exif-long-mm/orient3_LONG_MM.jpg", (160, 120)),
        ("exif-long-mm/orient6_BYTE_II.jpg", (120, 160)),
        ("exif-long-mm/orient6_LONG_MM.jpg", (120, 160)),
        ("icc-dropped/cmyk-icc.jpg", (388, 218)),
        ("icc-dropped/p3.png", (8, 8)),
        ("icc-dropped/prophoto.png", (1, 1)),
        ("jpeg-extraneous-bytes/garbage_before_DQT.jpg", (160, 120)),
        ("jpeg-extraneous-bytes/junk_jpeg_header.jpg", (1024, 768)),
        ("jpeg-extraneous-bytes/photoshop-200dpi-broken.jpg", (200, 200)),
        ("jpeg-trailer-motion-photo/trailer_100k_zero.jpg", (160, 120)),
    ],
)
def test_a_case(path: Path, name: str, size: tuple[int, int]) -> None:
    data = (CASES / name).read_bytes()
    found = taken(path, data)
    assert (found.shape[1], found.shape[0]) == size
    with Image.open(io.BytesIO(data)) as image:
        profile = image.info.get("icc_profile")
        if profile:
            given = ImageCms.getOpenProfile(io.BytesIO(profile))
            colours = image if image.mode == "CMYK" else image.convert("RGB")
            expected = ImageCms.profileToProfile(
                colours, given, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            assert difference(found[..., 2::-1], np.asarray(expected)).mean() < 1


class TestOrientation:
    @pytest.mark.parametrize("orientation", ORIENTATIONS)
    @pytest.mark.parametrize("number", NUMBERS)
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_in_every_encoding(
        self, path: Path, orientation: int, number: str, order: str, kind: str
    ) -> None:
        block = exif(orientation, number, order)
        expected = turned(taken(path, encoded(kind)), orientation)
        assert np.array_equal(taken(path, with_exif(kind, block)), expected)
        if kind != "WEBP":  # OpenCV's own turning, which knows SHORT alone
            assert np.array_equal(photograph.read(path), expected)

    @pytest.mark.parametrize("orientation", ORIENTATIONS)
    @pytest.mark.parametrize("prefixes", [1, 2])
    def test_in_a_png_behind_the_prefix_of_a_jpeg(self, path: Path, orientation: int, prefixes: int) -> None:
        data = with_exif("PNG", b"Exif\0\0" * prefixes + exif(orientation, order=">"))
        assert np.array_equal(taken(path, data), turned(scene()[..., ::-1], orientation))

    @pytest.mark.parametrize("orientation", ORIENTATIONS)
    def test_of_an_avif(self, path: Path, orientation: int) -> None:
        data = encoded("AVIF", exif=exif(orientation), quality=100)
        assert np.abs(taken(path, data).astype(int) - turned(scene()[..., ::-1], orientation)).max() < 12

    @pytest.mark.parametrize("orientation", [0, 9, 200])
    @pytest.mark.parametrize("number", NUMBERS)
    def test_one_that_is_none_turns_nothing(self, path: Path, orientation: int, number: str) -> None:
        data = with_exif("PNG", exif(orientation, number))
        assert np.array_equal(taken(path, data), scene()[..., ::-1])

    @pytest.mark.parametrize("kind", range(14))
    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_whatever_its_type_both_take_it_for_the_same(self, path: Path, kind: int, count: int) -> None:
        block = bytearray(exif(6))
        block[12:14], block[14:18] = kind.to_bytes(2, "little"), count.to_bytes(4, "little")
        for name in ("JPEG", "PNG"):
            taken(path, with_exif(name, bytes(block)))

    @pytest.mark.parametrize("order", [b"II", b"MM"])
    @pytest.mark.parametrize("number", [b"*\0", b"\0*", b"+\0", b"xx"])
    def test_whatever_its_head_both_take_it_for_the_same(
        self, path: Path, order: bytes, number: bytes
    ) -> None:
        block = exif(6, order="<" if order == b"II" else ">")
        taken(path, with_exif("PNG", order + number + block[4:]))

    def test_of_two_in_one_block_both_take_the_same(self, path: Path) -> None:
        one, other = exif(6)[10:22], exif(1)[10:22]
        head = b"II*\0\x08\0\0\0\x02\0"
        assert taken(path, with_exif("PNG", head + one + other + bytes(4))).shape[:2] == (32, 24)
        assert taken(path, with_exif("PNG", head + other + one + bytes(4))).shape[:2] == (24, 32)


class TestStrays:
    """Bytes that belong to nothing, between the segments of a JPEG, and behind the end."""

    @pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 255, 4096])
    @pytest.mark.parametrize("filler", [b"\0", b"\x55", b"\xff\0", b"\xff"])
    @pytest.mark.parametrize("place", [1, 2, 3])
    def test_between_segments(self, path: Path, count: int, filler: bytes, place: int) -> None:
        plain = encoded("JPEG")
        parts = segments(plain)
        data = plain[:2] + b"".join(parts[:place]) + filler * count + b"".join(parts[place:])
        assert np.array_equal(taken(path, data), taken(path, plain))

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize("length", [1, 2, 3, 64, 1000, 100_000, 1_000_000])
    @pytest.mark.parametrize("trailer", ["zeros", "noise", "a film", "a picture"])
    def test_behind_the_end(self, path: Path, kind: str, length: int, trailer: str) -> None:
        plain = encoded(kind)
        noise = np.random.default_rng(length).bytes(length)
        behind = {
            "zeros": bytes(length),
            "noise": noise,
            "a film": b"\0\0\0\x18ftypmp42" + noise,
            "a picture": encoded(kind, scene(8, 6)) + noise,
        }[trailer]
        assert np.array_equal(taken(path, plain + behind), taken(path, plain))


class TestScans:
    @pytest.mark.parametrize("count", range(12, 54))
    def test_both_count_them(self, path: Path, count: int) -> None:
        data = with_scans(count)
        assert scans(data) == imagefile.scans(data) == count
        assert taken(path, data).shape == (24, 32, 3)

    @pytest.mark.parametrize("count", range(21, 206, 4))
    def test_too_many_are_refused_before_work(self, path: Path, count: int) -> None:
        path.write_bytes(with_scans(count, (12_000, 8_334)))
        told = f"has {count} scans of 12000x8334 pixels"
        with pytest.raises(Refused, match=told) as refused:
            examine(path.read_bytes(), "files[0]", 200_000_000)
        assert refused.value.status == 413

    def test_nor_does_the_step_decode_them(self, path: Path) -> None:
        path.write_bytes(with_scans(200, (10_001, 9_998)))
        with pytest.raises(BadInput, match="has 200 scans of 10001x9998 pixels"):
            reading.read(str(path))

    def test_those_of_a_thumbnail_and_of_what_is_behind_do_not_count(self, path: Path) -> None:
        plain = encoded("JPEG")
        data = plain[:2] + segment(0xE1, b"Exif\0\0" + exif(1) + with_scans(30)) + plain[2:] + with_scans(40)
        assert scans(data) == imagefile.scans(data) == 1

    def test_a_file_that_breaks_off_has_those_that_are_there(self) -> None:
        data = with_scans(20)
        for length in range(2, len(data), 7):
            assert abs(scans(data[:length]) - imagefile.scans(data[:length])) <= 1
