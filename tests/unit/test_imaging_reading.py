"""How the imaging step reads: photographs upright and as deep as they are, and nothing that is damaged or a bomb."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from steps.imaging import reading
from steps.stepkit import BadInput, imagefile
from steps.stepkit.arrays import Pixels
from steps.stepkit.orientation import upright
from tests.unit.builders import PROPERTY

XMP = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="6"/>'
PICTURE = np.random.default_rng(3).integers(0, 256, (10, 16, 3), np.uint8)


def exif(orientation: int) -> Pillow.Exif:
    found = Pillow.Exif()
    found[0x010F] = "a maker"
    found[0x0112] = orientation
    return found


def encoded(kind: str, image: Any = PICTURE, **options: Any) -> bytes:
    data = io.BytesIO()
    Pillow.fromarray(image).save(data, kind, **options)
    return data.getvalue()


def promising(kind: str, width: int, height: int) -> bytes:
    """A small, whole file whose header tells of another size."""
    data = bytearray(encoded(kind))
    if kind == "PNG":
        data[16:24] = struct.pack(">II", width, height)
    else:
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photograph"


def read(path: Path, data: bytes, size: tuple[int, int] | None = None) -> Pixels:
    path.write_bytes(data)
    return reading.read(str(path), size)


class TestOrientation:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_an_image_is_turned_upright(self, path: Path, kind: str, orientation: int) -> None:
        data = encoded(kind, exif=exif(orientation))
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert expected is not None
        found = read(path, data, (expected.shape[1], expected.shape[0]))
        assert np.array_equal(found, expected)

    def test_with_alpha_too(self, path: Path) -> None:
        image = np.dstack([PICTURE, PICTURE[..., 0]])
        found = read(path, encoded("PNG", image, exif=exif(6)))
        assert np.array_equal(found, cv2.rotate(image[..., [2, 1, 0, 3]], cv2.ROTATE_90_CLOCKWISE))

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_in_both_byte_orders(self, path: Path, order: str) -> None:
        signature = b"II*\0" if order == "<" else b"MM\0*"
        block = signature + struct.pack(f"{order}IHHHIHH", 8, 1, 0x0112, 3, 1, 8, 0)
        found = read(path, encoded("PNG", exif=b"Exif\0\0" + block))
        assert np.array_equal(found, cv2.rotate(PICTURE[..., ::-1], cv2.ROTATE_90_COUNTERCLOCKWISE))

    @pytest.mark.parametrize(
        "blocks",
        [(XMP, exif(6)), (exif(6), exif(1)), (exif(1), exif(6)), (exif(9), exif(6)), (XMP,)],
        ids=["behind XMP", "6 then 1", "1 then 6", "9 then 6", "in XMP alone"],
    )
    def test_of_several_blocks_the_one_that_opencv_takes(
        self, path: Path, blocks: tuple[bytes | Pillow.Exif, ...]
    ) -> None:
        contents = [block if isinstance(block, bytes) else block.tobytes() for block in blocks]
        segments = [b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content for content in contents]
        whole = encoded("JPEG")
        data = whole[:2] + b"".join(segments) + whole[2:]
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(read(path, data), np.asarray(expected))

    def test_in_a_png_it_may_stand_behind_the_pixels(self, path: Path) -> None:
        data = encoded("PNG", exif=exif(6))
        begin = data.index(b"eXIf") - 4
        end = begin + 12 + int.from_bytes(data[begin : begin + 4], "big")
        moved = data[:begin] + data[end:-12] + data[begin:end] + data[-12:]
        assert read(path, moved).shape == (16, 10, 3)

    @pytest.mark.parametrize(
        "block",
        [
            b"",
            b"II*\0",
            b"XX*\0\x08\0\0\0",
            b"MM\0*\xff\xff\xff\xff",
            b"II*\0\x08\0\0\0\xff\xff",
            exif(9).tobytes()[6:],
        ],
        ids=repr,
    )
    def test_broken_exif_is_upright(self, path: Path, block: bytes) -> None:
        assert read(path, encoded("JPEG", exif=b"Exif\0\0" + block)).shape == (10, 16, 3)


class TestDepth:
    @pytest.mark.parametrize(
        ("kind", "mode", "shape", "dtype"),
        [
            ("JPEG", "L", (), np.uint8),
            ("JPEG", "RGB", (3,), np.uint8),
            ("JPEG", "CMYK", (3,), np.uint8),
            ("PNG", "1", (), np.uint8),
            ("PNG", "L", (), np.uint8),
            ("PNG", "LA", (4,), np.uint8),
            ("PNG", "P", (3,), np.uint8),
            ("PNG", "RGBA", (4,), np.uint8),
            ("PNG", "I;16", (), np.uint16),
        ],
    )
    def test_channels_and_depth_are_the_files_own(
        self, path: Path, kind: str, mode: str, shape: tuple[int, ...], dtype: Any
    ) -> None:
        data = io.BytesIO()
        Pillow.new(mode, (16, 10)).save(data, kind)
        found = read(path, data.getvalue())
        assert (found.shape, found.dtype) == ((10, 16, *shape), dtype)

    @pytest.mark.parametrize("channels", [(), (3,), (4,)])
    def test_an_array_is_the_image_that_was_saved(self, tmp_path: Path, channels: tuple[int, ...]) -> None:
        image = np.random.default_rng(1).integers(0, 65536, (5, 7, *channels), np.uint16)
        np.save(tmp_path / "a.npy", image)
        assert np.array_equal(reading.read(str(tmp_path / "a.npy"), (7, 5)), image)


class TestDamage:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "neither a JPEG nor a PNG"),
            (b"text", "neither a JPEG nor a PNG"),
            (encoded("ICO"), "neither a JPEG nor a PNG"),
            (encoded("TIFF"), "neither a JPEG nor a PNG"),
            (encoded("JPEG")[:-2], "is a truncated JPEG"),
            (encoded("PNG")[:-12], "is a truncated PNG"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\0IEND", "has a damaged header"),
            (b"\xff\xd8\xff\xda\0\2\xff\xd9", "has a damaged header"),
            (promising("JPEG", 0, 10), "cannot be decoded"),
            (promising("PNG", 16, 0), "cannot be decoded"),
            (promising("PNG", 17, 10), "cannot be decoded"),
            (encoded("PNG").replace(b"IDAT", b"JDAT"), "cannot be decoded"),
        ],
    )
    def test_it_is_told(self, path: Path, data: bytes, message: str) -> None:
        with pytest.raises(BadInput, match=message):
            read(path, data)

    def test_an_avif_whose_picture_is_damaged(self, path: Path) -> None:
        data = encoded("AVIF")
        at = data.index(b"mdat") + 4
        with pytest.raises(BadInput, match="cannot be decoded"):
            read(path, data[:at] + bytes(8) + data[at + 8 :])

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_whatever_is_missing_at_the_end(self, path: Path, kind: str) -> None:
        data = encoded(kind, exif=exif(6))
        for length in range(0, len(data) - 1, 3):
            with pytest.raises(BadInput):
                read(path, data[:length])

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_a_changed_byte_is_refused_or_read(self, path: Path, kind: str) -> None:
        """Not every damage can be told: a changed colour is a colour. But nothing else may come of it."""
        data = encoded(kind, exif=exif(6))
        for at in range(0, len(data), 5):
            with suppress(BadInput):
                assert read(path, data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]).size

    @PROPERTY
    @given(st.binary(max_size=60), st.sampled_from([imagefile.JPEG + b"\xff\xe1", imagefile.PNG]))
    def test_no_exif_breaks_its_reader(self, data: bytes, signature: bytes) -> None:
        assert imagefile.exif(signature + data) in data
        assert upright(PICTURE, b"II*\0" + data).size == PICTURE.size


class TestBombs:
    @pytest.fixture(autouse=True)
    def _nothing_is_decoded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def decode(*_: object) -> None:
            pytest.fail("it was decoded")

        monkeypatch.setattr(cv2, "imdecode", decode)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (promising("PNG", 10_001, 10_000), "is 10001x10000; an image has at most 100,000,000 pixels"),
            (promising("JPEG", 10_000, 10_001), "is 10000x10001; an image has at most 100,000,000 pixels"),
            (promising("PNG", 32_768, 1), "is 32768x1; a side has at most 32,767 pixels"),
            (promising("JPEG", 1, 65_535), "is 1x65535; a side has at most 32,767 pixels"),
            (promising("PNG", 2**31 - 1, 2**31 - 1), "a side has at most 32,767 pixels"),
        ],
    )
    def test_a_header_that_promises_too_much(self, path: Path, data: bytes, message: str) -> None:
        with pytest.raises(BadInput, match=message):
            read(path, data)

    def test_a_file_that_is_larger_than_any_image(self, path: Path) -> None:
        with path.open("wb") as file:
            file.truncate((1 << 30) + 1)
        with pytest.raises(BadInput, match="has 1,073,741,825 bytes, more than"):
            reading.read(str(path))


class TestArrays:
    @staticmethod
    def saved(array: Any) -> bytes:
        data = io.BytesIO()
        np.save(data, array)
        return data.getvalue()

    @pytest.mark.parametrize(
        ("array", "message"),
        [
            (np.zeros((4, 4), np.float32), "array of float32"),
            (np.zeros((4, 4), ">u2"), "array of >u2"),
            (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\), which is no image"),
            (np.zeros((4,), np.uint8), "which is no image"),
            (np.zeros((), np.uint8), "which is no image"),
            (np.zeros((4, 4, 3, 1), np.uint8), "which is no image"),
            (np.zeros((0, 4), np.uint8), "no image|not a whole array"),
            (np.zeros((1, 32_768), np.uint8), "a side has at most"),
        ],
    )
    def test_an_array_that_is_no_image(self, tmp_path: Path, array: Any, message: str) -> None:
        (tmp_path / "a.npy").write_bytes(self.saved(array))
        with pytest.raises(BadInput, match=message):
            reading.read(str(tmp_path / "a.npy"))

    def test_a_file_that_is_no_array(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npy"
        whole = self.saved(np.zeros((4, 4), np.uint8))
        pickled = io.BytesIO()
        np.save(pickled, np.array([{}]), allow_pickle=True)
        promised = whole.replace(b"(4, 4)", b"(4, 9)")
        for data in (b"", b"PK\3\4", whole[:-1], whole[:20], pickled.getvalue(), promised, encoded("PNG")):
            path.write_bytes(data)
            with pytest.raises(BadInput, match=r"is not a whole array|which is no image"):
                reading.read(str(path))
