"""The report: what it gathers, what it draws of time, what it cuts, and that no name breaks out of its page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from coordinator.batch.crs import Projection
from coordinator.cli import main
from coordinator.record.facts import SessionState
from coordinator.record.history import Tried
from coordinator.record.runfolder import RunFolder
from coordinator.report import crops
from coordinator.report.crops import cut
from coordinator.report.document import bundled, document, embeddable
from coordinator.report.frame import frame_around, mercator
from coordinator.report.gather import gather
from coordinator.report.model import Mark, Thing, View
from coordinator.report.timeline import MAX_BARS, timeline
from coordinator.report.written import write_report
from tests.made_up_run import CRS, Wanted, write_run

HOSTILE = (
    "</script><script>alert(1)</script>", "<!--<script>", "a & b", "quote\" and 'apostrophe'", "line\u2028break",
    "emoji 🚧", "../../etc/passwd", "{{data}}",
)  # fmt: skip
PAGE = Path(crops.__file__).parent / "page"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run", tmp_path / "batch")


class Page(HTMLParser):
    """What a browser would find in a page: elements with their attributes, and what is in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] and self.tags[-1][0] == "script":
            self.scripts.append(data)

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])


class TestGathering:
    def test_recordings_objects_and_regions_are_in_metres_around_the_middle(self, run: RunFolder) -> None:
        report = gather(run, [Mark(id="t", x=155_040.0, y=463_004.0, category="stop")])
        assert report.frame is not None
        assert len(report.recordings.ids) == 40
        assert len(report.things) == 8
        assert all(abs(value) < 200 for value in (*report.recordings.xs, *report.recordings.ys))
        first = report.things[0]
        assert report.frame.origin[0] + first.x == pytest.approx(
            json_feature(run)["properties"]["x"], abs=0.01
        )
        assert (first.longitude, first.latitude) == tuple(json_feature(run)["geometry"]["coordinates"])
        assert (report.truth[0].x, report.truth[0].y) == report.frame.local(155_040.0, 463_004.0)
        area = next(area for area in report.areas if area.id == "1550_4630")
        assert area.rings[0][:2] == report.frame.local(155_000.0, 463_000.0)
        assert (area.halo, area.state) == (50.0, "succeeded")

    def test_the_best_view_is_the_nearest_one_and_knows_its_recording(self, run: RunFolder) -> None:
        report = gather(run)
        views = report.things[0].views
        assert [view.distance for view in views] == sorted(view.distance or 0.0 for view in views)
        assert views[0].recording is not None
        assert report.recordings.ids[views[0].recording] == views[0].name

    def test_a_run_that_was_interrupted_has_a_report_too(self, tmp_path: Path) -> None:
        wanted = Wanted(objects=0, photographs=False, state=SessionState.INTERRUPTED)
        report = gather(write_run(tmp_path / "run", tmp_path / "batch", wanted))
        assert (report.things, report.run["state"], len(report.recordings.ids)) == ([], "interrupted", 40)

    def test_how_the_run_went(self, run: RunFolder) -> None:
        told = gather(run).run
        steps = {step["name"]: step for step in told["steps"]}
        assert (steps["detect"]["succeeded"], steps["detect"]["failed"]) == (40, 1)
        assert steps["recognise"]["busy"] == pytest.approx(8 * 0.03)
        assert steps["recognise"]["waited"] == pytest.approx(8 * 0.02, abs=1e-4)
        (reason,) = told["reasons"]
        assert (reason["kind"], reason["tasks"]) == ("bad_input", ("detect/x.jpg",))
        assert told["again"] == "(cd /here && python -m coordinator run batch)"

    def test_decisions_of_an_earlier_review_are_in_it(self, run: RunFolder) -> None:
        feature = json_feature(run)
        longitude, latitude = feature["geometry"]["coordinates"]
        path = run.path.parent / "review.csv"
        path.write_text(f"id,decision,longitude,latitude\n{feature['id']},reject,{longitude},{latitude}\n")
        assert main(["review", str(run.path), str(path)]) == 0
        assert gather(run).decisions[feature["id"]]["decision"] == "reject"
        assert len(gather(run).things) == 8

    @pytest.mark.parametrize("covariance", [None, [], [[1.0]], [[1.0, "x"], [0.0, 1.0]], "abc", [1.0, 2.0]])
    def test_objects_of_other_steps_say_what_they_like(self, covariance: Any) -> None:
        from coordinator.report.gather import _ellipse

        assert _ellipse(covariance) is None


