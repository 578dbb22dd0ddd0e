"""Take the pictures of the page in the docs, of a real job: `python -m tests.acceptance.screenshots ADDRESS FOLDER`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from tests.acceptance.browser import Page, browser
from tests.acceptance.conftest import ROOT

PHOTOGRAPHS = [ROOT / "images" / "demo" / name for name in ("forward/r0007.jpg", "forward/r0012.jpg")]


def main(address: str, folder: Path) -> None:
    """Writes page-before.png and page-after.png; the job is deleted again."""
    with browser(width=1000) as driver:
        page = Page(driver, address)
        page.choose(*PHOTOGRAPHS)
        page.add("resize", "800x")
        page.add("split")
        page.add("blur", "gaussian")
        page.blur()
        save(page, folder / "page-before.png")
        page.start()
        page.wait_for_state("Done")
        page.wait_for_pictures("#job-results img")
        page.blur()
        save(page, folder / "page-after.png")
        page.find("#job-delete").click()
        driver.switch_to.alert.accept()


def save(page: Page, path: Path) -> None:
    """The whole page, with as few colours as it looks good with: half a megabyte would be too much in a repository."""
    page.fit_window()
    picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
