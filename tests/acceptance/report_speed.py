"""How quick the report is with very many: ``python -m tests.acceptance.report_speed OUT [--recordings N --objects N]``.

Makes up a run (tests/made_up_run.py), writes its report in a process of its own, opens that in Chromium as a file, and
moves the map by the events that a hand makes, one a frame. Prints figures as JSON; docs/report.md has them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from selenium.webdriver import Chrome

from tests.acceptance.browser import browser
from tests.made_up_run import Wanted, write_run

FRAMES = 60
_MOVE = """
const [frames, kind, done] = arguments;
const canvas = document.getElementById("ground");
const [across, down] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
const pointer = (name, x, y) => canvas.dispatchEvent(new PointerEvent(name, {
  pointerId: 1, clientX: x, clientY: y, bubbles: true, button: 0,
}));
canvas.setPointerCapture = () => {};
const times = [];
let frame = 0;
if (kind === "pan") pointer("pointerdown", across, down);
requestAnimationFrame(function next(now) {
  times.push(now);
  if (frame++ === frames) {
    if (kind === "pan") pointer("pointerup", across + 200, down);
    return done(times);
  }
  const way = Math.sin(frame / 8);
  if (kind === "pan") pointer("pointermove", across + 100 * way, down + 50 * way);
  else canvas.dispatchEvent(new WheelEvent("wheel", {
    deltaY: 30 * way, clientX: across, clientY: down, cancelable: true,
  }));
  requestAnimationFrame(next);
});
"""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recordings", type=int, default=100_000)
    parser.add_argument("--objects", type=int, default=10_000)
    options = parser.parse_args()
    wanted = Wanted(recordings=options.recordings, objects=options.objects)
    run = options.out / "run"
    if not run.exists():
        write_run(run, options.out / "batch", wanted)
    print(json.dumps({**_written(run), **_opened(run / "report.html")}, indent=2))


def _written(run: Path) -> dict[str, float]:
    """Seconds, seconds of CPUs and MiB that writing takes, and the size of the page in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "coordinator", "report", str(run)], stdout=subprocess.DEVNULL
    )
    _, code, used = os.wait4(process.pid, 0)
    assert code == 0
    return {
        "write_s": round(time.monotonic() - start, 1),
        "write_cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "write_mib": round(used.ru_maxrss / 1024),
        "page_mib": round((run / "report.html").stat().st_size / 2**20, 1),
    }


def _opened(page: Path) -> dict[str, float | dict[str, float]]:
    """Seconds until the page has drawn its map, and frames a second while it is moved, all of it and close up."""
    with browser(width=1280, height=800) as driver:
        driver.set_script_timeout(120)
        start = time.monotonic()
        driver.get(page.as_uri())
        driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        opened = time.monotonic() - start
        told: dict[str, float | dict[str, float]] = {"open_s": round(opened, 2)}
        for place in ("all", "nearer", "streets", "near"):
            told |= {f"{kind} {place}": _frames(driver, kind) for kind in ("pan", "zoom")}
            driver.execute_script("for (let n = 0; n < 4; n++) document.getElementById('zoom-in').click()")
        return told


def _frames(driver: Chrome, kind: str) -> dict[str, float]:
    """Frames a second, and the longest of twenty frames in milliseconds, with an event each frame."""
    times = driver.execute_async_script(_MOVE, FRAMES, kind)
    lengths = [after - before for before, after in itertools.pairwise(times)]
    return {
        "frames_per_second": round(1000 / statistics.fmean(lengths), 1),
        "95th_percentile_ms": round(statistics.quantiles(lengths, n=20)[-1], 1),
    }


if __name__ == "__main__":
    main()
