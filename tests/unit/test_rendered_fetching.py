"""Sources by URL: which hosts may be asked, and what becomes of all that a server may do, on a real one."""

from __future__ import annotations

import gzip
import http.server
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.service.options import FLAGS
from coordinator.service.refusal import Refused
from coordinator.service.rendered.fetching import Fetched, Fetcher
from coordinator.service.rendered.prefixes import (
    Allowed,
    check_addresses,
    is_url,
    place,
    prefixes,
    private_prefixes,
)
from tests.unit.origin import Origin

BODY = bytes(range(256)) * 10


class TestPrefixes:
    @pytest.mark.parametrize(
        ("url", "is_held"),
        [
            ("https://h.example/photos/a.jpg", True),
            ("https://H.EXAMPLE:443/photos/a.jpg?v=1#x", True),
            ("https://h.example/photos", True),
            ("https://h.example/photos/%C3%A4 b.jpg", True),
            ("https://h.example/photos-of-mine/a.jpg", False),
            ("https://h.example/", False),
            ("http://h.example/photos/a.jpg", False),
            ("https://h.example:444/photos/a.jpg", False),
            ("https://h.example.evil.example/photos/a.jpg", False),
            ("https://evil.example/photos/https://h.example/photos/a.jpg", False),
        ],
    )
    def test_what_lies_below_one(self, url: str, is_held: bool) -> None:
        (prefix,) = prefixes("https://h.example/photos/".rstrip("/"))
        assert prefix.holds(place(url)) is is_held

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("https://me:secret@h.example/a", "has a user's name in it"),
            ("https://h.example@evil.example/a", "has a user's name in it"),
            ("https://h.example/photos/../secret", "has . or .. in its path"),
            ("https://h.example/photos/%2e%2E/secret", "has . or .. in its path"),
            ("https://h.example/photos/..%2fsecret", "has . or .. in its path"),
            ("https://h.example/photos/..%5csecret", "has . or .. in its path"),
            ("https://h.example\\@evil.example/a", "a backslash"),
            ("https://h.example/a\r\nX: y", "control characters"),
            ("https://h.example/a\x7f", "control characters"),
            ("ftp://h.example/a", "must begin with http:// or https://"),
            ("file:///etc/passwd", "must begin with http:// or https://"),
            ("https:///a", "names no host"),
            ("https://a b/c", "names no host"),
            ("https://a..b/c", "names no host"),
            ("https://h.example:port/a", "[Pp]ort"),
            ("https://h.example:99999/a", "[Pp]ort"),
            ("https://[::1/a", "IPv6"),
        ],
    )
    def test_what_is_no_place(self, url: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            place(url)

    def test_letters_of_all_scripts_are_sent_encoded(self) -> None:
        found = place("https://bücher.example/ä ö.jpg?q=ü&b=1")
        assert found.host == "xn--bcher-kva.example"
        assert found.target == "/%C3%A4%20%C3%B6.jpg?q=%C3%BC&b=1"
        assert place("http://[::1]:80/").authority == "[::1]"

    @pytest.mark.parametrize("path", ["photo.jpg", "a/b:c.jpg", "/etc/passwd", "https:/h.example", "ä://x"])
    def test_what_is_a_path(self, path: str) -> None:
        assert not is_url(path)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("h.example", "must begin with http"),
            ("https://h.example/?a=b", "has a query"),
            ("https://", "names no host"),
        ],
    )
    def test_a_prefix_that_is_none(self, text: str, reason: str) -> None:
        with pytest.raises(ValueError, match=f"'.*' {reason}"):
            prefixes(f"https://good.example, {text}")

    def test_without_any_the_operator_is_named(self) -> None:
        with pytest.raises(Refused, match=r"takes no sources by URL; its operator .* --sources") as refused:
            Allowed(()).check("https://h.example/a")
        assert refused.value.status == 403

    def test_only_a_host_that_is_named_so_may_be_private(self) -> None:
        allowed = Allowed(
            (
                *prefixes("https://h.example, http://127.0.0.1:9, http://localhost, http://[::1]/"),
                *private_prefixes("http://store.example/pictures"),
            )
        )
        may_be = {
            url: allowed.check(url)[1]
            for url in ("https://h.example/a", "http://127.0.0.1:9/a", "http://localhost/", "http://[::1]/a",
                        "http://store.example/pictures/a")
        }  # fmt: skip
        assert [url for url, private in may_be.items() if not private] == ["https://h.example/a"]
        with pytest.raises(Refused, match="below none of the operator's prefixes"):
            allowed.check("http://store.example/other")

    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
            "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1",
            "64:ff9b::7f00:1", "2002:7f00:1::1", "ff02::1", "2001:db8::1",
        ],
    )  # fmt: skip
    def test_an_address_within(self, address: str) -> None:
        with pytest.raises(Refused, match="is not public; the operator may allow that by --private-sources"):
            check_addresses("h.example", ["93.184.216.34", address])

    def test_addresses_without(self) -> None:
        check_addresses("h.example", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])

    def test_the_settings_are_prefixes(self) -> None:
        kinds = {flag.name: flag.parse for flag in FLAGS}
        assert (kinds["sources"], kinds["private_sources"]) == (prefixes, private_prefixes)


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    yield made
    made.close()


