"""Photographs of one street scene as they come in real life, and files that only look like photographs."""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from tests.unit.builders import write_png

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 240
SIGN = (171, 71, 59, 59)
"""Where the one sign of the scene is, the ring's outer edge: x, y, width, height in the upright image."""
XMP = b'<rdf:Description tiff:Orientation="6"/>'
_STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""By orientation, how the upright image lies in the file."""


def scene() -> Image.Image:
    """A grey street with one red ring of a sign in it."""
    noise = np.random.default_rng(7).integers(0, 24, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels: Pixels = noise + np.uint8(110)
    cv2.circle(pixels, (200, 100), 28, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(pixels, (200, 100), 25, (200, 20, 30), 8, cv2.LINE_AA)
    return Image.fromarray(pixels)


def encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    data = io.BytesIO()
    (image or scene()).save(
        data, kind, **({"quality": 95} if kind in ("JPEG", "WEBP", "MPO") else {}) | options
    )
    return data.getvalue()


def turned(kind: str, orientation: int, **options: Any) -> bytes:
    """The scene, stored as a camera held that way stores it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    how = _STORED_AS[orientation]
    stored = scene() if how is None else scene().transpose(how)
    return encoded(kind, stored, exif=exif, **options)


def exif_last(png: bytes) -> bytes:
    """The PNG with its eXIf chunk behind the pixels, where some programs write it."""
    start = png.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(png[start : start + 4], "big")
    return png[:start] + png[end:-12] + png[start:end] + png[-12:]


def good() -> dict[str, bytes]:
    """Files by name in which every step is to find the sign at its place."""
    png_info = PngInfo()
    png_info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    sixteen = np.asarray(scene())[..., ::-1].astype(np.uint16) * 257
    return {
        **{f"turned-{number}.jpg": turned("JPEG", number) for number in range(1, 9)},
        "turned.png": turned("PNG", 6),
        "turned-exif-last.png": exif_last(turned("PNG", 6)),
        "turned.webp": turned("WEBP", 8),
        "turned.tif": turned("TIFF", 5),
        "xmp.jpg": encoded("JPEG", xmp=XMP),
        "xmp.webp": encoded("WEBP", xmp=XMP),
        "xmp.png": encoded("PNG", pnginfo=png_info),
        "huge-exif.jpg": encoded("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0" + b"\xff" * 65_000),
        "circular-exif.jpg": encoded(
            "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"
        ),
        "profile.jpg": encoded("JPEG", icc_profile=bytes(200_000)),
        "cmyk.jpg": encoded("JPEG", scene().convert("CMYK")),
        "progressive.jpg": encoded("JPEG", progressive=True),
        "sixteen-bit.png": cv2.imencode(".png", sixteen)[1].tobytes(),
        "sixteen-bit.tif": cv2.imencode(".tif", sixteen)[1].tobytes(),
        "several.jpg": encoded("MPO", **_with_a_second()),
        "stray-bytes.jpg": _with_strays(encoded("JPEG")),
        "padded.jpg": encoded("JPEG") + bytes(100_000),
        "several.tif": encoded("TIFF", **_with_a_second()),
        "animated.webp": encoded("WEBP", **_with_a_second()),
        "animated.png": encoded("PNG", **_with_a_second()),
    }


def _with_a_second() -> dict[str, Any]:
    """A further image for the same file. Made anew, because Pillow keeps in an image how it was last saved."""
    return {"save_all": True, "append_images": [ImageOps.invert(scene())]}


def bad() -> dict[str, tuple[bytes, str]]:
    """Files by name with the reason for which they are to be refused."""
    jpeg = encoded("JPEG")
    bomb = bytearray(jpeg)
    frame = bomb.index(b"\xff\xc0")
    bomb[frame + 5 : frame + 9] = struct.pack(">HH", 50_000, 50_000)
    unknown = "is not an image (JPEG, PNG, TIFF, BMP or WebP)"
    return {
        "truncated.jpg": (jpeg[: len(jpeg) // 2], "is a truncated JPEG"),
        "truncated-with-thumbnail.jpg": (_with_thumbnail(jpeg)[: len(jpeg) // 2], "is a truncated JPEG"),
        "truncated.png": (encoded("PNG")[:-5_000], "is a truncated PNG"),
        "truncated.tif": (encoded("TIFF")[:-5_000], "it is truncated or damaged"),
        "truncated.bmp": (encoded("BMP")[:-5_000], "it is truncated or damaged"),
        "truncated.webp": (encoded("WEBP")[:-5_000], "cannot be read"),
        "damaged.jpg": (_damaged(jpeg), "is a damaged JPEG"),
        "floats.tif": (encoded("TIFF", scene().convert("F")), "is a TIFF of 32-bit floating-point numbers"),
        "damaged.png": (_damaged(encoded("PNG")), "it is truncated or damaged"),
        "empty.jpg": (b"", "is empty"),
        "text.jpg": (b"this is no photograph\n", unknown),
        "animation.jpg": (encoded("GIF", save_all=True, append_images=[scene()]), unknown),
        "bomb.jpg": (bytes(bomb), "more than 250,000,000 pixels"),
    }


def _with_thumbnail(jpeg: bytes) -> bytes:
    """The JPEG with a whole small one in its header, whose end is no end of the photograph."""
    small = encoded("JPEG", scene().resize((32, 24)))
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(small) + 2) + small + jpeg[2:]


def _damaged(image: bytes) -> bytes:
    """A PNG or JPEG with its pixels overwritten in the middle."""
    middle = len(image) // 2
    return image[:middle] + bytes(1000) + image[middle + 1000 :]


def _with_strays(jpeg: bytes) -> bytes:
    """The JPEG with bytes before its first table that belong to nothing, over which decoders pass."""
    table = jpeg.index(b"\xff\xdb")
    return jpeg[:table] + b"\0stray" + jpeg[table:]


def write(folder: Path) -> None:
    """Writes all of them, and what cannot be told by its bytes: bombs, pipes, folders, links."""
    for name, data in good().items():
        (folder / name).write_bytes(data)
    for name, (data, _) in bad().items():
        (folder / name).write_bytes(data)
    write_png(folder / "bomb.png", 50_000, 50_000, pixels=zlib.compress(bytes(2_000_000)))
    with (folder / "hole.jpg").open("wb") as file:
        file.write(encoded("JPEG"))
        file.truncate(2 * 1024**3)
    os.mkfifo(folder / "pipe.jpg")
    os.mknod(folder / "socket.jpg", stat.S_IFSOCK | 0o644)
    (folder / "secret.jpg").write_bytes(encoded("JPEG"))
    (folder / "secret.jpg").chmod(0)
    (folder / "folder.jpg").mkdir()
    (folder / "folder.jpg" / "inside.jpg").write_bytes(encoded("JPEG"))
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "outside.jpg").symlink_to("../elsewhere.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "circle").symlink_to(".")
    (folder.parent / "elsewhere.jpg").write_bytes(encoded("JPEG"))
