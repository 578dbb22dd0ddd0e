"""Lines to engines that lie elsewhere: TLS looks like a plain socket, with half-closes and ends; ssh is called."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from coordinator.errors import EngineError
from coordinator.runners.address import Address, Tls
from coordinator.runners.api import Api, has_ended
from coordinator.runners.line import Line, ssh_command
from coordinator.runners.sdk import event_error
from tests.certificates import certificates
from tests.waiting import eventually

MUCH = bytes(range(256)) * 4096 * 5
"""Five megabytes, more than sockets and relay hold."""

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")
Serve = Callable[[ssl.SSLSocket], None]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls") / "own")


def hello_until_the_end(peer: ssl.SSLSocket) -> None:
    """Answers once its peer has said all that it had to say, as a container does whose input ends."""
    while peer.recv(65536):
        pass
    peer.sendall(b"all read")
    peer.unwrap()


def parrot(peer: ssl.SSLSocket) -> None:
    """Says everything again, and at once; what it cannot get rid of stops it reading."""
    while data := peer.recv(65536):
        peer.sendall(data)
    peer.unwrap()


@contextmanager
def served(files: Path, serve: Serve, *, asks: bool = False) -> Iterator[str]:
    """The address of a server over TLS for one connection; it ``asks`` for a certificate, if it is to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "cert.pem", files / "key.pem")
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files / "ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with context.wrap_socket(connection, server_side=True) as peer:
                    serve(peer)

        thread = threading.Thread(target=run)
        thread.start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def soon() -> float:
    return time.monotonic() + 20


def connected(url: str, files: Path, *, verify: bool = True) -> socket.socket:
    """A line's plain end."""
    near = Line(Address(url, "", Tls(files, verify))).connect(soon())
    near.settimeout(20)
    return near


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


