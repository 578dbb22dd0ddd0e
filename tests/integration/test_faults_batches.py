"""Batches that are odd, hostile or huge, on a real engine. docs/faults.md lists these tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from coordinator.errors import ExitCode
from coordinator.runners.engine import Engine
from tests.integration.conftest import Workshop
from tests.integration.ran import Ran, run_by_hand
from tests.unit.builders import write_png

ODD_NAMES = (
    "with space.png",
    "new\nline.png",
    "bell\x07 and \x1b[31mred.png",
    "a'b\"c.png",
    "-rf.png",
    "$(true).png",
    "%2F.png",
    "two..dots.png",
    "con.png",
    "x" * 251 + ".png",
    "ü" * 125 + ".png",
    "標識.png",
)
TWINS = (
    "a.png",
    "A.png",
    "a.jpg",
    "sub/a.png",
    "sub%2Fa.png",
    "stra\u00dfe-\u00e9.png",
    "stra\u00dfe-e\u0301.png",
)
FEW = 5


@pytest.fixture
def echo(echo_image: str) -> dict[str, Any]:
    """A step that gives back what it gets."""
    return {"name": "echo", "image_ref": echo_image}


def tabled(workshop: Workshop, rows: Iterable[dict[str, Any]]) -> None:
    """A table whose rows need no file, because they give the size."""
    lines = (json.dumps({"width": 8, "height": 4, **row}) for row in rows)
    (workshop.batch / "recordings.jsonl").write_text("\n".join(lines))


def refused(workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> str:
    """What the user sees of a run that does not start; nothing is written then."""
    ran = run_by_hand(workshop, engine, echo)
    assert ran.code == ExitCode.REFUSED
    assert not workshop.out.exists()
    assert "Traceback" not in ran.seen
    return ran.seen


class TestNames:
    @pytest.fixture(scope="class")
    @staticmethod
    def ran(engine: Engine, echo_image: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
        """A run over files with odd names, twins among them."""
        workshop = Workshop(tmp_path_factory.mktemp("names"))
        for name in (*ODD_NAMES, *TWINS, os.fsdecode(b"caf\xe9.png")):
            write_png(workshop.batch / name)
        return run_by_hand(workshop, engine, {"name": "echo", "image_ref": echo_image}, options=("--reuse",))

    def test_odd_ones_are_names_like_others(self, ran: Ran) -> None:
        items = ran.items("echo")
        assert all(items[name]["image"] == f"/batch/{name}" for name in ODD_NAMES)

    def test_twins_are_two(self, ran: Ran) -> None:
        """In other cases, composed or not, of other kinds, in other folders, or like another's folder name."""
        assert set(TWINS) <= set(ran.items("echo"))

    def test_one_that_is_no_utf_8(self, ran: Ran) -> None:
        assert ran.code == ExitCode.SOME_FAILED
        ran.refusal(r"batch/caf\xe9.png", "bad_input", "the file name is not UTF-8; rename the file")
        assert all(line.isprintable() for line in ran.seen.splitlines())


