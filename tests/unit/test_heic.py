"""HEIC files: the service's look at their boxes, the worker's decoder and what is published agree."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.formats import isobmff
from coordinator.service.costs import Raster, estimate
from coordinator.service.photographs import Photograph, examine
from coordinator.service.privacy import make_public
from coordinator.service.rasters import raster
from coordinator.service.refusal import Refused
from steps.imaging import nclx, reading
from steps.stepkit import BadInput
from steps.stepkit.arrays import Pixels
from steps.stepkit.orientation import turned as as_exif_says
from tests.unit.builders import PROPERTY
from tests.unit.heicfiles import (
    FILES,
    SIDE,
    Item,
    alpha,
    box,
    cut,
    exif,
    grid,
    heic,
    mirrored,
    picture,
    size,
    turned,
)
from tests.unit.pictures import exif as exif_block
from tests.unit.pictures import scene
from tests.unit.profiles import SPACES, Space, difference

MANY = 100_000_000
HEIC = Photograph(suffix=".heic", width=SIDE, height=SIDE)
SCENE = scene(SIDE, SIDE)[..., ::-1]
CLOSE = 6
"""Steps of 8 bit that the encoder has changed at most."""
TURNS = {
    1: (), 2: (mirrored(1),), 3: (turned(2),), 4: (mirrored(0),), 5: (turned(3), mirrored(1)), 6: (turned(3),),
    7: (turned(3), mirrored(0)), 8: (turned(1),),
}  # fmt: skip
"""What says in boxes what EXIF's orientations say."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def taken(path: Path, data: bytes) -> Pixels:
    """The image that the worker reads, of the size that the service promised it."""
    path.write_bytes(data)
    found = examine(data, "files[0]", MANY)
    assert found.suffix == ".heic"
    return reading.read(str(path), (found.width, found.height))


def alike(one: Pixels, other: Pixels) -> bool:
    return one.shape == other.shape and int(np.abs(one.astype(int) - other).max()) <= CLOSE


