"""The imaging step's operations, through the step and a png file, pixel for pixel against OpenCV's own calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from steps.imaging.__main__ import handle
from steps.stepkit import BadInput, Task
from steps.stepkit.arrays import Pixels

KINDS: dict[str, tuple[tuple[int, ...], Any]] = {
    "grey": ((), np.uint8),
    "colour": ((3,), np.uint8),
    "alpha": ((4,), np.uint8),
    "grey, 16 bit": ((), np.uint16),
    "colour, 16 bit": ((3,), np.uint16),
    "alpha, 16 bit": ((4,), np.uint16),
}
SIZES = [(64, 48), (45, 33), (7, 2), (5, 1), (1, 5), (1, 1)]
"""Width and height."""


def picture(kind: str, width: int, height: int) -> Pixels:
    """Noise over a slope: every pixel counts, and there is something to blur."""
    channels, dtype = KINDS[kind]
    top = np.iinfo(dtype).max
    noise = np.random.default_rng(width * height).integers(0, top // 2, (height, width, *channels))
    slope = np.linspace(0, top // 2, width).reshape((1, width) + (1,) * len(channels))
    return np.asarray(noise + slope, dtype=dtype)


class Bench:
    """Runs lists of operations over images and reads what lies in the work folder afterwards."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tasks = 0

    def items(self, item: dict[str, Any], operations: list[list[Any]]) -> list[dict[str, Any]]:
        self._tasks += 1
        work_dir = self._folder / f"task-{self._tasks}"
        work_dir.mkdir()
        params = {"operations": operations}
        return handle(Task(id="t", step="s", params=params, items=[item], region=None, work_dir=work_dir))

    def item(self, image: Pixels) -> dict[str, Any]:
        """An item whose photograph is this image."""
        path = self._folder / "photograph.png"
        assert cv2.imwrite(str(path), image)
        return {"id": "a", "image": str(path)}

    def made(self, image: Pixels, *operations: list[Any]) -> list[Pixels]:
        """What the operations make of the image, out of the png files that they are written to."""
        made = self.items(self.item(image), [*operations, ["write", "png"]])
        return [stored(one["image"]) for one in made]


def stored(path: str) -> Pixels:
    image = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def assert_same(found: Pixels, expected: Pixels) -> None:
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert np.array_equal(found, expected)


def assert_weighted(found: Pixels, image: Pixels, mix: Callable[[Any], Any]) -> None:
    """Alpha is mixed as it is, colours by their alpha: seen over black, they are as if that had been mixed."""
    assert_same(found[..., 3], mix(image[..., 3].copy()))
    alpha = image[..., 3:].astype(float)
    weights = mix(alpha[..., 0])[..., None]
    expected = mix(image[..., :3] * alpha) / np.maximum(weights, 1e-9)
    assert np.abs(found[..., :3] - expected)[found[..., 3] > 0].max(initial=0) <= 2


def pyramid(image: Pixels) -> Pixels:
    return cv2.pyrUp(cv2.pyrDown(image), dstsize=(image.shape[1], image.shape[0]))


def bilateral(image: Pixels) -> Pixels:
    """As documented: colours without alpha, 16 bit as floats in steps of 8 bit."""
    colours: Pixels = image[..., :3].copy() if image.ndim == 3 else image
    filtered: Pixels
    if image.dtype == np.uint16:
        floats = cv2.bilateralFilter(colours.astype(np.float32) / np.float32(257), 9, 75, 75)
        filtered = np.round(floats * np.float32(257)).astype(np.uint16)
    else:
        filtered = cv2.bilateralFilter(colours, 9, 75, 75)
    return np.concatenate([filtered, image[..., 3:]], axis=2) if image.ndim == 3 else filtered


