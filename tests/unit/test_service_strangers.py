"""Strangers: foreign names and pages, callers without a key and with another's, and what HEAD is answered."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from coordinator.errors import UsageError
from coordinator.service.gate import Gate
from coordinator.service.keys import Keys, read_keys
from coordinator.service.metrics import Metrics
from coordinator.service.refusal import Refused
from coordinator.service.strangers import Strangers
from tests.unit.test_service_app import Service, actions, image

HERE = "localhost:8000"


def status(method: str, **headers: str) -> int:
    """What a request with such headers comes to; 200 if it is let in."""
    strangers = Strangers(["Pictures.example.org", "pics"])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        strangers.check(method, named)
    except Refused as refused:
        return int(refused.status)
    return 200


class TestHost:
    @pytest.mark.parametrize(
        "host",
        [
            "localhost", "localhost:8000", "LOCALHOST:1", "localhost.", "127.0.0.1:8000", "10.1.2.3", "[::1]:8000",
            "[fe80::1]", "pictures.example.org", "PICTURES.EXAMPLE.ORG:443", "pics:80",
        ],
    )  # fmt: skip
    def test_a_name_of_ours_or_an_address_is_let_in(self, host: str) -> None:
        assert status("GET", host=host) == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example", "evil.example:8000", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example",
            "example.org", "x.pictures.example.org", "2130706433", "0x7f000001", "127.1", "xn--lcalhost-n4a",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
    def test_a_foreign_name_is_misdirected(self, host: str, method: str) -> None:
        assert status(method, host=host) == 421

    @pytest.mark.parametrize(
        "host", ["", " ", "a b", "localhost:", "localhost:x", "u@localhost", "localhost/x", "[::1", "::1"]
    )
    def test_what_is_no_host_is_bad(self, host: str) -> None:
        assert status("GET", host=host) == 400

    def test_none_at_all_is_bad(self) -> None:
        assert status("GET") == 400


class TestOrigin:
    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            (f"http://{HERE}", HERE),
            ("http://localhost", "localhost"),
            ("http://localhost:80", "localhost"),
            ("https://pics", "pics:443"),
            ("https://pics", "pics"),
            ("http://[::1]:8000", "[::1]:8000"),
        ],
    )
    def test_our_own_page_may_change_something(self, origin: str, host: str) -> None:
        assert status("POST", host=host, origin=origin, sec_fetch_site="same-origin") == 200

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example", "https://evil.example", "null", "", "http://localhost:3000", "http://127.0.0.1:8000",
            "http://localhost:8000.evil.example", "chrome-extension://localhost:8000", "localhost:8000", "file://",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
    def test_a_foreign_page_may_not(self, origin: str, method: str) -> None:
        assert status(method, host=HERE, origin=origin) == 403

    @pytest.mark.parametrize(
        ("site", "expected"), [("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)]
    )
    def test_without_an_origin_the_browser_s_word_counts(self, site: str, expected: int) -> None:
        assert status("POST", host=HERE, sec_fetch_site=site) == expected

    def test_a_client_that_is_no_browser_says_nothing_of_it(self) -> None:
        assert status("POST", host=HERE) == 200

    def test_reading_is_for_the_browser_to_refuse(self) -> None:
        assert status("GET", host=HERE, origin="http://evil.example", sec_fetch_site="cross-site") == 200


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestKeys:
    keys = Keys("all of it", {"ann": "a-key", "bob": "b-key"})

    @pytest.mark.parametrize(
        ("header", "name"),
        [
            ("Bearer all of it", None),
            ("bearer a-key", "ann"),
            (basic("", "b-key"), "bob"),
            (basic("whoever", "a-key"), "ann"),
        ],
    )
    def test_a_key_says_who_asks(self, header: str, name: str | None) -> None:
        caller = self.keys.caller(header)
        assert caller is not None
        assert caller.name == name

    @pytest.mark.parametrize(
        "header",
        [
            "", "Bearer", "Bearer ", "Bearer a-ke", "Bearer a-keyy", "Bearer A-KEY", "Token a-key", "a-key",
            "Basic a-key", "Basic !!", basic("a-key", ""), basic("a-key", "x"), "Basic /w==", "Bearer \udcff",
        ],
    )  # fmt: skip
    def test_what_is_no_key_is_nobody(self, header: str) -> None:
        assert self.keys.caller(header) is None

    def test_without_keys_everybody_may_come(self) -> None:
        caller = Keys().caller("")
        assert caller is not None
        assert caller.may_see("ann")

    def test_a_file_of_keys(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text("# who may come\n\nann  a-key\n bob b-key\n")
        keys = read_keys(None, tmp_path / "keys")
        assert keys.are_asked_for
        assert [getattr(keys.caller(f"Bearer {key}"), "name", "-") for key in ("a-key", "b-key", "")] == [
            "ann",
            "bob",
            "-",
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "has no key"),
            ("ann", "line 1"),
            ("ann a\nann b", "line 2"),
            ("ann a\nbob a", "line 2"),
            ("ann a b", "line 1"),
            ("a/b c", "line 1"),
        ],
    )
    def test_a_file_that_is_none(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "keys").write_text(text)
        with pytest.raises(UsageError, match=said):
            read_keys(None, tmp_path / "keys")

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"keys' cannot be read: No such file or directory$"):
            read_keys("token", tmp_path / "keys")

    @pytest.mark.parametrize(
        ("token", "named", "said"),
        [
            (None, {}, ["neither a token nor a key"]),
            ("", {}, ["neither a token nor a key"]),
            ("t" * 15, {"ann": "a" * 16, "bob": "b"}, ["the token has fewer than 16", "the key of bob has"]),
            ("t" * 16, {"ann": "a" * 32}, []),
        ],
    )
    def test_what_an_operator_may_not_have_meant_is_told(
        self, token: str | None, named: dict[str, str], said: list[str]
    ) -> None:
        doubts = Keys(token, named).doubts
        assert len(doubts) == len(said)
        assert all(start in doubt for doubt, start in zip(doubts, said, strict=True))


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """The application behind a gate: one token for all of it, and two callers with a key each."""
    made = Service(tmp_path)
    keys = Keys("operator", {"ann": "a-key", "bob": "b-key"})
    made.stand_behind(lambda app: Gate(app, Strangers(["service"]), keys, made.manager.owner, Metrics()))
    return made


def bearing(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class TestGate:
    def test_without_a_key_nothing_is_answered_but_that_it_is_there(self, service: Service) -> None:
        for path in (
            "/",
            "/static/",
            "/jobs/0011223344556677",
            "/docs",
            "/metrics",
            "/openapi.json",
            "/nothing",
        ):
            answer = service.get(path)
            assert (answer.status_code, answer.json()["error"]["field"]) == (401, "authorization")
            assert answer.headers["www-authenticate"].startswith("Basic ")
        assert service.post("/process", actions(), image()).status_code == 401
        assert not service.uploads()
        assert service.get("/healthz").status_code == 200

    def test_each_sees_their_own_and_the_token_everything(self, service: Service) -> None:
        jobs = {
            key: service.post("/jobs", actions(), image(), headers=bearing(key)).json()["id"]
            for key in ("a-key", "b-key", "operator")
        }
        for job in jobs.values():
            (service.store.static / job).mkdir()
        for key in jobs:
            seen = service.request("GET", "/static/", headers=bearing(key)).text
            for owner, job in jobs.items():
                may = key in (owner, "operator")
                assert (job in seen) is may
                for path in (f"/jobs/{job}", f"/jobs/{job}/events", f"/static/{job}/"):
                    answer = service.request("GET", path, headers=bearing(key))
                    assert answer.status_code == (200 if may else 404), (key, owner, path)
        assert (
            service.request("DELETE", f"/jobs/{jobs['a-key']}", headers=bearing("b-key")).status_code == 404
        )
        assert (
            service.request("DELETE", f"/jobs/{jobs['a-key']}", headers=bearing("a-key")).status_code == 204
        )

    def test_two_names_are_bad(self, service: Service) -> None:
        answer = service.request("GET", "/healthz", headers=[("host", "service"), ("host", "evil.example")])
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "host")

    def test_a_foreign_name_is_told_so_in_the_service_s_form(self, service: Service) -> None:
        answer = service.request("GET", "/static/", headers={"host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]["field"]) == (421, "host")
        assert answer.headers["x-content-type-options"] == "nosniff"

    def test_a_foreign_page_s_form_is_not_even_read(self, service: Service) -> None:
        headers = {"origin": "http://evil.example", "accept": "application/json", **bearing("operator")}
        answer = service.post("/process", actions(), image(), headers=headers)
        assert (answer.status_code, answer.json()["error"]["field"]) == (403, "origin")
        assert not service.manager.jobs


class TestHead:
    @pytest.mark.parametrize(
        "path", ["/", "/healthz", "/metrics", "/docs", "/openapi.json", "/static/", "/page/page.js"]
    )
    def test_it_is_answered_as_get_without_the_body(self, tmp_path: Path, path: str) -> None:
        service = Service(tmp_path)
        got, head = service.get(path), service.request("HEAD", path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]

    def test_a_job_and_its_events_have_one_too(self, tmp_path: Path) -> None:
        service = Service(tmp_path)
        links = service.post("/jobs", actions(), image()).json()["links"]
        for path in (links["self"], links["events"]):
            head = service.request("HEAD", path)
            assert (head.status_code, head.content) == (200, b"")

    @pytest.mark.parametrize(("path", "expected"), [("/process", 405), ("/nothing", 404), ("/jobs/0", 404)])
    def test_it_is_refused_as_get_is(self, tmp_path: Path, path: str, expected: int) -> None:
        head = Service(tmp_path).request("HEAD", path)
        assert (head.status_code, head.content) == (expected, b"")
