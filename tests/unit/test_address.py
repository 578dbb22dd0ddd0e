"""Which engine is meant: DOCKER_HOST, the docker CLI's contexts, the local socket, in the docker CLI's own order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from coordinator.errors import EngineError
from coordinator.runners.address import LOCAL_SOCKET, Address, engine_address


def key(name: str) -> str:
    """The name of a context's folders, as the docker CLI makes it."""
    return hashlib.sha256(name.encode()).hexdigest()


class Config:
    """A folder of the docker CLI, and the environment of somebody whose home holds it."""

    def __init__(self, home: Path) -> None:
        self.folder = home / ".docker"
        self.folder.mkdir()
        self.environment = {"HOME": str(home)}

    def context(self, name: str, host: str) -> None:
        """What ``docker context create`` writes."""
        folder = self.folder / "contexts" / "meta" / key(name)
        folder.mkdir(parents=True)
        endpoints = {"docker": {"Host": host, "SkipTLSVerify": False}}
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

    @pytest.mark.parametrize("host", ["ssh://me@box", "npipe:////./pipe/docker_engine"])
    def test_an_address_that_needs_a_tunnel(self, config: Config, host: str) -> None:
        config.context("far", host)
        for told in (config.refused(DOCKER_CONTEXT="far"), config.refused(DOCKER_HOST=host)):
            assert f"an engine at {host} (" in told
            assert "is not supported; forward its socket" in told

    def test_tls(self, config: Config) -> None:
        (config.folder / "contexts" / "tls" / key("box") / "docker").mkdir(parents=True)
        assert "over TLS is not supported" in config.refused(DOCKER_CONTEXT="box")
        told = config.refused(DOCKER_HOST="tcp://box:2376", DOCKER_TLS_VERIFY="1")
        assert "over TLS is not supported" in told

    def test_an_address_that_is_none(self, config: Config) -> None:
        assert "there is no engine at nonsense (DOCKER_HOST)" in config.refused(DOCKER_HOST="nonsense")


def test_an_address_says_where_the_socket_is() -> None:
    assert Address("unix:///run/a.sock", "").socket == "/run/a.sock"
    assert Address("tcp://box:2375", "").socket is None


def test_the_sdk_is_told_by_docker_host_alone() -> None:
    told = Address("tcp://box:2375", "").environment({"DOCKER_CONTEXT": "box", "HOME": "/h"})
    assert told == {"DOCKER_HOST": "tcp://box:2375", "HOME": "/h"}
