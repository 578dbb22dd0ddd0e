"""The camera of a photograph by its tags: a pinhole, a panorama or a part of one, a guess that is said, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.formats.camera import CAMERA
from coordinator.formats.devices import sensor_width
from coordinator.formats.imageheader import Header
from coordinator.formats.remarks import Remark
from coordinator.strictjson import Json
from tests.unit.photographs import (
    Value,
    ascii_,
    exif,
    header,
    rational,
    short,
    write_jpeg,
    xmp,
)

FOCAL, FOCAL_35MM, ZOOM = 0x920A, 0xA405, 0xA404
RESOLUTION, UNIT, PIXEL_X, PIXEL_Y = 0xA20E, 0xA210, 0xA002, 0xA003
MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
SPHERE = {"model": "equirectangular"}
NOT_TOLD = (0, 0)


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(
        size: tuple[int, int] = (360, 240),
        photo: dict[int, Value] | None = None,
        image: dict[int, Value] | None = None,
        packet: str | None = None,
    ) -> Header:
        block = exif(image, photo) if image or photo else None
        found = header(write_jpeg(tmp_path / "a.jpg", size, block, packet))
        if found.camera is not None:
            CAMERA.validate_python(found.camera)
        return found

    return read


def focal(found: Header) -> float | None:
    assert found.camera is not None
    assert found.camera["fx"] == found.camera["fy"]
    return found.camera["fx"]  # type: ignore[no-any-return]


def part(
    full: tuple[int, int], size: tuple[int, int], start: tuple[int, int] | None = (0, 0)
) -> dict[str, Any]:
    """GPano's properties of a part of a panorama."""
    return {
        "ProjectionType": "equirectangular",
        "FullPanoWidthPixels": full[0],
        "FullPanoHeightPixels": full[1],
        "CroppedAreaImageWidthPixels": size[0],
        "CroppedAreaImageHeightPixels": size[1],
        **({"CroppedAreaLeftPixels": start[0], "CroppedAreaTopPixels": start[1]} if start else {}),
    }


def crop(full_width: float, full_height: float, left: float, top: float) -> Json:
    numbers = {"full_width": full_width, "full_height": full_height, "left": left, "top": top}
    return {**SPHERE, "crop": {name: pytest.approx(value) for name, value in numbers.items()}}


