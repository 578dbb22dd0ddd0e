"""A node's cache of images, with real files and a real server: what is kept, what goes, what is asked again."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.contract import ErrorKind, TaskError
from coordinator.core.tasks import RemoteImage
from coordinator.runners import cacheroom
from coordinator.runners.imagecache import ImageCache
from tests.imageserver import Served, serving

MIB = 1024**2
NEVER = threading.Event()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as found:
        yield found


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Callable[..., ImageCache]]:
    """Opens caches in one folder, as processes of one node do."""
    opened: list[ImageCache] = []

    def make(limit: int = 10 * MIB, run: str = "run") -> ImageCache:
        opened.append(ImageCache(tmp_path / "cache", limit, run))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def image(served: Served, name: str, size: int = MIB, tag: str | None = None) -> RemoteImage:
    """An image of so many bytes, which the server has from now on."""
    served.bodies[f"/{name}"] = os.urandom(16) + bytes(size - 16)
    return RemoteImage(path=f"/work/fetch/{name}/image.jpg", url=served.url(name), tag=tag)


def kept(folder: Path) -> int:
    """Bytes of all images in a cache, each once, those that are coming among them."""
    paths = (path for name in ("objects", "views") for path in (folder / name).rglob("*"))
    states = {path.stat().st_ino: path.stat() for path in paths if path.is_file() and path.suffix != ".json"}
    return sum(state.st_size for state in states.values())


def test_an_image_lies_where_steps_find_it_as_long_as_a_task_needs_it(
    served: Served, cache: Callable[..., ImageCache]
) -> None:
    one, found = cache(), image(served, "a")
    stamp = one.bring(found, NEVER)
    seen = one.view / "a" / "image.jpg"
    assert seen.read_bytes() == served.bodies["/a"]
    assert one.bring(found, NEVER) == stamp  # a second task
    one.let_go(found.path)
    assert seen.exists()
    one.let_go(found.path)
    assert not seen.exists()
    assert one.bring(found, NEVER) == stamp
    assert served.codes("a") == [200]


def test_another_run_asks_whether_it_is_the_same(served: Served, cache: Callable[..., ImageCache]) -> None:
    found = image(served, "a")
    first = cache(run="one").bring(found, NEVER)
    assert cache(run="two").bring(found, NEVER) == first
    assert served.codes("a") == [200, 304]
    assert cache(run="two").bring(found, NEVER) == first
    assert served.codes("a") == [200, 304]
    image(served, "a")
    third = cache(run="three")
    assert third.bring(found, NEVER) != first
    assert (third.view / "a" / "image.jpg").read_bytes() == served.bodies["/a"]


def test_a_server_without_tags_is_asked_for_all_of_it(
    served: Served, cache: Callable[..., ImageCache]
) -> None:
    served.tagged = False
    found = image(served, "a")
    assert cache(run="one").bring(found, NEVER) == cache(run="two").bring(found, NEVER)
    assert served.codes("a") == [200, 200]


def test_what_the_batch_says_of_an_image_need_not_be_asked(
    served: Served, cache: Callable[..., ImageCache]
) -> None:
    found = image(served, "a", tag="v1")
    cache(run="one").bring(found, NEVER)
    cache(run="two").bring(found, NEVER)
    assert served.codes("a") == [200]
    cache(run="two").bring(RemoteImage(path=found.path, url=found.url, tag="v2"), NEVER)
    assert served.codes("a") == [200, 200]


def test_what_was_not_used_for_the_longest_time_makes_room(
    served: Served, cache: Callable[..., ImageCache], tmp_path: Path
) -> None:
    one = cache(limit=4 * MIB)
    images = [image(served, f"i{number}") for number in range(8)]
    for found in images:
        assert isinstance(one.bring(found, NEVER), str)
        one.let_go(found.path)
        one.bring(images[0], NEVER)
        one.let_go(images[0].path)
        assert kept(tmp_path / "cache") <= 4 * MIB
    assert served.codes("i0") == [200]
    one.bring(images[1], NEVER)
    assert served.codes("i1") == [200, 200]
    assert one.excess() is None


def test_what_tasks_use_stays_even_if_it_is_too_much(
    served: Served, cache: Callable[..., ImageCache], tmp_path: Path
) -> None:
    one, other = cache(limit=2 * MIB), cache(limit=2 * MIB)
    images = [image(served, f"i{number}") for number in range(4)]
    for found in images:
        one.bring(found, NEVER)
        assert (one.view / Path(found.path).relative_to("/work/fetch")).exists()
    told = one.excess()
    assert told is not None
    assert "may hold 2,097,152 bytes, and tasks use 4,194,304" in told
    assert one.excess() is None
    for found in images:
        one.let_go(found.path)
    other.bring(image(served, "last"), NEVER)
    assert kept(tmp_path / "cache") <= 2 * MIB


def test_the_bound_holds_for_several_that_fetch_at_once(
    served: Served, cache: Callable[..., ImageCache], tmp_path: Path
) -> None:
    limit = 6 * MIB
    caches = [cache(limit=limit) for _ in range(3)]
    images = [image(served, f"i{number}", size=MIB // 2) for number in range(40)]
    most: list[int] = []

    def use(number: int) -> None:
        one, found = caches[number % 3], images[number % 40]
        assert isinstance(one.bring(found, NEVER), str)
        assert (one.view / Path(found.path).relative_to("/work/fetch")).read_bytes() == served.bodies[
            f"/i{number % 40}"
        ]
        most.append(sum(state.st_size for _, state in cacheroom._files(tmp_path / "cache/objects")))
        one.let_go(found.path)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(use, range(160)))
    assert max(most) <= limit + 40 * 300  # beside the notes


def test_two_that_want_one_image_get_it_once(served: Served, cache: Callable[..., ImageCache]) -> None:
    found = image(served, "a")
    served.held.add("/a")
    caches = [cache(), cache(), cache()]
    with ThreadPoolExecutor(6) as pool:
        coming = [pool.submit(one.bring, found, NEVER) for one in caches * 2]
        served.go.set()
        assert len({one.result() for one in coming}) == 1
    assert served.codes("a") == [200]


def test_what_cannot_be_brought_leaves_nothing(
    served: Served, cache: Callable[..., ImageCache], tmp_path: Path
) -> None:
    one, cut = cache(), image(served, "cut")
    served.cut.add("/cut")
    gone = RemoteImage(path="/work/fetch/gone/image.jpg", url=served.url("gone"))
    short = RemoteImage(path="/work/fetch/short/image.jpg", url=cut.url.replace("cut", "short"), size=7)
    served.bodies["/short"] = b"something"
    kinds = {}
    for found in (cut, gone, short):
        came = one.bring(found, NEVER)
        assert isinstance(came, TaskError)
        kinds[found.path.split("/")[3]] = (came.kind, came.message)
    assert kinds["cut"][0] is ErrorKind.INTERNAL
    assert "524288 of 1048576 bytes arrived" in kinds["cut"][1]
    assert kinds["gone"][0] is kinds["short"][0] is ErrorKind.BAD_INPUT
    assert "404" in kinds["gone"][1]
    assert "9 bytes came, and the batch says 7" in kinds["short"][1]
    assert kept(tmp_path / "cache") == 0


def test_who_is_cancelled_waits_for_nobody(served: Served, cache: Callable[..., ImageCache]) -> None:
    found, cancelled = image(served, "a"), threading.Event()
    served.held.add("/a")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache().bring, found, NEVER)
        while not served.asked:
            pass
        second = pool.submit(cache().bring, found, cancelled)
        cancelled.set()
        came = second.result()
        assert isinstance(came, TaskError)
        assert came.kind is ErrorKind.CANCELLED
        served.go.set()
        assert isinstance(first.result(), str)


def test_a_full_disk_is_told_by_the_folder(
    served: Served, cache: Callable[..., ImageCache], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, old = cache(), image(served, "old")
    one.bring(old, NEVER)
    one.let_go(old.path)

    def full(target: object, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cacheroom, "_enlarge", full)
    came = one.bring(image(served, "a"), NEVER)
    assert isinstance(came, TaskError)
    assert came.kind is ErrorKind.INTERNAL
    assert f"no space left for the image cache: '{tmp_path / 'cache'}'" in came.message
    assert not list((tmp_path / "cache/objects").rglob("*.json"))  # what nobody used made room first


def test_what_the_dead_have_left_goes(
    served: Served, cache: Callable[..., ImageCache], tmp_path: Path
) -> None:
    found = image(served, "a")
    program = (
        "import sys, os, pathlib, threading\n"
        "from coordinator.runners.imagecache import ImageCache\n"
        "from coordinator.core.tasks import RemoteImage\n"
        "cache = ImageCache(pathlib.Path(sys.argv[1]), 10**9, 'run')\n"
        "print(cache.bring(RemoteImage(path=sys.argv[2], url=sys.argv[3]), threading.Event()))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    folder = tmp_path / "cache"
    subprocess.run([sys.executable, "-c", program, folder, found.path, found.url], check=False)
    assert len(list((folder / "views").iterdir())) == 1
    with closing(ImageCache(folder, MIB, "run")) as one:
        assert [path.name for path in (folder / "views").iterdir()] == [one._view.name]
        one.bring(image(served, "b"), NEVER)
        assert len(list((folder / "objects").rglob("*.json"))) == 1  # nobody uses the first any more


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        ImageCache(tmp_path / "file", MIB, "run")
