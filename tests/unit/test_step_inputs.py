"""What is in a step's image: all that it imports when it runs, and nothing whose edit cannot change a result."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.runners.program import program_id
from steps.build import images
from steps.build.context import Context, read_context

PYTHON_STEPS = [name for name in images.step_names() if (images.STEPS / name / "__main__.py").exists()]
DATA = {
    "detect": {"detect/weights.onnx", "detect/classical/weights.npz", "signs/weights.onnx"},
    "recognise": {"signs/weights.onnx"},
    "align": {"align/requirements.txt"},
}
"""What steps read beside their code."""
BESIDE = (
    "README.md",
    "detect/README.md",
    "detect/weights.json",
    "recognise/README.md",
    "signs/weights.json",
    "position/sample.json",
    "stepkit/README.md",
    "training/detect/train.py",
    "training/recognise/evaluate.py",
    "training/notes.md",
    "build/images.py",
)
"""What no image is made from; not all of it is there."""


def context(steps: Path, name: str) -> Context:
    return read_context(steps, steps / name / "Dockerfile")


def imported(steps: Path, path: Path) -> Iterator[Path]:
    """The files of ``steps`` that a file imports, inside of functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            package, *rest = name.split(".")
            if package == "steps":
                found = steps.joinpath(*rest)
                yield from (
                    path for path in (found.with_suffix(".py"), found / "__init__.py") if path.is_file()
                )


def what_runs(steps: Path, name: str) -> set[str]:
    """All files that ``python -m steps.NAME`` can come to import, with the packages that they lie in."""
    waiting, found = [steps / "__init__.py", steps / name / "__main__.py"], set[Path]()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [path.parent / "__init__.py", *imported(steps, path)]
    return {path.relative_to(steps).as_posix() for path in found}


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """A copy of steps/ that may be edited."""
    return shutil.copytree(images.STEPS, tmp_path / "steps", ignore=shutil.ignore_patterns("__pycache__"))


def edit(steps: Path) -> None:
    """Changes what no image is made from."""
    for name in BESIDE:
        path = steps / name
        path.write_text(
            f"{path.read_text(encoding='utf-8') if path.exists() else ''}\n# edited\n", encoding="utf-8"
        )


@pytest.mark.parametrize("name", PYTHON_STEPS)
def test_an_image_holds_what_runs_and_nothing_else(name: str) -> None:
    files, running = set(context(images.STEPS, name).files), what_runs(images.STEPS, name)
    assert running <= files
    # Of what steps share all is in all: it is small, and a Dockerfile that listed its files would go stale.
    assert {file for file in files - running if not file.startswith("stepkit/")} == DATA.get(name, set())


@pytest.mark.parametrize("name", images.step_names())
def test_an_edited_readme_or_training_script_is_no_other_image(steps: Path, name: str) -> None:
    before = context(steps, name).digest("base")
    edit(steps)
    assert context(steps, name).digest("base") == before == context(images.STEPS, name).digest("base")


@pytest.mark.parametrize("name", PYTHON_STEPS)
def test_an_edited_module_is_another_image(steps: Path, name: str) -> None:
    digests = {context(steps, name).digest("base")}
    for module in (f"{name}/__main__.py", "stepkit/loop.py", "__init__.py"):
        with (steps / module).open("a", encoding="utf-8") as file:
            file.write("# edited\n")
        digests.add(context(steps, name).digest("base"))
    assert len(digests) == 4


def test_nor_is_it_for_the_services_image(tmp_path: Path) -> None:
    for name in ("steps", "coordinator"):
        shutil.copytree(images.PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(images.PROJECT / ".dockerignore", tmp_path)
    dockerfile = tmp_path / images.part_file("service").relative_to(images.PROJECT)
    before = read_context(tmp_path, dockerfile).digest("base")
    edit(tmp_path / "steps")
    (tmp_path / "steps" / "imaging" / "README.md").write_text("new", encoding="utf-8")
    assert read_context(tmp_path, dockerfile).digest("base") == before
    (tmp_path / "steps" / "imaging" / "blur.py").write_text("new", encoding="utf-8")
    assert read_context(tmp_path, dockerfile).digest("base") != before


@pytest.mark.parametrize("name", PYTHON_STEPS)
def test_nor_is_it_another_program_on_the_rung_without_containers(
    steps: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # The package under another name, as steps itself is imported already.
    package = steps.rename(steps.with_name("copied_steps"))
    monkeypatch.syspath_prepend(str(package.parent))
    command = ("python3", "-m", f"copied_steps.{name}")
    before = program_id(command)
    edit(package)
    assert program_id(command) == before
    (package / "stepkit" / "loop.py").touch()
    assert program_id(command) != before