def json_feature(run: RunFolder) -> Any:
    return json.loads((run.path / "objects.geojson").read_text())["features"][0]


def test_the_base_map_lies_where_the_places_are() -> None:
    """Within a hundredth of a metre over ten kilometres."""
    projection = Projection.named(CRS)
    frame = frame_around(projection, [150_000.0, 160_000.0], [460_000.0, 470_000.0])
    for x, y in ((-5000.0, 5000.0), (1234.0, -4321.0), (0.0, 0.0)):
        terms = (1.0, x, y, x * x, x * y, y * y)
        found = [sum(a * b for a, b in zip(row, terms, strict=True)) for row in frame.to_mercator]
        u, v = mercator(*projection.to_wgs84(frame.origin[0] + x, frame.origin[1] + y))
        assert found == pytest.approx((u, v), abs=0.05 / 40_000_000)


class TestTimeline:
    def tried(self, start: float, end: float, step: str = "detect", error: str | None = None) -> Tried:
        return Tried(task=f"{step}/a", step=step, submitted=start, ended=end, error=error, metrics={})

    def test_what_runs_at_the_same_time_has_lanes_of_its_own(self) -> None:
        found = timeline([self.tried(10, 13), self.tried(11, 12), self.tried(12.5, 14)], ["detect"])
        assert (found["start"], found["seconds"]) == (10, 4)
        assert [bar[:3] for bar in found["steps"][0]["bars"]] == [[0, 0, 3], [1, 1, 2], [1, 2.5, 4]]
        assert found["steps"][0]["lanes"] == 2

    def test_steps_come_in_their_order_and_those_without_attempts_not_at_all(self) -> None:
        found = timeline([self.tried(0, 1, "b"), self.tried(0, 1, "a")], ["a", "b", "c"])
        assert [step["name"] for step in found["steps"]] == ["a", "b"]

    def test_waiting_is_not_work(self) -> None:
        busy = Tried(task="a/b", step="a", submitted=0, ended=10, error=None, metrics={"busy_s": 2.0})
        assert timeline([busy], ["a"])["start"] == 8

    def test_of_very_many_those_side_by_side_are_one_bar_and_none_is_lost(self) -> None:
        many = [self.tried(n, n + 0.9, error="crash" if n == 7 else None) for n in range(MAX_BARS + 1)]
        (step,) = timeline(many, ["detect"])["steps"]
        assert len(step["bars"]) < MAX_BARS / 4
        assert sum(bar[3] for bar in step["bars"]) == MAX_BARS + 1
        assert sum(bar[4] for bar in step["bars"]) == 1

    def test_without_attempts(self) -> None:
        assert timeline([], ["detect"])["steps"] == []


