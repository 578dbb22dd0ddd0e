"""What steps are let into, as root, whatever the umask; an ordinary user's folders stay as his umask wants them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.record.permissions import let_in, let_in_below, make_folder
from coordinator.service.store import Store


@pytest.fixture(autouse=True)
def strict() -> Iterator[None]:
    """The strictest umask that servers have."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.usefixtures("as_root")
class TestAsRoot:
    def test_a_folder_and_all_that_were_missing_above_it(self, tmp_path: Path) -> None:
        closed = tmp_path / "closed"
        closed.mkdir()
        make_folder(closed / "a" / "b")
        assert (mode(closed), mode(closed / "a"), mode(closed / "a" / "b")) == (0o700, 0o755, 0o755)

    def test_a_folder_that_was_there_is_opened(self, tmp_path: Path) -> None:
        (tmp_path / "old").mkdir()
        make_folder(tmp_path / "old")
        assert mode(tmp_path / "old") == 0o755

    def test_a_file_is_read_and_not_written(self, tmp_path: Path) -> None:
        (tmp_path / "a.jpg").touch()
        let_in(tmp_path / "a.jpg")
        assert mode(tmp_path / "a.jpg") == 0o644

    def test_what_is_open_wider_stays_so(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o1777)
        let_in(tmp_path)
        assert mode(tmp_path) == 0o1777

    def test_what_a_step_left_is_opened(self, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        (tmp_path / "inner" / "a.jpg").touch()
        for path in (tmp_path / "inner", tmp_path / "inner" / "a.jpg"):
            let_in_below(path, tmp_path)
        assert (mode(tmp_path / "inner"), mode(tmp_path / "inner" / "a.jpg")) == (0o755, 0o644)

    def test_the_image_services_folders_that_its_workers_have(self, tmp_path: Path) -> None:
        store = Store(tmp_path / "data")
        store.create()
        assert (mode(store.uploads), mode(store.work), mode(store.static)) == (0o755, 0o755, 0o700)

    def test_a_link_opens_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "secret").touch()
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "link").symlink_to(tmp_path / "secret")
        let_in_below(tmp_path / "work" / "link", tmp_path / "work")
        assert mode(tmp_path / "secret") == 0o600

    def test_a_folder_exchanged_for_a_link_opens_nothing(self, tmp_path: Path) -> None:
        """A step may do this between the look at its folder and the change."""
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc" / "secret").touch()
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "inner").symlink_to(tmp_path / "etc")
        let_in_below(tmp_path / "work" / "inner" / "secret", tmp_path / "work")
        assert mode(tmp_path / "etc" / "secret") == 0o600


def test_an_ordinary_users_folders_are_his_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    make_folder(tmp_path / "a" / "b")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)
