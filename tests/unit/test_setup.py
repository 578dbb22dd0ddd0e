"""The set-up's pure parts: apt's sources, a Dockerfile's inputs, their hash and archive. No engine needed."""

import os
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from steps.build import images
from steps.build.context import DOCKERFILE_NAME, Context, copied_sources, declared_arguments, read_context
from steps.build.debian import Source, find_mirror, parse_sources
from steps.build.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
SETUP = ROOT / "setup"

DEB822 = """\
Types: deb deb-src
# where it is read from
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""


class TestAptSources:
    def test_one_line_style(self) -> None:
        text = "# deb http://old.example/debian x main\n\ndeb http://a.example/debian bookworm main contrib\n"
        expected = Source(uri="http://a.example/debian", suites=("bookworm",), components=("main", "contrib"))
        assert parse_sources("sources.list", text) == [expected]

    def test_one_line_style_with_options(self) -> None:
        text = "deb [ arch=amd64 signed-by=/k.gpg ] https://a.example/debian stable main # why"
        assert parse_sources("a.list", text) == [
            Source(uri="https://a.example/debian", suites=("stable",), components=("main",))
        ]

    @pytest.mark.parametrize(
        "line", ["deb", "deb http://a.example/debian", "deb-src http://a.example/ b main"]
    )
    def test_a_line_that_is_no_binary_source(self, line: str) -> None:
        assert parse_sources("a.list", line) == []

    def test_deb822_with_comment_continuation_and_a_disabled_stanza(self) -> None:
        expected = Source(
            uri="http://mirror.example/debian",
            suites=("bookworm", "bookworm-updates"),
            components=("main", "contrib"),
        )
        assert parse_sources("debian.sources", DEB822) == [expected]

    def test_other_files_hold_no_sources(self) -> None:
        assert parse_sources("a.list.save", "deb http://a.example/debian bookworm main") == []

    def test_the_first_mirror_of_debian_itself_is_found(self) -> None:
        texts = {
            "sources.list": "deb cdrom:[Debian 12]/ bookworm main\n"
            "deb http://a.example/debian-security bookworm-security main\n",
            "other.list": "deb https://apt.vendor.example bookworm main\n"
            "deb https://vendor.example/linux/debian bookworm stable\n",
            "zz.sources": DEB822,
        }
        assert find_mirror(texts, codename="bookworm") == "http://mirror.example/debian"

    def test_a_mirror_of_a_later_release_has_this_one_too(self) -> None:
        text = "deb http://a.example/debian trixie main"
        assert find_mirror({"sources.list": text}, codename="trixie") == "http://a.example/debian"

    def test_no_mirror(self) -> None:
        assert find_mirror({"sources.list": ""}, codename="bookworm") is None


class TestDockerfile:
    def test_sources_of_copies(self) -> None:
        text = (
            "ARG BASE=b\nFROM ${BASE} AS one\n# COPY not this\nCOPY --chown=1:1 ./stepkit \\\n  detect /o/\n"
            'COPY --from=one /a /b\nadd ["with space.txt", "/c"]\nADD https://a.example/x.tgz /d\n'
        )
        assert copied_sources(text) == ["stepkit", "detect", "with space.txt"]

    def test_declared_arguments(self) -> None:
        assert declared_arguments("ARG BASE=coordinator/base\nFROM x\nARG A B=2\n") == {"BASE", "A", "B"}


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    for name, text in {
        ".dockerignore": "**/__pycache__\nsetup\n",
        "stepkit/loop.py": "loop",
        "stepkit/__pycache__/loop.pyc": "junk",
        "detect/Dockerfile": "FROM x\nCOPY stepkit /s\nCOPY detect /d\n",
        "detect/__main__.py": "main",
        "detect/model/weights.npz": "1",
        "position/core.py": "core",
        "setup/engine.sh": "engine",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def detect_context(steps: Path) -> Context:
    return read_context(steps, steps / "detect" / "Dockerfile")


class TestContext:
    def test_holds_what_is_copied_and_nothing_else(self, steps: Path) -> None:
        assert sorted(detect_context(steps).files) == [
            "detect/Dockerfile",
            "detect/__main__.py",
            "detect/model/weights.npz",
            "stepkit/loop.py",
        ]

    def test_patterns_and_the_whole_folder(self, steps: Path) -> None:
        dockerfile = steps / "Dockerfile"
        dockerfile.write_text("FROM x\nCOPY stepkit/*.py absent.crt* /s/\n", encoding="utf-8")
        assert sorted(read_context(steps, dockerfile).files) == ["stepkit/loop.py"]
        dockerfile.write_text("FROM x\nCOPY . /s/\n", encoding="utf-8")
        assert "position/core.py" in read_context(steps, dockerfile).files

    @pytest.mark.parametrize("absent", ["nowhere", "setup"])
    def test_a_copy_of_what_is_not_there_is_told_before_the_build(self, steps: Path, absent: str) -> None:
        dockerfile = steps / "Dockerfile"
        dockerfile.write_text(f"FROM x\nCOPY {absent} /s\n", encoding="utf-8")
        with pytest.raises(SetupError, match=f"COPY {absent}: no such file"):
            read_context(steps, dockerfile)

    def test_archive_is_the_same_whoever_checked_it_out(self, steps: Path) -> None:
        before = detect_context(steps).archive().getvalue()
        for path in (steps / "detect").rglob("*"):
            os.utime(path, (1, 1))
        (steps / "detect" / "__main__.py").chmod(0o600)
        assert detect_context(steps).archive().getvalue() == before

    def test_archive_holds_the_dockerfile_under_its_own_name(self, steps: Path) -> None:
        with tarfile.open(fileobj=detect_context(steps).archive()) as archive:
            assert DOCKERFILE_NAME in archive.getnames()


class TestDigest:
    def test_changes_with_what_goes_in(self, steps: Path) -> None:
        digests = [detect_context(steps).digest("base 1"), detect_context(steps).digest("base 2")]
        for name, text in {
            "stepkit/loop.py": "loop!",
            "detect/new.py": "",
            "detect/Dockerfile": "FROM y\nCOPY stepkit /s\nCOPY detect /d\n",
        }.items():
            (steps / name).write_text(text, encoding="utf-8")
            digests.append(detect_context(steps).digest("base 1"))
        (steps / "detect" / "new.py").chmod(0o755)
        digests.append(detect_context(steps).digest("base 1"))
        assert len(set(digests)) == len(digests)

    def test_stays_with_what_does_not(self, steps: Path) -> None:
        before = detect_context(steps).digest()
        (steps / "position" / "core.py").write_text("other", encoding="utf-8")
        (steps / "stepkit" / "__pycache__" / "loop.pyc").write_text("other", encoding="utf-8")
        assert detect_context(steps).digest() == before

    def test_no_part_runs_over_into_the_next(self, tmp_path: Path) -> None:
        (tmp_path / "one").write_text("b", encoding="utf-8")
        first = Context(dockerfile="FROM x", files={"a": tmp_path / "one"})
        (tmp_path / "two").write_text("", encoding="utf-8")
        second = Context(dockerfile="FROM x", files={"ab": tmp_path / "two"})
        assert first.digest() != second.digest()


class TestBuildArguments:
    def test_pip_settings_leave_out_what_a_container_cannot_reach(self) -> None:
        configured = "global.index-url='https://a.example/simple'\nglobal.extra-index-url='file:///x /y'\n"
        assert images.read_pip_settings(configured, {}) == {"PIP_INDEX_URL": "https://a.example/simple"}

    def test_the_environment_goes_before_the_configuration(self) -> None:
        found = images.read_pip_settings(
            "global.index-url='https://a.example'", {"PIP_INDEX_URL": "https://b"}
        )
        assert found == {"PIP_INDEX_URL": "https://b"}

    def test_proxies_in_both_spellings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (*images.PROXIES, *(name.upper() for name in images.PROXIES)):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTPS_PROXY", "http://p.example:3128")
        expected = {"https_proxy": "http://p.example:3128", "HTTPS_PROXY": "http://p.example:3128"}
        assert images.proxy_arguments() == expected


def required() -> list[Requirement]:
    """What the project and its image service need, by pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(r) for r in project["dependencies"] + project["optional-dependencies"]["service"]]


