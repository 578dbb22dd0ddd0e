"""A batch as it comes in real life: damaged files, odd formats, odd names."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

GOOD = {
    "sixteen-bit.png",
    "cmyk.jpg",
    "rotated.jpg",
    "with spaces in it.jpg",
    "with\nnewline.jpg",
    "ünïcødé-標識.jpg",
    "-rf.jpg",
    "north/same.jpg",
    "south/same.jpg",
}
BAD = {"truncated.jpg", "empty.jpg", "text.jpg"}


def make(folder: Path) -> None:
    """Writes the batch: every name in GOOD is a whole photograph, every name in BAD is not."""
    for name in GOOD | BAD:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    picture = _picture()
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    for name in (
        "with spaces in it.jpg",
        "with\nnewline.jpg",
        "ünïcødé-標識.jpg",
        "-rf.jpg",
        "north/same.jpg",
    ):
        (folder / name).write_bytes(jpeg)
    (folder / "south/same.jpg").write_bytes(cv2.imencode(".jpg", picture[:, ::-1])[1].tobytes())
    (folder / "sixteen-bit.png").write_bytes(
        cv2.imencode(".png", picture.astype(np.uint16) * 257)[1].tobytes()
    )
    photograph = Image.fromarray(picture[:, :, ::-1])
    photograph.convert("CMYK").save(folder / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph.save(folder / "rotated.jpg", exif=exif)
    (folder / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is no photograph\n")


def _picture() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A street of sorts, 320 x 240, BGR, with one red ring in it."""
    noise = np.random.default_rng(zlib.crc32(b"messy")).integers(0, 24, (240, 320, 3), dtype=np.uint8)
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = noise + np.uint8(110)
    cv2.circle(picture, (200, 100), 28, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(picture, (200, 100), 25, (30, 20, 200), 8, cv2.LINE_AA)
    return picture
