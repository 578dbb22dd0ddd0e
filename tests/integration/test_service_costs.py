"""What the imaging step really takes of memory is within what a request is told that it will take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from coordinator.service.costs import estimate
from coordinator.service.orders import parse_order
from coordinator.service.rasters import raster
from tests.integration.serving import ROOT

SIDE = 800
SPARE = 3 << 20
"""Bytes for what does not grow with an image: tables, buffers, the modules of a first use."""
CHAINS: tuple[tuple[list[list[object]], str], ...] = (
    ([], "jpg"),
    ([["blur", "bilateral"]], "png"),
    ([["blur", "median"], ["blur", "updownsampling"]], "png"),
    ([["split", True], ["blur", "gaussian"]], "jpg"),
    ([["resize", "150%"]], "png"),
    ([["resize", "70%"], ["split", True], ["split", True], ["blur", "bilateral"]], "jpg"),
)
MEASURE = """
import json, sys
from pathlib import Path
import cv2, numpy
from steps.imaging import plan, reading
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
cv2.setNumThreads(1)
for file, operations, output in json.loads(sys.stdin.read()):
    wanted = plan.parse({"operations": [*operations, ["write", output]]})
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    for number, (_, result) in enumerate(plan.results(wanted, reading.read(file), "x")):
        wanted.writer(result, Path(sys.argv[1]) / str(number))
        del result
    print(peak() - before)
"""


def write_pictures(folder: Path) -> list[Path]:
    """One of each kind, as noisy as a photograph is not."""
    noise = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    wide = noise.astype(np.uint16) * 257
    pictures = {
        "grey.png": noise[..., 0],
        "colour.png": noise[..., :3],
        "alpha.png": noise,
        "colour16.png": wide[..., :3],
        "alpha16.png": wide,
        "colour.jpg": noise[..., :3],
    }
    for name, pixels in pictures.items():
        assert cv2.imwrite(str(folder / name), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    assert cv2.imwrite(str(folder / "progressive.jpg"), noise[..., :3], progressive)
    return [*(folder / name for name in pictures), folder / "progressive.jpg"]


def test_no_kind_of_image_takes_more_memory_than_its_estimate(tmp_path: Path) -> None:
    cases = [(picture, chain, output) for picture in write_pictures(tmp_path) for chain, output in CHAINS]
    asked = json.dumps([(str(picture), chain, output) for picture, chain, output in cases])
    # What is freed goes back at once, so that each case has its own peak.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path)],
        cwd=ROOT, env=environment, input=asked, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peaks = [int(said) for said in done.stdout.split()]
    assert max(peaks) > 5 * 6 * SIDE * SIDE  # of a bilateral in 16 bit: the measurement sees what there is
    over = []
    for (picture, chain, output), peak in zip(cases, peaks, strict=True):
        order = parse_order(json.dumps({"operations": chain, "output": output}).encode())
        promised = raster(picture.read_bytes(), picture.suffix, SIDE, SIDE)
        allowed = estimate(promised, order.operations, output).memory + SPARE
        if peak > allowed:
            over.append(f"{picture.name} {chain} {output}: {peak:,} bytes, estimated {allowed:,}")
    assert not over, "\n".join(over)
