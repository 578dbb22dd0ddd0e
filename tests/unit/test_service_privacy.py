"""Originals lose what tells of their makers, and nothing that is seen."""

from __future__ import annotations

import errno
import io
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from coordinator.formats import jpeg
from coordinator.service.photographs import Photograph, examine
from coordinator.service.privacy import in_public, make_public
from coordinator.service.publicexif import public
from coordinator.service.refusal import Refused
from steps.imaging import reading
from tests.unit.pictures import chunk, encoded, scene, segment, with_exif, with_scans
from tests.unit.pictures import exif as orientation_alone
from tests.unit.profiles import SPACES

SECRET = b"SN-4711-SECRET"
KINDS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "AVIF": ".avif"}
XMP = (
    b'<x:xmpmeta><rdf:Description exif:GPSLatitude="52,22.5N" aux:SerialNumber="'
    + SECRET
    + b'"/></x:xmpmeta>'
)


def told(orientation: int = 6) -> bytes:
    """An EXIF block, as TIFF bytes, with all that a camera writes."""
    block = Image.Exif()
    block[0x010F], block[0x0112], block[0x8298] = "a maker", orientation, "(c) somebody"
    block.get_ifd(ExifTags.IFD.Exif).update(
        {
            0x829A: 0.01,
            0x9003: "2026:01:02 03:04:05",
            0xA431: SECRET.decode(),
            0xA435: SECRET.decode(),
            0x927C: SECRET,
        }
    )
    block.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 22.0, 30.0), 3: "E", 4: (4.0, 53.0, 15.0)})
    return block.tobytes().removeprefix(b"Exif\0\0")


def seen(data: bytes, suffix: str) -> Photograph:
    parts = tuple(jpeg.parts(data)) if suffix == ".jpg" else ()
    return Photograph(suffix=suffix, width=1, height=1, parts=parts)


def published(path: Path, data: bytes, suffix: str) -> bytes:
    path.write_bytes(data)
    make_public(path, seen(data, suffix), "files[0]")
    found = path.read_bytes()
    assert found == in_public(data, seen(data, suffix), "files[0]")
    return found


def test_what_there_is_no_room_for_leaves_no_half(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(into: BinaryIO, *_: object) -> None:
        into.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    data = encoded("JPEG", comment=SECRET)
    path.write_bytes(data)
    monkeypatch.setattr("coordinator.service.privacy._write", fill)
    with pytest.raises(OSError, match="No space left"):
        make_public(path, seen(data, ".jpg"), "files[0]")
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == data


def size(data: bytes) -> tuple[int, int]:
    found = examine(data, "", 10_000)
    return found.width, found.height


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "original"


def tags(data: bytes) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    with Image.open(io.BytesIO(data)) as image:
        found = image.getexif()
        return dict(found), dict(found.get_ifd(ExifTags.IFD.Exif)), dict(found.get_ifd(ExifTags.IFD.GPSInfo))


@pytest.mark.parametrize("kind", KINDS)
class TestEveryFormat:
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_places_and_numbers_go_and_the_picture_stays(
        self, path: Path, kind: str, orientation: int
    ) -> None:
        profile = SPACES["P3"].profile()
        data = encoded(kind, exif=b"Exif\0\0" + told(orientation), icc_profile=profile, **xmp(kind))
        path.write_bytes(data)
        expected = reading.read(str(path))
        assert SECRET in data
        found = published(path, data, KINDS[kind])
        assert SECRET not in found
        assert b"GPSLatitude" not in found
        image, photo, gps = tags(found)
        assert (gps, image.get(0x0112, 1), image[0x010F], image[0x8298]) == (
            {},
            orientation,
            "a maker",
            "(c) somebody",
        )
        assert (photo[0x829A], photo[0x9003]) == (0.01, "2026:01:02 03:04:05")
        assert not photo.keys() & {0xA431, 0xA435, 0x927C}
        assert np.array_equal(reading.read(str(path)), expected)
        assert size(found) == size(data)

    def test_a_file_that_tells_nothing_is_left_alone(self, path: Path, kind: str) -> None:
        options = {} if kind == "AVIF" else {"exif": b"Exif\0\0" + orientation_alone(6)}
        data = encoded(kind, icc_profile=SPACES["P3"].profile(), **options)
        path.write_bytes(data)
        before = path.stat().st_ino
        make_public(path, seen(data, KINDS[kind]), "")
        assert (path.stat().st_ino, path.read_bytes()) == (before, data)

    def test_what_is_done_is_not_done_again(self, path: Path, kind: str) -> None:
        once = published(path, encoded(kind, exif=b"Exif\0\0" + told(), **xmp(kind)), KINDS[kind])
        if kind != "AVIF":  # there, blanks stay in place of what went
            assert published(path, once, KINDS[kind]) == once


def xmp(kind: str) -> dict[str, Any]:
    if kind != "PNG":
        return {"xmp": XMP}
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=False)
    info.add_text("Comment", SECRET.decode())
    return {"pnginfo": info}


