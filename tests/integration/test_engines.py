"""The same on every engine that users have: each way to run a task gives the same results, and nothing is left.

By default that is Debian's dockerd. With ``COORDINATOR_ENGINES`` (engines.py), the table of docs/engines.md is written
anew for the engines that it names.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import docker
import pytest

from coordinator.errors import ExitCode
from coordinator.pipeline import Rung
from coordinator.runners.engine import FOLDER_LABEL
from coordinator.runners.isolation import LANE
from coordinator.runners.spec import ROLE
from tests.integration.conftest import Workshop, image_of
from tests.integration.engines import VARIABLE, Gpus, Setting, programs, started, version
from tests.integration.ownengine import OwnEngine
from tests.integration.ran import ROOT
from tests.waiting import eventually

WAYS: dict[str, dict[str, Any]] = {
    "fresh": {"rung": Rung.FRESH},
    "prestarted": {"rung": Rung.FRESH, "prestart": 2},
    "chunk": {"rung": Rung.FRESH, "chunk": 2},
    "exec": {"rung": Rung.EXEC},
    "resident": {"rung": Rung.RESIDENT},
}
NAMES = ("a.jpg", "b.jpg")
PAGE = ROOT / "docs" / "engines.md"
RULE = "|---|---|---|---|---|---|---|---|---|\n"
"""Above the rows of the page's table."""


@pytest.mark.parametrize("program", programs(), ids=lambda name: f"{Path(name).name}-{version(name)}")
def test_every_way_gives_the_same_and_nothing_is_left(
    workshop: Workshop, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    image = image_of(client, "devices")
    workshop.photographs(*NAMES)
    with started(Setting(program, Gpus.NONE)) as engine:
        engine.load(image, client)
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        digests = []
        for name, way in WAYS.items():
            workshop.out = workshop.folder / name
            steps = ({"name": step, "image_ref": image, "params": {"write": True}} for step in ("one", "two"))
            assert workshop.run(*steps, **way).exit_code is ExitCode.DONE
            assert engine.client.containers.list(all=True) == []
            digests.append(digest(workshop))
        assert digests == digests[:1] * len(WAYS)
        clean_up_after_a_kill(engine, workshop, image)
        if VARIABLE in os.environ:
            write_row(engine, digests)


def digest(workshop: Workshop) -> str:
    """The SHA-256 of what a run gave: its last step's items, and every file that a step wrote."""
    items = workshop.items("two")
    files = [
        workshop.out / item[step]["image"].removeprefix("/") for item in items for step in ("one", "two")
    ]
    assert [item["id"] for item in items] == [*NAMES]
    assert len(set(files)) == 2 * len(NAMES)
    text = json.dumps(items, sort_keys=True).encode()
    return hashlib.sha256(text + b"".join(path.read_bytes() for path in files)).hexdigest()


def clean_up_after_a_kill(engine: OwnEngine, workshop: Workshop, image: str) -> None:
    """A run is killed with its containers at work; ``clean`` removes what the engine has of them."""
    pipeline = workshop.pipeline({"name": "one", "image_ref": image, "params": {"hold": True}})
    workshop.out = workshop.folder / "killed"
    command = (sys.executable, "-m", "coordinator")
    options = ("--pipeline", str(pipeline), "--out", str(workshop.out), "--rung", "resident")
    run = subprocess.Popen(
        [*command, "run", str(workshop.batch), *options], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    lanes = {"label": [f"{FOLDER_LABEL}={workshop.out}", f"{ROLE}={LANE}"]}
    eventually(lambda: engine.client.api.containers(filters=lanes) or run.poll() is not None)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    ended = subprocess.run(
        [*command, "clean", str(workshop.out)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == ExitCode.DONE, ended.stdout + ended.stderr
    assert engine.client.containers.list(all=True) == []


def write_row(engine: OwnEngine, digests: list[str]) -> None:
    """Writes an engine's row into the page's table, anew if it is there."""
    told = engine.client.version()
    named = f"| {'Podman' if engine.is_podman else 'Docker'} {told['Version']} |"
    row = " ".join([named, told["ApiVersion"], "|", " | ".join(text[:8] for text in digests), "| none | 0 |"])
    head, rule, rest = PAGE.read_text().partition(RULE)
    lines = rest.splitlines()
    rows = list(takewhile(lambda line: line.startswith("|"), lines))
    kept = [line for line in rows if not line.startswith(named)]
    PAGE.write_text(head + rule + "\n".join([*sorted([*kept, row]), *lines[len(rows) :], ""]))
