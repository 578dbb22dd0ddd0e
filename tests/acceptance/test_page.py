"""The service's page in a real browser, behind nginx as `make daemon` deploys it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import docker
import numpy as np
import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.support.wait import WebDriverWait

from coordinator.service.orders import parse_order
from coordinator.service.refusal import Refused
from tests.acceptance import browser
from tests.acceptance.browser import Page, name_of
from tests.acceptance.composed import Composed, composed
from tests.integration.conftest import client, engine

__all__ = ["client", "engine"]


@pytest.fixture(scope="module")
def deployment(client: docker.DockerClient) -> Iterator[Composed]:
    with composed() as found:
        yield found


@pytest.fixture
def address(deployment: Composed) -> str:
    return f"{deployment.address}/"


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with browser.required() as found:
        yield found


@pytest.fixture
def page(driver: Chrome, address: str) -> Iterator[Page]:
    """The page, fresh. Whatever a test does, nothing is asked of any other host."""
    yield Page(driver, address)
    assert {
        url
        for url in browser.requested(driver)
        if urlsplit(url).scheme in browser.OVER_THE_NETWORK and not url.startswith(address)
    } == set()


def write_image(path: Path, width: int = 1600, height: int = 1200) -> Path:
    image = np.random.default_rng(1).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(image, (width, height)))
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return write_image(tmp_path / "photo.jpg")


@pytest.fixture
def drawing(tmp_path: Path) -> Path:
    return write_image(tmp_path / "drawing.png")


@pytest.fixture
def speck(tmp_path: Path) -> Path:
    """An image like others, until it is to be split."""
    path = tmp_path / "speck.png"
    assert cv2.imwrite(str(path), np.zeros((1, 1, 3), np.uint8))
    return path


def focused(page: Page) -> str:
    return name_of(page.driver.switch_to.active_element)


def test_an_order_becomes_a_job_with_results(page: Page, photo: Path, drawing: Path, speck: Path) -> None:
    page.choose(photo, speck)
    page.drop(drawing)
    assert page.texts("#chosen .name") == ["photo.jpg", "speck.png", "drawing.png"]
    page.add("split")
    page.add("resize", "400x")
    page.add("blur", "median")
    assert page.find("#outlook").text == "3 images in, 12 out"

    page.start()
    page.wait_for_state("Waiting", "Working", "Done")
    assert page.find("#job-operations").text == "split → resize 400x → blur median → jpg"
    assert page.wait_for_state("Done") == "Done, with errors: 8 images, 1 file failed"
    check_results(page)


def check_results(page: Page) -> None:
    assert page.texts("#job-results h3 .name") == ["photo.jpg", "speck.png", "drawing.png"]
    assert page.texts("#job-results .pictures .name") == [
        f"{stem}-{number}.jpg" for stem in ("photo", "drawing") for number in range(4)
    ]
    page.wait_for_pictures("#job-results img")
    shown, failed = "#job-results > li:not(:nth-child(2)) .problem", "#job-results > li:nth-child(2) .problem"
    assert not any(problem.is_displayed() for problem in page.find_all(shown))
    assert "split" in page.find(failed).text


def test_a_running_job_shows_its_progress_and_can_be_cancelled(
    page: Page, deployment: Composed, client: docker.DockerClient, tmp_path: Path
) -> None:
    page.choose(*(write_image(tmp_path / f"{number}.jpg") for number in range(6)))
    page.add("blur", "median")
    with deployment.standing_still(client, spared=1):
        page.start()
        page.wait_for_state("Working")
        WebDriverWait(page.driver, browser.PATIENCE_S).until(lambda _: page.progress("value") > 0)
        assert page.find("#job-delete").text == "Cancel"
        page.find("#job-delete").click()
    WebDriverWait(page.driver, browser.PATIENCE_S).until(lambda _: not page.find("#job").is_displayed())
    assert page.fragment == ""


def test_a_job_is_shown_again_by_its_address_until_it_is_deleted(
    page: Page, photo: Path, drawing: Path, speck: Path
) -> None:
    page.choose(photo, speck, drawing)
    page.add("split")
    page.start()
    page.wait_for_state("Done")
    job = page.fragment
    page.find("#job-delete").click()
    page.driver.switch_to.alert.dismiss()

    page.driver.refresh()
    page.wait_for_state("Done")
    check_results(page)

    page.find("#job-delete").click()
    page.driver.switch_to.alert.accept()
    WebDriverWait(page.driver, browser.PATIENCE_S).until(lambda _: not page.find("#job").is_displayed())
    assert page.fragment == ""
    again = Page(page.driver, f"{page.driver.current_url}#{job}")
    again.wait_for_state("There is no such job")


def test_a_job_is_followed_to_its_end_though_the_service_dies(
    page: Page, deployment: Composed, client: docker.DockerClient, tmp_path: Path
) -> None:
    page.choose(*(write_image(tmp_path / f"{number}.jpg") for number in range(8)))
    page.add("blur", "median")
    try:
        with deployment.standing_still(client):
            page.start()
            page.wait_for_state("Working")
            client.containers.get(deployment.containers(client)["service"]["Id"]).kill()
        page.wait_for_state("the service is not running")
    finally:
        deployment.compose("up", "--detach", "--no-build")
    assert page.wait_for_state("Done") == "Done: 8 images"


def test_what_is_missing_is_told_before_anything_is_sent(page: Page, photo: Path) -> None:
    page.start()
    assert page.find("#images-problem").text == "Choose at least one image."
    assert focused(page).startswith("Choose images")
    page.choose(photo)
    page.add("split")
    page.add("resize", "huge")
    page.start()
    assert (
        page.find("#operations li:nth-child(2) .problem").text
        == "Write a size as 800x600, 800x, x600 or 50%."
    )
    assert focused(page) == "Size: Resize, number 2"
    assert not [url for url in browser.requested(page.driver) if url.endswith("/jobs")]


SIZES = (
    "200x300", "200x", "x300", "50%", "0.5%", "1x1", "32767x", "10000x10000",
    "", "x", "%", "0%", "0.0%", "0x5", "05x5", "5X5", "5x5x5", " 5x5", "-5x", "1e3x", "50 %", "1.%", ".5%", "99999x",
    "32768x", "10001x10000", "100000x", "123456%", "٣x٣", "<b>",
)  # fmt: skip


def test_the_page_takes_the_sizes_that_the_service_takes(page: Page) -> None:
    script = (
        "const [sizes, done] = arguments;"
        "import('/page/operations.js').then((page) => done(sizes.map((size) => page.problemOfSize(size) === '')));"
    )
    assert page.driver.execute_async_script(script, list(SIZES)) == [service_takes(size) for size in SIZES]


def service_takes(size: str) -> bool:
    try:
        parse_order(json.dumps({"operations": [["resize", size]], "output": "jpg"}).encode())
    except Refused:
        return False
    return True


def test_what_the_service_refuses_is_told_at_the_image_until_the_next_order(
    page: Page, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    page.choose(write_image(tmp_path / name))
    page.add("resize", "9999x9999")
    for _ in range(20):
        page.add("blur", "bilateral")
    page.start()
    problem = page.find("#chosen li:nth-child(1) .problem")
    WebDriverWait(page.driver, browser.PATIENCE_S).until(lambda _: problem.is_displayed())
    assert page.texts("#chosen .name") == [name]
    assert focused(page) == f"Remove {name}"
    for button in page.find_all("#operations [data-do=remove]"):
        button.click()
    page.start()
    assert page.wait_for_state("Done") == "Done: 1 image"
    assert not problem.is_displayed()


def test_a_bad_file_of_a_batch_fails_by_itself(page: Page, photo: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.jpg"
    (tmp_path / name).write_text("no image at all")
    page.choose(photo, tmp_path / name)
    page.add("fit", "50x50")
    page.start()
    assert page.wait_for_state("Done, with errors") == "Done, with errors: 1 image, 1 file failed"
    assert page.texts("#job-results h3 .name") == ["photo.jpg", name]
    assert "is neither a JPEG nor a PNG" in page.find("#job-results li:nth-child(2) .problem").text


def test_where_all_files_are_bad_each_is_told_of(page: Page, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no image at all")
    page.choose(tmp_path / "a.jpg", tmp_path / "b.jpg")
    page.start()
    assert page.wait_for_state("Done, with errors") == "Done, with errors: 0 images, 2 files failed"
    told = page.texts("#job-results .problem")
    assert [text.startswith("is neither a JPEG") for text in told] == [True, True]


def test_what_can_be_no_size_is_told_as_it_is_typed(page: Page) -> None:
    page.add("resize", "80")
    problem = page.find("#operations li:nth-child(1) .problem")
    assert not problem.is_displayed()
    size = page.find("#operations li:nth-child(1) input")
    size.send_keys("abc")
    assert problem.text == "Write a size as 800x600, 800x, x600 or 50%."
    size.clear()
    size.send_keys("80x")
    assert not problem.is_displayed()


def test_operations_are_ordered_by_buttons_and_by_keys(page: Page) -> None:
    for kind in ("resize", "split", "blur"):
        page.add(kind)
    page.find("#operations li:nth-child(3) [data-do=up]").click()
    assert page.operations() == ["Resize", "Blur", "Split"]
    assert focused(page) == "Move up: Blur, number 2"
    page.find("#operations li:nth-child(2) select").send_keys(Keys.ALT, Keys.ARROW_UP)
    assert page.operations() == ["Blur", "Resize", "Split"]
    assert focused(page) == "Method: Blur, number 1"
    assert page.find("#announce").get_property("textContent") == "Blur is now number 1 of 3."
    page.find("#operations li:nth-child(2) [data-do=remove]").click()
    assert page.operations() == ["Blur", "Split"]
    assert focused(page) == "Remove: Split, number 2"


def test_every_control_has_a_name_and_its_turn(page: Page, photo: Path) -> None:
    page.choose(photo)
    page.add("resize", "50%")
    controls = [one for one in page.find_all("button, input, select, a") if one.is_displayed()]
    assert len(controls) > 8
    assert [one.get_attribute("outerHTML") for one in controls if not name_of(one)] == []
    page.driver.execute_script("document.getElementById('choose').focus()")
    seen: list[str] = []
    while focused(page) != "Start" and len(seen) < 20:
        seen.append(focused(page))
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
    assert {"Remove photo.jpg", "Size: Resize, number 1", "Remove: Resize, number 1", "JPEG"} <= set(seen)
    assert focused(page) == "Start"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_and_both_colour_schemes(page: Page, photo: Path, scheme: str) -> None:
    screen = {"width": 340, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    colours = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", colours)
    try:
        page.choose(photo)
        page.add("resize", "50%")
        wide = page.driver.execute_script("return document.documentElement.scrollWidth")
        ground = page.driver.execute_script(
            "return getComputedStyle(document.documentElement).backgroundColor"
        )
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert wide <= screen["width"]
    brightness = sum(int(part) for part in ground.removeprefix("rgb(").rstrip(")").split(","))
    assert (brightness > 3 * 128) == (scheme == "light")
