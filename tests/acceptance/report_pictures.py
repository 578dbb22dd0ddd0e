"""Take the pictures of the report in the docs: `python -m tests.acceptance.report_pictures RUN_DIR TRUTH FOLDER`."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from coordinator.cli import main as coordinator
from tests.acceptance.browser import browser
from tests.waiting import eventually

WIDTH, HEIGHT = 1200, 700
_SHARPER = 1.5
"""Pixels of a picture to one of the page."""


def main(run: Path, truth: Path, folder: Path) -> None:
    """Writes report-map.png, report-object.png (in the dark) and report-run.png."""
    assert coordinator(["report", str(run), "--truth", str(truth)]) == 0
    with browser(width=WIDTH, height=HEIGHT) as driver:
        _shape(driver, "light")
        driver.get((run / "report.html").resolve().as_uri())
        eventually(lambda: driver.execute_script("return document.documentElement.dataset.ready"))
        _type(driver, ["n", "a", "n", "a", "r", Keys.ESCAPE])
        driver.execute_script("document.activeElement.blur()")
        _save(driver, folder / "report-map.png")
        _shape(driver, "dark")
        _type(driver, "nnnz")
        driver.execute_script("document.activeElement.blur()")
        _save(driver, folder / "report-object.png")
        _shape(driver, "light")
        driver.find_element(By.ID, "tab-run").click()
        driver.execute_script("document.activeElement.blur()")
        _save(driver, folder / "report-run.png")


def _shape(driver: Chrome, scheme: str) -> None:
    size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": _SHARPER, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _type(driver: Chrome, keys: Sequence[str]) -> None:
    for key in keys:
        ActionChains(driver).send_keys(key).perform()


def _save(driver: Chrome, path: Path) -> None:
    """What is seen, once it is drawn, with as few colours as it looks good with."""
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    picture.quantize(192, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
