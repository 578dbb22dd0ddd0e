"""What image files say of themselves, true or not."""

from __future__ import annotations

import io
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

from coordinator.formats.imageheader import MAX_BYTES, NO_FILE, Header, read
from tests.unit.builders import PROPERTY, write_png

GPANO = "<rdf:Description {attributes}>{elements}</rdf:Description>"


def write_jpeg(
    path: Path, size: tuple[int, int] = (8, 4), tags: dict[int, Any] | None = None, xmp: str | None = None
) -> Path:
    exif = Image.Exif()
    for tag, value in (tags or {}).items():
        exif[tag] = value
    extra: dict[str, Any] = {"xmp": xmp.encode()} if xmp else {}
    Image.new("L", size).save(path, exif=exif, **extra)
    return path


def header(path: Path) -> Header:
    found = read(path)
    assert isinstance(found, Header), found
    return found


def gps(tmp_path: Path, **tags: Any) -> Header:
    numbers = {"north": 1, "latitude": 2, "east": 3, "longitude": 4, "below": 5, "altitude": 6, "heading": 17}
    return header(write_jpeg(tmp_path / "a.jpg", tags={0x8825: {numbers[name]: tags[name] for name in tags}}))


class TestSize:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_it_is_the_upright_images(self, tmp_path: Path, orientation: int) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", (8, 4), {0x0112: orientation}))
        assert (found.width, found.height) == ((4, 8) if orientation >= 5 else (8, 4))

    @pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "jpg"])
    def test_every_kind_of_image(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a.{suffix}"
        Image.new("RGB", (8, 4)).save(path)
        assert (header(path).width, header(path).height) == (8, 4)

    def test_the_name_does_not_matter_the_content_does(self, tmp_path: Path) -> None:
        assert header(write_png(tmp_path / "a.jpg")).width == 8


class TestCamera:
    def test_a_pinhole_camera_from_the_focal_length(self, tmp_path: Path) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", (360, 240), {0x8769: {0xA405: 24}}))
        assert found.pinhole() == {"model": "pinhole", "fx": 240.0, "fy": 240.0, "cx": 179.5, "cy": 119.5}

    def test_35_mm_are_the_longer_side_of_a_portrait_too(self, tmp_path: Path) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", (360, 240), {0x8769: {0xA405: 24}, 0x0112: 6}))
        assert found.pinhole() == {"model": "pinhole", "fx": 240.0, "fy": 240.0, "cx": 119.5, "cy": 179.5}

    @pytest.mark.parametrize("tags", [{}, {0x8769: {0xA405: 0}}], ids=["absent", "zero means unknown"])
    def test_no_focal_length_no_camera(self, tmp_path: Path, tags: dict[int, Any]) -> None:
        assert header(write_jpeg(tmp_path / "a.jpg", tags=tags)).pinhole() is None


class TestGps:
    @pytest.mark.parametrize(
        ("north", "east", "latitude", "longitude"), [("N", "E", 52.5, 5.25), ("S", "W", -52.5, -5.25)]
    )
    def test_degrees_and_their_signs(
        self, tmp_path: Path, north: str, east: str, latitude: float, longitude: float
    ) -> None:
        found = gps(tmp_path, north=north, latitude=(52.0, 30.0, 0.0), east=east, longitude=(5.0, 15.0, 0.0))
        assert (found.latitude, found.longitude) == pytest.approx((latitude, longitude))

    @pytest.mark.parametrize(("below", "altitude"), [(b"\x00", 12.5), (b"\x01", -12.5)])
    def test_below_the_sea(self, tmp_path: Path, below: bytes, altitude: float) -> None:
        assert gps(tmp_path, below=below, altitude=12.5).altitude == altitude

    def test_heading(self, tmp_path: Path) -> None:
        assert gps(tmp_path, heading=271.5).heading == 271.5

    @pytest.mark.parametrize("parts", [(52.0,), 52.0, "fifty-two", (0.0, 0.0, float("nan"))])
    def test_nonsense_is_taken_for_absent(self, parts: Any) -> None:
        from coordinator.formats.imageheader import _degrees

        assert _degrees(parts, "N", negative="S") is None


class TestPanorama:
    @pytest.mark.parametrize(
        "xmp",
        [
            GPANO.format(
                attributes='GPano:ProjectionType="equirectangular" GPano:PoseHeadingDegrees="350.5" '
                "GPano:PosePitchDegrees = '-2' GPano:PoseRollDegrees=\"1.5\"",
                elements="",
            ),
            GPANO.format(
                attributes="",
                elements="<GPano:ProjectionType>equirectangular</GPano:ProjectionType>"
                "<GPano:PoseHeadingDegrees>350.5</GPano:PoseHeadingDegrees>"
                "<GPano:PosePitchDegrees>-2</GPano:PosePitchDegrees>"
                "<GPano:PoseRollDegrees>1.5</GPano:PoseRollDegrees>",
            ),
        ],
        ids=["attributes", "elements"],
    )
    def test_photo_sphere_xmp(self, tmp_path: Path, xmp: str) -> None:
        found = header(write_jpeg(tmp_path / "a.jpg", xmp=xmp))
        assert found.equirectangular
        assert (found.heading, found.pitch, found.roll) == (350.5, -2.0, 1.5)

    def test_its_heading_wins_over_the_gps_receivers(self, tmp_path: Path) -> None:
        xmp = GPANO.format(attributes='GPano:PoseHeadingDegrees="10"', elements="")
        assert header(write_jpeg(tmp_path / "a.jpg", tags={0x8825: {17: 20.0}}, xmp=xmp)).heading == 10

    def test_an_unknown_projection_and_a_pose_in_words_are_passed_over(self, tmp_path: Path) -> None:
        attributes = 'GPano:ProjectionType="cylindrical" GPano:PosePitchDegrees="level"'
        found = header(write_jpeg(tmp_path / "a.jpg", xmp=GPANO.format(attributes=attributes, elements="")))
        assert (found.equirectangular, found.pitch) == (False, 0.0)


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
