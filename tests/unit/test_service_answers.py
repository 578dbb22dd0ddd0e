"""What clients meet besides a job's document: the form of answers, names, links and the zip of all results."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from coordinator.service.answers import prefers_json
from coordinator.service.bundle import zipped
from coordinator.service.disposition import field_and_name
from coordinator.service.naming import link, stems


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("application/json, */*", True),
        ("*/*, application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/plain, application/json, */*", False),
        ("application/json;q=0.5, */*", False),
        ("application/json;q=0", False),
        ("text/*, application/json", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
    ],
)
def test_the_form_that_a_client_asks_for(accept: str, is_json: bool) -> None:
    assert prefers_json(accept) is is_json


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("", None),
        ('; filename="a.jpg"', "a.jpg"),
        ('; filename=""', ""),
        ('; filename="日本.jpg"', "日本.jpg"),
        ("; filename*=UTF-8''na%C3%AFve%20%E6%97%A5.jpg", "naïve 日.jpg"),
        ("; filename*=utf-8'en'a%2Fb.jpg", "a/b.jpg"),
        ("; filename*=iso-8859-1''%A3.jpg", "£.jpg"),
        ("; filename=\"plain.jpg\"; filename*=UTF-8''b%C3%A9.jpg", "bé.jpg"),
        ("; filename*=UTF-8''b%C3%A9.jpg; filename=\"plain.jpg\"", "bé.jpg"),
        ("; filename*=UTF-8''half%E6%97.jpg", "half\ufffd.jpg"),
        ("; filename*=\"UTF-8''b%C3%A9.jpg\"; size=1", "bé.jpg"),
        ("; filename*=KOI8-R''a.jpg", None),
        ("; filename=\"plain.jpg\"; filename*=KOI8-R''a.jpg", "plain.jpg"),
        ("; filename=\"a; filename*=UTF-8''b\"", "a; filename*=UTF-8''b"),
    ],
)
def test_the_name_of_a_file(options: str, name: str | None) -> None:
    assert field_and_name(f'form-data; name="files"{options}'.encode()) == ("files", name)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("日本の写真.jpg", "日本の写真"),
        ("Фото № 1.png", "Фото_1"),
        ("صورة.webp", "صورة"),
        ("हिन्दी.gif", "हिन्दी"),
        ("e\u0301te.avif", "\u00e9te"),
        ("\u202egnp.exe.jpg", "_gnp.exe"),
        ("zero\u200bwidth.jpg", "zero_width"),
        ("\U0001f600.jpg", "_"),
    ],
)
def test_letters_of_all_scripts_stay(name: str, stem: str) -> None:
    assert stems([name]) == (stem,)


def test_names_that_a_file_system_takes_for_one_are_told_apart() -> None:
    assert stems(["ﬁne.jpg", "fine.jpg", "STRASSE", "straße", "É", "e\u0301"]) == (
        "ﬁne", "fine_2", "STRASSE", "straße_2", "É", "é_2",
    )  # fmt: skip


def test_a_name_has_room_on_disk() -> None:
    (stem, other) = stems(["文" * 200 + ".jpg"] * 2)
    assert len(stem.encode()) <= 200
    assert other.endswith("_2")
    assert len(f"original~{other}.webp".encode()) < 255


def test_links_are_percent_encoded() -> None:
    assert link("static", "0f", "日#?%.jpg") == "/static/0f/%E6%97%A5%23%3F%25.jpg"


class TestZip:
    def test_it_holds_every_file_and_comes_in_pieces(self, tmp_path: Path) -> None:
        contents = {"a-0.jpg": b"\xff\xd8" * 300_000, "日本-0.png": b"", "c-0.jpg": b"c"}
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        pieces = list(zipped((name, tmp_path / name) for name in contents))
        assert len(pieces) > 3
        assert max(map(len, pieces)) < 300_000
        with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
            assert archive.testzip() is None
            assert {name: archive.read(name) for name in archive.namelist()} == contents

    def test_of_nothing_it_is_empty(self) -> None:
        with zipfile.ZipFile(io.BytesIO(b"".join(zipped([])))) as archive:
            assert archive.namelist() == []

    def test_a_file_that_is_gone_breaks_it_off(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            list(zipped([("a", tmp_path / "a")]))