class TestBothAgree:
    @pytest.mark.parametrize("orientation", TURNS)
    @pytest.mark.parametrize("told", [None, 1, 6])
    def test_boxes_turn_and_exif_does_not_turn_once_more(
        self, path: Path, orientation: int, told: int | None
    ) -> None:
        items = [picture("scene", *TURNS[orientation])]
        if told is not None:
            items.append(exif(exif_block(told)))
        assert alike(taken(path, heic(*items)), as_exif_says(SCENE, orientation))

    @pytest.mark.parametrize(
        ("properties", "rows", "columns"),
        [
            ((cut(40, 20),), slice(22, 42), slice(12, 52)),
            ((cut(41, 21, 3, 1),), slice(22, 43), slice(13, 54)),
            ((cut(40, 20, 100, 0),), slice(22, 42), slice(62, 64)),
            ((cut(100, 20),), slice(22, 42), slice(0, 64)),
        ],
    )
    def test_a_part_of_the_picture(
        self, path: Path, properties: tuple[bytes, ...], rows: slice, columns: slice
    ) -> None:
        assert alike(taken(path, heic(picture("scene", *properties))), SCENE[rows, columns])

    def test_transformations_have_an_order(self, path: Path) -> None:
        cut_first = taken(path, heic(picture("scene", cut(40, 20), turned(1))))
        turned_first = taken(path, heic(picture("scene", turned(1), cut(40, 20))))
        assert (cut_first.shape, turned_first.shape) == ((40, 20, 3), (20, 40, 3))

    @pytest.mark.parametrize("properties", [(), (turned(3),)])
    def test_a_grid_of_tiles_as_telephones_write_it(self, path: Path, properties: tuple[bytes, ...]) -> None:
        tiles = [picture()] * 6
        data = heic(*tiles, grid(180, 110, 3, 2, range(1, 7), *properties), exif(exif_block(6), 7), primary=7)
        expected = np.tile(SCENE, (2, 3, 1))[:110, :180]
        assert alike(taken(path, data), as_exif_says(expected, 6) if properties else expected)

    def test_ten_bit_are_read_in_eight(self, path: Path) -> None:
        found = taken(path, heic(picture("deep")))
        assert found.dtype == np.uint8
        assert alike(found, SCENE)

    def test_grey_stays_grey(self, path: Path) -> None:
        assert alike(taken(path, heic(picture("grey"))), SCENE[..., 2])

    @pytest.mark.parametrize("name", ["scene", "deep", "grey"])
    @pytest.mark.parametrize(
        "kind", [b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"]
    )
    def test_alpha(self, path: Path, name: str, kind: bytes) -> None:
        data = heic(picture(name), alpha(1, kind=kind))
        found = taken(path, data)
        colours = np.repeat(SCENE[..., 2:], 3, axis=2) if name == "grey" else SCENE
        assert alike(found, np.dstack([colours, SCENE[..., 2]]))
        assert raster(data, ".heic", SIDE, SIDE).samples == 4

    def test_colours_that_were_multiplied_by_alpha(self, path: Path) -> None:
        shown = replace(picture("grey"), refers=((b"prem", (2,)),))
        found = taken(path, heic(shown, alpha(1)))
        assert (found[:, 8:, :3] > 255 - 10).all()

    def test_of_several_pictures_the_primary_one(self, path: Path) -> None:
        items = picture(), picture("grey"), picture("scene", turned(1))
        assert taken(path, heic(*items, primary=2)).ndim == 2
        assert alike(taken(path, heic(*items, primary=3)), as_exif_says(SCENE, 8))

    def test_a_file_of_an_encoder_with_thumbnail_and_metadata(self, path: Path) -> None:
        found = taken(path, (FILES / "turned.heic").read_bytes())
        assert np.abs(found.astype(int) - as_exif_says(SCENE[:40], 6)).mean() < CLOSE

    @pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1", b"hevc"])
    def test_brands(self, path: Path, brand: bytes) -> None:
        assert alike(taken(path, heic(picture(), brand=brand)), SCENE)

    @pytest.mark.parametrize("trailer", [b"x", bytes(7), bytes(1000), b"SEFT" * 100, box(b"mpvd", bytes(64))])
    def test_behind_the_end_there_may_be_anything(self, path: Path, trailer: bytes) -> None:
        assert alike(taken(path, heic(picture()) + trailer), SCENE)

    @given(data=st.data())
    @PROPERTY
    def test_whatever_a_byte_is_changed_to(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        """No other exception of either, and an image only of the size that was promised."""
        whole = bytearray(heic(picture("scene", cut(40, 20), turned(1)), alpha(1), exif(exif_block(6))))
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
        path = tmp_path_factory.getbasetemp() / "changed.heic"
        path.write_bytes(whole)
        try:
            found = examine(bytes(whole), "files[0]", MANY)
            raster(bytes(whole), found.suffix, found.width, found.height)
            reading.read(str(path), (found.width, found.height))
            make_public(path, found, "files[0]")
        except (Refused, BadInput):
            pass


class TestRefused:
    @pytest.mark.parametrize("length", [60, 200, -20, -1])
    def test_cut_off(self, path: Path, length: int) -> None:
        path.write_bytes(heic(picture())[:length])
        with pytest.raises(Refused, match="is truncated"):
            examine(path.read_bytes(), "files[0]", MANY)
        with pytest.raises(BadInput, match=r"damaged header|cannot be decoded"):
            reading.read(str(path))

    @pytest.mark.parametrize(
        ("item", "message"),
        [
            (picture("scene", is_sized=False), "ispe"),
            (picture("scene", cut(40, 20, 400)), "outside of its picture"),
            (picture("scene", size(0, 64), is_sized=False), "ispe"),
        ],
    )
    def test_a_picture_without_a_size(self, path: Path, item: Item, message: str) -> None:
        path.write_bytes(heic(item))
        with pytest.raises(Refused, match=f"begins like a heic file, but .*{message}"):
            examine(path.read_bytes(), "files[0]", MANY)

    def test_a_primary_picture_that_is_not_there(self, path: Path) -> None:
        path.write_bytes(heic(picture(), primary=9))
        with pytest.raises(Refused, match="begins like a heic file, but its boxes are broken"):
            examine(path.read_bytes(), "files[0]", MANY)

    def test_names_over_which_the_decoder_would_fall(self, path: Path) -> None:
        path.write_bytes(heic(picture(), replace(exif(b"II"), kind=b"\xffxif")))
        with pytest.raises(Refused, match="no UTF-8"):
            examine(path.read_bytes(), "files[0]", MANY)

    def test_too_many_pixels(self, path: Path) -> None:
        path.write_bytes(heic(picture("scene", size(20_000, 10_000), is_sized=False)))
        with pytest.raises(Refused, match="has 20000x10000 pixels") as refused:
            examine(path.read_bytes(), "files[0]", MANY)
        assert refused.value.status == 413

    def test_a_picture_that_is_larger_than_it_says(self, path: Path) -> None:
        path.write_bytes(heic(picture("scene", size(32, 32), is_sized=False)))
        with pytest.raises(BadInput, match=r"cannot be decoded: .*does not have the size"):
            reading.read(str(path), (32, 32))

    def test_what_is_encoded_in_no_way_that_is_read(self, path: Path) -> None:
        path.write_bytes(heic(replace(picture(), kind=b"vvc1")))
        with pytest.raises(Refused, match="encoded as 'vvc1', which is not read"):
            examine(path.read_bytes(), "files[0]", MANY)
        with pytest.raises(BadInput, match="damaged header"):
            reading.read(str(path))

    def test_parts_that_take_no_room_are_not_counted_through(self) -> None:
        places = box(b"iloc", bytes([1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF]))
        with pytest.raises(ValueError, match="lie nowhere"):
            isobmff.items(box(b"meta", bytes(4), box(b"iinf", bytes(6)), places))


class TestColours:
    @pytest.mark.parametrize("name", SPACES)
    def test_by_profile(self, path: Path, name: str) -> None:
        space = SPACES[name]
        found = taken(path, heic(picture("scene", box(b"colr", b"prof", space.profile()))))
        plain = taken(path, heic(picture()))
        assert difference(found[..., ::-1], space.to_srgb(plain[..., ::-1].astype(float))).mean() < 1

    def test_by_number(self, path: Path) -> None:
        """Primaries of Display P3, and a transfer of gamma 2.2."""
        space = Space(SPACES["P3"].primaries, SPACES["P3"].white, 2.2)
        found = taken(path, heic(picture("scene", box(b"colr", b"nclx", bytes([0, 12, 0, 4, 0, 6, 0x80])))))
        plain = taken(path, heic(picture("scene", box(b"colr", b"nclx", bytes([0, 1, 0, 13, 0, 6, 0x80])))))
        assert difference(found[..., ::-1], space.to_srgb(plain[..., ::-1].astype(float))).mean() < 1

    @pytest.mark.parametrize("numbers", [(1, 13), (1, 1), (2, 2)])
    def test_those_of_srgb_change_nothing(self, numbers: tuple[int, int]) -> None:
        assert nclx.profile({"color_primaries": numbers[0], "transfer_characteristics": numbers[1]}) == b""

    def test_primaries_that_are_none_count_for_nothing(self) -> None:
        told = {
            f"color_primary_{name}_{axis}": 0.0 for name in ("red", "green", "blue", "white") for axis in "xy"
        }
        assert nclx.profile({"color_primaries": 9, "transfer_characteristics": 13, **told}) == b""


class TestPublished:
    def test_what_telephones_write_is_the_same_picture_without_its_place(self, path: Path) -> None:
        data = heic(
            *[picture()] * 4,
            grid(128, 128, 2, 2, range(1, 5), turned(3)),
            exif(b"Exif\0\0secret" * 9, 5),
            primary=5,
        )
        before = taken(path, data + box(b"mpvd", b"secret film"))
        assert make_public(path, HEIC, "files[0]")
        left = path.read_bytes()
        assert b"secret" not in left
        assert len(left) == len(data)
        assert np.array_equal(taken(path, left), before)

    def test_place_and_xmp_of_an_encoders_file(self, path: Path) -> None:
        data = (FILES / "turned.heic").read_bytes()
        before = taken(path, data)
        assert b"a name" in data
        assert make_public(path, HEIC, "files[0]")
        assert b"a name" not in path.read_bytes()
        assert np.array_equal(taken(path, path.read_bytes()), before)
        assert not make_public(path, HEIC, "files[0]")

    def test_one_without_stays_as_it_is(self, path: Path) -> None:
        path.write_bytes(heic(picture()))
        assert not make_public(path, HEIC, "files[0]")

    def test_a_film_in_between_is_overwritten(self, path: Path) -> None:
        film = box(b"uuid", b"secret film")
        made = heic(picture())
        at = made.index(b"mdat") - 4
        moved = bytearray(made[:at] + film + made[at:])
        where = moved.index(b"iloc") + 4 + 4 + 4 + 8
        moved[where : where + 4] = (int.from_bytes(moved[where : where + 4], "big") + len(film)).to_bytes(
            4, "big"
        )
        before = taken(path, bytes(moved))
        assert make_public(path, HEIC, "files[0]")
        assert b"secret" not in path.read_bytes()
        assert np.array_equal(taken(path, path.read_bytes()), before)

    @pytest.mark.parametrize("kind", [b"free", b"skip", b"uuid", b"mdat", b"moov"])
    def test_a_box_that_no_picture_needs_is_overwritten(self, path: Path, kind: bytes) -> None:
        made = heic(picture())
        told = box(b"udta", b"secret place") if kind == b"moov" else b"secret place"
        left = published(path, made + box(kind, told))
        assert left.startswith(made)
        assert b"secret" not in left

    @pytest.mark.parametrize("kind", [b"udta", b"free", b"xml "])
    def test_one_among_the_boxes_of_the_items(self, path: Path, kind: bytes) -> None:
        """The picture lies within them, so nothing moves."""
        made = heic(replace(picture(), within_meta=True))
        at, end = made.index(b"meta") - 4, made.index(b"mdat") - 4
        whole = (
            struct.pack(">I", end - at + 20) + made[at + 4 : end] + box(kind, b"secret place") + made[end:]
        )
        before = taken(path, made[:at] + whole)
        left = published(path, made[:at] + whole)
        assert b"secret" not in left
        assert len(left) == len(made) + 20
        assert np.array_equal(taken(path, left), before)

    @pytest.mark.parametrize("within_meta", [False, True])
    def test_what_lies_among_the_items_and_is_none(self, path: Path, within_meta: bool) -> None:
        other = Item(kind=b"gone", content=b"secret place", within_meta=within_meta)
        made = heic(replace(picture(), within_meta=within_meta), other)
        at = made.index(b"iloc") + 4 + 4 + 2 + 2 + 16 + 8  # the place and the length of the second item
        data = made[:at] + struct.pack(">II", 0, 1) + made[at + 8 :]
        before = taken(path, data)
        left = published(path, data)
        assert (b"secret" in left, len(left)) == (False, len(data))
        assert np.array_equal(taken(path, left), before)


def published(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    make_public(path, HEIC, "files[0]")
    return path.read_bytes()


def test_an_estimate_goes_by_the_file_and_its_pixels() -> None:
    """Measured: 0.0975 s for the first, which is noise, and 1.04 s for the other, which is one colour."""
    noise = raster_of(1200, 800, 1_407_853)
    plain = raster_of(12_000, 8_000, 22_082)
    assert 0.0975 < estimate(noise, (), "jpg").seconds < 0.25
    assert 1.04 < estimate(plain, (), "jpg").seconds < 10


def raster_of(width: int, height: int, length: int) -> Raster:
    made = heic(picture("scene", size(width, height), is_sized=False))
    return replace(raster(made, ".heic", width, height), file_bytes=length)