def fetcher(origin: Origin, below: str = "", *, most_bytes: int = 10**6, seconds: float = 30.0) -> Fetcher:
    return Fetcher(Allowed(prefixes(origin.url + below)), most_bytes=most_bytes, seconds=seconds)


class TestFetching:
    def test_it_is_asked_for_plainly_and_comes_whole(self, origin: Origin, tmp_path: Path) -> None:
        url = origin.answers("/a.jpg", body=BODY, ETag='"1"', Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT")
        came = fetcher(origin).fetch(f"{url}?v=ä b", tmp_path / "came")
        assert came is not None
        assert (came.tag, came.modified) == ('"1"', "Mon, 01 Jan 2024 00:00:00 GMT")
        assert (tmp_path / "came").read_bytes() == BODY
        ((path, headers),) = origin.asked
        assert path == "/a.jpg?v=%C3%A4%20b"
        assert headers["Accept-Encoding"] == "identity"
        assert not {"Cookie", "Authorization"} & set(headers)

    def test_what_is_known_is_not_sent_again(self, origin: Origin, tmp_path: Path) -> None:
        url = origin.answers("/a.jpg", status=304)
        known = Fetched(digest="0", tag='"1"', modified="Mon, 01 Jan 2024 00:00:00 GMT")
        assert fetcher(origin).fetch(url, tmp_path / "came", known) is None
        assert origin.asked[0][1]["If-None-Match"] == '"1"'
        with pytest.raises(Refused, match="answers 304"):
            fetcher(origin).fetch(url, tmp_path / "came")

    @pytest.mark.parametrize("length", ["0", ""])
    def test_a_body_without_a_length_comes_whole(self, origin: Origin, tmp_path: Path, length: str) -> None:
        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.protocol_version = "HTTP/1.1"
            handler.send_response(200)
            handler.send_header(*(("Transfer-Encoding", "chunked") if length else ("Connection", "close")))
            handler.end_headers()
            handler.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY) if length else BODY)

        came = fetcher(origin).fetch(origin.does("/a.jpg", script), tmp_path / "came")
        assert came is not None
        assert (tmp_path / "came").read_bytes() == BODY

    def test_a_redirect_below_the_prefix_is_followed(self, origin: Origin, tmp_path: Path) -> None:
        origin.answers("/in/a.jpg", body=BODY)
        url = origin.answers("/in/old", 301, Location="a.jpg")
        assert fetcher(origin, "/in").fetch(url, tmp_path / "came") is not None

    @pytest.mark.parametrize(
        ("status", "headers", "refusal", "message"),
        [
            (404, {}, 404, "has none there: it answers 404"),
            (410, {}, 404, "it answers 410"),
            (403, {}, 502, "answers 403 Forbidden"),
            (500, {}, 502, "answers 500 Internal Server Error"),
            (204, {}, 502, "answers 204"),
            (206, {}, 502, "answers 206"),
            (302, {}, 502, "answers 302"),
            (302, {"Location": "/a.jpg"}, 502, "redirects more than 5 times"),
            (307, {"Location": "http://169.254.169.254/latest"}, 403, "redirected to 'http://169.254"),
            (302, {"Location": "//evil.example/a.jpg"}, 403, "where this service does not go"),
            (302, {"Location": "http://[::1/"}, 403, "where this service does not go"),
            (302, {"Location": "file:///etc/passwd"}, 403, "where this service does not go"),
            (200, {"Content_Encoding": "gzip"}, 502, r"sends it compressed \(gzip\)"),
            (200, {"Content_Length": "99999999999"}, 413, "is larger than 1,000,000 bytes"),
            (200, {"Content_Length": "9"}, 502, "0 of 9 bytes came"),
            (200, {"Content_Length": "many", "Transfer_Encoding": "chunked"}, 502, "is no HTTP, or broke off"),
        ],
    )  # fmt: skip
    def test_an_answer_that_is_no_image(
        self, origin: Origin, tmp_path: Path, status: int, headers: Any, refusal: int, message: str
    ) -> None:
        url = origin.answers("/a.jpg", status, **headers)
        with pytest.raises(Refused, match=message) as refused:
            fetcher(origin).fetch(url, tmp_path / "came")
        assert (refused.value.field, refused.value.status) == ("source", refusal)

    def test_a_body_that_has_no_end_is_cut(self, origin: Origin, tmp_path: Path) -> None:
        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(gzip.compress(bytes(10**6)) * 100)

        with pytest.raises(Refused, match="is larger than 1,000,000 bytes") as refused:
            fetcher(origin).fetch(origin.does("/a.jpg", script), tmp_path / "came")
        assert refused.value.status == 413

    @pytest.mark.parametrize("begins", [b"", b"HTTP/1.1 200 OK\r\nX", b"HTTP/1.1 200 OK\r\n\r\nx"])
    def test_who_says_a_byte_now_and_then_is_cut_at_the_deadline(
        self, origin: Origin, tmp_path: Path, begins: bytes
    ) -> None:
        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.wfile.write(begins)
            while begins and not origin.done.wait(0.01):
                handler.wfile.write(b"x")
            origin.done.wait()

        url = origin.does("/a.jpg", script)
        with pytest.raises(Refused, match=r"has not come from .* within 0.3 s") as refused:
            fetcher(origin, seconds=0.3).fetch(url, tmp_path / "came")
        assert refused.value.status == 504

    def test_what_is_no_http_is_not_repeated(self, origin: Origin, tmp_path: Path) -> None:
        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"-ERR secret\r\n")

        url = origin.does("/a.jpg", script)
        with pytest.raises(Refused, match="its answer is no HTTP") as refused:
            fetcher(origin).fetch(url, tmp_path / "came")
        assert "secret" not in refused.value.message

    def test_nobody_at_home(self, origin: Origin, tmp_path: Path) -> None:
        origin.close()
        with pytest.raises(Refused, match=r"cannot be had from 127.0.0.1:\d+: .*refused") as refused:
            fetcher(origin).fetch(f"{origin.url}/a.jpg", tmp_path / "came")
        assert refused.value.status == 502

    def test_a_public_name_of_a_private_address_is_not_asked(
        self, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = origin.url.rpartition(":")[2]
        origin.answers("/a.jpg", body=BODY)
        found = [(2, 1, 6, "", ("127.0.0.1", int(port)))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **options: found)
        url = f"http://h.example:{port}"
        with pytest.raises(
            Refused, match=r"'h.example' has the address 127.0.0.1, which is not public"
        ) as refused:
            Fetcher(Allowed(prefixes(url)), most_bytes=9999, seconds=9).fetch(
                f"{url}/a.jpg", tmp_path / "came"
            )
        assert (refused.value.status, origin.asked) == (403, [])
        private = Fetcher(Allowed(private_prefixes(url)), most_bytes=9999, seconds=9)
        assert private.fetch(f"{url}/a.jpg", tmp_path / "came") is not None
        assert origin.asked[0][1]["Host"] == f"h.example:{port}"

    def test_a_name_without_an_address(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def none(*asked: object, **options: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", none)
        asked = Fetcher(Allowed(prefixes("https://h.example")), most_bytes=9, seconds=9)
        with pytest.raises(Refused, match="it has no address") as refused:
            asked.fetch("https://h.example/a.jpg", tmp_path / "came")
        assert refused.value.status == 502
