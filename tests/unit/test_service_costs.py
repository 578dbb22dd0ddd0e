"""What a request will cost, told from headers: estimates, the scans of a JPEG, and the limits on both."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from coordinator.service.budget import ALLOWANCE, MIB, Budget, budget, is_large, weight
from coordinator.service.costs import Cost, Raster, estimate
from coordinator.service.orders import Operation, parse_order
from coordinator.service.rasters import raster
from coordinator.service.refusal import Refused

CASES = Path(os.environ.get("COORDINATOR_CASES", "/nowhere"))
LIMITS = Budget(job=600.0, task=60.0, memory=2000 * MIB, shared=4000 * MIB)
BILATERAL: Operation = ("blur", "bilateral")


def picture(width: int, height: int, samples: int = 3, depth: int = 1, suffix: str = ".png") -> Raster:
    return Raster(suffix=suffix, width=width, height=height, samples=samples, depth=depth, file_bytes=1000)


def operations(*pairs: Sequence[object]) -> tuple[Operation, ...]:
    return parse_order(json.dumps({"operations": pairs, "output": "png"}).encode()).operations


class TestEstimate:
    def test_a_small_request_is_small(self) -> None:
        cost = estimate(picture(128, 128, suffix=".jpg"), operations(["resize", "50%"]), "jpg")
        assert cost.seconds < 0.01
        assert cost.memory < MIB
        assert not is_large([cost])

    @pytest.mark.parametrize("samples", [1, 3, 4])
    def test_small_files_that_become_huge_cost_minutes(self, samples: int) -> None:
        grown = operations(["resize", "10000x10000"], *[["blur", "bilateral"]] * 19)
        cost = estimate(picture(8, 8, samples), grown, "png")
        assert 40 * samples < cost.seconds < 80 * samples
        with pytest.raises(Refused, match=r"for all images|for one image") as refused:
            LIMITS.check([cost] * 16, ["files[0]"] * 16)
        assert refused.value.status == 413

    def test_a_bilateral_in_16_bit_needs_nine_times_its_image(self) -> None:
        cost = estimate(picture(5000, 5000, depth=2), (BILATERAL,), "png")
        assert 9 * 150_000_000 <= cost.memory < 10 * 150_000_000

    def test_splits_share_the_pixels_but_the_whole_is_held(self) -> None:
        whole = estimate(picture(4000, 4000), (BILATERAL,), "png")
        split = estimate(picture(4000, 4000), (("split", True), ("split", True), BILATERAL), "png")
        assert split.seconds == pytest.approx(whole.seconds, rel=0.05)
        assert 48_000_000 < split.memory <= whole.memory

    @pytest.mark.parametrize(
        ("name", "value", "pixels"),
        [
            ("fit", "200x300", 200 * 100),
            ("fit", "x100", 200 * 100),
            ("fit", "9000x9000", 1000 * 500),
            ("crop", "200x300", 200 * 300),
            ("crop", "9000x50+1+1", 999 * 50),
        ],
    )
    def test_so_do_fit_and_crop(self, name: str, value: str, pixels: float) -> None:
        made = estimate(picture(1000, 500), operations([name, value]), "png").seconds
        blurred = estimate(
            picture(1000, 500), operations([name, value], ["blur", "bilateral"]), "png"
        ).seconds
        assert blurred - made == pytest.approx(25e-9 * 3 * pixels, rel=1e-6)

    def test_a_quality_costs_nothing_and_parts_of_parts_hold_one_image(self) -> None:
        plain = estimate(picture(1000, 500), (), "jpg")
        assert estimate(picture(1000, 500), (("quality", 50),), "jpg") == plain
        once, often = (
            estimate(picture(4000, 4000), (("crop", "10x10"),) * times, "jpg") for times in (1, 50)
        )
        assert once.memory == often.memory

    @pytest.mark.parametrize(
        ("size", "pixels"),
        [
            ("200x300", 200 * 300),
            ("400x", 400 * 200),
            ("x100", 200 * 100),
            ("50%", 500 * 250),
            ("12.5%", 125 * 62),
            ("0.01%", 1),
        ],
    )
    def test_a_resize_leaves_so_many_pixels(self, size: str, pixels: float) -> None:
        """Told by what a second operation costs."""
        resized = estimate(picture(1000, 500), operations(["resize", size]), "png").seconds
        blurred = estimate(
            picture(1000, 500), operations(["resize", size], ["blur", "bilateral"]), "png"
        ).seconds
        assert blurred - resized == pytest.approx(25e-9 * 3 * pixels, rel=1e-6)

    @pytest.mark.parametrize(
        ("operation", "pixels"),
        [
            (("fit", "500x500"), 500 * 250),
            (("fit", "x100"), 200 * 100),
            (("crop", "300x200"), 300 * 200),
            (("crop", "300x200+10+20"), 300 * 200),
            (("crop", "3000x200"), 1000 * 200),
            (("quality", 80), 1000 * 500),
        ],
    )
    def test_fit_crop_and_quality_leave_so_many_pixels(self, operation: Operation, pixels: float) -> None:
        alone = estimate(picture(1000, 500), (operation,), "png").seconds
        blurred = estimate(picture(1000, 500), (operation, BILATERAL), "png").seconds
        assert blurred - alone == pytest.approx(25e-9 * 3 * pixels, rel=1e-6)

    def test_more_of_anything_costs_more(self) -> None:
        least = estimate(picture(900, 900), (BILATERAL,), "jpg")
        for more in (
            estimate(picture(1000, 900), (BILATERAL,), "jpg"),
            estimate(picture(900, 900, samples=4), (BILATERAL,), "jpg"),
            estimate(picture(900, 900, depth=2), (BILATERAL,), "jpg"),
        ):
            assert more.seconds > least.seconds
            assert more.memory > least.memory


def encoded(suffix: str, samples: int = 3, kind: type = np.uint8, *options: int) -> bytes:
    pixels: NDArray[Any] = np.random.default_rng(5).integers(0, 255, (40, 60, samples)).astype(kind)
    return cv2.imencode(suffix, pixels if samples > 1 else pixels[..., 0], options)[1].tobytes()


def with_scans(data: bytes, scans: int) -> bytes:
    """A JPEG whose last scan is there so many times more."""
    at = data.rindex(b"\xff\xda")
    return data[:-2] + data[at:-2] * scans + data[-2:]


class TestRaster:
    @pytest.mark.parametrize(
        ("data", "suffix", "samples", "depth"),
        [
            (encoded(".png", 1), ".png", 1, 1),
            (encoded(".png", 3), ".png", 3, 1),
            (encoded(".png", 4), ".png", 4, 1),
            (encoded(".png", 1, np.uint16), ".png", 1, 2),
            (encoded(".png", 3, np.uint16), ".png", 3, 2),
            (encoded(".png").replace(b"IDAT", b"tRNSIDAT", 1), ".png", 4, 1),
            (encoded(".jpg", 1), ".jpg", 1, 1),
            (encoded(".jpg", 3), ".jpg", 3, 1),
            (b"RIFF....WEBP", ".webp", 4, 1),
        ],
    )
    def test_samples_and_depth(self, data: bytes, suffix: str, samples: int, depth: int) -> None:
        found = raster(data, suffix, 60, 40)
        assert (found.samples, found.depth, found.file_bytes) == (samples, depth, len(data))
        assert found.scanned == 0

    def test_the_scans_of_a_progressive_file_are_counted_by_what_they_go_over(self) -> None:
        progressive = encoded(".jpg", 3, np.uint8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
        scans = progressive.count(b"\xff\xda")
        found = raster(progressive, ".jpg", 60, 40)
        assert 1 < found.scanned <= scans
        more = raster(with_scans(progressive, 100), ".jpg", 60, 40)
        assert more.scanned >= found.scanned + 25  # a part of the colours has a quarter of the samples

    def test_a_thumbnail_s_scans_are_none_of_the_image_s(self) -> None:
        inner = encoded(".jpg", 3, np.uint8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
        plain = encoded(".jpg")
        hidden = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
        assert raster(plain[:2] + hidden + plain[2:], ".jpg", 60, 40).scanned == 0
        assert raster(plain + inner, ".jpg", 60, 40).scanned == 0

    def test_more_segments_than_any_camera_writes_count_as_endless(self) -> None:
        plain = encoded(".jpg")
        found = raster(plain[:2] + b"\xff\xfe\0\2" * 6000 + plain[2:], ".jpg", 60, 40)
        assert estimate(found, (), "jpg").seconds == float("inf")

    @pytest.mark.parametrize(
        "tail", [b"", b"\xff", b"\xff\xda", b"\xff\xda\0", b"\xff\xda\0\2", b"\xff\xc0\0\4ab", b"\xff" * 9]
    )
    def test_what_makes_no_sense_ends_it(self, tail: bytes) -> None:
        assert raster(b"\xff\xd8" + tail, ".jpg", 60, 40).scanned == 0

    @pytest.mark.parametrize("side", [64, 1000, 4000, 12_000])
    @pytest.mark.parametrize("scans", [0, 1, 5, 20, 80, 200, 1000, 4000])
    @pytest.mark.parametrize("samples", [1, 3])
    def test_scans_times_pixels_decide(self, samples: int, scans: int, side: int) -> None:
        """A scan that is there again goes over one part of the image, which has a quarter of its samples at least."""
        progressive = encoded(".jpg", samples, np.uint8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
        cost = estimate(raster(with_scans(progressive, scans), ".jpg", side, side), (), "jpg")
        least = 4e-9 * side * side * scans / 4
        assert cost.seconds >= least
        if least > LIMITS.task:
            with pytest.raises(Refused, match="would take a worker"):
                LIMITS.check([cost], ["files[0]"])
        assert scans > 5 or cost.seconds < LIMITS.task  # as editors write them, at any size

    def test_206_scans_of_96_megapixels_are_refused(self) -> None:
        path = CASES / "progressive-scans" / "prog_scans_200_96MP.jpg"
        if path.exists():
            data = path.read_bytes()
        else:  # as small as it can be: one scan, told to be large, so many times
            data = with_scans(encoded(".jpg", 1, np.uint8, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), 200)
        cost = estimate(raster(data, ".jpg", 12_000, 8_000), (), "jpg")
        with pytest.raises(Refused, match="would take a worker about"):
            LIMITS.check([cost], ["files[0]"])


class TestBudget:
    def test_who_is_to_blame_and_the_estimate_are_told(self) -> None:
        cheap, slow, big = (
            Cost(seconds=1.0, memory=MIB),
            Cost(seconds=61.0, memory=MIB),
            Cost(seconds=1.0, memory=2001 * MIB),
        )
        LIMITS.check([cheap] * 600, ["files[0]"] * 600)
        for costs, field, message in (
            ([cheap, slow], "files[1]", "about 61 s; at most 60 s"),
            ([big, cheap], "files[0]", "about 2,001 MiB of memory; at most 2,000 MiB"),
            (
                [Cost(seconds=59.0, memory=0)] * 11,
                "actions.operations",
                "about 649 s for all images; at most 600 s",
            ),
        ):
            with pytest.raises(Refused, match=message) as refused:
                LIMITS.check(costs, [f"files[{number}]" for number in range(len(costs))])
            assert (refused.value.field, refused.value.status) == (field, 413)

    def test_large_tasks_and_jobs(self) -> None:
        assert not weight(Cost(seconds=1.0, memory=ALLOWANCE)).is_large
        assert weight(Cost(seconds=1.1, memory=0)).is_large
        assert weight(Cost(seconds=0.1, memory=ALLOWANCE + 5)).extra == 5
        assert is_large([Cost(seconds=0.5, memory=0)] * 5)
        assert not is_large([Cost(seconds=0.5, memory=0)] * 4)

    def test_processes_share_what_this_machine_has_and_containers_do_not(self) -> None:
        shared = budget(job=1.0, timeout=120.0, workers=2, memory=1 << 30, is_shared=True)
        own = budget(job=1.0, timeout=120.0, workers=2, memory=1 << 30, is_shared=False)
        assert (shared.task, own.task) == (60.0, 60.0)
        assert shared.memory - ALLOWANCE == shared.shared < 400 * MIB
        assert own.memory == 960 * MIB
        cost = estimate(
            picture(5000, 5000, depth=2), (BILATERAL,), "png"
        )  # 25 megapixels, which killed 1 GiB
        for limits in (shared, own):
            with pytest.raises(Refused, match="MiB of memory"):
                limits.check([cost], ["files[0]"])

    @pytest.mark.parametrize("side", [500, 1500, 2500, 3500, 5000, 9000])
    @pytest.mark.parametrize("samples", [1, 3, 4])
    @pytest.mark.parametrize("gibibytes", [1, 2, 4, 8])
    def test_16_bit_is_let_in_as_far_as_there_is_memory(
        self, side: int, samples: int, gibibytes: int
    ) -> None:
        limits = budget(job=600.0, timeout=600.0, workers=2, memory=gibibytes << 30, is_shared=True)
        cost = estimate(picture(side, side, samples, depth=2), (BILATERAL,), "png")
        need = 9 * 2 * samples * side * side
        programs = 3 * 64 * MIB
        if need + programs > gibibytes << 30:
            with pytest.raises(Refused, match="MiB of memory"):
                limits.check([cost], ["files[0]"])
        if need < ALLOWANCE:
            limits.check([cost], ["files[0]"])

    def test_of_very_little_memory_the_allowance_is_left(self) -> None:
        assert budget(job=1.0, timeout=1.0, workers=64, memory=1 << 30, is_shared=True).memory == ALLOWANCE
