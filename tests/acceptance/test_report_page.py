"""The report in a real browser, opened as a file: what it shows, how a review goes, and that it asks nobody."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from coordinator.record.facts import SessionState
from coordinator.record.review import Decision, Verdict
from coordinator.record.reviewfile import keep
from coordinator.record.runfolder import RunFolder
from coordinator.report.model import Mark
from coordinator.report.written import write_report
from tests.acceptance import browser
from tests.acceptance.conftest import coordinator
from tests.made_up_run import Wanted, write_run
from tests.waiting import eventually

HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "🚧 \"quoted\" & 'so'")
OWN = {"file", "data", "blob", "about"}
"""The schemes of addresses that are no request to anybody."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with browser.required(width=1280, height=800) as found:
        yield found


@pytest.fixture
def driver(chromium: Chrome) -> Iterator[Chrome]:
    """A browser that keeps nothing of other tests. Whatever a test does, nobody is asked, and nothing complains."""
    browser.requested(chromium)
    browser.complaints(chromium)
    yield chromium
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert {
        address for address in browser.requested(chromium) if urlsplit(address).scheme not in OWN
    } == set()
    assert browser.complaints(chromium) == []


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = write_run(tmp_path / "run", tmp_path / "batch")
    write_report(made, [Mark(id="t", x=155_040.0, y=463_004.0, category="stop")])
    return made