class TestCrops:
    def thing(self, *views: View) -> Thing:
        return Thing(
            id="o", x=0, y=0, longitude=0, latitude=0, category=None, score=None, ellipse=None, views=views, said={}
        )  # fmt: skip

    def view(self, image: str, box: tuple[float, float, float, float], size: tuple[int, int]) -> View:
        return View(name="r", recording=0, image=image, box=box, size=size, score=1.0, distance=None)

    def photograph(self, tmp_path: Path, columns: int = 800, rows: int = 400) -> RunFolder:
        pixels = np.zeros((rows, columns, 3), np.uint8)
        pixels[100:140, :30] = pixels[100:140, -10:] = (0, 0, 255)  # one red thing over the seam
        pixels[200:240, 400:440] = (0, 255, 0)
        assert cv2.imwrite(str(tmp_path / "a.jpg"), pixels)
        return RunFolder(tmp_path / "run")

    def middle(self, jpeg: bytes, box: tuple[float, float, float, float]) -> tuple[int, ...]:
        """The colour in the middle of a crop's box."""
        pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        side = pixels.shape[0]
        x, y = int(side * (box[0] + box[2] / 2)), int(side * (box[1] + box[3] / 2))
        return tuple(int(value > 128) for value in pixels[y, x])

    @pytest.mark.parametrize(
        ("box", "colour"),
        [((400.0, 200.0, 40.0, 40.0), (0, 1, 0)), ((790.0, 100.0, 40.0, 40.0), (0, 0, 1))],
        ids=["inside", "over a panorama's seam"],
    )
    def test_the_box_is_around_what_it_was_around(
        self, tmp_path: Path, box: tuple[float, float, float, float], colour: tuple[int, ...]
    ) -> None:
        files = self.photograph(tmp_path).files(tmp_path)
        found = cut([self.thing(self.view("/batch/a.jpg", box, (800, 400)))], files)
        assert self.middle(found[0, 0].jpeg, found[0, 0].box) == colour

    def test_boxes_count_in_the_pixels_that_the_recording_says(self, tmp_path: Path) -> None:
        files = self.photograph(tmp_path).files(tmp_path)
        view = self.view("/batch/a.jpg", (800.0, 400.0, 80.0, 80.0), (1600, 800))
        found = cut([self.thing(view)], files)
        assert self.middle(found[0, 0].jpeg, found[0, 0].box) == (0, 1, 0)

    @pytest.mark.parametrize(
        "image", ["/batch/none.jpg", "/batch/broken.jpg", "/batch/empty.jpg", "https://a/b.jpg"]
    )
    def test_what_cannot_be_read_has_no_crop(self, tmp_path: Path, image: str) -> None:
        files = self.photograph(tmp_path).files(tmp_path)
        (tmp_path / "broken.jpg").write_bytes(b"no image")
        (tmp_path / "empty.jpg").touch()
        assert cut([self.thing(self.view(image, (1.0, 1.0, 5.0, 5.0), (800, 400)))], files) == {}

    def test_first_views_come_first_where_there_is_no_room_for_all(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files = self.photograph(tmp_path).files(tmp_path)
        shutil.copy(tmp_path / "a.jpg", tmp_path / "b.jpg")
        shutil.copy(tmp_path / "a.jpg", tmp_path / "c.jpg")
        monkeypatch.setattr(crops, "_BUDGET", 2 * 800 * 400)
        views = [self.view(f"/batch/{name}.jpg", (400.0, 200.0, 40.0, 40.0), (800, 400)) for name in "abc"]
        found = cut([self.thing(views[0], views[2]), self.thing(views[1])], files)
        assert set(found) == {(0, 0), (1, 0)}

    def test_many_are_files_beside_the_page(self, run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(crops, "EMBEDDED", 1000)
        for _ in range(2):
            write_report(run)
        sources = [
            source for _, _, source, _ in Page((run.path / "report.html").read_text()).data["pictures"]
        ]
        assert len(sources) == 8 * crops.PER_OBJECT
        assert all((run.path / source).stat().st_size for source in sources)
        monkeypatch.setattr(crops, "EMBEDDED", 10**9)
        write_report(run)
        assert not (run.path / "report").exists()


def test_photographs_that_are_gone_are_told(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.path)]) == 0
    assert capsys.readouterr().err == ""
    batch = Path(run.read_about()["batch"]["folder"])
    kept, *gone = sorted(
        {view.image for thing in gather(run).things for view in thing.views[: crops.PER_OBJECT]}
    )
    for image in gone:
        run.files(batch).local(image).unlink()
    assert main(["report", str(run.path)]) == 0
    told = f"{len(gone)} of {len(gone) + 1} photographs with the best views of objects are not there any more"
    assert told in capsys.readouterr().err
    assert run.files(batch).local(kept).is_file()


class TestThePage:
    @pytest.fixture
    def page(self, tmp_path: Path) -> Page:
        names = {number: f"{name.replace('/', ':')}.jpg" for number, name in enumerate(HOSTILE)}
        wanted = Wanted(names=HOSTILE, categories=HOSTILE, recording_names=names, photographs=False)
        run = write_run(tmp_path / "run", tmp_path / HOSTILE[0].replace("/", ":"), wanted)
        return Page(write_report(run).read_text(encoding="utf-8"))

    def test_no_name_breaks_out(self, page: Page) -> None:
        assert [tag for tag, _ in page.tags].count("script") == 2
        assert [thing["id"] for thing in page.data["objects"]] == sorted(HOSTILE)
        assert {thing["category"] for thing in page.data["objects"]} == set(HOSTILE)

    def test_nothing_is_asked_of_anybody(self, page: Page) -> None:
        addresses = [
            value
            for _, given in page.tags
            for name, value in given.items()
            if name in ("src", "href") and value
        ]
        assert addresses == ["data:,"]
        policy = next(given["content"] for tag, given in page.tags if given.get("http-equiv"))
        assert policy is not None
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "unsafe" not in policy

    def test_it_is_the_same_for_the_same_run(self, run: RunFolder) -> None:
        report = gather(run)
        assert document(report) == document(report)

    def test_texts_that_are_no_text_are_written_all_the_same(self) -> None:
        data = {"name": "\udcff<\u2028&", "né": "🚧"}
        text = embeddable(data)
        assert json.loads(text) == data
        assert text.encode("utf-8")
        assert not set("<>&\u2028") & set(text)

    def test_every_module_and_style_is_in_it(self) -> None:
        from coordinator.report.document import _MODULES, _STYLES

        assert {path.stem for path in PAGE.glob("*.js")} == set(_MODULES)
        assert {path.stem for path in PAGE.glob("*.css")} == set(_STYLES)

    def test_modules_import_only_what_stands_before_them(self) -> None:
        from coordinator.report.document import _MODULES

        for number, name in enumerate(_MODULES):
            text = (PAGE / f"{name}.js").read_text()
            assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= set(_MODULES[:number]), name
            assert not re.search(r"^(import|export (default|\{|let|var))", bundled((name,)), re.MULTILINE), (
                name
            )

    def test_the_script_can_be_parsed(self, tmp_path: Path) -> None:
        node = shutil.which("node")
        if node is None:
            pytest.skip("needs node; the browser's tests see the same")
        from coordinator.report.document import _MODULES

        path = tmp_path / "page.mjs"
        path.write_text(bundled(_MODULES))
        subprocess.run([node, "--check", path], check=True)


