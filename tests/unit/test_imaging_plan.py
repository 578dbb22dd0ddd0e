"""The imaging step's parameters, and what an item carries through it."""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.contract import Success, parse_response
from steps.imaging import blur, image, plan, write
from steps.imaging.__main__ import handle
from steps.stepkit import BadInput
from steps.stepkit.arrays import Pixels
from steps.stepkit.loop import answer
from tests.unit.builders import request

ROOT = Path(__file__).resolve().parents[2]
TASK = "imaging/a"

REFUSED: list[tuple[Any, str]] = [
    ({}, "operations must be a list of 1 to 100"),
    ({"operations": None}, "operations must be a list of 1 to 100"),
    ({"operations": {"resize": "50%"}}, "operations must be a list of 1 to 100"),
    ({"operations": []}, "operations must be a list of 1 to 100"),
    ({"operations": [["split", True]] * 101}, "operations must be a list of 1 to 100"),
    ({"operations": [["split", True]] * 7}, "operations may split 6 times at most"),
    ({"operations": [["split", True]], "output": "jpg"}, "unknown parameter 'output'"),
    ({"operations": ["split"]}, r"operations\[0\]: must be \[name, value\], not 'split'"),
    ({"operations": [["split"]]}, r"operations\[0\]: must be \[name, value\]"),
    ({"operations": [["split", True, 2]]}, r"operations\[0\]: must be \[name, value\]"),
    ({"operations": [["split", True], ["rotate", 90]]}, r"operations\[1\]: must be one of resize, .*'rotate'"),
    ({"operations": [[["split"], True]]}, r"operations\[0\]: must be one of resize"),
    ({"operations": [["write", "jpg"], ["split", True]]}, r"operations\[0\]: write must be the last"),
    ({"operations": [["write", "jpg"], ["write", "png"]]}, r"operations\[0\]: write must be the last"),
    ({"operations": [["resize", "x" * 10**6]]}, r"operations\[0\]: resize must be like .{,100}$"),
    *[
        ({"operations": [["blur", "median"], ["resize", no_size]]}, r"operations\[1\]: resize must be like 200x300")
        for no_size in (
            "", "x", "0x5", "5x0", "-5x5", "5.5x5", "5X5", "5 x 5", "200x300\n", "٢x٢", "123456x1", "%", "0%", "0.0%",
            "-5%", "1e3%", "nan%", 200, [200, 300], None, True,
        )
    ],
    *[
        ({"operations": [["fit", no_box]]}, r"operations\[0\]: fit must be like 200x300, 200x or x300, not")
        for no_box in ("", "x", "50%", "0x5", "5 x 5", 5, None, True)
    ],
    *[
        ({"operations": [["crop", no_area]]}, r"operations\[0\]: crop must be like 200x300 or 200x300\+10\+20, not")
        for no_area in ("", "x", "5x", "0x5", "5x5+1", "5x5-1-1", "5x5+1+1+1", "50%", 5, None, True)
    ],
    *[
        ({"operations": [["quality", no_quality], ["write", "jpg"]]}, r"operations\[0\]: quality must be a whole")
        for no_quality in (0, 101, -5, 50.5, "50", None, True)
    ],
    ({"operations": [["quality", 50]]}, r"operations\[0\]: quality needs write as the last"),
    ({"operations": [["quality", 50], ["write", "png"]]}, r"operations\[0\]: quality is for jpg and webp; png loses"),
    ({"operations": [["quality", 5], ["quality", 5], ["write", "jpg"]]}, r"operations\[1\]: quality may be given once"),
    *[
        ({"operations": [["split", no_truth]]}, r"operations\[0\]: split must be true")
        for no_truth in (False, 1, "true", None)
    ],
    *[
        ({"operations": [["blur", no_blur]]}, r"operations\[0\]: blur must be one of gaussian, .*, median, not")
        for no_blur in ("box", "Gaussian", 5, True, None, ["median"])
    ],
    *[
        ({"operations": [["split", True], ["write", no_format]]}, r"operations\[1\]: write must be one of jpg, png")
        for no_format in ("jpeg", "JPG", "../x", 1, None, ["jpg"])
    ],
]  # fmt: skip