class TestPinhole:
    def test_the_35_mm_equivalent_is_of_the_longer_side(self, read: Any) -> None:
        found = read(photo={FOCAL_35MM: short(24)})
        assert found.camera == {"model": "pinhole", "fx": 240.0, "fy": 240.0, "cx": 179.5, "cy": 119.5}
        assert found.remarks == ()

    def test_of_a_portrait_too(self, read: Any) -> None:
        found = read(photo={FOCAL_35MM: short(24)}, image={ORIENTATION: short(6)})
        assert found.camera == {"model": "pinhole", "fx": 240.0, "fy": 240.0, "cx": 119.5, "cy": 179.5}

    @pytest.mark.parametrize(("unit", "resolution"), [(2, 254.0), (3, 100.0), (4, 10.0), (None, 254.0)])
    def test_from_the_pixels_on_the_sensor(self, read: Any, unit: int | None, resolution: float) -> None:
        photo = {FOCAL: rational(24), RESOLUTION: rational(resolution), PIXEL_X: short(360)}
        if unit:
            photo[UNIT] = short(unit)
        found = read(photo={**photo, PIXEL_Y: short(240)})
        assert focal(found) == pytest.approx(240.0)
        assert found.remarks == ()

    def test_the_file_may_be_smaller_than_the_photograph(self, read: Any) -> None:
        photo = {FOCAL: rational(24), RESOLUTION: rational(1000), UNIT: short(3)}
        found = read(photo={**photo, PIXEL_X: short(3600), PIXEL_Y: short(2400)})
        assert focal(found) == pytest.approx(240.0)

    def test_from_what_is_known_of_the_camera(self, read: Any) -> None:
        named = {MAKE: ascii_("DJI"), MODEL: ascii_("FC6310")}
        found = read(photo={FOCAL: rational(6.6)}, image=named)
        assert focal(found) == pytest.approx(180.0)
        assert found.remarks == (Remark.CAMERA_GUESSED,)

    @pytest.mark.parametrize(
        "photo",
        [
            {FOCAL: rational(4.2)},
            {FOCAL: rational(NOT_TOLD)},
            {FOCAL: rational((5, 0))},
            {FOCAL_35MM: short(0)},
            {FOCAL_35MM: short(65_535)},
            {0x829A: rational((1, 100))},
            {FOCAL: rational(4.2), RESOLUTION: rational(NOT_TOLD), PIXEL_X: short(360)},
            {FOCAL: rational(4.2), RESOLUTION: rational((1, 1)), PIXEL_X: short(360)},
            {FOCAL: rational((4_000_000_000, 1)), RESOLUTION: rational(254), PIXEL_X: short(360)},
            {FOCAL: rational(4.2), ZOOM: rational((4_000_000_000, 1))},
            {FOCAL: rational(4.2), RESOLUTION: rational(254), PIXEL_X: short(360), UNIT: short(1)},
        ],
    )
    def test_an_unknown_cameras_is_supposed_and_said(self, read: Any, photo: dict[int, Value]) -> None:
        found = read(photo=photo)
        assert focal(found) == pytest.approx(0.85 * 360)
        assert found.remarks == (Remark.CAMERA_GUESSED,)

    @pytest.mark.parametrize(
        ("make", "model", "width"),
        [
            ("DJI", "FC6310", 13.2),
            ("GoPro", "HERO13 Black", 6.74),
            ("GOPRO", "GoPro HERO5 Black", 6.17),
            ("LGE", "Nexus 5X", None),
            ("", "FC6310", None),
            ("", "", None),
        ],
    )
    def test_a_sensor_is_known_by_make_and_model(self, make: str, model: str, width: float | None) -> None:
        assert sensor_width(make, model) == width

    def test_a_name_alone_is_a_cameras(self, read: Any) -> None:
        assert read(image={MODEL: ascii_("Streetcam")}).remarks == (Remark.CAMERA_GUESSED,)

    def test_nothing_of_a_camera_no_camera(self, read: Any) -> None:
        assert read(image={0x0131: ascii_("Paint")}).camera is None
        assert read().camera is None

    def test_a_digital_zoom_counts(self, read: Any) -> None:
        photo = {FOCAL: rational(24), RESOLUTION: rational(100), UNIT: short(3), PIXEL_X: short(360)}
        assert focal(read(photo={**photo, ZOOM: rational(2)})) == pytest.approx(480.0)
        assert focal(read(photo={**photo, ZOOM: rational(0)})) == pytest.approx(240.0)
        assert focal(read(photo={**photo, ZOOM: rational(NOT_TOLD)})) == pytest.approx(240.0)

    def test_whether_it_is_in_the_35_mm_equivalent_is_a_guess(self, read: Any) -> None:
        found = read(photo={FOCAL_35MM: short(24), ZOOM: rational(2)})
        assert (focal(found), found.remarks) == (240.0, (Remark.CAMERA_GUESSED,))

    @pytest.mark.parametrize(("size", "sides"), [((360, 360), (3600, 2400)), ((901, 360), (901, 360))])
    def test_an_image_that_was_cut_is_a_guess(
        self, read: Any, size: tuple[int, int], sides: tuple[int, int]
    ) -> None:
        sides_told = {PIXEL_X: short(sides[0]), PIXEL_Y: short(sides[1])}
        found = read(size, {FOCAL_35MM: short(24), **sides_told})
        assert found.remarks == (Remark.CAMERA_GUESSED,)

    def test_xmp_stands_in_for_exif(self, read: Any) -> None:
        packet = xmp("exif", {"FocalLengthIn35mmFilm": "24"})
        assert focal(read(packet=packet)) == 240.0
        assert focal(read(photo={FOCAL_35MM: short(36)}, packet=packet)) == 360.0


class TestWithoutAWord:
    def test_twice_as_wide_as_high_is_taken_for_a_panorama_and_said(self, read: Any) -> None:
        found = read((400, 200))
        assert (found.camera, found.remarks) == (SPHERE, (Remark.PANORAMA_GUESSED,))

    def test_one_that_was_turned_is_measured_upright(self, read: Any) -> None:
        assert read((200, 400), image={ORIENTATION: short(6)}).camera == SPHERE

    @pytest.mark.parametrize("size", [(400, 201), (399, 200), (200, 400)])
    def test_exactly(self, read: Any, size: tuple[int, int]) -> None:
        assert read(size).camera is None

    def test_not_with_a_focal_length_but_that_is_in_doubt_then(self, read: Any) -> None:
        found = read((400, 200), {FOCAL_35MM: short(36)})
        assert (focal(found), found.remarks) == (400.0, (Remark.CAMERA_GUESSED,))

    def test_but_of_a_camera_that_sees_all_around(self, read: Any) -> None:
        named = {MAKE: ascii_("RICOH"), MODEL: ascii_("RICOH THETA S")}
        found = read((400, 200), {FOCAL_35MM: short(7)}, named)
        assert (found.camera, found.remarks) == (SPHERE, (Remark.PANORAMA_GUESSED,))

    def test_a_telephones_panorama_is_no_pinhole(self, read: Any) -> None:
        found = read((900, 300), {FOCAL_35MM: short(26), 0xA401: short(6)}, {MAKE: ascii_("Apple")})
        assert (found.camera, found.remarks) == (None, (Remark.UNKNOWN_PROJECTION,))