@dataclass(frozen=True)
class Report:
    """The page of a run, by what its reader sees and does."""

    driver: Chrome
    run: RunFolder

    def open(self, fragment: str = "") -> Report:
        browser.load(self.driver, (self.run.path / "report.html").as_uri() + fragment)
        eventually(lambda: self.driver.execute_script("return document.documentElement.dataset.ready"))
        return self

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.driver.find_elements(By.CSS_SELECTOR, selector)]

    def keys(self, *keys: str) -> Report:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()
        return self

    def rows(self) -> list[str]:
        """What the list says of its objects."""
        return self.texts("#rows .what")

    def title(self) -> str:
        return self.find("#object-title").text

    def objects(self) -> dict[str, dict[str, object]]:
        """The results as they are in the run folder, by id."""
        features = json.loads((self.run.path / "objects.geojson").read_text())["features"]
        return {feature["id"]: feature["properties"] for feature in features}

    def picture(self) -> str:
        """The map as it is drawn now."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        return str(self.driver.execute_script("return document.getElementById('ground').toDataURL()"))

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(
            self.driver.execute_script(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )


@pytest.fixture
def report(driver: Chrome, run: RunFolder) -> Report:
    return Report(driver, run).open()


def saved(report: Report, folder: Path) -> Path:
    """The review.csv that the page saves."""
    report.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    report.find("#save").click()
    path = folder / "review.csv"
    eventually(lambda: path.exists() and path.stat().st_size)
    return path


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("29.11.2026 10:00", "Accepted, 29.11.2026 10:00."),
        ("05.11.2026 10:00", "Accepted, 05.11.2026 10:00."),
        ("2026-99-05T10:00Z", "Accepted, 2026-99-05T10:00Z."),
        ("2026-11-05T10:00:00.000Z", "Accepted, 5 November 2026 at "),
        ("", "Accepted."),
    ],
)
def test_a_time_out_of_a_spreadsheet_is_told_as_it_is(
    driver: Chrome, run: RunFolder, time: str, told: str
) -> None:
    feature = json.loads((run.path / "objects.geojson").read_text())["features"][0]
    longitude, latitude = feature["geometry"]["coordinates"]
    decided = Decision(
        id=feature["id"], verdict=Verdict.ACCEPT, longitude=longitude, latitude=latitude, time=time
    )
    keep(run.path, [decided])
    write_report(run)
    page = Report(driver, run).open(f"#{feature['id']}")
    assert page.find("#decision").text.startswith(told)


def test_what_others_wrote_into_the_browser_or_the_address_is_passed_over(report: Report) -> None:
    report.keys("n", "a")
    report.driver.execute_script(
        "const [key] = Object.keys(localStorage).filter((name) => name.startsWith('coordinator review'));"
        "const kept = JSON.parse(localStorage.getItem(key));"
        "localStorage.setItem(key, JSON.stringify([...kept, ['x', null], ['y', {}], null, 'z']));"
    )
    report.open("#%zz")
    assert report.find("#reviewed").text == "1 of 8 reviewed"
    report.driver.execute_script(
        "for (const name of Object.keys(localStorage)) localStorage.setItem(name, '{\"x\":null}')"
    )
    report.open()
    assert report.find("#reviewed").text == "0 of 8 reviewed"
    report.driver.execute_script("localStorage.clear()")


def test_half_a_file_says_so(driver: Chrome, run: RunFolder) -> None:
    path = run.path / "report.html"
    whole = path.read_bytes()
    page = Report(driver, run).open()
    assert not page.find("#incomplete").is_displayed()
    for share in (0.67, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        browser.load(driver, path.as_uri())
        eventually(lambda: page.find("#incomplete").is_displayed())
        assert "This file is incomplete" in page.find("#incomplete").text
        assert not page.find("#save").is_enabled()


def test_a_review_by_keys_is_kept_saved_and_becomes_part_of_the_results(
    report: Report, tmp_path: Path
) -> None:
    assert len(report.rows()) == len(report.objects()) == 8
    report.keys("n")
    names = []
    for key in "ar":
        names.append(report.find("#object-said").text)
        report.keys(key)
    names.append(report.find("#object-said").text)
    report.keys("c")
    report.find("#category").send_keys(Keys.CONTROL, "a", Keys.NULL, "=kiosk", Keys.ENTER)
    assert report.find("#place-in-list").text == "4 of 8"
    assert report.find("#reviewed").text == "3 of 8 reviewed"

    report.open()
    assert report.find("#reviewed").text == "3 of 8 reviewed"
    rows = report.driver.find_elements(By.CSS_SELECTOR, "#rows button")
    states = [row.get_attribute("data-decision") for row in rows]
    assert states == ["accept", "reject", "reclass", None, None, None, None, None]

    path = saved(report, tmp_path / "downloads")
    with path.open(newline="", encoding="utf-8") as file:
        decided = {row["id"]: row for row in csv.DictReader(file)}
    assert [decided[name]["decision"] for name in names] == ["accept", "reject", "reclass"]
    assert decided[names[2]]["category"] == "'=kiosk"  # no spreadsheet computes it
    before = report.objects()
    ended = coordinator("review", report.run.path, path)
    assert ended.code == 0, ended.err
    after = report.objects()
    assert set(before) - set(after) == {names[1]}
    assert (after[names[2]]["category"], after[names[0]]["review"]) == ("=kiosk", "accept")


def test_a_decision_is_noted_and_taken_back(report: Report, tmp_path: Path) -> None:
    report.keys("n", "a", "p", "t", "bent", Keys.ENTER, Keys.ESCAPE)
    path = saved(report, tmp_path / "downloads")
    assert "bent" in path.read_text()
    assert report.find("#accept").get_attribute("aria-pressed") == "true"
    report.keys("u")
    assert report.find("#accept").get_attribute("aria-pressed") == "false"
    assert report.find("#reviewed").text == "0 of 8 reviewed"
    assert not report.find("#save").is_enabled()
    report.keys(Keys.ESCAPE)
    assert report.find("#rows").is_displayed()


def test_the_page_knows_what_the_results_have_and_takes_it_back(report: Report, tmp_path: Path) -> None:
    report.keys("n", "r")
    assert coordinator("review", report.run.path, saved(report, tmp_path / "one")).code == 0
    report.driver.execute_script("localStorage.clear()")
    write_report(report.run)
    report.open()
    assert report.find("#reviewed").text == "1 of 8 reviewed"
    report.keys("n", "u")
    assert coordinator("review", report.run.path, saved(report, tmp_path / "two")).code == 0
    assert len(report.objects()) == 8


def test_decisions_follow_their_objects_when_the_run_is_made_anew(driver: Chrome, tmp_path: Path) -> None:
    def made(wanted: Wanted) -> Report:
        run = write_run(tmp_path / "run", tmp_path / "batch", wanted)
        write_report(run)
        return Report(driver, run)

    made(Wanted()).open("#o-000000").keys("a", "r", "r", "r", "r", "r", "r", "r")
    shutil.rmtree(tmp_path / "run")
    report = made(Wanted(objects=6, moved=1.0)).open()
    assert report.find("#reviewed").text == "6 of 6 reviewed"
    assert "6 decisions went over to objects with another id" in report.find("#followed").text
    assert report.find("#lost-said").text == "2 decisions belong to no object any more"
    report.find("#lost-said").click()
    assert [text.split(":")[0] for text in report.texts("#lost-list li")] == ["rejected", "rejected"]
    path = saved(report, tmp_path / "downloads")
    rows = list(csv.DictReader(path.open(newline="", encoding="utf-8")))
    assert {row["id"]: row["decision"] for row in rows}["o-000000m"] == "accept"
    assert coordinator("review", report.run.path, path).code == 0
    report.find("#forget").click()
    assert not report.find("#lost").find_element(By.TAG_NAME, "details").is_displayed()
    assert report.open().find("#reviewed").text == "6 of 6 reviewed"
    assert not report.find("#lost-said").is_displayed()


def test_filters_leave_what_was_asked_for(report: Report) -> None:
    all_rows = report.rows()
    report.keys("/", "stop")
    assert report.rows() == [row for row in all_rows if "stop" in row] != []
    assert report.find("#filter-said").text == "hides 7 objects"
    report.find("#filter-reset").click()
    assert sorted(report.rows()) == sorted(all_rows)
    report.find("#category-list input").click()
    assert len(report.rows()) == 7
    report.find("#categories-none").click()
    assert report.rows() == []
    assert report.find("#nothing").text == "The filter hides all objects."
    report.find("#categories-all").click()
    script = "arguments[0].value = 0.75; arguments[0].dispatchEvent(new Event('input'))"
    report.driver.execute_script(script, report.find("#least-score"))
    assert 0 < len(report.rows()) < 8


def test_a_photograph_with_its_boxes(report: Report) -> None:
    report.keys("n", "v")
    assert report.find("#photograph-title").text.startswith("street/r")
    assert len(report.texts("#photograph-frame .chosen .box")) == 1
    address = report.find("#photograph-file").get_property("href")
    script = "const done = arguments[1]; const image = new Image();"
    script += "image.onload = () => done(image.naturalWidth); image.onerror = () => done(0); image.src = arguments[0]"
    assert report.driver.execute_async_script(script, address) == 1280
    assert not report.texts("#photograph-frame .problem")
    report.find("#photograph-whole").click()
    report.keys(Keys.ESCAPE)
    assert not report.find("#photograph").is_displayed()
    assert report.title()


def test_a_photograph_that_is_not_there_is_told(driver: Chrome, tmp_path: Path) -> None:
    made = write_run(tmp_path / "run", tmp_path / "batch", Wanted(photographs=False))
    write_report(made)
    report = Report(driver, made).open().keys("n")
    eventually(lambda: report.texts("#crops .missing") == ["no photograph here"] * 3)
    report.keys("v")
    eventually(lambda: report.texts("#photograph-frame .problem"))
    assert "The photograph is not at ../batch/street/r" in report.texts("#photograph-frame .problem")[0]
    missed = browser.complaints(driver)
    assert missed
    assert all("ERR_FILE_NOT_FOUND" in line for line in missed)


def test_the_map_is_moved_by_pointer_wheel_keys_and_fingers(driver: Chrome, tmp_path: Path) -> None:
    made = write_run(tmp_path / "run", tmp_path / "batch", Wanted(recordings=1, objects=1))
    write_report(made)
    report = Report(driver, made).open()
    canvas = report.find("#ground")
    width, height = canvas.size["width"], canvas.size["height"]
    # The recording is at the left, 40 pixels from the edge, and the object at the right: 30 m east and 4 m north of it.
    scale = min(60.0, (width - 80) / 30)
    ActionChains(driver).move_to_element_with_offset(
        canvas, round(15 * scale), round(-2 * scale)
    ).click().perform()
    assert report.title() == "stop"
    seen = [report.picture()]

    def is_new() -> bool:
        seen.append(report.picture())
        return seen[-1] not in seen[:-1]

    ActionChains(driver).drag_and_drop_by_offset(canvas, 60, 40).perform()
    assert is_new()
    ActionChains(driver).scroll_from_origin(ScrollOrigin.from_element(canvas), 0, -300).perform()
    assert is_new()
    for key in ("+", Keys.ARROW_LEFT):
        driver.execute_script("arguments[0].focus()", canvas)
        report.keys(key)
        assert is_new()
    _pinch(driver, canvas.location["x"] + width // 2, canvas.location["y"] + height // 2)
    assert is_new()
    report.keys("0")
    driver.execute_script("arguments[0].blur()", canvas)
    assert report.picture() == seen[0]


def test_several_on_one_pole_are_told_apart(driver: Chrome, tmp_path: Path) -> None:
    made = write_run(tmp_path / "run", tmp_path / "batch", Wanted(recordings=1, objects=3))
    write_report(made)
    report = Report(driver, made).open()
    canvas = report.find("#ground")
    scale = min(60.0, (canvas.size["width"] - 80) / 30)
    place = (canvas, round(15 * scale), round(-2 * scale))
    ActionChains(driver).move_to_element_with_offset(*place).click().perform()
    listed = report.texts("#several span")
    assert sorted(listed) == sorted(report.rows())
    assert driver.switch_to.active_element.text.startswith(listed[0])
    report.keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert report.title() == listed[1]
    assert not report.find("#several").is_displayed()
    seen = [report.title()]
    for _ in listed[1:]:
        report.keys("b")
        seen.append(report.title())
    assert sorted(seen) == sorted(listed)
    report.find("#beside-list button").click()
    assert report.title() == listed[1]

    report.keys("v")
    assert sorted(report.texts("#photograph-frame text")) == sorted(listed)
    for button in ("#photograph-whole", "#photograph-close-up"):
        report.find(button).click()
        assert overlaps(report) == []
    report.keys(Keys.ESCAPE)

    driver.execute_script("arguments[0].focus()", canvas)
    report.keys(Keys.ENTER)
    assert not report.find("#several").is_displayed()
    for _ in range(round(15 * scale / 80)):
        report.keys(Keys.ARROW_RIGHT)
    report.keys("-", "-", "-", "-", "-", Keys.ENTER)
    assert report.texts("#several span") == listed
    report.keys(Keys.ESCAPE)
    assert not report.find("#several").is_displayed()
    assert driver.switch_to.active_element == canvas


def overlaps(report: Report) -> list[tuple[str, str]]:
    """The names in the photograph that lie on each other."""
    names = report.driver.find_elements(By.CSS_SELECTOR, "#photograph-frame text")
    return [
        (one.text, other.text)
        for one, other in itertools.combinations(names, 2)
        for a, b in [(one.rect, other.rect)]
        if a["x"] < b["x"] + b["width"] - 1
        and b["x"] < a["x"] + a["width"] - 1
        and a["y"] < b["y"] + b["height"] - 1
        and b["y"] < a["y"] + a["height"] - 1
    ]


def _pinch(driver: Chrome, x: int, y: int) -> None:
    """Two fingers that go apart."""
    for kind, apart in (("touchStart", 20), ("touchMove", 60), ("touchMove", 90)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_how_the_run_went(report: Report) -> None:
    report.find("#tab-run").click()
    assert report.texts("#summary .figure b")[:2] == ["8", "41"]
    assert report.texts("#spent tbody th") == ["detect", "position", "recognise"]
    assert report.texts("#failed .findings b") == ["1 × detect"]
    assert "nothing of this is real" in report.find("#doubts").text
    assert f"python -m coordinator review {report.run.path} review.csv" in report.find("#repeat").text
    report.open("#run")
    assert report.find("#timeline").is_displayed()
    report.find("#tab-run").send_keys(Keys.ARROW_LEFT)
    assert report.find("#ground").is_displayed()


@pytest.mark.parametrize(
    ("wanted", "unfinished", "nothing"),
    [
        (Wanted(objects=0, photographs=False), "", "Nothing was detected in the 41 recordings."),
        (
            Wanted(objects=0, photographs=False, state=SessionState.INTERRUPTED),
            "The run is not complete (interrupted): the page Run says how to go on. "
            "This page shows what was there when it was written.",
            "There are no objects yet.",
        ),
    ],
    ids=["complete", "interrupted"],
)
def test_a_run_without_objects_says_why(
    driver: Chrome, tmp_path: Path, wanted: Wanted, unfinished: str, nothing: str
) -> None:
    made = write_run(tmp_path / "run", tmp_path / "batch", wanted)
    write_report(made)
    report = Report(driver, made).open()
    assert (report.find("#unfinished").text, report.find("#nothing").text) == (unfinished, nothing)
    assert not report.find("#save").is_displayed()
    report.keys("n", "b", "a", "v", "z")
    assert report.find("#browse").is_displayed()


def test_names_are_texts_whatever_they_look_like(driver: Chrome, tmp_path: Path) -> None:
    names = {0: HOSTILE[0].replace("/", "") + ".jpg"}
    wanted = Wanted(names=HOSTILE, categories=HOSTILE, recording_names=names, objects=3)
    made = write_run(tmp_path / "run", tmp_path / 'a "batch" & <b>', wanted)
    write_report(made)
    report = Report(driver, made).open()
    assert sorted(report.rows()) == sorted(HOSTILE)
    for _ in HOSTILE:
        report.keys("n")
        assert report.title() in HOSTILE
        report.keys("a")
    path = saved(report, tmp_path / "downloads")
    assert coordinator("review", made.path, path).code == 0
    assert set(report.objects()) == set(HOSTILE)


@pytest.fixture
def compared(driver: Chrome, tmp_path: Path) -> Report:
    """Three objects that moved by two metres since an earlier run and five that are gone, with names that mean ill."""
    old = write_run(tmp_path / 'old "<b>"', tmp_path / "old-batch", Wanted(categories=HOSTILE))
    wanted = Wanted(categories=HOSTILE, names=HOSTILE, objects=3, moved=2.0)
    new = write_run(tmp_path / "new", tmp_path / "batch", wanted)
    ended = coordinator("compare", old.path, new.path, "--report", "--sure", "0")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, f"report      {new.path / 'report.html'}"), (
        ended.err
    )
    return Report(driver, new).open()


def test_what_has_changed_is_on_the_page(compared: Report) -> None:
    kinds = [text.split(" · ")[0] for text in compared.texts("#rows small")]
    assert kinds == ["gone"] * 5 + ["moved"] * 3
    assert set(compared.rows()) == set(HOSTILE)
    assert compared.find("#reviewed").text == "0 of 3 reviewed"
    compared.keys("n")
    assert compared.find("#change").text.startswith("Gone: it was in the earlier run and is not in this one")
    eventually(
        lambda: compared.driver.execute_script("return document.querySelector('#crops img').naturalWidth")
    )
    assert not compared.find("#deciding").is_displayed()
    compared.keys("a")
    assert compared.find("#reviewed").text == "0 of 3 reviewed"
    compared.keys("v")
    assert "/old-batch/street/r" in str(compared.find("#photograph-file").get_property("href"))
    compared.keys(Keys.ESCAPE, Keys.ESCAPE)
    compared.find("#changes-list [name=gone]").send_keys(Keys.SPACE)
    assert [text.split(" · ")[0] for text in compared.texts("#rows small")] == ["moved"] * 3
    compared.keys("n")
    assert compared.find("#change").text == "Moved: it stood 2.00 m from here in the earlier run."
    compared.keys("a")
    assert compared.find("#reviewed").text == "1 of 3 reviewed"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_changes_keep_nobody_out_and_fit_a_telephone(compared: Report, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    compared.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    compared.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for key in ("", "n"):
        compared.keys(key)
        assert compared.overflow() == 0
        assert not browser.AXE.exists() or browser.barriers(compared.driver) == []


def test_a_page_as_narrow_as_a_telephone(report: Report) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    report.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    for go in ("", "#run", f"#{next(iter(report.objects()))}"):
        report.open(go)
        assert report.overflow() == 0, go
    report.keys("?")
    assert report.overflow() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_from_using_it(report: Report, scheme: str) -> None:
    if not browser.AXE.exists():
        pytest.skip("needs axe-core: tests/acceptance/browser.sh gets it where there is npm")
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    report.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    found = {"map": browser.barriers(report.driver)}
    report.driver.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
    found["filter"] = browser.barriers(report.driver)
    report.keys("n", "a", "r")
    found["object"] = browser.barriers(report.driver)
    for key, name in (("v", "photograph"), ("c", "re-class"), ("?", "help")):
        report.keys(key)
        found[name] = browser.barriers(report.driver)
        report.keys(Keys.ESCAPE)
    report.find("#tab-run").click()
    found["run"] = browser.barriers(report.driver)
    assert {place: barriers for place, barriers in found.items() if barriers} == {}
