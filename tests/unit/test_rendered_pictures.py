"""Pictures by URL over HTTP, with workers that are threads of the test: who gets what, and how often work is done."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinator.contract import ErrorKind
from coordinator.errors import UsageError
from coordinator.service.rendered.assembly import read_signing
from coordinator.service.rendered.shelf import Shelf
from coordinator.service.rendered.signing import signature
from coordinator.service.settings import read_settings
from tests.unit.builders import error, write_png
from tests.unit.pictureservice import SMALL, TOKEN, Service, signed
from tests.unit.test_service_manager import Shop
from tests.waiting import eventually


def of_bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "data")
    yield made
    made.gate.set()
    for manager, registry in zip(made.managers, made.registries, strict=True):
        manager.close()
        registry.close()


@pytest.fixture
def service(shop: Shop, tmp_path: Path) -> Iterator[Service]:
    made = Service(shop, tmp_path)
    yield made
    made.end()


class TestAPicture:
    def test_it_is_made_once_and_then_kept(self, service: Service) -> None:
        first, second = service.get(SMALL), service.get(SMALL)
        assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
        assert first.json()["operations"] == [["fit", "4x4"], ["write", "jpg"]]
        assert second.content == first.content
        assert int(first.headers["content-length"]) == len(first.content)
        assert first.headers["content-disposition"] == "inline; filename*=UTF-8''a.jpg"
        assert first.headers["x-content-type-options"] == "nosniff"
        assert first.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "sandbox" in first.headers["content-security-policy"]
        assert first.headers["last-modified"].endswith("GMT")
        assert len(service.tasks) == service.counted("miss") == service.counted("hit") == 1

    def test_nothing_of_it_is_among_jobs(self, service: Service) -> None:
        service.get(SMALL)
        assert service.shop.left() == []
        assert service.shop.registry.ids() == set()

    def test_a_client_that_has_it_is_told_so_without_work(self, service: Service) -> None:
        tag = service.get(SMALL).headers["etag"]
        again = service.get(SMALL, if_none_match=f'"other", W/{tag}')
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, max-age=3600"
        for path in service.shop.store.rendered.iterdir():
            path.unlink()
        assert service.get(SMALL, if_none_match=tag).status_code == 304
        assert len(service.tasks) == 1

    def test_a_tag_changes_with_source_work_and_output_and_with_nothing_else(self, service: Service) -> None:
        tag = service.get(SMALL).headers["etag"]
        others = {service.get(path).headers["etag"] for path in ("/plain/a.png@jpg", "/fit:4x4/plain/a.png")}
        os.utime(service.images / "a.png", (10**9, 10**9))
        assert service.get(SMALL).headers["etag"] == tag
        assert service.get("/expires:9999999999" + SMALL).headers["etag"] == tag
        write_png(service.images / "a.png", 20, 8)
        changed = service.get(SMALL)
        assert len({tag, changed.headers["etag"], *others}) == 4
        assert changed.json()["of"] == (service.images / "a.png").stat().st_size

    def test_it_survives_a_restart(self, shop: Shop, tmp_path: Path) -> None:
        before = Service(shop, tmp_path)
        first = before.get(SMALL)
        before.end()
        after = Service(shop, tmp_path)
        assert after.get(SMALL).content == first.content
        assert after.tasks == []
        after.end()

    def test_head_is_answered_as_get_is(self, service: Service) -> None:
        (head,) = service.ask(signed(SMALL), method="HEAD")
        got = service.get(SMALL)
        assert (head.status_code, head.content) == (200, b"")
        assert {**head.headers, "date": ""} == {**got.headers, "date": ""}

    @pytest.mark.parametrize(
        ("accept", "kind"),
        [("image/avif,image/webp,*/*", "image/webp"), ("*/*", "image/png"), ("", "image/png")],
    )
    def test_by_what_a_browser_takes_and_caches_know(self, service: Service, accept: str, kind: str) -> None:
        found = service.get("/plain/a.png@auto", accept=accept)
        assert (found.headers["content-type"], found.headers["vary"]) == (kind, "Accept")

    def test_a_quality_is_for_those_who_get_it_where_their_browser_chooses(self, service: Service) -> None:
        rest = "/quality:80/plain/a.png@auto"
        first, second = service.get(rest, accept="image/webp"), service.get(rest)
        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json()["operations"] == [["quality", 80], ["write", "webp"]]
        assert second.headers["etag"] == service.get("/plain/a.png@png").headers["etag"]
        assert service.get("/quality:80" + rest).json()["error"]["field"] == "operations[1]"

    def test_a_large_one_comes_in_pieces_and_whole(self, service: Service) -> None:
        service.get(SMALL)
        (kept,) = service.shop.store.rendered.iterdir()
        kept.write_bytes(content := os.urandom(10**6))
        found = service.get(SMALL)
        assert (found.content, found.headers["content-length"]) == (content, "1000000")

    def test_a_url_that_expires_is_not_kept_longer(self, service: Service) -> None:
        told = service.get("/expires:1/plain/a.png")
        assert (told.status_code, told.json()["error"]["field"]) == (410, "expires")
        assert told.headers["cache-control"] == "no-store"


class TestManyAtATime:
    def test_the_same_is_made_once(self, service: Service) -> None:
        answers = service.ask(*[signed(SMALL)] * 20)
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
        assert len(service.tasks) == 1

    def test_what_was_made_is_answered_although_it_has_to_make_room_at_once(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        service = Service(shop, tmp_path, keep_rendered="1")
        evicting = service.shop.store.rendered / "evicting"
        kept = Shelf(service.shop.store.rendered, 0)
        tidied = shop.store.tidy

        def make_room(job_id: str) -> None:
            evicting.write_bytes(b"next")
            kept.put(evicting, "next")
            tidied(job_id)

        shop.store.__dict__["tidy"] = make_room
        answers = service.ask(*[signed(SMALL)] * 3)
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
        assert len(service.tasks) == 1
        assert [path.name for path in service.shop.store.rendered.iterdir()] == ["next"]
        service.end()

    def test_who_leaves_takes_nothing_from_the_others(self, service: Service) -> None:
        service.shop.gate.clear()

        async def all_of_it() -> httpx.Response:
            waiting = [asyncio.ensure_future(service.answer(signed(SMALL))) for _ in range(3)]
            await asyncio.to_thread(eventually, lambda: service.shop.store.uploads.iterdir())
            waiting[0].cancel()
            waiting[1].cancel()
            await asyncio.wait(waiting[:2])
            service.shop.gate.set()
            return await waiting[2]

        assert asyncio.run(all_of_it()).status_code == 200
        assert len(service.tasks) == 1

    def test_more_than_may_wait_are_told_to_come_again(self, service: Service) -> None:
        service.shop.gate.clear()

        async def all_of_it() -> list[httpx.Response]:
            paths = [signed(f"/resize:{side}x9/plain/a.png") for side in range(1, 7)]
            waiting = [asyncio.ensure_future(service.answer(path)) for path in paths]
            ending = iter(asyncio.as_completed(waiting))
            refused = [await next(ending) for _ in range(3)]
            service.shop.gate.set()
            await asyncio.wait(waiting)
            return refused + [one.result() for one in waiting if one.result().status_code == 200]

        answers = asyncio.run(all_of_it())
        assert [answer.status_code for answer in answers] == [429, 429, 429, 200, 200, 200]
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers[:3])
        assert answers[0].headers["cache-control"] == "no-store"
        assert service.get("/resize:1x9/plain/a.png").status_code == 200  # every place was left

    def test_a_source_that_changes_meanwhile_is_taken_as_it_is_then(self, service: Service) -> None:
        seen = service.get("/plain/a.png@png")
        stamp = (service.images / "a.png").stat().st_mtime - 100
        os.utime(service.images / "a.png", (stamp, stamp))
        service.get("/plain/a.png@png")  # so that it is known, and not looked at again
        laid = service.shop.store.upload

        def change(*place: Any) -> Path:
            if service.shop.store.__dict__.pop("upload", None):
                write_png(service.images / "a.png", 30, 8)
            return laid(*place)

        service.shop.store.__dict__["upload"] = change
        found = service.get(SMALL)
        assert found.status_code == 200
        assert found.json()["of"] == (service.images / "a.png").stat().st_size != seen.json()["of"]


def test_a_file_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# since May\nnew a-new-key-of-the-operator's\nold an-old-key-of-the-operator's\n")
    signing = read_signing(
        read_settings({"sign_keys": str(path)}, {"COORDINATOR_SIGN_KEY": "a-third-key-of-theirs"})
    )
    for key in ("a-new-key-of-the-operator's", "an-old-key-of-the-operator's", "a-third-key-of-theirs"):
        signing.check(signature(key, b"/plain/a.jpg"), b"/plain/a.jpg")
    path.write_text("# none\n")
    with pytest.raises(UsageError, match=r"--sign-keys .* has no key: nobody could sign"):
        read_signing(read_settings({"sign_keys": str(path)}, {}))


class TestRefusals:
    def test_a_token_is_not_asked_for_where_a_signature_is(self, service: Service) -> None:
        answers = service.ask(
            "/image/abc" + SMALL, "/image/unsafe" + SMALL, "/jobs/0", "/image/%75nsafe" + SMALL
        )
        assert [answer.status_code for answer in answers] == [403, 401, 401, 401]
        (foreign,) = service.ask(signed(SMALL), host="evil.example")
        assert foreign.status_code == 421
        (closed,) = service.ask("/image/unsafe" + SMALL, **of_bearer(TOKEN))
        assert (closed.status_code, closed.json()["error"]["field"]) == (403, "signature")
        assert service.tasks == []

    @pytest.mark.parametrize("letter", ["%0A", "%0D", "%00", "%7F", "%E2%80%A8"])
    def test_whatever_stands_in_a_path_its_signature_is_looked_at_first(
        self, service: Service, letter: str
    ) -> None:
        for path in (f"/image/abc/plain/a.png{letter}", f"/image/{letter}/plain/a.png", f"/image/{letter}"):
            (told,) = service.ask(path)
            field = "signature" if path.count("/") > 2 else "path"
            assert (told.status_code, told.json()["error"]["field"]) == (
                403 if field == "signature" else 422,
                field,
            )
            assert told.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(("method", "path"), [("POST", "/image/abc/plain/a.png"), ("GET", "/images/abc")])
    def test_no_cache_keeps_what_the_framework_refuses(
        self, service: Service, method: str, path: str
    ) -> None:
        (told,) = service.ask(path, method=method, **of_bearer(TOKEN))
        assert (told.status_code // 100, told.headers["cache-control"]) == (4, "no-store")

    def test_unsafe_is_for_those_with_the_token_and_for_no_shared_cache(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        service = Service(shop, tmp_path, unsigned="yes")
        (let_in,) = service.ask("/image/unsafe" + SMALL, **of_bearer(TOKEN))
        assert (let_in.status_code, let_in.headers["cache-control"]) == (200, "private, max-age=3600")
        assert service.ask("/image/unsafe" + SMALL)[0].status_code == 401
        service.end()

    @pytest.mark.parametrize(
        ("rest", "status", "field", "message"),
        [
            ("/resize:9/plain/a.png", 422, "operations[0]", "resize must be like"),
            ("/quality:80/plain/a.png", 422, "operations[0]", "png loses nothing"),
            ("/crop:2x2+99+0/plain/a.png", 422, "source", "is 16x8 where crop begins at 99,0"),
            ("/resize:9999x9999" + "/blur:bilateral" * 9 + "/plain/a.png", 413, "source", "a worker about"),
            ("/plain/none.png", 404, "source", "names no image that can be read below"),
            ("/plain/..%2F..%2Fetc%2Fpasswd", 404, "source", "names no image"),
            ("/plain/https%3A%2F%2Fh.example%2Fa.png", 403, "source", "takes no sources by URL"),
            ("/plain/a.png%0A", 422, "source", "has control characters"),
            ("/plain/{images}%2Fa.png", 404, "source", "names no image that can be read below"),
            ("/plain/a.png?v=1", 422, "path", "in a source they are written %3F"),
        ],
    )  # fmt: skip
    def test_what_cannot_be(self, service: Service, rest: str, status: int, field: str, message: str) -> None:
        rest = rest.replace("{images}", quote(str(service.images), safe=""))
        path = signed(rest.partition("?")[0]) + ("?v=1" if "?" in rest else "")
        (told,) = service.ask(path)
        assert (told.status_code, told.json()["error"]["field"]) == (status, field)
        assert message in told.json()["error"]["message"]
        assert told.headers["cache-control"] == "no-store"
        assert service.shop.left() == []

    @pytest.mark.parametrize(
        ("kind", "message", "status", "field"),
        [
            (ErrorKind.BAD_INPUT, "'/batch/x-0' is broken", 422, "source"),
            (ErrorKind.INTERNAL, "no idea", 500, "service"),
            (ErrorKind.INTERNAL, os.strerror(errno.ENOSPC), 507, "service"),
        ],
    )
    def test_a_worker_that_fails(
        self, service: Service, kind: ErrorKind, message: str, status: int, field: str
    ) -> None:
        service.shop.answer = lambda task: error(kind, message)
        told = service.get(SMALL)
        assert (told.status_code, told.json()["error"]["field"]) == (status, field)
        assert "/batch/" not in told.text
        assert service.shop.left() == []
        service.shop.answer = service.work
        assert service.get(SMALL).status_code == 200

    def test_a_full_disk(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("coordinator.service.rendered.shelf.os.fsync", full)
        told = service.get(SMALL)
        assert (told.status_code, told.json()["error"]["field"]) == (507, "service")
        assert service.shop.left() == []
        assert not list(service.shop.store.rendered.iterdir())

    def test_a_service_that_is_stopped(self, service: Service) -> None:
        service.shop.managers[0].drain()
        told = service.get(SMALL)
        assert (told.status_code, told.headers["retry-after"]) == (503, "10")

    def test_one_that_stops_in_the_middle(self, service: Service) -> None:
        service.shop.gate.clear()

        async def all_of_it() -> httpx.Response:
            waiting = asyncio.ensure_future(service.answer(signed(SMALL)))
            await asyncio.to_thread(eventually, lambda: service.shop.pool._at_work)
            service.shop.pool.cancel()
            return await waiting

        assert asyncio.run(all_of_it()).status_code == 503

    @given(
        rest=st.text(
            st.characters(codec="ascii", min_codepoint=33, max_codepoint=126, exclude_characters="#?"),
            max_size=60,
        )
        | st.from_regex(
            r"(/(resize|fit|crop|blur|quality|expires|split):[0-9x%+a-z]{0,9}){0,3}/plain/a\.png(@\w{3,4})?",
            fullmatch=True,
        )
    )
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_no_path_makes_it_fail(self, service: Service, rest: str) -> None:
        path = httpx.URL(f"http://localhost/{rest}").raw_path.decode()
        (told,) = service.ask(signed(path))
        assert told.status_code < 500
        assert told.status_code == 200 or told.json()["error"]["message"]