def pinned(requirements: Path) -> dict[NormalizedName, str]:
    """Name -> version of a file of exact requirements."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in pairs}


class TestProject:
    def test_the_images_packages_are_within_the_projects_ranges(self) -> None:
        base, service = (
            pinned(images.STEPS / "build/base-requirements.txt"),
            pinned(images.part_file("service").with_name("requirements.txt")),
        )
        assert not base.keys() & service.keys()
        wanted = {canonicalize_name(r.name): r.specifier for r in required()}
        assert base.keys() | service.keys() >= wanted.keys()
        for name, version in {**base, **service}.items():
            if name in wanted:
                assert version in wanted[name], f"{name} {version}: pyproject.toml has {wanted[name]}"

    def test_every_image_finds_its_inputs(self) -> None:
        for name in images.step_names():
            assert read_context(images.STEPS, images.STEPS / name / "Dockerfile").files, name
        for name in images.part_names():
            assert read_context(ROOT, images.part_file(name)).files, name

    def test_the_services_image_holds_its_page_and_no_tests(self) -> None:
        files = read_context(ROOT, images.part_file("service")).files
        assert "coordinator/service/page/index.html" in files
        assert not [name for name in files if name.startswith(("tests/", "images/", "runs/", "."))]

    def test_every_target_is_in_the_help(self) -> None:
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
        assert phony is not None
        answer = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        assert re.findall(r"^  make (\w+)", answer, flags=re.MULTILINE) == phony[1].split()

    @pytest.mark.parametrize(
        "script",
        [
            "setup/apt-install.sh",
            "tests/acceptance/browser.sh",
            "coordinator/service/container/compose.sh",
            "coordinator/service/container/start.sh",
            "setup/engine.sh",
            "setup/venv.sh",
        ],
    )
    def test_scripts_parse_and_may_be_run(self, script: str) -> None:
        assert os.access(ROOT / script, os.X_OK)
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)
        # What it runs beside itself is where it says.
        beside = re.findall(r'"\$here/([\w./-]+\.sh)"', (ROOT / script).read_text(encoding="utf-8"))
        assert all(os.access((ROOT / script).parent / name, os.X_OK) for name in beside)


class TestEngineScript:
    def test_an_engine_elsewhere_that_does_not_answer_is_an_error(self, tmp_path: Path) -> None:
        address = f"unix://{tmp_path}/none.sock"
        done = subprocess.run(
            [SETUP / "engine.sh"],
            env={**os.environ, "DOCKER_HOST": address},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert f"nothing answers at {address}" in done.stderr
        assert "unset DOCKER_HOST" in done.stderr
