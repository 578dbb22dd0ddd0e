"""Images as attack, before a real detect step on a real engine. docs/faults.md lists these tests."""

from __future__ import annotations

import threading
from pathlib import Path

import docker
import pytest

from coordinator.errors import ExitCode
from coordinator.runners.engine import Engine
from steps.build.images import ensure_base, ensure_step
from tests.integration import odd_images
from tests.integration.conftest import Workshop
from tests.integration.odd_images import HEIGHT, SIGN, WIDTH
from tests.integration.ran import Ran, run_by_hand
from tests.unit.builders import write_png
from tests.waiting import eventually


@pytest.fixture(scope="module")
def detect_image(client: docker.DockerClient) -> str:
    """The step that finds signs in photographs."""
    ensure_base(client, print)
    ensure_step(client, "detect")
    return "coordinator/detect"


@pytest.fixture(scope="module")
def ran(engine: Engine, detect_image: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run of the detect step over all odd images."""
    workshop = Workshop(tmp_path_factory.mktemp("images"))
    odd_images.write(workshop.batch)
    before = snapshot(workshop.batch)
    step = {"name": "detect", "image_ref": detect_image, "resources": {"cpus": 1, "memory": "512m"}}
    found = run_by_hand(workshop, engine, {**step, "writes": False, "retries": 1}, options=("--reuse",))
    assert found.code == ExitCode.SOME_FAILED
    assert snapshot(workshop.batch) == before, "a run changes nothing in its batch"
    return found


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of everything in a folder."""
    return {
        path.name: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in (folder, *folder.iterdir())
    }


def finds_the_sign(ran: Ran, *names: str) -> None:
    """Whether the step found the sign where it is in the upright image, whose size the batch told it."""
    items = ran.items("detect")
    for name in names:
        item = items[name]
        assert (item["width"], item["height"]) == (WIDTH, HEIGHT), name
        (detection,) = item["detections"]
        assert detection["bbox"] == pytest.approx(SIGN, abs=4), name


def is_refused(ran: Ran, name: str, reason: str | None = None) -> None:
    """Whether the image failed for good at once, by its header or in the step, and why."""
    by_header = ran.evidence(f"batch/{name}").exists()
    task = f"batch/{name}" if by_header else f"detect/{name}"
    report = ran.refusal(
        task, "bad_input", f"{name}'" if name != "loop.jpg" else "", reason or odd_images.bad()[name][1]
    )
    assert report.get("attempt", 1) == 1


def test_all_that_is_whole_is_detected_and_all_else_named(ran: Ran) -> None:
    assert set(ran.items("detect")) == {*odd_images.good(), "folder.jpg/inside.jpg"}
    assert all(line.isprintable() for line in ran.seen.splitlines())


class TestTruncated:
    def test_a_jpeg_that_opencv_would_fill_with_grey(self, ran: Ran) -> None:
        is_refused(ran, "truncated.jpg")

    def test_a_jpeg_whose_thumbnail_is_whole(self, ran: Ran) -> None:
        is_refused(ran, "truncated-with-thumbnail.jpg")

    @pytest.mark.parametrize("kind", ["png", "tif", "bmp", "webp"])
    def test_a_file_of_another_kind(self, ran: Ran, kind: str) -> None:
        is_refused(ran, f"truncated.{kind}")

    @pytest.mark.parametrize("kind", ["png", "jpg"])
    def test_damage_in_the_middle(self, ran: Ran, kind: str) -> None:
        is_refused(ran, f"damaged.{kind}")

    def test_a_tiff_of_a_kind_that_is_not_read(self, ran: Ran) -> None:
        is_refused(ran, "floats.tif")

    def test_a_file_of_0_bytes(self, ran: Ran) -> None:
        is_refused(ran, "empty.jpg")


class TestBombs:
    def test_a_png_of_50000_by_50000_in_a_few_kilobytes(self, ran: Ran) -> None:
        assert (ran.workshop.batch / "bomb.png").stat().st_size < 10_000
        is_refused(ran, "bomb.png", "promises 50000x50000 pixels, more than 250,000,000")

    def test_a_jpeg_whose_header_lies(self, ran: Ran) -> None:
        is_refused(ran, "bomb.jpg")

    def test_a_file_of_2_gib_that_is_a_hole(self, ran: Ran) -> None:
        is_refused(ran, "hole.jpg", "has 2,147,483,648 bytes, more than 1,073,741,824")

    def test_the_coordinator_decodes_nothing(self, ran: Ran) -> None:
        assert ran.memory < 300 * 1024**2

    def test_bombs_of_which_a_table_gives_the_size_are_refused_by_the_step(
        self, workshop: Workshop, engine: Engine, detect_image: str
    ) -> None:
        """The batch does not look into files whose size it is told."""
        odd_images.write(workshop.batch)
        rows = ("bomb.png,50000,50000", "hole.jpg,320,240", "cmyk.jpg,320,240")
        (workshop.batch / "recordings.csv").write_text("\n".join(["image,width,height", *rows]))
        step = {"name": "detect", "image_ref": detect_image, "resources": {"cpus": 1, "memory": "256m"}}
        ran = run_by_hand(workshop, engine, {**step, "retries": 1})
        assert ran.code == ExitCode.SOME_FAILED
        told = "promises 50000x50000 pixels, more than 250,000,000"
        assert ran.failure("detect/bomb.png", "bad_input", told)["attempt"] == 1
        assert ran.failure("detect/hole.jpg", "bad_input", "has 2,147,483,648 bytes")["exit_code"] == 0
        assert set(ran.items("detect")) == {"cmyk.jpg"}

    def test_an_image_within_the_limit_that_its_steps_memory_cannot_hold(
        self, workshop: Workshop, engine: Engine, detect_image: str
    ) -> None:
        write_png(workshop.batch / "large.png", 15_000, 15_000)
        workshop.photographs("small.jpg")
        step = {"name": "detect", "image_ref": detect_image, "resources": {"cpus": 1, "memory": "256m"}}
        ran = run_by_hand(workshop, engine, {**step, "writes": False})
        assert ran.code == ExitCode.SOME_FAILED
        report = ran.failure("detect/large.png", "crash", "exit code 137")
        assert report["out_of_memory"] is not False  # an engine may not know
        assert set(ran.items("detect")) == {"small.jpg"}


class TestNoPhotographs:
    def test_a_text_file(self, ran: Ran) -> None:
        is_refused(ran, "text.jpg")

    def test_an_animation(self, ran: Ran) -> None:
        is_refused(ran, "animation.jpg")

    def test_a_named_pipe_is_not_waited_for(self, ran: Ran) -> None:
        is_refused(ran, "pipe.jpg", "is not a regular file")

    def test_a_socket_named_jpg(self, ran: Ran) -> None:
        is_refused(ran, "socket.jpg", "is not a regular file")

    def test_a_file_that_nobody_may_read(self, ran: Ran) -> None:
        """Root may, and reads its header; the step is nobody, and may not."""
        is_refused(ran, "secret.jpg", "Permission denied")

    def test_a_folder_with_an_images_name_is_looked_into(self, ran: Ran) -> None:
        finds_the_sign(ran, "folder.jpg/inside.jpg")

    def test_a_link_to_a_device(self, ran: Ran) -> None:
        ran.refusal("batch/zero.jpg", "bad_input", "a link that leaves the batch")

    def test_a_link_that_leaves_the_batch(self, ran: Ran) -> None:
        ran.refusal("batch/outside.jpg", "bad_input", "a link that leaves the batch", "copy the file instead")

    def test_a_link_to_itself(self, ran: Ran) -> None:
        ran.refusal("batch/loop.jpg", "bad_input", "(or leads nowhere)")

    def test_a_circle_of_folders_is_not_walked(self, ran: Ran) -> None:
        assert not any(item.startswith("circle") for item in ran.items("detect"))


class TestOrientation:
    """The batch tells the size of the upright image, and detection finds the sign at its place in it."""

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_each_of_the_eight(self, ran: Ran, orientation: int) -> None:
        finds_the_sign(ran, f"turned-{orientation}.jpg")

    def test_in_png_webp_and_tiff(self, ran: Ran) -> None:
        finds_the_sign(ran, "turned.png", "turned.webp", "turned.tif")

    def test_behind_the_pixels_of_a_png(self, ran: Ran) -> None:
        finds_the_sign(ran, "turned-exif-last.png")

    def test_in_xmp_alone_it_turns_nothing(self, ran: Ran) -> None:
        finds_the_sign(ran, "xmp.jpg", "xmp.webp", "xmp.png")


class TestOddButWhole:
    def test_exif_that_is_huge_or_leads_to_itself(self, ran: Ran) -> None:
        finds_the_sign(ran, "huge-exif.jpg", "circular-exif.jpg")

    def test_cmyk_16_bits_profiles_and_progressive(self, ran: Ran) -> None:
        finds_the_sign(
            ran, "cmyk.jpg", "sixteen-bit.png", "sixteen-bit.tif", "profile.jpg", "progressive.jpg"
        )

    def test_of_several_images_in_a_file_the_first_counts(self, ran: Ran) -> None:
        finds_the_sign(ran, "several.jpg", "several.tif", "animated.webp", "animated.png")


def test_files_that_vanish_or_change_while_a_run_goes_on(
    workshop: Workshop, engine: Engine, detect_image: str, chaos_image: str
) -> None:
    """Between their enumeration and their detection, while a step before it is held."""
    for name in ("changes.png", "stays.png", "vanishes.png"):
        write_png(workshop.batch / name, 320, 240)

    def meddle() -> None:
        eventually((workshop.out / "work" / "hold" / "vanishes.png").exists)
        (workshop.batch / "vanishes.png").unlink()
        write_png(workshop.batch / "changes.png", 200, 100)
        workshop.go()

    meddler = threading.Thread(target=meddle)
    meddler.start()
    hold = {"name": "hold", "image_ref": chaos_image, "params": {"fault": "hold"}}
    detect = {"name": "detect", "image_ref": detect_image, "resources": {"cpus": 1, "memory": "512m"}}
    ran = run_by_hand(workshop, engine, hold, {**detect, "retries": 1})
    meddler.join()
    assert ran.code == ExitCode.SOME_FAILED
    assert set(ran.items("detect")) == {"stays.png"}
    report = ran.failure("detect/vanishes.png", "bad_input", "cannot read image", "No such file or directory")
    assert report["attempt"] == 1
    ran.failure("detect/changes.png", "bad_input", "is 200x100, the batch says 320x240; correct the table")
