"""What image files say of themselves, true or not."""

from __future__ import annotations

import io
import math
import os
import socket
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from coordinator.formats.camera import CAMERA
from coordinator.formats.imageheader import Header, read
from coordinator.formats.imagelimits import MAX_BYTES, NO_FILE
from coordinator.formats.photographs import Photographs
from coordinator.formats.remarks import Remark
from coordinator.formats.row import North
from tests.unit.builders import PROPERTY, write_png
from tests.unit.photographs import Value, ascii_, exif, gps, header, rational, raw, short, write_jpeg, xmp
from tests.unit.pictures import chunk, encoded
from tests.unit.pictures import exif as block


class TestSize:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_it_is_the_upright_images(self, tmp_path: Path, orientation: int) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", (8, 4), exif({0x0112: short(orientation)})))
        assert (found.width, found.height) == ((4, 8) if orientation >= 5 else (8, 4))

    @pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "jpg"])
    def test_every_kind_of_image(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a.{suffix}"
        Image.new("RGB", (8, 4)).save(path)
        assert (header(path).width, header(path).height) == (8, 4)

    def test_the_name_does_not_matter_the_content_does(self, tmp_path: Path) -> None:
        assert header(write_png(tmp_path / "a.jpg")).width == 8


class TestOrientation:
    """That of files named by other programs' tables, which tell of pixels as they are stored."""

    def test_in_a_png_behind_the_pixels_and_a_damaged_chunk(self, tmp_path: Path) -> None:
        plain = encoded("PNG")
        data = plain[:33] + chunk(b"gAMA", b"") + plain[33:-12] + chunk(b"eXIf", block(6)) + plain[-12:]
        (tmp_path / "a.png").write_bytes(data)
        assert Photographs(tmp_path).orientation("a.png") == 6

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
    def test_in_every_kind_of_image(self, tmp_path: Path, kind: str) -> None:
        (tmp_path / "a").write_bytes(encoded(kind, exif=b"Exif\0\0" + block(8)))
        assert Photographs(tmp_path).orientation("a") == 8

    def test_in_xmp_alone_it_turns_nothing(self, tmp_path: Path) -> None:
        packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
        (tmp_path / "a.jpg").write_bytes(encoded("JPEG", xmp=packet))
        assert Photographs(tmp_path).orientation("a.jpg") == 1

    @pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"no image", encoded("JPEG")[:30]])
    def test_what_is_no_image_is_upright(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.jpg").write_bytes(data)
        assert Photographs(tmp_path).orientation("a.jpg") == 1


class TestFacts:
    def test_an_image_that_tells_nothing(self, tmp_path: Path) -> None:
        assert header(write_jpeg(tmp_path / "a.jpg", (9, 4))) == Header(width=9, height=4)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
    def test_they_are_told_by_every_kind_of_image(self, tmp_path: Path, kind: str) -> None:
        block = Image.Exif()
        block.load(exif({0x010F: ascii_("DJI")}, {0xA405: short(24)}, gps(t16=ascii_("M"), t17=rational(20))))
        with (tmp_path / "a").open("wb") as file:
            Image.new("RGB", (360, 240)).save(file, kind, exif=block)
        assert header(tmp_path / "a") == Header(
            width=360,
            height=240,
            camera={"model": "pinhole", "fx": 240.0, "fy": 240.0, "cx": 179.5, "cy": 119.5},
            longitude=4 + 53 / 60 + 15 / 3600,
            latitude=52 + 22 / 60 + 30 / 3600,
            heading=20,
            north=North.MAGNETIC,
        )

    def test_a_drive_in_which_half_the_images_have_an_altitude(self, tmp_path: Path) -> None:
        blocks = (exif(gps=gps(t6=rational(42.0), t5=raw(1, b"\0"))), exif(gps=gps()))
        found = [header(write_jpeg(tmp_path / "a.jpg", block=block)) for block in blocks]
        assert [(one.altitude, one.remarks) for one in found] == [(42, ()), (None, ())]

    def test_an_exif_block_that_is_none_does_not_cost_the_image(self, tmp_path: Path) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", block=b"Exif\0\0this is not a TIFF file"))
        assert found == Header(width=9, height=4, remarks=(Remark.BAD_METADATA,))

    def test_a_block_that_ends_early_is_said(self, tmp_path: Path) -> None:
        whole = exif({0x010E: ascii_("a long description"), 0x0131: ascii_("a long name")}, gps=gps())
        for length in (15, 20, 40, 80, len(whole) - 50):
            found = header(write_jpeg(tmp_path / "a.jpg", block=whole[:length]))
            assert Remark.BAD_METADATA in found.remarks, length

    def test_one_damaged_tag_does_not_cost_the_others(self, tmp_path: Path) -> None:
        tags = {**gps(), 27: (7, 1_000_000, bytes(8))}  # a processing method that ends behind the block
        found = header(write_jpeg(tmp_path / "a.jpg", block=exif(gps=tags)))
        assert (found.longitude, found.latitude) == pytest.approx((4.8875, 52.375))


class TestRubbish:
    """No byte of what is written about an image costs the image, nor makes an exception."""

    @PROPERTY
    @given(st.binary(max_size=400))
    def test_in_the_place_of_the_receivers_tags(self, rubbish: bytes) -> None:
        check(exif(gps=rubbish), None)

    @PROPERTY
    @given(
        st.dictionaries(
            st.integers(0, 31),
            st.tuples(st.integers(0, 14), st.integers(0, 5), st.binary(max_size=24)),
            max_size=12,
        )
    )
    def test_in_the_receivers_tags(self, tags: dict[int, Value]) -> None:
        check(exif(gps=tags), None)

    @PROPERTY
    @given(
        st.dictionaries(
            st.sampled_from([0x829A, 0x9003, 0x9011, 0x9291, 0x920A, 0xA002, 0xA20E, 0xA210, 0xA404, 0xA405]),
            st.tuples(st.integers(0, 14), st.integers(0, 5), st.binary(max_size=24)),
        )
    )
    def test_in_the_photographs_tags(self, tags: dict[int, Value]) -> None:
        check(exif(photo=tags), None)

    @PROPERTY
    @given(st.text(), st.sampled_from(["exif", "GPano", "drone-dji"]), st.data())
    def test_in_xmp(self, value: str, namespace: str, data: st.DataObject) -> None:
        names = {
            "exif": ["GPSLatitude", "GPSAltitude", "GPSImgDirection", "DateTimeOriginal", "FocalLength"],
            "GPano": ["ProjectionType", "FullPanoWidthPixels", "CroppedAreaLeftPixels", "PoseRollDegrees"],
            "drone-dji": ["GpsLatitude", "GimbalYawDegree", "AbsoluteAltitude"],
        }
        check(None, xmp(namespace, {data.draw(st.sampled_from(names[namespace])): value}))

    @PROPERTY
    @given(st.text(alphabet=st.characters(max_codepoint=255)))
    def test_in_a_description(self, text: str) -> None:
        check(exif({0x010E: ascii_('{"MAP' + text)}), None)


def check(block: bytes | None, packet: str | None) -> None:
    stored = io.BytesIO()
    extra: dict[str, Any] = {} if block is None else {"exif": block}
    if packet is not None:
        extra["xmp"] = packet.encode("utf-8", "replace")
    Image.new("L", (9, 4)).save(stored, "JPEG", **extra)
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(stored.getvalue())
        file.flush()
        found = header(Path(file.name))
    numbers = (
        found.longitude,
        found.latitude,
        found.altitude,
        found.heading,
        found.pitch,
        found.roll,
        found.taken,
    )
    assert all(number is None or math.isfinite(number) for number in numbers)
    assert (found.longitude is None) == (found.latitude is None)
    if found.camera is not None:
        CAMERA.validate_python(found.camera)


class TestRefusals:
    def test_what_is_no_image(self, tmp_path: Path) -> None:
        (tmp_path / "empty.jpg").touch()
        (tmp_path / "text.jpg").write_text("not an image")
        (tmp_path / "folder.jpg").mkdir()
        (tmp_path / "cut.jpg").write_bytes(write_jpeg(tmp_path / "a.jpg", (64, 64)).read_bytes()[:15])
        assert read(tmp_path / "absent.jpg") == "does not exist"
        assert read(tmp_path / "empty.jpg") == "is empty"
        assert read(tmp_path / "text.jpg") == "is not an image (JPEG, PNG, TIFF, BMP or WebP)"
        assert "directory" in str(read(tmp_path / "folder.jpg"))
        assert isinstance(read(tmp_path / "cut.jpg"), str)

    def test_a_header_that_promises_too_much(self, tmp_path: Path) -> None:
        told = str(read(write_png(tmp_path / "bomb.png", 100_000, 100_000, pixels=b"")))
        assert told.startswith("promises ")
        assert "250,000,000" in told

    @pytest.mark.parametrize("size", [(12_000, 8_000), (20_000, 10_000)], ids=["96 MP", "200 MP"])
    def test_a_large_panorama_is_read_without_a_warning(self, tmp_path: Path, size: tuple[int, int]) -> None:
        with Image.new("1", (1, 1)) as one:
            one.save(tmp_path / "a.bmp")
        data = bytearray((tmp_path / "a.bmp").read_bytes())
        data[18:26] = size[0].to_bytes(4, "little") + size[1].to_bytes(4, "little")
        (tmp_path / "a.bmp").write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert header(tmp_path / "a.bmp").width == size[0]

    def test_a_file_too_large_for_any_step(self, tmp_path: Path) -> None:
        with (tmp_path / "a.jpg").open("wb") as file:
            file.truncate(MAX_BYTES + 1)  # a hole: it takes no disk
        assert read(tmp_path / "a.jpg") == "has 1,073,741,825 bytes, more than 1,073,741,824"

    def test_a_pipe_a_socket_and_a_device_are_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(tmp_path / "socket.jpg"))
            for path in (tmp_path / "pipe.jpg", tmp_path / "socket.jpg", Path("/dev/zero"), tmp_path):
                assert read(path) == NO_FILE

    @pytest.mark.parametrize("kind", ["GIF", "ICO", "PPM", "PDF", "EPS"])
    def test_what_pillow_knows_and_steps_do_not(self, tmp_path: Path, kind: str) -> None:
        Image.new("RGB", (16, 16)).save(tmp_path / "a.jpg", kind)
        assert read(tmp_path / "a.jpg") == "is not an image (JPEG, PNG, TIFF, BMP or WebP)"

    @PROPERTY
    @given(st.sampled_from(["JPEG", "PNG", "TIFF", "BMP", "WEBP"]), st.data())
    def test_a_damaged_header_is_a_value_never_an_exception(self, kind: str, data: st.DataObject) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        whole = io.BytesIO()
        Image.new("L", (8, 4)).save(whole, kind, **({} if kind == "BMP" else {"exif": exif}))
        content = bytearray(whole.getvalue())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            file.write(content[: data.draw(st.integers(1, len(content)))])
            file.flush()
            assert isinstance(read(Path(file.name)), Header | str)

    def test_no_pixel_of_a_png_is_decoded(self, tmp_path: Path) -> None:
        assert header(write_png(tmp_path / "a.png", 16, 16, pixels=b"not to be looked at")).width == 16
