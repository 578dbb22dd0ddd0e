"""Sources by URL: what becomes of all that a server may do, on a real one."""

from __future__ import annotations

import gzip
import http.server
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.service.refusal import Refused
from coordinator.service.rendered.fetching import Fetched, Fetcher
from coordinator.service.rendered.prefixes import (
    Allowed,
    prefixes,
    private_prefixes,
)
from tests.unit.origin import Origin

BODY = bytes(range(256)) * 10


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    yield made
    made.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this machine that nobody else has signed, and its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    asked = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    asked += ["-days", "2", "-subj", "/CN=origin", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*asked, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def secret_origin(certificate: Path) -> Iterator[Origin]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    made = Origin(tls)
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

    def test_what_is_too_long_to_be_remembered_of_a_server_is_not(
        self, origin: Origin, tmp_path: Path
    ) -> None:
        url = origin.answers("/a.jpg", body=BODY, ETag=f'"{"1" * 5000}"', Last_Modified="x" * 5000)
        came = fetcher(origin).fetch(url, tmp_path / "came")
        assert came is not None
        assert (came.tag, came.modified) == (None, None)

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


class TestEncrypted:
    def test_a_certificate_must_be_signed_by_somebody_known(
        self, secret_origin: Origin, tmp_path: Path
    ) -> None:
        url = secret_origin.answers("/a.jpg", body=BODY)
        with pytest.raises(Refused, match="certificate verify failed") as refused:
            fetcher(secret_origin).fetch(url, tmp_path / "came")
        assert (refused.value.status, secret_origin.asked) == (502, [])

    def test_it_comes_whole_and_is_cut_at_the_deadline(
        self, secret_origin: Origin, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        url = secret_origin.answers("/a.jpg", body=BODY)
        assert fetcher(secret_origin).fetch(url, tmp_path / "came") is not None
        assert (tmp_path / "came").read_bytes() == BODY

        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not secret_origin.done.wait(0.01):
                handler.wfile.write(b"x")

        with pytest.raises(Refused, match=r"has not come from .* within 0.5 s"):
            fetcher(secret_origin, seconds=0.5).fetch(secret_origin.does("/b.jpg", script), tmp_path / "came")

    def test_what_is_not_encrypted_is_no_answer(self, origin: Origin, tmp_path: Path) -> None:
        url = origin.answers("/a.jpg", body=BODY).replace("http:", "https:")
        asked = Fetcher(Allowed(prefixes(url)), most_bytes=9, seconds=30)
        with pytest.raises(Refused, match="cannot be had") as refused:
            asked.fetch(url, tmp_path / "came")
        assert refused.value.status == 502

    def test_the_end_of_the_service_cuts_it(self, origin: Origin, tmp_path: Path) -> None:
        asked = fetcher(origin)

        def script(handler: http.server.BaseHTTPRequestHandler) -> None:
            asked.close()
            origin.done.wait()

        with pytest.raises(Refused, match="cannot be had"):
            asked.fetch(origin.does("/a.jpg", script), tmp_path / "came")