class TestWithAnEarlierRun:
    @pytest.fixture
    def page(self, tmp_path: Path) -> Any:
        """Of three objects that moved by two metres since an earlier run, of whose others two are gone."""
        old = write_run(tmp_path / "old", tmp_path / "old-batch", Wanted(objects=5))
        new = write_run(tmp_path / "new", tmp_path / "batch", Wanted(objects=3, moved=2.0))
        assert main(["compare", str(old.path), str(new.path), "--report", "--sure", "0"]) == 0
        return Page((new.path / "report.html").read_text()).data

    def test_every_object_says_what_has_become_of_it(self, page: Any) -> None:
        assert page["earlier"].endswith("/old")
        for number, thing in enumerate(page["objects"]):
            change = thing["change"]
            assert (change["kind"], change["id"], change["moved"]) == ("moved", f"o-{number:06}", 2.0)
            assert change["at"] == pytest.approx([thing["x"] - 2.0, thing["y"]], abs=0.02)

    def test_what_is_gone_has_the_photographs_of_the_earlier_run(self, page: Any) -> None:
        assert [(gone["id"], gone["change"]["kind"]) for gone in page["gone"]] == [
            ("o-000003", "gone"),
            ("o-000004", "gone"),
        ]
        assert page["folders"]["/earlier/batch"] == "../old-batch"
        view = page["gone"][0]["views"][0]
        assert view["r"] is None
        assert view["image"] == f"/earlier/batch/{view['name']}"
        assert {number for number, *_ in page["pictures"]} == set(range(5))

    def test_its_commands_may_be_typed_anywhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("old", "new"):
            write_run(tmp_path / name, tmp_path / "batch", Wanted(photographs=False))
        monkeypatch.chdir(tmp_path)
        assert main(["compare", "old", "new", "--report"]) == 0
        data = Page(Path("new/report.html").read_text()).data
        assert (data["run"]["folder"], data["earlier"]) == (str(tmp_path / "new"), str(tmp_path / "old"))

    def test_it_is_not_on_a_page_that_is_written_anew(self, run: RunFolder) -> None:
        write_report(run)
        data = Page((run.path / "report.html").read_text()).data
        assert (data["earlier"], data["gone"]) == (None, [])


class TestTheCommand:
    def test_it_says_where_the_page_is(self, run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
        truth = run.path / "objects.geojson"
        assert main(["report", str(run.path), "--truth", str(truth)]) == 0
        assert capsys.readouterr().out == f"report      {run.path / 'report.html'}\n"
        assert len(Page((run.path / "report.html").read_text()).data["truth"]) == 8

    def test_a_run_of_a_version_with_other_steps_is_told(
        self, run: RunFolder, capsys: pytest.CaptureFixture[str]
    ) -> None:
        about = run.read_about()
        about["pipeline"]["steps"][0]["per"] = "planet"
        run.about.write_text(json.dumps(about))
        assert main(["report", str(run.path)]) == 2
        assert f"{run.about} has no steps that this version knows" in capsys.readouterr().err

    def test_a_run_without_places_has_a_page_without_a_map(self, run: RunFolder) -> None:
        run.about.write_text(json.dumps({**run.read_about(), "crs": None}))
        data = Page(write_report(run).read_text()).data
        assert (data["frame"], data["objects"], data["areas"]) == (None, [], [])

    def test_what_is_no_run_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", str(tmp_path)]) == 2
        assert "is no run folder" in capsys.readouterr().err