class TestParts:
    @pytest.mark.parametrize("elements", [False, True])
    @pytest.mark.parametrize("prefix", ["GPano", "ns1"])
    def test_a_part_has_its_place_in_the_whole(self, read: Any, elements: bool, prefix: str) -> None:
        packet = xmp("GPano", part((200, 100), (100, 50), (50, 25)), elements=elements, prefix=prefix)
        found = read((100, 50), packet=packet)
        assert (found.camera, found.remarks) == (crop(200, 100, 50, 25), ())

    def test_in_pixels_of_the_files_scale(self, read: Any) -> None:
        packet = xmp("GPano", part((8000, 4000), (4000, 2000), (2000, 1000)))
        assert read((100, 50), packet=packet).camera == crop(200, 100, 50, 25)

    def test_only_above_and_below(self, read: Any) -> None:
        packet = xmp("GPano", part((400, 200), (400, 120), (0, 60)))
        assert read((400, 120), packet=packet).camera == crop(400, 200, 0, 60)

    @pytest.mark.parametrize(
        "values",
        [
            {"ProjectionType": "equirectangular"},
            {"ProjectionType": "Equirectangular"},
            part((400, 200), (400, 200)),
            part((8000, 4000), (8000, 4000), None),
            {"FullPanoWidthPixels": "400", "FullPanoHeightPixels": "200"},
        ],
    )
    def test_the_whole_is_no_part(self, read: Any, values: dict[str, Any]) -> None:
        found = read((400, 200), packet=xmp("GPano", values))
        assert (found.camera, found.remarks) == (SPHERE, ())

    @pytest.mark.parametrize(
        ("size", "values"),
        [
            ((400, 120), {"ProjectionType": "equirectangular"}),
            ((400, 120), part((400, 200), (400, 200))),  # cut by a program that knows no GPano
            ((100, 50), part((200, 100), (100, 50), None)),
            ((100, 50), part((200, 100), (100, 50), (150, 25))),
            ((100, 50), part((200, 100), (100, 50), (102, 25))),
            ((100, 50), part((10**9, 5 * 10**8), (100, 50), (50, 25))),
            ((100, 50), part((200, 100), (100, 50), (50, -10))),
            ((100, 50), part((200, 200), (100, 50), (50, 25))),
            ((100, 50), part((0, 0), (100, 50), (50, 25))),
            ((100, 50), part((50, 25), (100, 50))),
            ((100, 50), {**part((200, 100), (100, 50), (50, 25)), "FullPanoWidthPixels": "wide"}),
            ((100, 40), {"ProjectionType": "equirectangular", "FullPanoWidthPixels": "200"}),
        ],
    )
    def test_one_without_a_place_has_no_camera_and_that_is_said(
        self, read: Any, size: tuple[int, int], values: dict[str, Any]
    ) -> None:
        found = read(size, {FOCAL_35MM: short(24)}, packet=xmp("GPano", values))
        assert (found.camera, found.remarks) == (None, (Remark.BAD_CROP,))

    @pytest.mark.parametrize("kind", ["cylindrical", "fisheye", "cubemap"])
    def test_another_projection_has_no_camera_and_that_is_said(self, read: Any, kind: str) -> None:
        found = read((400, 200), {FOCAL_35MM: short(24)}, packet=xmp("GPano", {"ProjectionType": kind}))
        assert (found.camera, found.remarks) == (None, (Remark.UNKNOWN_PROJECTION,))

    def test_a_pose_alone_makes_no_panorama(self, read: Any) -> None:
        packet = xmp("GPano", {"PoseHeadingDegrees": "10"})
        assert focal(read(photo={FOCAL_35MM: short(24)}, packet=packet)) == 240.0