@needs_openssl
class TestTls:
    def test_an_end_of_input_lets_the_answer_come(self, files: Path) -> None:
        with served(files, hello_until_the_end) as url, connected(url, files) as near:
            near.sendall(b"a question")
            near.shutdown(socket.SHUT_WR)
            assert all_of(near) == b"all read"
            assert has_ended(near)

    def test_both_sides_may_say_much_at_once(self, files: Path) -> None:
        with served(files, parrot) as url, connected(url, files) as near:
            heard: list[bytes] = []
            listening = threading.Thread(target=lambda: heard.append(all_of(near)))
            listening.start()
            near.sendall(MUCH)
            near.shutdown(socket.SHUT_WR)
            listening.join()
            assert heard == [MUCH]

    def test_a_peer_that_cannot_prove_who_it_is(self, files: Path, tmp_path: Path) -> None:
        others = certificates(tmp_path / "others")
        with served(files, parrot) as url, pytest.raises(ssl.SSLError, match="certificate verify failed"):
            connected(url, others)

    def test_nor_has_to(self, files: Path, tmp_path: Path) -> None:
        with served(files, parrot) as url, connected(url, tmp_path, verify=False) as near:
            near.sendall(b"hello")
            assert near.recv(5) == b"hello"

    def test_a_peer_that_wants_a_certificate_says_so(self, files: Path, tmp_path: Path) -> None:
        """It says so after the handshake, when the line is there: whoever calls is told all the same."""
        shutil.copy(files / "ca.pem", tmp_path)
        with served(files, parrot, asks=True) as url:
            api = Api(Line(Address(url, "", Tls(tmp_path))), 20)
            told = r"no answer from the engine: .*(certificate required|ask for a certificate)"
            with pytest.raises(EngineError, match=told):
                api.call("GET", "/version")

    def test_a_peer_that_goes_is_an_end(self, files: Path) -> None:
        gone = threading.Event()

        def goes(peer: ssl.SSLSocket) -> None:
            gone.wait()
            socket.socket.shutdown(peer, socket.SHUT_RDWR)

        with served(files, goes) as url:
            line = Line(Address(url, "", Tls(files)))
            with line.connect(soon()) as near:
                near.settimeout(20)
                gone.set()
                assert all_of(near) == b""
                assert "EOF" in line.complaint()

    def test_one_that_leaves_takes_its_connection_along(self, files: Path) -> None:
        heard: list[bytes] = []
        with served(files, lambda peer: heard.append(peer.recv(5))) as url:
            connected(url, files).close()
            eventually(lambda: bool(heard))
        assert heard == [b""]

    def test_a_handshake_ends_by_its_deadline(self, files: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(TimeoutError):
                Line(Address(url, "", Tls(files))).connect(time.monotonic() + 0.2)

    def test_files_that_are_not_there_are_named(self, tmp_path: Path, files: Path) -> None:
        with pytest.raises(EngineError, match=r"ca.pem: No such file(.|\n)*DOCKER_CERT_PATH"):
            Line(Address("tcp://box:2376", "", Tls(tmp_path)))
        shutil.copy(files / "ca.pem", tmp_path)
        shutil.copy(files / "cert.pem", tmp_path)
        with pytest.raises(EngineError, match=r"key.pem: No such file"):
            Line(Address("tcp://box:2376", "", Tls(tmp_path)))
        (tmp_path / "cert.pem").rename(tmp_path / "key.pem")
        with pytest.raises(EngineError, match=r"cert.pem: No such file(.|\n)*the docker context brings them"):
            Line(Address("tcp://box:2376", "", Tls(tmp_path, by_context=True)))

    def test_nobody_is_asked_for_a_pass_phrase(self, tmp_path: Path, files: Path) -> None:
        for name in ("ca.pem", "cert.pem"):
            shutil.copy(files / name, tmp_path)
        plain, locked = str(files / "key.pem"), str(tmp_path / "key.pem")
        lock = ["openssl", "ec", "-in", plain, "-aes256", "-passout", "pass:secret", "-out", locked]
        subprocess.run(lock, check=True, capture_output=True)
        with pytest.raises(
            EngineError, match=r"key.pem: the key has a pass phrase, which nobody is asked for"
        ):
            Line(Address("tcp://box:2376", "", Tls(tmp_path)))


class TestSsh:
    def test_it_is_called_as_the_docker_cli_calls_it(self) -> None:
        words = ssh_command(Address("ssh://me@box:2222/run/d.sock", ""), 30)
        assert words[:4] == ["ssh", "-T", "-o", "BatchMode=yes"]
        assert words[6:10] == ["-l", "me", "-p", "2222"]
        assert words[10:] == ["--", "box", "docker", "--host", "unix:///run/d.sock", "system", "dial-stdio"]
        bare = ssh_command(Address("ssh://box/", ""), 30)
        assert bare[6:] == ["--", "box", "docker", "system", "dial-stdio"]

    def test_what_ssh_complains_of_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, 'echo "me@box: Permission denied (publickey)." >&2; exit 255')
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        line = Line(Address("ssh://me@box", ""))
        with pytest.raises(EngineError, match=r"no answer .*\(me@box: Permission denied \(publickey\).\)"):
            Api(line, 20).call("GET", "/version")
        line.close()

    def test_its_processes_end_with_the_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program(tmp_path, f"echo $$ > {tmp_path}/pid; echo there; exec cat")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        line = Line(Address("ssh://box", ""))
        with line.connect(soon()) as near:
            near.settimeout(20)
            assert near.recv(6) == b"there\n"
            near.sendall(b"hello")
            assert near.recv(5) == b"hello"
            line.close()
            assert all_of(near) == b""
        assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()

    def test_without_ssh(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(FileNotFoundError, match="'ssh'"):
            Line(Address("ssh://box", "")).connect(soon())


def program(folder: Path, script: str) -> None:
    (folder / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ssh").chmod(0o755)


def test_an_error_in_a_long_answer_is_found_in_either_place() -> None:
    assert event_error({"error": "no such tag", "errorDetail": {"message": "no such tag"}}) == "no such tag"
    assert event_error({"errorDetail": {"message": "denied"}}) == "denied"
    assert event_error({"status": "Pulling fs layer"}) == ""
