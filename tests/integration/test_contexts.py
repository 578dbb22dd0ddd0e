"""The docker CLI's contexts, as a user has them: the engine of the one in use is the one that runs are made on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from coordinator.errors import ExitCode
from coordinator.runners.engine import Engine
from tests.integration.conftest import Workshop
from tests.integration.ran import ROOT
from tests.unit.test_address import Config


def coordinator(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    return subprocess.run(
        [sys.executable, "-m", "coordinator", *map(str, words)],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_context_in_use_is_run_on_and_named(
    workshop: Workshop, engine: Engine, echo_image: str, tmp_path: Path
) -> None:
    config = Config(tmp_path)
    config.context("mine", engine.address.url)
    config.use("mine")
    workshop.photographs("a.jpg")
    pipeline = workshop.pipeline({"name": "echo", "image_ref": echo_image})
    what = (workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
    ended = coordinator({"DOCKER_CONFIG": str(config.folder)}, "run", *what)
    assert ended.returncode == ExitCode.DONE, ended.stderr
    about = json.loads((workshop.out / "run.json").read_text())
    named = f"{engine.address.url} (docker context 'mine', by {config.folder / 'config.json'})"
    assert about["engine"]["address"] == named
    told = coordinator({"DOCKER_CONFIG": str(config.folder)}, "doctor", "--pipeline", pipeline)
    assert f"OK       engine     at {named}\n" in told.stdout


def test_a_context_that_is_not_there_is_no_other_engine(
    workshop: Workshop, engine: Engine, echo_image: str, tmp_path: Path
) -> None:
    config = Config(tmp_path)
    config.context("mine", engine.address.url)
    workshop.photographs("a.jpg")
    pipeline = workshop.pipeline({"name": "echo", "image_ref": echo_image})
    what = (workshop.batch, "--pipeline", pipeline, "--out", workshop.out)
    nowhere = {"DOCKER_CONFIG": str(config.folder), "DOCKER_CONTEXT": "nowhere"}
    ended = coordinator(nowhere, "run", *what)
    assert ended.returncode == ExitCode.REFUSED
    assert "the docker context 'nowhere', which DOCKER_CONTEXT names, is not there" in ended.stderr
    assert "known: default, mine" in ended.stderr
    assert not workshop.out.exists()
