"""Installed from its wheel, without a checkout or make: the same images, and the sample municipality from end to end.

The environment has the packages of the one that the tests run in, and the coordinator from the wheel in front of them.
What takes its time is the demo itself, so its models are kept loaded.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from zipfile import ZipFile

import docker
import pytest

from coordinator import __version__
from steps.build.ensuring import ensure_images
from steps.build.images import BASE_REF, image_ref, step_names
from tests.acceptance.conftest import ROOT, Ended

MOST = 10 * 1024**2
"""Bytes of a wheel: the networks and the photographs of the sample municipality are nearly all of it."""
NO_BUILDS = ("__pycache__", "build", "*.egg-info")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, for setuptools packs up what earlier builds have left."""
    copy, made = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in ("coordinator", "steps", "images"):
        ignored = shutil.ignore_patterns(*(NO_BUILDS if name != "steps" else ("__pycache__",)))
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, made, copy], check=True)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ``coordinator`` of an environment into which the wheel was installed."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    options = ["--quiet", "--no-deps", "--no-index"]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], check=True)
    (own,) = place.glob("lib/python*/site-packages")
    present = [folder for folder in sys.path if folder.endswith("site-packages")]
    (own / "present.pth").write_text("\n".join(present))
    return place / "bin" / "coordinator"


def run(command: Path, folder: Path, *arguments: str) -> Ended:
    done = subprocess.run(
        [command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_the_wheel_is_small_and_holds_what_runs(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "coordinator",
        "images",
        "steps",
    }
    needed = [
        *ROOT.glob("coordinator/*/page/*"),
        *ROOT.glob("coordinator/pipelines/*"),
        *ROOT.glob("images/demo/**/*.*"),
    ]
    assert {str(path.relative_to(ROOT)) for path in needed} <= names
    assert not [name for name in names if name.startswith("steps/training")]


def test_the_version_is_that_of_the_wheel(wheel: Path, installed: Path, tmp_path: Path) -> None:
    assert wheel.name.startswith(f"coordinator-{__version__}-")
    assert run(installed, tmp_path, "--version").out == f"coordinator {__version__}\n"


def test_it_makes_the_images_of_a_checkout_and_maps_the_sample_municipality(
    installed: Path, tmp_path: Path, client: docker.DockerClient
) -> None:
    ensure_images(client, step_names(), print)
    made = run(installed, tmp_path, "images", "build")
    assert (made.code, made.err) == (0, "")
    expected = [f"{ref}: up to date" for ref in (BASE_REF, *map(image_ref, step_names()))]
    assert made.out.splitlines() == expected, "the wheel lacks something that an image is made from"
    checked = run(installed, tmp_path, "doctor")
    assert checked.code == 0, checked.out
    mapped = run(installed, tmp_path, "demo", "--reuse")
    assert mapped.code == 0, mapped.err
    assert "F1                  1.000\n" in mapped.out
    assert (tmp_path / "runs/demo/report.html").exists()
