"""Building the steps' images on a real engine: what is no input of an image rebuilds none."""

from __future__ import annotations

import shutil
from pathlib import Path

import docker
import pytest

from steps.build import images
from steps.build.builder import INPUTS_LABEL


def made_from(client: docker.DockerClient, name: str) -> tuple[str, str]:
    """An image's id, which is its digest, and the hash of its inputs."""
    image = client.images.get(images.image_ref(name))
    return str(image.id), image.labels[INPUTS_LABEL]


def test_an_edited_readme_or_training_script_rebuilds_nothing(
    client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = images.step_names()
    images.ensure_base(client, print)
    for name in names:
        images.ensure_step(client, name)
    before = {name: made_from(client, name) for name in names}
    # In a copy: the checkout is not the test's to edit.
    steps = shutil.copytree(images.STEPS, tmp_path / "steps")
    for edited in ("README.md", "detect/README.md", "recognise/README.md", "training/detect/train.py"):
        with (steps / edited).open("a", encoding="utf-8") as file:
            file.write("\n# edited\n")
    monkeypatch.setattr(images, "STEPS", steps)
    assert not [name for name in names if images.ensure_step(client, name)]
    assert {name: made_from(client, name) for name in names} == before
