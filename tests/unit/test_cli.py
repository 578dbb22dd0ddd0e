"""The commands as a user meets them: what is printed where, and the exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator import __version__, contract
from coordinator.cli import COMMANDS, Command, main, parser
from coordinator.commands import (
    align,
    bench,
    check_step,
    clean,
    compare,
    demo,
    doctor,
    export,
    images,
    import_batch,
    plan,
    replay,
    report,
    retry,
    review,
    schema,
    score,
    score_detections,
    serve,
    status,
    validate,
)
from coordinator.commands import run as run_command
from coordinator.errors import (
    BatchError,
    CoordinatorError,
    EngineError,
    ExitCode,
    PipelineError,
    RunFolderError,
    UsageError,
)
from coordinator.pipeline import Rung
from tests.unit.builders import collection, feature, write_png

Said = Callable[[], tuple[str, str]]

MODULES: list[Command] = [
    run_command, validate, import_batch, align, schema, score, compare, export, score_detections, plan, bench,
    check_step, doctor, report, review, status, retry, clean, images, demo, replay, serve,
]  # fmt: skip
"""As :data:`COMMANDS` lists them; that each of them is a command, mypy sees here."""
ONE_STEP = "name: p\nsteps: [{name: detect, image_ref: example/detect}]\n"


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    write_png(tmp_path / "batch" / "r1.png")
    (tmp_path / "p.yaml").write_text(ONE_STEP)
    return tmp_path / "batch"


def run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: tuple(capsys.readouterr())  # type: ignore[return-value]


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["fly"],
            ["run"],
            ["run", "b", "--jobs", "0"],
            ["run", "b", "--jobs", "two"],
            ["run", "b", "--limit", "-1"],
            ["score", "r", "t", "--radius", "0"],
            ["score", "r", "t", "--radius", "nan"],
            ["score", "r", "t", "--radius", "inf"],
        ],
    )
    def test_wrong_usage_ends_with_2_and_says_so_on_stderr(self, arguments: list[str], said: Said) -> None:
        assert run(*arguments) == 2
        out, err = said()
        assert (out, "usage: " in err) == ("", True)

    @pytest.mark.parametrize(
        "arguments", [["--help"], ["run", "--help"], ["validate", "--help"], ["score", "--help"]]
    )
    def test_help(self, arguments: list[str], said: Said) -> None:
        assert run(*arguments) == 0
        assert "usage: python -m coordinator" in said()[0]

    def test_the_exit_codes_are_told(self, said: Said) -> None:
        run("--help")
        told = " ".join(said()[0].split())
        for code in ExitCode:
            assert f" {code.value} " in told

    def test_version(self, said: Said) -> None:
        assert run("--version") == 0
        assert said()[0] == f"coordinator {__version__}\n"

    def test_every_command_that_may_be_typed_is_there(self) -> None:
        told = parser([]).format_help()
        known = told[told.index("COMMAND\n") :]
        assert {line.split()[0] for line in known.splitlines() if re.match(r"    \S", line)} == set(COMMANDS)

    def test_the_rungs_of_the_command_line_are_the_pipelines(self) -> None:
        def parsed(rung: str) -> object:
            return parser(["run"]).parse_args(["run", "b", "--rung", rung]).rung

        assert [parsed(rung) for rung in Rung] == list(Rung)
        assert run("run", "b", "--rung", "fly") == 2

    def test_every_module_of_a_command_is_in_the_list(self) -> None:
        assert [entry.load() for entry in COMMANDS.values()] == MODULES

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fly"], []])
    def test_nothing_is_loaded_before_a_command_is_typed(self, arguments: list[str]) -> None:
        program = (
            "import sys; from coordinator.cli import main\n"
            f"try: main({arguments!r})\n"
            "except SystemExit: pass\n"
            "print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
        )
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        loaded = told.stderr.splitlines()
        assert {name for name in loaded if name.startswith("coordinator")} == {
            "coordinator", "coordinator.cli", "coordinator.commands", "coordinator.commands.streams",
            "coordinator.errors",
        }  # fmt: skip
        assert not {"pydantic", "docker", "yaml", "numpy", "PIL", "rich", "fastapi"} & set(loaded)

    def test_an_image_that_is_not_the_coordinators_own_is_refused_by_name(self, said: Said) -> None:
        assert run("images", "build", "detect", "nowhere") == 2
        assert "no Dockerfile for nowhere, but for: align, detect, " in said()[1]

    @pytest.mark.parametrize("error", [UsageError, BatchError, PipelineError, EngineError, RunFolderError])
    def test_every_refusal_has_an_exit_code(self, error: type[CoordinatorError]) -> None:
        assert error.exit_code is ExitCode.REFUSED


class TestValidate:
    def test_a_good_batch(self, batch: Path, said: Said) -> None:
        assert run("validate", batch, "--pipeline", batch.parent / "p.yaml") == 0
        first, *others = said()[0].splitlines()
        assert first == "batch 'batch': 1 recordings, read as photographs"
        assert others[:2] == ["crs: none; regions: 1", "pipeline 'p': detect (per item)"]
        assert others[2] == "with position 0, heading 0, height 0, camera 1, image 1"
        assert others[4].split() == ["r1.png", "-", "-", "-", "-", "equirectangular", "/batch/r1.png", "8x4"]

    def test_as_json(self, batch: Path, said: Said) -> None:
        (batch / "poses.csv").touch()
        assert run("validate", batch, "--pipeline", batch.parent / "p.yaml", "--json") == 0
        told = json.loads(said()[0])
        assert (told["recordings"], told["without"]["position"], told["format"]) == (1, 1, "photographs")
        assert "tables-not-read" in {finding["kind"] for finding in told["findings"]}

    def test_a_bad_file_ends_with_1(self, batch: Path, said: Said) -> None:
        (batch / "broken.jpg").write_text("no image")
        assert run("validate", batch, "--pipeline", batch.parent / "p.yaml") == 1
        reason = "image 'broken.jpg' is not an image (JPEG, PNG, TIFF, BMP or WebP)"
        assert f"warning: 1 of 2 recordings ('broken.jpg') cannot be used: {reason}" in said()[0]

    def test_what_keeps_a_run_from_starting_ends_with_2(self, batch: Path, said: Said) -> None:
        (batch.parent / "p.yaml").write_text(ONE_STEP.replace("}]", ", resources: {cpus: 9999}}]"))
        assert run("validate", batch, "--pipeline", batch.parent / "p.yaml") == 2
        assert "step 'detect' asks for 9999 CPUs" in said()[1]

    def test_an_empty_batch_ends_with_2(self, tmp_path: Path, said: Said) -> None:
        assert run("validate", tmp_path) == 2
        assert "holds no recording: no image" in said()[1]

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--pipeline", "absent.yaml"], "coordinator: pipeline 'absent.yaml': no such file"),
            (["--until", "absent"], "coordinator: pipeline 'traffic-signs' has no step 'absent'"),
            (
                ["--from", "recognise", "--until", "detect"],
                "coordinator: --from recognise comes after --until detect",
            ),
            (["--from", "position"], "--from position needs detections made elsewhere"),
        ],
    )
    def test_refusals_end_with_2_and_one_message(
        self, batch: Path, arguments: list[str], told: str, said: Said
    ) -> None:
        assert run("validate", batch, *arguments) == 2
        out, err = said()
        assert (out, told in err, "Traceback" in err) == ("", True, False)

    def test_positions_without_a_crs(self, batch: Path, said: Said) -> None:
        (batch / "recordings.csv").write_text("image,x,y\nr1.png,1,2\n")
        assert run("validate", batch) == 2
        said_once = said()[1]
        assert all(
            told in said_once for told in ("names no crs;", "write a line such as  crs: EPSG:28992  there")
        )

    def test_positions_without_a_crs_are_seen_behind_the_first_row_too(self, batch: Path) -> None:
        (batch / "recordings.csv").write_text("image,x,y\nr1.png,,\nr1.png,1,2\n")
        assert run("validate", batch) == 2

    def test_limit(self, batch: Path, said: Said) -> None:
        for n in range(5):
            write_png(batch / f"x{n}.png")
        run("validate", batch, "--limit", 2, "--pipeline", batch.parent / "p.yaml")
        assert "batch 'batch': 2 recordings" in said()[0]


class TestRun:
    def test_a_run_folder_inside_the_batch_is_refused(self, batch: Path, said: Said) -> None:
        assert run("run", batch, "--out", batch / "run") == 2
        assert "lies inside the batch, which a run never changes" in said()[1]
        assert sorted(path.name for path in batch.iterdir()) == ["r1.png"]

    def test_no_batch(self, tmp_path: Path, said: Said) -> None:
        assert run("run", tmp_path / "absent") == 2
        assert said()[1].startswith("coordinator: batch ")

    def test_a_dry_run_prints_the_script_and_makes_nothing(self, batch: Path, said: Said) -> None:
        out = batch.parent / "out"
        assert run("run", batch, "--dry-run", "--out", out, "--pipeline", batch.parent / "p.yaml") == 0
        assert "docker run" in said()[0]
        assert not out.exists()


@pytest.mark.parametrize("typed", [["schema"], ["--completion", "bash"]])
def test_a_full_disk_under_stdout_is_told(typed: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "coordinator", *typed], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (ended.returncode, ended.stderr) == (
        2,
        "coordinator: stdout cannot be written: No space left on device\n",
    )


def test_schema_prints_the_contract(said: Said) -> None:
    assert run("schema") == 0
    assert json.loads(said()[0]) == contract.schema()


class TestScore:
    @pytest.fixture
    def scored(self, tmp_path: Path) -> tuple[Path, Path]:
        def sign(x: float) -> dict[str, object]:
            return feature(
                {"type": "Point", "coordinates": [5.4, 52.2]},
                {"x": x, "y": 0.0, "z": 2.0, "crs": "EPSG:28992", "category": "stop"},
            )

        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "objects.geojson").write_text(json.dumps(collection([sign(0.0), sign(50.0)])))
        (tmp_path / "truth.geojson").write_text(json.dumps(collection([sign(0.25)])))
        return tmp_path / "run", tmp_path / "truth.geojson"

    def test_figures_to_read(self, scored: tuple[Path, Path], said: Said) -> None:
        assert run("score", *scored) == 0
        assert said()[0].splitlines() == [
            "objects             2 found, 1 true",
            "matched             1 within 1 m",
            "precision           0.500",
            "recall              1.000",
            "F1                  0.667",
            "position error      mean 0.250 m, median 0.250 m",
            "category accuracy   1.000",
        ]

    def test_figures_for_programs(self, scored: tuple[Path, Path], said: Said) -> None:
        assert run("score", *scored, "--json", "--radius", "0.1") == 0
        figures = json.loads(said()[0])
        assert (figures["matched"], figures["recall"], figures["mean_error"]) == (0, 0.0, None)

    def test_no_results(self, tmp_path: Path, said: Said) -> None:
        assert run("score", tmp_path, tmp_path / "truth.geojson") == 2
        assert said()[1].startswith("coordinator: ")
