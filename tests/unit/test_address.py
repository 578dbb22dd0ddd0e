"""Which engine is meant: DOCKER_HOST, the docker CLI's contexts, the local socket, in the docker CLI's own order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from coordinator.errors import EngineError
from coordinator.runners.address import LOCAL_SOCKET, LOCAL_TLS, Address, Tls, engine_address


def key(name: str) -> str:
    """The name of a context's folders, as the docker CLI makes it."""
    return hashlib.sha256(name.encode()).hexdigest()


class Config:
    """A folder of the docker CLI, and the environment of somebody whose home holds it."""

    def __init__(self, home: Path) -> None:
        self.folder = home / ".docker"
        self.folder.mkdir()
        self.environment = {"HOME": str(home)}

    def context(self, name: str, host: str, *, skip_verify: bool = False) -> None:
        """What ``docker context create`` writes."""
        folder = self.folder / "contexts" / "meta" / key(name)
        folder.mkdir(parents=True)
        endpoints = {"docker": {"Host": host, "SkipTLSVerify": skip_verify}}
        (folder / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))

    def use(self, name: str) -> None:
        """What ``docker context use`` writes."""
        (self.folder / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))

    def address(self, **environment: str) -> Address:
        return engine_address({**self.environment, **environment})

    def refused(self, **environment: str) -> str:
        with pytest.raises(EngineError) as refused:
            self.address(**environment)
        return str(refused.value)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config(tmp_path)
    made.context("rootless", "unix:///run/user/1000/docker.sock")
    made.context("box", "tcp://box:2375")
    return made


class TestTheOrder:
    def test_nothing_is_set(self, tmp_path: Path) -> None:
        assert engine_address({"HOME": str(tmp_path)}) == Address(LOCAL_SOCKET, "the local socket")

    @pytest.mark.parametrize("host", [" tcp://box:2375", "tcp://box:2375\n", "\t tcp://box:2375 "])
    def test_white_space_around_the_variable(self, config: Config, host: str) -> None:
        assert config.address(DOCKER_HOST=host) == Address("tcp://box:2375", "DOCKER_HOST")

    def test_a_socket_whose_path_has_blanks(self, config: Config) -> None:
        assert config.address(DOCKER_HOST=" unix:///my s ").socket == "/my s"

    def test_an_empty_variable_is_none(self, config: Config) -> None:
        config.use("box")
        assert config.address(DOCKER_HOST="").url == "tcp://box:2375"

    def test_a_blank_variable_is_what_is_usual_here(self, config: Config) -> None:
        """As to the docker CLI, which then looks at no context."""
        config.use("box")
        usual = Address(LOCAL_SOCKET, "the local socket, as DOCKER_HOST is blank")
        assert config.address(DOCKER_HOST=" ") == usual
        assert config.address(DOCKER_HOST="\n", DOCKER_TLS="1").url == LOCAL_TLS

    def test_a_config_without_a_context(self, config: Config) -> None:
        (config.folder / "config.json").write_text('{"auths": {}}')
        assert config.address().url == LOCAL_SOCKET

    def test_the_config_files_context(self, config: Config) -> None:
        config.use("rootless")
        assert config.address().url == "unix:///run/user/1000/docker.sock"
        assert config.address().named_by == f"docker context 'rootless', by {config.folder / 'config.json'}"

    def test_docker_context_wins_over_the_config_file(self, config: Config) -> None:
        config.use("rootless")
        named = config.address(DOCKER_CONTEXT="box")
        assert str(named) == "tcp://box:2375 (docker context 'box', by DOCKER_CONTEXT)"
        assert config.address(DOCKER_CONTEXT="default").url == LOCAL_SOCKET
        assert config.address(DOCKER_CONTEXT="").url == "unix:///run/user/1000/docker.sock"

    def test_docker_host_wins_over_all(self, config: Config) -> None:
        config.use("rootless")
        named = config.address(DOCKER_CONTEXT="nowhere", DOCKER_HOST="unix:///s")
        assert named == Address("unix:///s", "DOCKER_HOST")

    def test_docker_config_names_another_folder(self, config: Config, tmp_path: Path) -> None:
        config.use("box")
        assert config.address(DOCKER_CONFIG=str(tmp_path)).url == LOCAL_SOCKET
        elsewhere = {"HOME": "/nowhere", "DOCKER_CONFIG": str(config.folder)}
        assert engine_address(elsewhere).url == "tcp://box:2375"