class TestTables:
    def test_paths_that_leave_the_batch(
        self, workshop: Workshop, engine: Engine, echo: dict[str, Any]
    ) -> None:
        (workshop.folder / "secret.jpg").write_text("not the batch's")
        (workshop.batch / "link.jpg").symlink_to("../secret.jpg")
        (workshop.batch / "linked").symlink_to("..")
        paths = (
            "/etc/passwd",
            "../secret.jpg",
            "a/../../secret.jpg",
            "nul\0.jpg",
            "link.jpg",
            "linked/secret.jpg",
        )
        tabled(workshop, [{"image": path} for path in (*paths, "fine/../fine.jpg", "fine.jpg")])
        ran = run_by_hand(workshop, engine, echo)
        assert ran.code == ExitCode.SOME_FAILED
        for path in (*paths, "fine/../fine.jpg"):
            ran.refusal(f"batch/{path}", "bad_input", "leaves the batch")
        assert set(ran.items("echo")) == {"fine.jpg"}

    def test_ids_that_climb_name_no_folder(
        self, workshop: Workshop, engine: Engine, chaos_image: str
    ) -> None:
        ids = ("..", ".", "../../x", "/etc", "a/b", "a%2Fb", "x" * 1000)
        tabled(workshop, [{"id": one, "image": "a.jpg"} for one in ids])
        step = {"name": "step", "image_ref": chaos_image, "params": {"fault": "write"}}
        ran = run_by_hand(workshop, engine, step)
        assert ran.code == ExitCode.DONE
        assert set(ran.items("step")) == set(ids)
        folders = list((workshop.out / "work" / "step").iterdir())
        assert len(folders) == len(ids)
        written = {(folder / "note.txt").read_text() for folder in folders}
        assert written == {f"written for step/{one}" for one in ids}

    def test_one_id_twice(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        tabled(workshop, [{"id": "r1", "image": "a.jpg"}, {"id": "r1", "image": "b.jpg"}])
        ran = run_by_hand(workshop, engine, echo)
        assert ran.code == ExitCode.SOME_FAILED
        ran.refusal("batch/r1", "bad_input", "the id 'r1' is used twice; give every recording its own")
        assert ran.items("echo")["r1"]["image"] == "/batch/a.jpg"

    def test_rows_that_make_no_sense(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        rows = ['"r, 1",a.jpg,8,4,1,2', "r2,b.jpg,8,four,1,2", "r3,c.jpg,8,4,inf,2", "r4,d.jpg,8,4,1,2,3"]
        text = "\ufeff" + "\r\n".join(["id,image,width,height,x,y", *rows])
        (workshop.batch / "recordings.csv").write_text(text, encoding="utf-8", newline="")
        ran = run_by_hand(workshop, engine, echo)
        assert ran.code == ExitCode.SOME_FAILED
        ran.refusal("batch/r2", "bad_input", "recordings.csv, row 2: height: Input should be a valid integer")
        ran.refusal("batch/r3", "bad_input", "row 3: x: Input should be a finite number")
        ran.refusal("batch/recordings.csv, row 4", "bad_input", "more fields than the table has columns")
        assert set(ran.items("echo")) == {"r, 1"}

    def test_no_column_for_the_image(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        (workshop.batch / "recordings.csv").write_text("id;foto van\nr1;a.jpg\n")
        told = refused(workshop, engine, echo)
        assert "no column 'image'; its columns (between semicolons) are id, foto van" in told

    def test_a_line_of_1_gb(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        with (workshop.batch / "recordings.csv").open("wb") as table:
            table.write(b"image,width,height\n")
            table.truncate(10**9)  # a hole: it takes no disk
        ran = run_by_hand(workshop, engine, echo)
        assert ran.code == ExitCode.REFUSED
        assert "recordings.csv: line 2 is longer than 16,777,216 characters" in ran.seen
        assert ran.memory < 400 * 1024**2


class TestBatchYaml:
    def test_a_billion_laughs(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        lines = ["a0: &a0 [ha]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
        (workshop.batch / "batch.yaml").write_text("\n".join([*lines, "name: *a9"]))
        workshop.photographs("a.jpg")
        assert "aliases (*name) are not allowed here; write the value out" in refused(workshop, engine, echo)

    def test_an_unknown_field(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        (workshop.batch / "batch.yaml").write_text("csr: EPSG:28992\n")
        workshop.photographs("a.jpg")
        assert "batch.yaml: csr: Extra inputs are not permitted" in refused(workshop, engine, echo)


def test_a_read_only_one(workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
    workshop.photographs("a.jpg", "sub/b.jpg")
    batch = str(workshop.batch)
    if subprocess.run(["mount", "--bind", batch, batch], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", batch], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (workshop.batch / "probe").touch()
        assert set(run_by_hand(workshop, engine, echo).items("echo")) == {"a.jpg", "sub/b.jpg"}
    finally:
        subprocess.run(["umount", "-l", batch], check=True)


class TestSizes:
    def test_an_empty_one(self, workshop: Workshop, engine: Engine, echo: dict[str, Any]) -> None:
        assert "holds no recording: no image (.bmp, " in refused(workshop, engine, echo)

    def test_a_hundred_folders_in_each_other(
        self, workshop: Workshop, engine: Engine, echo: dict[str, Any]
    ) -> None:
        name = "/".join([*["d"] * 100, "a.png"])
        write_png(workshop.batch / name)
        assert run_by_hand(workshop, engine, echo).items("echo")[name]["image"] == f"/batch/{name}"

    def test_100000_files_in_one_folder(
        self, workshop: Workshop, engine: Engine, echo: dict[str, Any]
    ) -> None:
        (workshop.batch / "batch.yaml").write_text("crs: EPSG:28992\n")  # else every file is asked for GPS
        workshop.photographs("few/0.jpg")
        few = run_by_hand(workshop, engine, echo, options=("--limit", str(FEW)))
        fill(workshop.batch / "many", 100_000)
        many = run_by_hand(workshop, engine, echo, options=("--limit", str(FEW + 1)))
        assert many.code == ExitCode.DONE
        assert list(many.items("echo")) == ["few/0.jpg", *(f"many/{number:06}.png" for number in range(FEW))]
        assert many.memory < few.memory + 64 * 1024**2
        shutil.rmtree(workshop.batch / "many")


def fill(folder: Path, count: int) -> None:
    """So many photographs in one folder, most of them links to others (a file has at most 65,000 names)."""
    folder.mkdir()
    for number in range(count):
        first = number // 20_000 * 20_000
        if number == first:
            write_png(folder / f"{number:06}.png")
        else:
            os.link(folder / f"{first:06}.png", folder / f"{number:06}.png")