@pytest.mark.parametrize(("params", "message"), REFUSED, ids=[repr(params)[:60] for params, _ in REFUSED])
def test_a_bad_parameter_is_refused_by_its_place(params: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan.parse(params)


def test_the_document_names_every_operation_and_limit() -> None:
    document = (ROOT / "docs" / "imaging.md").read_text(encoding="utf-8")
    for name in (*plan.NAMES, *blur.BLURS, *write.FORMATS):
        assert f"`{name}`" in document
    for limit in (f"{image.MAX_PIXELS:,} pixels", f"{image.MAX_SIDE:,}", f"at most {plan.MAX_OPERATIONS}"):
        assert limit in document
    assert f"at most {plan.MAX_SPLITS} splits" in document


def test_parameters_are_not_changed() -> None:
    params = {"operations": [["split", True], ["write", "jpg"]]}
    plan.parse(params)
    assert params == {"operations": [["split", True], ["write", "jpg"]]}


def test_only_what_leads_to_the_next_result_is_made() -> None:
    made = []

    def halve(image: Any) -> tuple[Any, ...]:
        made.append(image.shape)
        return image[:, :1], image[:, 1:]

    wanted = plan.Plan(operations=(halve, halve), writer=write.array, moves_pixels=True)
    found = plan.results(wanted, np.zeros((4, 4), np.uint8), "a")
    assert next(found)[0] == "a-0-0"
    assert made == [(4, 4), (4, 1)]
    assert [name for name, _ in found] == ["a-0-1", "a-1-0", "a-1-1"]


def test_what_an_operation_has_taken_in_is_let_go() -> None:
    """A hundred operations need no more memory than two."""
    alive: list[weakref.ref[Any]] = []
    most = 0

    def copy(image: Any) -> Any:
        nonlocal most
        alive.append(weakref.ref(made := image.copy()))
        most = max(most, sum(one() is not None for one in alive))
        return made

    wanted = plan.Plan(operations=(copy,) * 100, writer=write.array, moves_pixels=False)
    assert len(list(plan.results(wanted, np.zeros((4, 4), np.uint8), "a"))) == 1
    assert most == 2


class TestItems:
    @pytest.fixture
    def item(self, tmp_path: Path) -> dict[str, Any]:
        np.save(tmp_path / "a.npy", np.zeros((6, 8, 3), np.uint8))
        return {
            "id": "a.jpg", "image": str(tmp_path / "a.npy"), "width": 8, "height": 6,
            "camera": {"model": "equirectangular"}, "pose": {"x": 1.5}, "note": "Ærø",
        }  # fmt: skip

    def answered(self, item: dict[str, Any], *operations: list[Any]) -> dict[str, Any]:
        (work_dir := Path(item["image"]).parent / "work").mkdir()
        params = {"operations": list(operations)}
        line = request(TASK, [item], params=params, work_dir=str(work_dir)).line()
        found: dict[str, Any] = json.loads(answer(handle, line))
        return found

    def test_results_are_named_by_quarter_and_filed_by_number(self, item: dict[str, Any]) -> None:
        operations = (["split", True], ["blur", "median"], ["split", True], ["write", "jpg"])
        items = self.answered(item, *operations)["items"]
        assert [one["id"] for one in items] == [f"a.jpg-{i}-{j}" for i in range(4) for j in range(4)]
        assert [Path(one["image"]).name for one in items] == [f"{number}.jpg" for number in range(16)]
        assert {(one["width"], one["height"]) for one in items} == {(2, 1), (2, 2)}
        assert {Path(one["image"]).parent.name for one in items} == {"work"}

    def test_what_an_item_carries_goes_along(self, item: dict[str, Any]) -> None:
        for one in self.answered(item, ["split", True])["items"]:
            assert (one["pose"], one["note"]) == (item["pose"], item["note"])

    @pytest.mark.parametrize(
        ("operations", "kept"),
        [
            ([["blur", "median"]], True),
            ([["write", "png"]], True),
            ([["resize", "50%"]], False),
            ([["fit", "2x2"]], False),
            ([["crop", "2x2"]], False),
            ([["split", True], ["blur", "median"]], False),
            # The quarters of twice the size are as large as the image was.
            ([["resize", "200%"], ["split", True]], False),
        ],
    )
    def test_a_camera_goes_along_only_while_it_is_true(
        self, item: dict[str, Any], operations: list[list[Any]], kept: bool
    ) -> None:
        for one in self.answered(item, *operations)["items"]:
            assert one.get("camera") == (item["camera"] if kept else None)
            assert ("camera" in one) is kept

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"image": None}, "item 'a.jpg' has no image"),
            ({"image": "/nowhere/a.jpg"}, "cannot read image '/nowhere/a.jpg': No such file"),
            ({"image": "/nowhere/a.npy"}, "cannot read image '/nowhere/a.npy': No such file"),
            ({"image": "/"}, "cannot read image '/'"),
            ({"width": 9}, "is 8x6, its item says 9x6"),
        ],
    )
    def test_an_item_that_cannot_be_worked_on(
        self, item: dict[str, Any], change: dict[str, Any], message: str, tmp_path: Path
    ) -> None:
        line = request(TASK, [{**item, **change}], params={"operations": [["split", True]]}).line()
        error = json.loads(answer(handle, line))["error"]
        assert error["kind"] == "bad_input"
        assert message in error["message"]

    def test_as_a_process_it_answers_line_after_line(self, item: dict[str, Any], tmp_path: Path) -> None:
        good, bad = (
            request(TASK, [item], params={"operations": [["blur", blur]]}, work_dir=str(tmp_path)).line()
            for blur in ("median", "none")
        )
        ended = subprocess.run(
            [sys.executable, "-m", "steps.imaging"],
            input=good + bad + good,
            capture_output=True,
            cwd=ROOT,
            check=True,
        )
        first, second, third = ended.stdout.splitlines(keepends=True)
        assert isinstance(parse_response(first, TASK), Success)
        assert json.loads(second)["error"]["kind"] == "bad_input"
        assert json.loads(third)["items"] == json.loads(first)["items"]


@pytest.mark.parametrize("writer", [write.array, write.png, write.jpg, write.webp])
def test_a_full_disk_is_told_in_the_systems_own_words(tmp_path: Path, writer: write.Writer) -> None:
    """As the service tells its clients by them."""
    for suffix in (".npy", ".png", ".jpg", ".webp"):
        (tmp_path / "0").with_suffix(suffix).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        writer(np.zeros((70, 50, 3), np.uint8), tmp_path / "0")


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (3, 5, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_pixels_come_back_as_they_were(tmp_path: Path, shape: tuple[int, ...], kind: type) -> None:
    pixels: Pixels = np.arange(np.prod(shape)).astype(kind).reshape(shape)[:, ::-1]
    assert np.array_equal(np.load(write.array(pixels, tmp_path / "0")), pixels)
