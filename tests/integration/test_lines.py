"""Engines over TLS and behind ssh: whole runs on an engine of the test's own, the one that the docker CLI finds.

The demo is run on them with ``COORDINATOR_OWN_ENGINES=all``: its images take a minute to bring there.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from coordinator.errors import ExitCode
from tests.certificates import certificates
from tests.integration.conftest import Workshop
from tests.integration.ownengine import OwnEngine, can_run, has_all
from tests.integration.ran import ROOT
from tests.waiting import eventually

PORT = 2376
"""In the engine's own network, where nobody else has it."""
ECHO = {"name": "echo", "resources": {"cpus": 0.5, "memory": "64m"}, "timeout": 60, "retries": 0}


@dataclass(frozen=True)
class Far:
    """An engine, and the folder with the files for TLS to it."""

    engine: OwnEngine
    tls: Path

    def over_tls(self, verify: str = "DOCKER_TLS_VERIFY") -> dict[str, str]:
        return {"DOCKER_HOST": f"tcp://127.0.0.1:{PORT}", verify: "1", "DOCKER_CERT_PATH": str(self.tls)}

    def do(self, environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a program where the engine's network is."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        return subprocess.run(
            self.engine.within(*map(str, words)),
            cwd=ROOT,
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def coordinator(
        self, environment: dict[str, str], *words: str | Path
    ) -> subprocess.CompletedProcess[str]:
        return self.do(environment, sys.executable, "-m", "coordinator", *words)

    def runs(self, environment: dict[str, str], named: str, workshop: Workshop) -> None:
        """``run``, ``doctor`` and the docker CLI find this engine, and the run leaves nothing on it."""
        workshop.photographs("a.jpg", "b.jpg", "c.jpg")
        pipeline = workshop.pipeline({**ECHO, "image_ref": "coordinator/echo"})
        what = (workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
        ended = self.coordinator(environment, "run", *what)
        assert ended.returncode == ExitCode.DONE, ended.stderr
        assert json.loads((workshop.out / "run.json").read_text())["engine"]["address"] == named
        told = self.coordinator(environment, "doctor", "--pipeline", pipeline).stdout
        assert f"OK       engine     at {named}\n" in told
        assert "OK       start      containers of 'echo' start" in told
        asked = self.do(environment, "docker", "info", "--format", "{{.ID}}")
        assert asked.stdout.strip() == self.engine.client.info()["ID"], asked.stderr
        assert self.engine.client.api.containers(all=True) == []


@pytest.fixture(scope="module")
def far(client: docker.DockerClient, echo_image: str) -> Iterator[Far]:
    """An engine with the echo step's image, on its socket and over TLS."""
    if not can_run() or shutil.which("openssl") is None:
        pytest.skip("starting an engine over TLS takes root, dockerd and openssl")
    with tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        tls = certificates(folder / "tls")
        files = {"tlscacert": "ca.pem", "tlscert": "cert.pem", "tlskey": "key.pem"}
        options = [f"--{option}={tls / file}" for option, file in files.items()]
        engine = OwnEngine(folder, "--host", f"tcp://127.0.0.1:{PORT}", "--tlsverify", *options)
        try:
            subprocess.run(engine.within("ip", "link", "set", "lo", "up"), check=True)
            for image_ref in ("detect", "position", "recognise") if has_all() else ():
                engine.load(f"coordinator/{image_ref}", client)
            engine.load(echo_image, client)
            yield Far(engine, tls)
        finally:
            engine.stop()


@pytest.fixture(scope="module")
def behind_ssh(far: Far) -> Iterator[dict[str, str]]:
    """The environment of somebody whose ssh finds the engine's machine as ``far``: an sshd of the test's own."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None:
        pytest.skip("an engine behind ssh takes an sshd (Debian's openssh-server)")
    with tempfile.TemporaryDirectory(prefix="ssh-") as name:
        folder = Path(name)
        for key in ("host", "own"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True
            )
        port = free_port()
        shutil.copy(folder / "own.pub", folder / "authorized")
        (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            f"SetEnv DOCKER_HOST={far.engine.address}\nMaxStartups 100\n"
        )
        (folder / "config").write_text(
            f"Host far\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile {folder}/own\n"
            f" IdentitiesOnly yes\n UserKnownHostsFile {folder}/known\n"
        )
        # ssh looks for its files at home, whatever HOME says.
        (folder / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
        (folder / "ssh").chmod(0o755)
        Path("/run/sshd").mkdir(exist_ok=True)
        with (folder / "log").open("wb") as log:
            # In the engine's network, where the tests are.
            command = far.engine.within(sshd, "-D", "-e", "-f", str(folder / "sshd_config"))
            process = subprocess.Popen(command, stderr=log)
        eventually(lambda: b"listening" in (folder / "log").read_bytes() or process.poll() is not None)
        try:
            assert process.poll() is None, (folder / "log").read_text()
            yield {"PATH": f"{folder}:{os.environ['PATH']}", "DOCKER_HOST": "ssh://far"}
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    """One that is free everywhere now; in the engine's network nobody else takes it."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def test_a_context_over_tls(workshop: Workshop, far: Far, tmp_path: Path) -> None:
    environment = {"DOCKER_CONFIG": str(tmp_path / "config")}
    at = f"host=tcp://127.0.0.1:{PORT}"
    files = f"ca={far.tls}/ca.pem,cert={far.tls}/cert.pem,key={far.tls}/key.pem"
    assert (
        far.do(environment, "docker", "context", "create", "safe", "--docker", f"{at},{files}").returncode
        == 0
    )
    assert far.do(environment, "docker", "context", "use", "safe").returncode == 0
    by = tmp_path / "config" / "config.json"
    far.runs(environment, f"tcp://127.0.0.1:{PORT} (docker context 'safe', by {by}, over TLS)", workshop)


def test_an_engine_that_cannot_prove_who_it_is(workshop: Workshop, far: Far, tmp_path: Path) -> None:
    """It is refused before anything is written, unless nobody wants a proof."""
    others = certificates(tmp_path / "others")
    workshop.photographs("a.jpg")
    pipeline = workshop.pipeline({**ECHO, "image_ref": "coordinator/echo"})
    what = (workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
    shutil.copy(others / "ca.pem", tmp_path)
    for file in ("cert.pem", "key.pem"):
        shutil.copy(far.tls / file, tmp_path)
    told = far.coordinator({**far.over_tls(), "DOCKER_CERT_PATH": str(tmp_path)}, "run", *what)
    assert told.returncode == ExitCode.REFUSED
    assert "certificate verify failed" in told.stderr
    assert not workshop.out.exists()
    unproven = {**far.over_tls("DOCKER_TLS"), "DOCKER_CERT_PATH": str(tmp_path)}
    assert far.coordinator(unproven, "run", *what).returncode == ExitCode.DONE


def test_behind_ssh(workshop: Workshop, far: Far, behind_ssh: dict[str, str]) -> None:
    far.runs(behind_ssh, "ssh://far (DOCKER_HOST)", workshop)


def test_ssh_that_is_not_let_in(workshop: Workshop, far: Far, behind_ssh: dict[str, str]) -> None:
    workshop.photographs("a.jpg")
    pipeline = workshop.pipeline({**ECHO, "image_ref": "coordinator/echo"})
    what = (workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
    told = far.coordinator({**behind_ssh, "DOCKER_HOST": "ssh://nobody@far"}, "run", *what)
    assert told.returncode == ExitCode.REFUSED
    assert "no container engine answers at ssh://nobody@far (DOCKER_HOST)" in told.stderr
    assert "Permission denied (publickey" in told.stderr
    assert not workshop.out.exists()


@pytest.mark.skipif(not has_all(), reason="COORDINATOR_OWN_ENGINES=all runs it")
@pytest.mark.parametrize("line", ["tls", "ssh"])
def test_the_demo(far: Far, line: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    environment = far.over_tls() if line == "tls" else request.getfixturevalue("behind_ssh")
    demo = ROOT / "images" / "demo"
    ended = far.coordinator(environment, "run", demo, "--out", tmp_path / "run")
    assert ended.returncode == ExitCode.DONE, ended.stderr
    scored = far.coordinator({}, "score", tmp_path / "run", demo / "truth.geojson", "--json")
    assert json.loads(scored.stdout)["f1"] == 1.0