DIRECT: dict[str, Callable[[Pixels], Pixels]] = {
    "gaussian": lambda image: cv2.GaussianBlur(image, (5, 5), 0),
    "updownsampling": pyramid,
    "bilateral": bilateral,
    "median": lambda image: cv2.medianBlur(image, 5),
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
class TestPixelForPixel:
    @pytest.mark.parametrize("blur", DIRECT)
    def test_blur(self, bench: Bench, kind: str, size: tuple[int, int], blur: str) -> None:
        image = picture(kind, *size)
        (found,) = bench.made(image, ["blur", blur])
        if "alpha" in kind and blur in ("gaussian", "updownsampling"):
            assert_weighted(found, image, DIRECT[blur])
        else:
            assert_same(found, DIRECT[blur](image))

    @pytest.mark.parametrize("target", [(20, 31), (100, 90)], ids=["smaller", "larger"])
    def test_resize(self, bench: Bench, kind: str, size: tuple[int, int], target: tuple[int, int]) -> None:
        image = picture(kind, *size)
        (found,) = bench.made(image, ["resize", "{}x{}".format(*target)])

        def resized(pixels: Pixels) -> Pixels:
            return cv2.resize(pixels, target, interpolation=cv2.INTER_AREA)

        if "alpha" in kind:
            assert_weighted(found, image, resized)
        else:
            assert_same(found, resized(image))

    def test_split(self, bench: Bench, kind: str, size: tuple[int, int]) -> None:
        image = picture(kind, *size)
        width, height = size
        if min(size) < 2:
            with pytest.raises(
                BadInput, match=rf"operations\[0\]: .* {width}x{height} .* too small to split"
            ):
                bench.made(image, ["split", True])
            return
        left_top, right_top, left_bottom, right_bottom = bench.made(image, ["split", True])
        assert left_top.shape[:2] == (height // 2, width // 2)
        rows = [np.hstack([left_top, right_top]), np.hstack([left_bottom, right_bottom])]
        assert_same(np.vstack(rows), image)

    def test_write_png(self, bench: Bench, kind: str, size: tuple[int, int]) -> None:
        image = picture(kind, *size)
        (found,) = bench.made(image)
        assert_same(found, image)

    def test_a_task_for_each_operation_gives_the_same(
        self, bench: Bench, kind: str, size: tuple[int, int]
    ) -> None:
        operations: list[list[Any]] = [
            ["blur", "median"], ["resize", "37x51"], ["split", True], ["blur", "gaussian"], ["blur", "bilateral"],
            ["resize", "50%"], ["split", True], ["blur", "updownsampling"], ["write", "png"],
        ]  # fmt: skip
        items = [bench.item(picture(kind, *size))]
        at_once = bench.items(items[0], operations)
        for operation in operations:
            items = [made for item in items for made in bench.items(item, [operation])]
            suffix = ".png" if operation[0] == "write" else ".npy"
            assert {Path(item["image"]).suffix for item in items} == {suffix}
        assert len(items) == 16
        assert [item["id"] for item in items] == [item["id"] for item in at_once]
        for one, other in zip(items, at_once, strict=True):
            assert Path(one["image"]).read_bytes() == Path(other["image"]).read_bytes()


@pytest.mark.parametrize(
    ("value", "size", "expected"),
    [
        ("200x300", (40, 30), (200, 300)),
        ("20x", (40, 30), (20, 15)),
        ("x60", (40, 30), (80, 60)),
        ("50%", (40, 30), (20, 15)),
        ("50%", (45, 33), (22, 16)),
        ("12.5%", (40, 30), (5, 4)),
        ("250%", (4, 3), (10, 8)),
        ("1x", (1, 300), (1, 300)),
        ("1x", (300, 1), (1, 1)),
        ("0.001%", (40, 30), (1, 1)),
        ("32767x1", (2, 2), (32767, 1)),
    ],
)
def test_sizes(bench: Bench, value: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
    (item,) = bench.items(bench.item(picture("grey", *size)), [["resize", value]])
    assert (item["width"], item["height"]) == expected


def test_a_percentage_gives_the_size_that_opencv_gives_for_that_factor(bench: Bench) -> None:
    for side in range(1, 40):
        image = picture("grey", side, side)
        (found,) = bench.made(image, ["resize", "50%"])
        factor = max(0.5, 0.6 / side)
        assert (
            found.shape == cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).shape
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("32768x1", "32768x1; a side has at most 32,767"),
        ("20000x20000", "20000x20000; an image has at most 100,000,000"),
        ("99999%", "40000x30000; a side has at most"),
        ("x9999", "13332x9999; an image has at most"),
    ],
)
def test_too_large_a_result_is_refused(bench: Bench, value: str, message: str) -> None:
    operations = [["blur", "median"], ["resize", value]]
    with pytest.raises(BadInput, match=rf"operations\[1\]: the result of resize is .*{message}"):
        bench.items(bench.item(picture("grey", 40, 30)), operations)


def test_quarters_are_in_reading_order_and_the_larger_part_is_right_and_below(bench: Bench) -> None:
    image = np.arange(35, dtype=np.uint8).reshape(5, 7)
    quarters = bench.made(image, ["split", True])
    assert [quarter.shape for quarter in quarters] == [(2, 3), (2, 4), (3, 3), (3, 4)]
    assert [quarter[0, 0] for quarter in quarters] == [0, 3, 14, 17]


def test_a_quarter_knows_nothing_of_its_neighbours(bench: Bench) -> None:
    """OpenCV's filters look beyond a part's edge if they are told where it lies in the whole."""
    image = picture("colour", 64, 48)
    for blur in DIRECT:
        part = bench.made(image, ["split", True], ["blur", blur])[3]
        assert_same(part, DIRECT[blur](image[24:, 32:].copy()))


def test_bilateral_means_the_same_in_16_bit(bench: Bench) -> None:
    image = picture("colour", 64, 48)
    (in_8,) = bench.made(image, ["blur", "bilateral"])
    (in_16,) = bench.made(image.astype(np.uint16) * 257, ["blur", "bilateral"])
    assert np.abs(in_16 / 257 - in_8).max() < 1


class TestJpg:
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_what_opencv_encodes_at_its_default_quality(self, bench: Bench, kind: str) -> None:
        image = picture(kind, 45, 33)
        (item,) = bench.items(bench.item(image), [["write", "jpg"]])
        expected = cv2.imencode(".jpg", self.shown(image), [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        assert Path(item["image"]).read_bytes() == expected.tobytes()

    @staticmethod
    def shown(image: Pixels) -> Pixels:
        """8 bit, over white."""
        levels = np.round(image / 257) if image.dtype == np.uint16 else image.astype(float)
        if image.ndim == 3 and image.shape[2] == 4:
            opacity = levels[..., 3:] / 255
            levels = levels[..., :3] * opacity + 255 * (1 - opacity)
        return np.round(levels).astype(np.uint8)

    def test_what_cannot_be_seen_is_white(self, bench: Bench) -> None:
        (item,) = bench.items(bench.item(np.zeros((16, 16, 4), np.uint8)), [["write", "jpg"]])
        assert (stored(item["image"]) == 255).all()


class TestFurtherOperations:
    """``fit``, ``crop`` and ``quality``."""

    @pytest.mark.parametrize(
        ("box", "expected"),
        [
            ("32x32", (32, 24)), ("320x12", (16, 12)), ("16x", (16, 12)), ("x12", (16, 12)), ("64x48", (64, 48)),
            ("100x100", (64, 48)), ("1x1", (1, 1)), ("63x999", (63, 47)), ("99999x", (64, 48)),
        ],
    )  # fmt: skip
    def test_what_fits_into_a_box(self, bench: Bench, box: str, expected: tuple[int, int]) -> None:
        image = picture("colour", 64, 48)
        (found,) = bench.made(image, ["fit", box])
        same = image if expected == (64, 48) else cv2.resize(image, expected, interpolation=cv2.INTER_AREA)
        assert_same(found, same)

    @pytest.mark.parametrize(
        ("area", "rows", "columns"),
        [
            ("10x8", slice(20, 28), slice(27, 37)),
            ("11x7", slice(20, 27), slice(26, 37)),
            ("10x8+0+0", slice(0, 8), slice(0, 10)),
            ("10x8+60+47", slice(47, 48), slice(60, 64)),
            ("99999x1", slice(23, 24), slice(0, 64)),
        ],
    )
    def test_a_part(self, bench: Bench, area: str, rows: slice, columns: slice) -> None:
        image = picture("alpha", 64, 48)
        (found,) = bench.made(image, ["crop", area])
        assert_same(found, image[rows, columns])

    def test_a_part_that_is_not_there(self, bench: Bench) -> None:
        with pytest.raises(
            BadInput, match=r"operations\[0\]: crop begins at 64,0, outside of an image of 64x48"
        ):
            bench.made(picture("grey", 64, 48), ["crop", "5x5+64+0"])

    @pytest.mark.parametrize("output", ["jpg", "webp"])
    def test_quality_is_of_the_output(self, bench: Bench, output: str) -> None:
        item = bench.item(picture("colour", 64, 48))
        sizes = [
            Path(bench.items(item, [["quality", quality], ["write", output]])[0]["image"]).stat().st_size
            for quality in (1, 50, 100)
        ]
        assert sizes == sorted(sizes)
        assert sizes[2] > 2 * sizes[0]

    @pytest.mark.parametrize("kind", KINDS)
    def test_webp(self, bench: Bench, kind: str) -> None:
        image = cv2.GaussianBlur(picture(kind, 64, 48), (0, 0), 5)
        (made,) = bench.items(bench.item(image), [["write", "webp"]])
        found = stored(made["image"])
        channels = 4 if "alpha" in kind else 3
        expected = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        assert found.shape == (48, 64, channels)
        assert np.abs(found - expected / (257 if "16" in kind else 1)).mean() < 4

    def test_a_webp_that_is_too_large(self, bench: Bench) -> None:
        with pytest.raises(BadInput, match="is 16384x1; a webp has at most 16,383 pixels a side"):
            bench.items(bench.item(np.zeros((1, 16_384), np.uint8)), [["write", "webp"]])