class TestWhatIsRefused:
    def test_a_context_that_is_not_there(self, config: Config) -> None:
        told = config.refused(DOCKER_CONTEXT="nowhere")
        assert "the docker context 'nowhere', which DOCKER_CONTEXT names, is not there" in told
        assert "known: default, box, rootless" in told

    def test_a_context_of_the_config_file_that_is_not_there(self, config: Config) -> None:
        config.use("gone")
        told = config.refused()
        assert f"'gone', which {config.folder / 'config.json'} names, is not there" in told

    def test_contexts_where_there_are_none(self, tmp_path: Path) -> None:
        with pytest.raises(EngineError, match="known: default"):
            engine_address({"HOME": str(tmp_path / "absent"), "DOCKER_CONTEXT": "nowhere"})

    @pytest.mark.parametrize("text", ["{", "[]", "\xff"])
    def test_a_config_file_that_is_none(self, config: Config, text: str) -> None:
        (config.folder / "config.json").write_text(text, encoding="latin-1")
        assert "config.json cannot be read" in config.refused()

    def test_a_context_whose_file_is_damaged(self, config: Config) -> None:
        (config.folder / "contexts" / "meta" / key("box") / "meta.json").write_text("{")
        assert "cannot be read" in config.refused(DOCKER_CONTEXT="box")
        assert "known: default, rootless" in config.refused(DOCKER_CONTEXT="nowhere")

    def test_a_context_without_an_engine(self, config: Config) -> None:
        (config.folder / "contexts" / "meta" / key("box") / "meta.json").write_text('{"Name": "box"}')
        assert "has no docker endpoint" in config.refused(DOCKER_CONTEXT="box")

    @pytest.mark.parametrize(
        "host", ["npipe:////./pipe/docker_engine", "fd://", "tcp://", "unix://", "ssh://"]
    )
    def test_what_leads_nowhere(self, config: Config, host: str) -> None:
        config.context("far", host)
        for told in (config.refused(DOCKER_CONTEXT="far"), config.refused(DOCKER_HOST=host)):
            assert f"there is no engine at {host} (" in told
            assert "known are unix:///PATH, tcp://HOST:PORT and ssh://" in told

    @pytest.mark.parametrize(
        "host", ["tcp://my box:2375", "tcp://bo\nx:1", "tcp://a:1 tcp://b:1", "ssh://me @box", "unix:///a\tb"]
    )
    def test_white_space_within(self, config: Config, host: str) -> None:
        """urlsplit would leave some of it out, and another machine would be asked."""
        config.context("far", host)
        for told in (config.refused(DOCKER_CONTEXT="far"), config.refused(DOCKER_HOST=host)):
            assert f"there is no engine at {host!r} (" in told
            assert "white space" in told

    @pytest.mark.parametrize("host", ["tcp://box:port", "tcp://box:99999", "tcp://[box"])
    def test_a_port_that_is_none(self, config: Config, host: str) -> None:
        assert f"there is no engine at {host} (" in config.refused(DOCKER_HOST=host)

    def test_a_password_is_not_repeated(self, config: Config) -> None:
        told = config.refused(DOCKER_HOST="ssh://me:secret@box")
        assert "an address has no password; use a key" in told
        assert "secret" not in told

    def test_an_address_that_is_none(self, config: Config) -> None:
        assert "there is no engine at nonsense (DOCKER_HOST)" in config.refused(DOCKER_HOST="nonsense")


class TestTls:
    def test_it_is_asked_for_by_a_variable(self, config: Config) -> None:
        host = "tcp://box:2376"
        assert config.address(DOCKER_HOST=host, DOCKER_CERT_PATH="/c").tls is None
        named = config.address(DOCKER_HOST=host, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH="/c")
        assert named.tls == Tls(Path("/c"))
        assert str(named) == "tcp://box:2376 (DOCKER_HOST, over TLS)"
        assert config.address(DOCKER_HOST=host, DOCKER_TLS="1").tls == Tls(config.folder, verify=False)
        assert config.address(DOCKER_HOST="unix:///s", DOCKER_TLS_VERIFY="1").tls is None

    def test_without_an_address(self, config: Config) -> None:
        named = config.address(DOCKER_TLS_VERIFY="1")
        assert (named.url, named.tls) == (LOCAL_TLS, Tls(config.folder))

    @pytest.mark.parametrize("skip", [False, True])
    def test_a_context_brings_its_own_files(self, config: Config, skip: bool) -> None:
        """Those that the variables name are others' then, as the docker CLI has it."""
        config.context("safe", "tcp://box:2376", skip_verify=skip)
        files = config.folder / "contexts" / "tls" / key("safe") / "docker"
        files.mkdir(parents=True)
        named = config.address(DOCKER_CONTEXT="safe", DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH="/c")
        assert named.tls == Tls(files, verify=not skip, by_context=True)
        assert config.address(DOCKER_CONTEXT="box", DOCKER_TLS_VERIFY="1").tls is None

    def test_a_context_that_verifies_nobody_needs_no_files(self, config: Config) -> None:
        config.context("skip", "tcp://box:2376", skip_verify=True)
        assert (tls := config.address(DOCKER_CONTEXT="skip").tls)
        assert not tls.verify
        assert not tls.certificate.exists()


class TestItsParts:
    def test_a_socket(self) -> None:
        assert Address("unix:///run/a.sock", "").socket == "/run/a.sock"
        assert Address("tcp://box:2375", "").socket is None

    def test_behind_ssh(self, config: Config) -> None:
        found = config.address(DOCKER_HOST="ssh://me@box:2222/run/docker.sock")
        assert (found.scheme, found.user, found.host, found.port) == ("ssh", "me", "box", 2222)
        assert found.path == "/run/docker.sock"
        assert found.socket is None
        bare = config.address(DOCKER_HOST="ssh://box")
        assert (bare.user, bare.host, bare.port, bare.path) == (None, "box", None, "")


class TestForTheDockerCli:
    def test_docker_host_says_it_all(self) -> None:
        told = Address("tcp://box:2375", "").environment({"DOCKER_CONTEXT": "box", "HOME": "/h"})
        assert told == {"DOCKER_HOST": "tcp://box:2375", "HOME": "/h"}

    def test_and_where_the_files_for_tls_are(self) -> None:
        before = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/others"}
        safe = Address("tcp://box:2376", "", Tls(Path("/c"), verify=False))
        assert safe.environment(before) == {
            "DOCKER_HOST": "tcp://box:2376",
            "DOCKER_CERT_PATH": "/c",
            "DOCKER_TLS": "1",
        }
        assert Address("unix:///s", "").environment(before) == {"DOCKER_HOST": "unix:///s"}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address("unix:///nowhere", "DOCKER_HOST"), "make engine"),
        (Address("tcp://far:2375", "DOCKER_HOST"), "wants TLS"),
        (Address("ssh://me@far", "DOCKER_HOST"), "`ssh far docker version`"),
    ],
)
def test_what_to_do_is_about_the_way_there(address: Address, words: str) -> None:
    assert words in address.remedy