class TestJpeg:
    @pytest.mark.parametrize(
        "behind",
        [SECRET, b"\0\0\0\x18ftypmp42" + SECRET, encoded("JPEG", scene(8, 6)) + SECRET],
        ids=["text", "film", "picture"],
    )
    def test_what_lies_behind_the_picture_goes(self, path: Path, behind: bytes) -> None:
        plain = encoded("JPEG")
        assert published(path, plain + behind, ".jpg") == plain

    @pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xE3, 0xE4, 0xEC, 0xED, 0xEF, 0xFE])
    def test_segments_of_any_kind_go(self, path: Path, marker: int) -> None:
        plain = encoded("JPEG")
        assert published(path, plain[:2] + segment(marker, SECRET) + plain[2:], ".jpg") == plain

    def test_a_thumbnail_in_the_first_segment_goes(self, path: Path) -> None:
        plain = encoded("JPEG")
        assert plain[2:4] == b"\xff\xe0"
        of_picture, behind = plain[6:18], plain[20:]
        thumbnail = segment(0xE0, of_picture + b"\4\3" + SECRET.ljust(36, b"\xff"))
        extension = segment(0xE0, b"JFXX\0\x13" + SECRET)
        assert published(path, plain[:2] + thumbnail + extension + behind, ".jpg") == plain
        assert published(path, plain, ".jpg") == plain

    def test_all_scans_and_tables_stay(self, path: Path) -> None:
        data = with_scans(20)
        assert published(path, data, ".jpg") == data
        assert published(path, data[:2] + segment(0xFE, SECRET) + data[2:], ".jpg") == data

    def test_inks_stay_inks(self, path: Path) -> None:
        data = encoded("JPEG", Image.fromarray(np.dstack([scene(), scene()[..., 0]]), "CMYK"), comment=SECRET)
        found = published(path, data, ".jpg")
        assert SECRET not in found
        path.write_bytes(data)
        expected = reading.read(str(path))
        path.write_bytes(found)
        assert np.array_equal(reading.read(str(path)), expected)

    def test_a_second_block_goes(self, path: Path) -> None:
        data = with_exif("JPEG", orientation_alone(6), with_exif("JPEG", told()))
        found = published(path, data, ".jpg")
        assert SECRET not in found
        assert tags(found)[0] == {0x0112: 6}


