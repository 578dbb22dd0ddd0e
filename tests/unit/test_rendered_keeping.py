"""What is kept of pictures, and what is known of sources: on real files, without HTTP."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.service.photographs import Photograph, examine
from coordinator.service.rasters import Buffer
from coordinator.service.refusal import Refused
from coordinator.service.rendered.conditions import http_date
from coordinator.service.rendered.fetching import Fetched, Fetcher
from coordinator.service.rendered.prefixes import Allowed
from coordinator.service.rendered.shelf import Shelf
from coordinator.service.rendered.sources import Changed, Sources
from tests.unit.builders import write_png
from tests.unit.pictures import encoded, segment

BLOCK = 4096


class Folder:
    """A shelf with room for so many blocks, beside a folder of new files."""

    def __init__(self, folder: Path, blocks: int) -> None:
        self.path, self._new = folder / "shelf", folder / "new"
        self.path.mkdir(exist_ok=True)
        self.shelf = Shelf(self.path, blocks * BLOCK)
        self.shelf.start()

    def put(self, name: str, age: int, blocks: int = 1) -> None:
        """Puts a file that was used last so many seconds ago."""
        self._new.write_bytes(os.urandom(blocks * BLOCK))
        os.utime(self._new, (1e9 - age, 1e9 - age))
        self.shelf.put(self._new, name)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.path.iterdir())


class TestShelf:
    def test_the_oldest_go_and_what_was_used_stays(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path, blocks=10)
        for number in range(10):
            folder.put(f"{number}", age=100 - number)
        assert len(folder.names()) == 10
        assert folder.shelf.open("0") is not None
        folder.put("new", age=0)
        assert folder.names() == ["0", "3", "4", "5", "6", "7", "8", "9", "new"]
        assert folder.shelf.size == 9 * BLOCK

    def test_one_that_is_larger_than_all_room_stays_until_the_next(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path, blocks=2)
        folder.put("small", age=9)
        folder.put("large", age=99, blocks=5)
        assert folder.names() == ["large"]
        folder.put("next", age=0)
        assert folder.names() == ["next"]

    def test_what_was_put_there_can_be_read_by_all_who_waited_whatever_comes_next(
        self, tmp_path: Path
    ) -> None:
        folder = Folder(tmp_path, blocks=1)
        new = tmp_path / "picture"
        new.write_bytes(content := os.urandom(80 * BLOCK))
        kept = folder.shelf.put(new, "large")
        for number in range(3):
            folder.put(f"{number}", age=0)
        assert "large" not in folder.names()
        assert [b"".join(kept.pieces()) for _ in range(2)] == [content] * 2
        opened = Path(f"/proc/self/fd/{kept.descriptor}")
        assert opened.exists()
        del kept
        assert not opened.exists()

    def test_it_survives_a_restart_and_halves_do_not(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path, blocks=3)
        for number in range(3):
            folder.put(f"{number}", age=number)
        folder.shelf.aside("half").write_bytes(bytes(BLOCK))
        again = Folder(tmp_path, blocks=3)
        assert again.names() == ["0", "1", "2"]
        assert again.shelf.size == 3 * BLOCK
        assert Folder(tmp_path, blocks=1).names() == ["0"] or again.names() == []

    def test_what_is_being_written_is_not_taken_for_old(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path, blocks=1)
        aside = folder.shelf.aside("half")
        aside.write_bytes(bytes(9 * BLOCK))
        os.utime(aside, (1, 1))
        folder.put("a", age=0)
        folder.put("b", age=0)
        assert aside.name in folder.names()

    def test_what_is_not_there(self, tmp_path: Path) -> None:
        folder = Folder(tmp_path, blocks=1)
        assert folder.shelf.open("nothing") is None
        assert not folder.shelf.link("nothing", tmp_path / "target")

    def test_a_link_is_not_put_there(self, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to("/etc/hostname")
        with pytest.raises(ValueError, match="is no file"):
            Folder(tmp_path, blocks=1).shelf.put(link, "a")


class FakeFetcher(Fetcher):
    """The web, as far as sources see it: what is there is what the test has put there."""

    def __init__(self) -> None:
        super().__init__(Allowed(()), most_bytes=1, seconds=1)
        self.content, self.tag = b"", ""
        self.modified: str | None = None
        self.asked: list[str | None] = []

    def fetch(self, url: str, into: Path, known: Fetched | None = None) -> Fetched | None:
        self.asked.append(known.tag if known else None)
        if known and known.tag == self.tag:
            return None
        into.write_bytes(self.content)
        return Fetched(digest=self.tag * 4, tag=self.tag, modified=self.modified)


class Here:
    """Sources in a folder and on the web."""

    def __init__(self, folder: Path) -> None:
        self.images = folder / "images"
        self.shelf = Shelf(folder / "shelf", 10**6)
        (folder / "shelf").mkdir()
        self.web = FakeFetcher()
        self.sources = Sources(self.images, self.web, self.shelf, most_bytes=10**5, most_pixels=10_000)
        self.target = folder / "target"

    def write(self, name: str, width: int = 8, height: int = 4, age: float = 100.0) -> bytes:
        path = write_png(self.images / name, width, height)
        if age:
            stamp = path.stat().st_mtime - age
            os.utime(path, (stamp, stamp))
        return path.read_bytes()


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


class TestImagesOfTheFolder:
    def test_one_that_has_not_changed_is_known(self, here: Here) -> None:
        content = here.write("a b.png")
        assert here.sources.known("a b.png") is None
        seen = here.sources.look("a b.png")
        assert here.sources.known("a b.png") == seen
        assert (seen.photograph.width, seen.photograph.suffix) == (8, ".png")
        here.sources.lay("a b.png", seen, here.target)
        assert here.target.read_bytes() == content

    def test_one_that_has_changed_is_not_and_the_same_again_has_the_same_digest(self, here: Here) -> None:
        here.write("a.png")
        before = here.sources.look("a.png")
        here.write("a.png", width=9)
        assert here.sources.known("a.png") is None
        with pytest.raises(Changed):
            here.sources.lay("a.png", before, here.target)
        assert here.sources.look("a.png").digest != before.digest
        here.write("a.png", age=50)
        assert here.sources.look("a.png").digest == before.digest

    def test_it_is_known_by_all_its_names_and_remembered_in_few_bytes(self, here: Here) -> None:
        parts = encoded("JPEG")
        here.images.mkdir()
        path = here.images / "a.jpg"
        path.write_bytes(parts[:2] + segment(0xFE, b"") * 1000 + parts[2:])
        os.utime(path, (1e9, 1e9))
        seen = here.sources.look("a.jpg")
        assert here.sources.known("./" * 1000 + "a.jpg") == seen
        assert seen.photograph.parts == ()
        (here.images / "b.jpg").symlink_to("a.jpg")
        here.sources.look("b.jpg")
        assert len(here.sources._images._remembered._known) == 1

    def test_one_that_is_young_is_looked_at_again(self, here: Here) -> None:
        here.write("a.png", age=0)
        here.sources.look("a.png")
        assert here.sources.known("a.png") is None

    @pytest.mark.parametrize(
        ("name", "status"),
        [
            ("../out.png", 404), ("/etc/passwd", 404), ("none.png", 404), ("", 404), (".", 404), ("link.png", 404),
            ("{images}/a.png", 404), ("../images/a.png", 404), ("inner/../a.png", 404), ("..", 404),
            ("pipe", 404), ("a.png/x", 404), ("x" * 5000, 404), ("a\0b", 404), ("large.png", 413), ("text.png", 422),
            ("many.png", 413), ("empty.png", 422), ("loop", 404),
        ],
    )  # fmt: skip
    def test_what_is_no_image_there(self, here: Here, name: str, status: int) -> None:
        here.write("a.png")
        here.write("many.png", width=1000, height=1000)
        (here.images.parent / "out.png").write_bytes((here.images / "a.png").read_bytes())
        (here.images / "large.png").write_bytes(bytes(10**5 + 1))
        (here.images / "text.png").write_bytes(b"text")
        (here.images / "empty.png").touch()
        (here.images / "link.png").symlink_to("../out.png")
        (here.images / "loop").symlink_to("loop")
        os.mkfifo(here.images / "pipe")
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                here.sources.look(name.format(images=here.images))
            assert (refused.value.field, refused.value.status) == ("source", status)
            if status == 404:
                assert refused.value.message == "names no image that can be read below the operator's folder"

    def test_one_that_is_cut_short_while_it_is_looked_at(
        self, here: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = here.write("a.png")
        looks = []

        def cut_and_examine(data: Buffer, *arguments: Any) -> Photograph:
            os.truncate(here.images / "a.png", 0)
            looks.append(data[:])  # of a file that is mapped, this would be the end of all tests
            return examine(data, *arguments)

        monkeypatch.setattr("coordinator.service.rendered.sources.examine", cut_and_examine)
        seen = here.sources.look("a.png")
        assert looks == [content]
        with pytest.raises(Changed):
            here.sources.lay("a.png", seen, here.target)

    def test_one_that_is_being_written(self, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
        here.write("a.png")
        stamps = map(str, range(100))
        monkeypatch.setattr("coordinator.service.rendered.sources._stamp", lambda _: next(stamps))
        with pytest.raises(Refused, match="is being written") as refused:
            here.sources.look("a.png")
        assert (refused.value.status, refused.value.retry_after) == (503, 1)

    def test_one_that_grows_beyond_the_limit_meanwhile(
        self, here: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here.write("a.png")
        state = (here.images / "a.png").stat()
        (here.images / "a.png").write_bytes(bytes(10**5 + 1))
        monkeypatch.setattr("coordinator.service.folder.os.fstat", lambda _: state)
        with pytest.raises(Refused, match="is larger than 100,000 bytes"):
            here.sources.look("a.png")

    def test_a_service_without_files_says_nothing_of_the_image(
        self, here: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here.write("a.png")

        def fail(*_: Any) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        monkeypatch.setattr("coordinator.service.folder.os.open", fail)
        with pytest.raises(OSError, match="Too many open files"):
            here.sources.look("a.png")

    def test_without_a_folder_the_operator_is_named(self, here: Here) -> None:
        sources = Sources(None, here.web, here.shelf, most_bytes=1, most_pixels=1)
        with pytest.raises(
            Refused, match="takes no images by path; its operator names their folder by --images"
        ):
            sources.look("a.png")


class TestImagesOfTheWeb:
    URL = "https://h.example/a.png"

    def put(self, here: Here, tag: str, width: int) -> bytes:
        here.web.content, here.web.tag = write_png(here.images / "sent.png", width, 4).read_bytes(), tag
        return here.web.content

    def test_it_is_asked_for_again_after_a_while_and_sent_only_if_it_changed(
        self, here: Here, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [1000.0]
        monkeypatch.setattr("coordinator.service.rendered.sources.time.monotonic", lambda: clock[0])
        content = self.put(here, "1", 8)
        seen = here.sources.look(self.URL)
        assert here.sources.known(self.URL) == seen
        clock[0] += 61
        assert here.sources.known(self.URL) is None
        assert here.sources.look(self.URL) == seen
        assert here.sources.known(self.URL) == seen
        here.sources.lay(self.URL, seen, here.target)
        assert here.target.read_bytes() == content
        self.put(here, "2", 9)
        clock[0] += 61
        assert here.sources.look(self.URL).photograph.width == 9
        assert here.web.asked == [None, "1", "1"]

    def test_one_that_had_to_make_room_is_fetched_again(self, here: Here) -> None:
        self.put(here, "1", 8)
        seen = here.sources.look(self.URL)
        for path in (here.images.parent / "shelf").iterdir():
            path.unlink()
        here.sources.lay(self.URL, seen, laid := here.images / "laid")  # whoever waited for it has it
        assert laid.read_bytes() == here.web.content
        known = here.sources.known(self.URL)
        assert known is not None
        with pytest.raises(Changed):
            here.sources.lay(self.URL, known, here.target)
        assert here.sources.known(self.URL) is None
        here.sources.look(self.URL)
        here.sources.lay(self.URL, seen, here.target)
        assert here.web.asked == [None, None]

    @pytest.mark.parametrize(
        ("told", "date"),
        [
            ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("x" * 5000, None),
            (None, None),
        ],
    )
    def test_when_it_changed_is_told_as_a_date_or_not_at_all(
        self, here: Here, told: str | None, date: str | None
    ) -> None:
        self.put(here, "1", 8)
        here.web.modified = told
        assert here.sources.look(self.URL).modified == date

    @given(
        st.text(max_size=60)
        | st.from_regex(r"(\w{3}, )?[0-9]{1,3}[ -]\w{3}[ -][0-9]{1,9} [0-9:]{1,9} [+-]?\w{1,5}")
    )
    def test_no_word_for_a_date_makes_it_fail(self, told: str) -> None:
        date = http_date(told)
        assert date is None or http_date(date) == date

    def test_what_is_no_image_is_not_kept(self, here: Here) -> None:
        here.web.content, here.web.tag = b"<html>", "1"
        with pytest.raises(Refused, match="is neither a JPEG nor a PNG"):
            here.sources.look(self.URL)
        assert not list((here.images.parent / "shelf").iterdir())
