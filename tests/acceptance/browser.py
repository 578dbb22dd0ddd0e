"""A real browser on the service's page, by what a user sees and does there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tests.waiting import PATIENCE, eventually

PATIENCE_S = PATIENCE
OVER_THE_NETWORK = {"http", "https", "ws", "wss", "ftp"}
"""The schemes of addresses that a host is asked for; browsers have others for what they hold themselves."""


AXE = Path(__file__).resolve().parents[2] / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
"""Looks for what keeps people from using a page; tests/acceptance/browser.sh gets it."""


@contextmanager
def required(width: int = 1100, height: int = 900, *switches: str) -> Iterator[Chrome]:
    """A browser as :func:`browser` gives it, for tests, which are skipped without one, or fail where it has to be."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        message = "these tests need a browser: apt-get install chromium chromium-driver"
        if os.environ.get("COORDINATOR_REQUIRE_ENGINE"):
            pytest.fail(message)
        pytest.skip(message)
    with browser(width, height, *switches) as driver:
        yield driver


@contextmanager
def browser(width: int = 1100, height: int = 900, *switches: str) -> Iterator[Chrome]:
    """A browser with a window of this size, without a screen."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    options.add_argument("--headless=new")
    # Containers of continuous integration have little shared memory.
    options.add_argument("--disable-dev-shm-usage")
    options.add_argument(f"--window-size={width},{height}")
    options.add_argument("--hide-scrollbars")
    options.add_argument("--lang=en")
    for switch in switches:
        options.add_argument(switch)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def load(driver: Chrome, address: str) -> None:
    """Loads a page from an empty one, so that another fragment of the same address is a load, too."""
    driver.get("about:blank")
    # Chromium's driver does not wait for the empty page, and a load that is asked for before that is there can be
    # lost: it is waited for without end.
    eventually(lambda: driver.execute_script("return location.href") == "about:blank")
    driver.get(address)


class Page:
    """The page at an address."""

    def __init__(self, driver: Chrome, address: str) -> None:
        self.driver = driver
        load(driver, address)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.find_all(selector)]

    def choose(self, *files: Path) -> None:
        """Chooses files as in the browser's dialogue."""
        self.find("#choose").send_keys("\n".join(map(str, files)))

    def drop(self, *files: Path) -> None:
        """Drops files on the page."""
        # A script cannot make files of paths, so an input takes them, and hands them on.
        self.driver.execute_script(
            "const input = Object.assign(document.createElement('input'), {type: 'file', multiple: true});"
            "input.id = 'dropped'; document.body.append(input);"
        )
        self.find("#dropped").send_keys("\n".join(map(str, files)))
        self.driver.execute_script(
            "const input = document.getElementById('dropped'); const dataTransfer = new DataTransfer();"
            "for (const file of input.files) dataTransfer.items.add(file);"
            "input.remove();"
            "document.getElementById('drop').dispatchEvent("
            "  new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true}));"
        )

    def add(self, kind: str, value: str | None = None) -> None:
        """Adds an operation, with its parameter."""
        self.find(f"#add [value={kind}]").click()
        if value is not None and kind != "blur":
            self.driver.switch_to.active_element.send_keys(value)
        elif value is not None:
            Select(self.driver.switch_to.active_element).select_by_value(value)

    def operations(self) -> list[str]:
        """The kinds of operation, in order."""
        return self.texts("#operations .kind")

    def start(self) -> None:
        self.find("#start").click()

    def wait_for_state(self, *beginnings: str) -> str:
        """Waits until the job's state begins with one of these; returns it."""
        waiting = WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.1)
        waiting.until(lambda _: self.find("#job-state").text.startswith(beginnings))
        return self.find("#job-state").text

    def wait_for_pictures(self, selector: str) -> None:
        """Waits until every image there has been loaded."""
        script = (
            "const images = [...document.querySelectorAll(arguments[0])];"
            "for (const image of images) image.loading = 'eager';"
            "return images.every((image) => image.complete && image.naturalWidth > 0);"
        )
        waiting = WebDriverWait(self.driver, PATIENCE_S, poll_frequency=0.1)
        waiting.until(lambda driver: driver.execute_script(script, selector))

    def progress(self, name: str) -> float:
        """A property of the progress bar: its value, max or position."""
        return float(self.find("#job-progress").get_property(name))  # type: ignore[arg-type]

    def fit_window(self) -> None:
        """Makes the window as high as the page, so that a picture of it shows all."""
        script = "scrollTo(0, 0); return outerHeight - innerHeight + document.body.offsetHeight"
        height = self.driver.execute_script(script)
        self.driver.set_window_size(self.driver.get_window_size()["width"], height)

    def blur(self) -> None:
        """Takes the focus away."""
        self.driver.execute_script("document.activeElement.blur()")

    @property
    def fragment(self) -> str:
        return self.driver.current_url.partition("#")[2]


def name_of(element: WebElement) -> str:
    """Its name as a screen reader says it: how a browser keeps the blanks around and in it is no part of that."""
    return " ".join(element.accessible_name.split())


def requested(driver: Chrome) -> list[str]:
    """The addresses that pages have asked for since this was last called."""
    messages = [json.loads(entry["message"])["message"] for entry in _log(driver, "performance")]
    sent = [message for message in messages if message["method"] == "Network.requestWillBeSent"]
    return [str(message["params"]["request"]["url"]) for message in sent]


def complaints(driver: Chrome) -> list[str]:
    """What the browser's console has complained of since this was last called."""
    return [entry["message"] for entry in _log(driver, "browser") if entry["level"] in ("SEVERE", "WARNING")]


def barriers(driver: Chrome) -> list[str]:
    """What axe-core calls serious or critical in the page as it is: the rule, and where."""
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    script = "const done = arguments[0]; axe.run().then((result) => done(result.violations));"
    found = driver.execute_async_script(script)
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def _log(driver: Chrome, name: str) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = driver.get_log(name)  # type: ignore[no-untyped-call]
    return entries