class TestAnimations:
    @pytest.mark.parametrize(
        ("kind", "suffix"), [("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".gif"), ("AVIF", ".avif")]
    )
    def test_they_go_on_moving(self, path: Path, kind: str, suffix: str) -> None:
        pictures = [Image.fromarray(np.roll(scene(), 7 * number, axis=1)) for number in range(3)]
        options: dict[str, Any] = {"exif": b"Exif\0\0" + told(1)}
        if kind == "GIF":
            options = {"comment": SECRET, "loop": 0}
        if kind == "AVIF":
            options = {"exif": b"Exif\0\0" + told(1), "xmp": XMP}
        data = encoded(kind, pictures[0], save_all=True, append_images=pictures[1:], **options)
        found = published(path, data, suffix)
        assert SECRET in data
        assert SECRET not in found
        frames = [
            [
                np.asarray(frame.convert("RGBA"))
                for frame in ImageSequence.Iterator(Image.open(io.BytesIO(one)))
            ]
            for one in (data, found)
        ]
        assert len(frames[0]) == len(frames[1]) == 3
        assert np.array_equal(frames[0], frames[1])
        assert kind != "GIF" or b"NETSCAPE2.0" in found


class TestBytesThatBelongToNothing:
    """What no reader of tags shows, but anybody finds who looks at the bytes."""

    PLACE = struct.pack("<4I", 47, 1, 22, 1) + SECRET

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_in_a_block_of_tags_that_all_may_see(self, path: Path, kind: str) -> None:
        found = published(path, with_exif(kind, orientation_alone(6) + self.PLACE), KINDS[kind])
        assert SECRET not in found
        assert tags(found)[0] == {0x0112: 6}

    @pytest.mark.parametrize("kind", [0, 99])
    def test_behind_a_tag_of_a_type_that_is_none(self, kind: int) -> None:
        entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x8825, kind, 1, 38)
        block = b"II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4) + self.PLACE
        assert SECRET not in public(block)
        assert orientation_of(public(block)) == 6

    def test_in_a_makers_note_that_says_that_it_is_longer(self) -> None:
        note = struct.pack("<HHII", 0x927C, 7, 5000, 38)
        photo = struct.pack("<H", 1) + note + bytes(4)
        leads = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x8769, 4, 1, 38)
        block = b"II*\0" + struct.pack("<IH", 8, 2) + leads + bytes(4) + photo + SECRET
        assert SECRET not in public(block)
        assert orientation_of(public(block)) == 6

    def test_in_a_big_tiff_all_is_hidden(self) -> None:
        assert public(b"II+\0" + told()[4:]) == b""

    def test_in_what_a_directory_hides(self) -> None:
        """A tag that stands there twice, and bytes behind a value that is shorter than its room."""
        once = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
        for entries in (once + once, once[:-2] + b"\xaa\xbb"):
            block = b"II*\0" + struct.pack("<IH", 8, len(entries) // 12) + entries + bytes(4)
            assert public(block) != block
            assert orientation_of(public(block)) == 6

    @pytest.mark.parametrize("order", ["<", ">"])
    def test_a_block_without_any_stays_as_it_is(self, order: str) -> None:
        block = orientation_alone(6, order=order)
        assert public(block) == block
        assert public(public(told())) == public(told())

    def test_in_the_segment_that_says_how_a_jpegs_colours_are_mixed(self, path: Path) -> None:
        plain = encoded("JPEG", Image.fromarray(np.dstack([scene(), scene()[..., 0]]), "CMYK"))
        at = plain.index(b"\xff\xee")
        content = plain[at + 4 : at + 16]
        data = plain[:at] + segment(0xEE, content + SECRET) + plain[at + 16 :]
        assert published(path, data, ".jpg") == plain
        assert published(path, plain, ".jpg") == plain

    @pytest.mark.parametrize("kind", [b"gAMA", b"bKGD", b"sRGB", b"acTL", b"pHYs", b"cICP"])
    def test_in_a_chunk_that_is_longer_than_any(self, path: Path, kind: bytes) -> None:
        plain = encoded("PNG")
        assert published(path, plain[:33] + chunk(kind, SECRET * 3) + plain[33:], ".png") == plain

    def test_in_a_gifs_extensions(self, path: Path) -> None:
        further = [Image.fromarray(scene()[::-1])]
        data = encoded("GIF", save_all=True, append_images=further, loop=3, duration=50)
        loop, shown = data.index(b"!\xff"), data.index(b"!\xf9")
        added = bytes([len(SECRET)]) + SECRET
        for at in (loop + 18, shown + 7):
            assert data[at] == 0
            assert published(path, data[:at] + added + data[at:], ".gif") == data
        other = data[: loop + 14] + added + data[loop + 18 :]
        assert published(path, other, ".gif") == data[:loop] + data[loop + 19 :]

    def test_between_a_gifs_blocks_and_no_picture_goes_with_it(self, path: Path) -> None:
        data = encoded("GIF", save_all=True, append_images=[Image.fromarray(scene()[::-1])], duration=50)
        shown = data.index(b"!\xf9", data.index(b"!\xf9") + 1)
        assert published(path, data[:shown] + b"\0astray" + data[shown:], ".gif") == data

    @pytest.mark.parametrize("length", range(0, 900, 29))
    def test_in_a_gif_that_breaks_off(self, path: Path, length: int) -> None:
        data = encoded("GIF", comment=SECRET, save_all=True, append_images=[Image.fromarray(scene()[::-1])])
        assert SECRET not in published(path, data[: 13 + length], ".gif")


def orientation_of(block: bytes) -> int:
    found = Image.Exif()
    found.load(block)
    return int(found[0x0112])


def test_text_in_a_png_goes_and_what_is_behind_it(path: Path) -> None:
    plain = encoded("PNG")
    data = plain[:33] + chunk(b"tEXt", b"Serial\0" + SECRET) + chunk(b"prVt", SECRET) + plain[33:] + SECRET
    assert published(path, data, ".png") == plain


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_that_cannot_be_read_go(path: Path, kind: str) -> None:
    broken = bytearray(told())
    broken[8:10] = b"\xff\xff"
    assert SECRET not in published(path, with_exif(kind, bytes(broken)), KINDS[kind])
    assert reading.read(str(path)).size


@pytest.mark.parametrize("damage", [b"meta", b"iloc", b"iinf"])
def test_an_avif_whose_metadata_are_not_found_is_refused(path: Path, damage: bytes) -> None:
    path.write_bytes(encoded("AVIF", exif=b"Exif\0\0" + told()).replace(damage, b"free"))
    with pytest.raises(Refused, match=r"has metadata that cannot be taken out .*; send it without"):
        make_public(path, seen(path.read_bytes(), ".avif"), "files[0]")


@pytest.mark.parametrize("length", range(0, 190, 7))
def test_a_block_that_breaks_off_tells_nothing_private(length: int) -> None:
    assert SECRET not in public(told()[:length])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_no_damage_breaks_it(path: Path, kind: str) -> None:
    whole = encoded(kind, exif=b"Exif\0\0" + told(), icc_profile=SPACES["P3"].profile())
    for at in range(12, len(whole), 9):
        published(path, whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :], KINDS[kind])
        published(path, whole[:at], KINDS[kind])
