"""The kit of the Python steps: its loop, its cameras, its reading of photographs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from coordinator.contract import Success, parse_response
from coordinator.formats import imageheader, imagelimits
from steps.stepkit import BadInput, Json, Task, camera, imagefile, photograph
from steps.stepkit.loop import answer
from tests.unit.builders import PROPERTY, item, request, write_png
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
LINE = request(items=[item("r1")], params={"k": 1}).line()


def response(handler: Any, line: bytes = LINE) -> Json:
    found: Json = json.loads(answer(handler, line))
    return found


class TestLoop:
    def test_the_task_is_the_request(self) -> None:
        def handle(task: Task) -> list[Json]:
            assert (task.id, task.step, task.params, task.region) == ("detect/r1", "detect", {"k": 1}, None)
            assert task.work_dir == Path("/work/detect/r1")
            return [{**task.item, "seen": True}]

        assert response(handle)["items"] == [{"id": "r1", "seen": True}]

    def test_the_coordinator_accepts_what_the_kit_answers(self) -> None:
        result = parse_response(answer(lambda task: task.items, LINE) + b"\n", "detect/r1")
        assert isinstance(result, Success)
        assert result.metrics.keys() == {"compute_s"}

    def test_a_generator_may_answer(self) -> None:
        def handle(task: Task) -> Iterable[Json]:
            yield item("a")
            yield item("b")

        assert len(response(handle)["items"]) == 2

    @pytest.mark.parametrize(
        ("raised", "kind", "told"),
        [
            (BadInput("is dark"), "bad_input", "is dark"),
            (KeyError("x"), "internal", "KeyError: 'x'"),
            (RecursionError("deep"), "internal", "RecursionError: deep"),
        ],
    )
    def test_what_a_handler_raises_is_told(self, raised: Exception, kind: str, told: str) -> None:
        def handle(task: Task) -> list[Json]:
            raise raised

        assert response(handle) == {"task": "detect/r1", "error": {"kind": kind, "message": told}}

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800"])
    def test_an_answer_that_is_no_json_is_the_steps_own_error(self, value: object) -> None:
        assert response(lambda task: [item("a", x=value)])["error"]["kind"] == "internal"

    def test_an_error_message_with_half_a_character_is_still_an_answer(self) -> None:
        def handle(task: Task) -> list[Json]:
            raise BadInput("no such label: \ud800")

        assert response(handle)["error"]["kind"] == "bad_input"

    @pytest.mark.parametrize(
        "line",
        [b"junk", b"[]", b"5", b"{}", b'{"protocol": 2}', LINE.replace(b'"step"', b'"stop"'), b"\xff\xfe"],
    )
    def test_a_line_that_is_no_request_is_bad_input(self, line: bytes) -> None:
        assert response(lambda task: [], line)["error"]["kind"] == "bad_input"

    def test_a_request_with_a_key_twice_loses_nothing_silently(self) -> None:
        error = response(lambda task: task.items, LINE.replace(b'"params"', b'"items":[],"params"'))["error"]
        assert error["kind"] == "bad_input"
        assert "the key 'items' stands twice in one object" in error["message"]

    def test_a_step_per_item_given_a_region(self) -> None:
        line = request(items=[item("a"), item("b")]).line()
        assert "one item at a time, got 2" in response(lambda task: [task.item], line)["error"]["message"]

    def test_as_a_process_prints_go_to_stderr_and_the_end_of_input_is_the_end(self) -> None:
        program = (
            "import os, sys\nfrom steps.stepkit import serve\n"
            "def handle(task):\n    print('stray'); os.write(1, b'raw\\n'); sys.stdout.flush()\n"
            "    if task.item['id'] == 'bad':\n        raise ValueError\n    return task.items\n"
            "serve(handle)\n"
        )
        lines = [request(f"detect/{name}", [item(name)]).line() for name in ("a", "bad", "b")]
        sent = b"\n".join(lines)
        ended = subprocess.run(
            [sys.executable, "-c", program], input=sent, capture_output=True, cwd=ROOT, check=True
        )
        answers = [json.loads(line) for line in ended.stdout.splitlines()]
        assert [("items" in one, one["task"]) for one in answers] == [
            (True, "detect/a"), (False, "detect/bad"), (True, "detect/b"),
        ]  # fmt: skip
        assert ended.stderr.count(b"stray") == ended.stderr.count(b"raw") == 3
        assert b"Traceback" in ended.stderr

    def test_a_sigterm_ends_the_process_that_waits_for_a_task(self) -> None:
        program = "from steps.stepkit import serve\nserve(lambda task: task.items)\n"
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        ) as step:
            assert step.stdin
            assert step.stdout
            step.stdin.write(LINE)
            step.stdin.flush()
            assert step.stdout.readline()
            step.terminate()
            assert step.wait(PATIENCE) == 143  # by its own handler: without one it would be a signal's death


PINHOLE = {"model": "pinhole", "fx": 900.0, "fy": 950.0, "cx": 640.0, "cy": 360.0}
DISTORTED = {**PINHOLE, "k1": -0.12, "k2": 0.03, "p1": 0.001, "p2": -0.002, "k3": 0.001}
EQUIRECTANGULAR = {"model": "equirectangular"}


CROPPED = {
    "model": "equirectangular",
    "crop": {"full_width": 2560.5, "full_height": 1280, "left": 1000, "top": 300},
}


def part(**crop: object) -> Json:
    """The camera of an image of 400 x 200 that lies at (100, 50) in a panorama of 1000 x 500 pixels."""
    whole: Json = {"full_width": 1000, "full_height": 500, "left": 100, "top": 50}
    return {"model": "equirectangular", "crop": {**whole, **crop}}


class TestCamera:
    @PROPERTY
    @given(
        st.sampled_from([PINHOLE, DISTORTED, EQUIRECTANGULAR, CROPPED]), st.floats(0, 1279), st.floats(0, 719)
    )
    def test_a_pixels_ray_leads_back_to_it(self, model: Json, u: float, v: float) -> None:
        rays = camera.pixels_to_rays(model, 1280, 720, [[u, v]])
        assert np.linalg.norm(rays) == pytest.approx(1)
        assert camera.rays_to_pixels(model, 1280, 720, 7 * rays)[0] == pytest.approx([u, v], abs=1e-3)

    def test_distortion_is_opencvs(self) -> None:
        points = np.random.default_rng(1).uniform([-2, -1, 4], [2, 1, 8], (50, 3))
        matrix = np.array([[900.0, 0, 640], [0, 950, 360], [0, 0, 1]])
        coefficients = np.array([DISTORTED[name] for name in ("k1", "k2", "p1", "p2", "k3")])
        expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, coefficients)
        assert camera.rays_to_pixels(DISTORTED, 1280, 720, points) == pytest.approx(expected[:, 0], abs=1e-6)

    @pytest.mark.parametrize(
        ("angles", "forward", "right"),
        [
            ((0, 0, 0), (0, 1, 0), (1, 0, 0)),
            ((90, 0, 0), (1, 0, 0), (0, -1, 0)),
            ((180, 0, 0), (0, -1, 0), (-1, 0, 0)),
            ((0, 90, 0), (0, 0, 1), (1, 0, 0)),
            ((0, 0, 90), (0, 1, 0), (0, 0, -1)),
        ],
        ids=["north", "east", "south", "up", "rolled clockwise"],
    )
    def test_where_a_camera_looks(
        self, angles: tuple[float, ...], forward: tuple[int, ...], right: tuple[int, ...]
    ) -> None:
        turn = camera.rotation(*angles)
        assert turn @ [0, 0, 1] == pytest.approx(np.array(forward), abs=1e-12)
        assert turn @ [1, 0, 0] == pytest.approx(np.array(right), abs=1e-12)

    @pytest.mark.parametrize(
        ("pixel", "ray"),
        [
            ((1999.5, 999.5), (0, 0, 1)),
            ((2999.5, 999.5), (1, 0, 0)),
            ((-0.5, 999.5), (0, 0, -1)),
            ((1999.5, -0.5), (0, -1, 0)),
        ],
        ids=["centre", "a quarter right", "left edge is behind", "top is up"],
    )
    def test_a_panoramas_directions(self, pixel: tuple[float, float], ray: tuple[int, ...]) -> None:
        found = camera.pixels_to_rays(EQUIRECTANGULAR, 4000, 2000, [pixel])[0]
        assert found == pytest.approx(np.array(ray), abs=1e-9)

    def test_a_part_of_a_panorama_has_the_rays_of_the_whole(self) -> None:
        pixels = np.array([[0.0, 0.0], [399, 199], [123.4, 56.7]])
        found = camera.pixels_to_rays(part(), 400, 200, pixels)
        whole = camera.pixels_to_rays(EQUIRECTANGULAR, 1000, 500, pixels + np.array([100, 50]))
        assert np.array_equal(found, whole)

    def test_what_a_part_does_not_show_lies_beside_it_where_the_way_is_shortest(self) -> None:
        beside = [
            [-80.0, 40],
            [-120, 40],
            [600, 300],
        ]  # in pixels of the part: 100 to the left of its edge is the whole one's seam
        rays = camera.pixels_to_rays(EQUIRECTANGULAR, 1000, 500, beside + np.array([100, 50]))
        assert camera.rays_to_pixels(part(), 400, 200, rays) == pytest.approx(np.array(beside))

    def test_a_crop_of_nothing_changes_nothing(self) -> None:
        nothing = part(left=0, top=0)
        pixels = np.array([[-0.5, 3.0], [999, 499], [123.4, 56.7]])
        rays = camera.pixels_to_rays(EQUIRECTANGULAR, 1000, 500, pixels)
        assert np.array_equal(camera.pixels_to_rays(nothing, 1000, 500, pixels), rays)
        assert camera.rays_to_pixels(nothing, 1000, 500, rays) == pytest.approx(
            camera.rays_to_pixels(EQUIRECTANGULAR, 1000, 500, rays)
        )

    @pytest.mark.parametrize(
        ("crop", "closed"),
        [({}, False), ({"full_width": 400, "left": 0}, True), ({"full_width": 400.6}, True)],
    )
    def test_a_part_of_full_width_is_closed(self, crop: Json, closed: bool) -> None:
        assert camera.sphere(part(**crop), 400, 200).closed is closed

    @pytest.mark.parametrize(
        ("camera_", "word"),
        [
            (part(full_width=398), "does not lie in the whole"),
            (part(top=302), "does not lie in the whole"),
            (part(left=-1), "does not lie in the whole"),
            (part(left=1e300), "does not lie in the whole"),
            (part(full_height=float("nan")), "crop full_height must be a finite number, not nan"),
            (part(left=None), "crop left must be a finite number, not None"),
            (part(left=10**400), "crop left must be a finite number"),
            ({"model": "equirectangular", "crop": [1, 2]}, "crop must be an object"),
        ],
    )
    def test_a_crop_that_is_none_is_refused(self, camera_: Json, word: str) -> None:
        with pytest.raises(ValueError, match=word):
            camera.pixels_to_rays(camera_, 400, 200, [[0, 0]])
        with pytest.raises(ValueError, match=word):
            camera.rays_to_pixels(camera_, 400, 200, [[0, 0, 1]])

    @pytest.mark.parametrize("given", [None, PINHOLE, EQUIRECTANGULAR, CROPPED])
    def test_a_camera_that_is_one_or_none_is_taken(self, given: Json | None) -> None:
        assert camera.read_model(given, "item 'r1'") == given

    @pytest.mark.parametrize(
        ("given", "word"),
        [
            ("pinhole", "item 'r1': camera must be null or an object with a model, not 'pinhole'"),
            (["pinhole"], "must be null or an object"),
            (0, "must be null or an object"),
            ({}, "must be null or an object with a model, not {}"),
            ({"model": "fisheye"}, "item 'r1': unknown camera model 'fisheye'; known are equirect"),
            ({"model": ["pinhole"]}, "unknown camera model"),
        ],
    )
    def test_what_is_no_camera_is_refused(self, given: object, word: str) -> None:
        with pytest.raises(BadInput, match=word):
            camera.read_model(given, "item 'r1'")

    def test_behind_a_pinhole_nothing_is_seen(self) -> None:
        assert np.isnan(camera.rays_to_pixels(PINHOLE, 1280, 720, [[0, 0, -1]])).all()

    def test_a_boxs_edges_are_the_edges_of_pixels(self) -> None:
        assert camera.box_centre([0, 0, 4, 2]).tolist() == [1.5, 0.5]

    def test_an_unknown_model(self) -> None:
        for turn in (camera.pixels_to_rays, camera.rays_to_pixels):
            with pytest.raises(ValueError, match="unknown camera model 'fisheye'"):
                turn(
                    {"model": "fisheye"}, 1, 1, [[0, 0, 1]][:1] if turn is camera.rays_to_pixels else [[0, 0]]
                )


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (16, 8), **options: Any) -> bytes:
    data = io.BytesIO()
    Image.new(mode, size, 128 if mode in ("L", "I;16") else None).save(data, kind, **options)
    return data.getvalue()


def turned_jpeg() -> bytes:
    """A noisy JPEG with a comment, a thumbnail in its header and an orientation, so that all of them are read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(data, "JPEG", exif=exif, comment=b"odd")
    small = encoded("JPEG")
    segment = b"\xff\xe2" + (len(small) + 2).to_bytes(2, "big") + small
    return data.getvalue()[:2] + segment + data.getvalue()[2:]


def odd_jpegs() -> dict[str, bytes]:
    """The same JPEG with bytes that every decoder passes over."""
    whole = turned_jpeg()
    own = whole.index(b"\xff\xfe")  # before it stands the thumbnail with its markers
    places = [whole.index(marker, own) for marker in (b"\xff\xfe", b"\xff\xdb", b"\xff\xc0", b"\xff\xda")]
    stray = {"a byte": b"\0", "text": b"any text", "a stuffed byte": b"\xff\0", "fill bytes": b"\xff" * 9}
    odd = {
        f"{name} before {whole[at + 1]:02x}": whole[:at] + more + whole[at:]
        for at in places
        for name, more in stray.items()
    }
    ends = {
        "zeros": bytes(100_000),
        "text": b"text",
        "a second image": encoded("JPEG"),
        "half of one": b"\xff\xd8",
    }
    odd |= {f"{name} behind the end": whole + more for name, more in ends.items()}
    odd["zeros before the end"] = whole[:-2] + bytes(300) + whole[-2:]
    odd["a comment longer than it says"] = whole[: own + 3] + bytes([whole[own + 3] - 1]) + whole[own + 4 :]
    return odd


def exif_last(png: bytes) -> bytes:
    """The PNG with its eXIf chunk behind the pixels, where some programs write it."""
    start = png.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(png[start : start + 4], "big")
    return png[:start] + png[end:-12] + png[start:end] + png[-12:]


class TestPhotograph:
    @pytest.mark.parametrize(
        ("kind", "mode"),
        [
            ("JPEG", "RGB"),
            ("JPEG", "L"),
            ("JPEG", "CMYK"),
            ("PNG", "RGBA"),
            ("PNG", "I;16"),
            ("PNG", "1"),
            ("TIFF", "RGB"),
        ],
    )
    def test_whatever_the_file_the_image_is_8_bit_bgr(self, tmp_path: Path, kind: str, mode: str) -> None:
        (tmp_path / "a").write_bytes(encoded(kind, mode))
        image = photograph.read(tmp_path / "a", (16, 8))
        assert image.shape == (8, 16, 3)
        assert image.dtype == np.uint8

    @pytest.mark.parametrize("kind", ["png", "tif"])
    @pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
    def test_of_16_bits_those_that_are_used_count(self, tmp_path: Path, kind: str, bits: int) -> None:
        levels = np.random.default_rng(bits).integers(0, 256, (8, 16, 3), np.uint8)
        levels[0, 0] = 255
        data = cv2.imencode(f".{kind}", levels.astype(np.uint16) << (bits - 8))[1]
        (tmp_path / "a").write_bytes(data.tobytes())
        assert np.array_equal(photograph.read(tmp_path / "a"), levels)

    def test_a_black_image_of_16_bits_is_black(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(cv2.imencode(".png", np.zeros((8, 16), np.uint16))[1].tobytes())
        assert not photograph.read(tmp_path / "a").any()

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG, EXIF behind the pixels", "WEBP", "TIFF"])
    def test_batch_and_steps_turn_it_the_same_way(self, tmp_path: Path, kind: str, orientation: int) -> None:
        """The batch knows an image through Pillow, the steps through OpenCV."""
        exif = Image.Exif()
        exif[0x0112] = orientation
        quarters = np.repeat(np.repeat(np.array([[0, 80, 160], [240, 40, 120]], np.uint8), 8, 0), 8, 1)
        stored = io.BytesIO()
        Image.fromarray(quarters).convert("RGB").save(stored, kind.split(",")[0], exif=exif)
        upright = np.asarray(ImageOps.exif_transpose(Image.open(stored)).convert("L"))
        (tmp_path / "a").write_bytes(exif_last(stored.getvalue()) if "behind" in kind else stored.getvalue())
        image = photograph.read(tmp_path / "a")
        assert np.abs(image[..., 0].astype(int) - upright).max() < 16
        header = imageheader.read(tmp_path / "a")
        assert isinstance(header, imageheader.Header)
        assert (header.height, header.width) == image.shape[:2]

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_an_orientation_in_xmp_alone_turns_nothing(self, tmp_path: Path, kind: str) -> None:
        xmp = b'<rdf:Description tiff:Orientation="6"/>'
        extra: dict[str, Any] = {"xmp": xmp}
        if kind == "PNG":
            extra = {"pnginfo": PngInfo()}
            extra["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
        elif kind == "TIFF":
            extra = {"tiffinfo": {700: xmp}}
        (tmp_path / "a").write_bytes(encoded(kind, **extra))
        header = imageheader.read(tmp_path / "a")
        assert isinstance(header, imageheader.Header)
        assert (header.width, header.height) == (16, 8)
        assert photograph.read(tmp_path / "a").shape == (8, 16, 3)

    def test_it_is_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        (tmp_path / "a").write_bytes(encoded("JPEG", exif=exif))
        assert photograph.read(tmp_path / "a").shape == (16, 8, 3)

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"", "is empty"),
            (b"text", "is not an image .JPEG, PNG, TIFF, BMP or WebP.$"),
            (encoded("JPEG")[:-2], "is a truncated JPEG"),
            (encoded("JPEG")[:300], "is a truncated JPEG"),
            (encoded("JPEG")[:3], "is a truncated JPEG"),
            (encoded("PNG")[:-12], "is a truncated PNG"),
        ],
    )
    def test_damage_is_told(self, tmp_path: Path, data: bytes, told: str) -> None:
        (tmp_path / "a").write_bytes(data)
        with pytest.raises(BadInput, match=told):
            photograph.read(tmp_path / "a")

    @pytest.mark.parametrize("name", odd_jpegs())
    def test_what_decoders_pass_over_is_no_damage(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "a").write_bytes(odd_jpegs()[name])
        (tmp_path / "plain").write_bytes(turned_jpeg())
        assert np.array_equal(photograph.read(tmp_path / "a"), photograph.read(tmp_path / "plain"))

    @pytest.mark.parametrize("name", odd_jpegs())
    def test_what_is_between_its_segments_hides_no_truncation(self, tmp_path: Path, name: str) -> None:
        data = odd_jpegs()[name]
        scan = data.index(b"\xff\xda", data.index(b"\xff\xfe"))
        (tmp_path / "a").write_bytes(data[: scan + 60])
        with pytest.raises(BadInput, match="is a truncated JPEG"):
            photograph.read(tmp_path / "a")

    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
    @pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
    def test_no_truncated_file_of_any_kind_passes(self, tmp_path: Path, kind: str, part: float) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
        whole = io.BytesIO()
        Image.fromarray(noise).save(whole, kind)
        (tmp_path / "a").write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * part)])
        with pytest.raises(BadInput, match="truncated"):
            photograph.read(tmp_path / "a")

    @pytest.mark.parametrize(
        ("kind", "options"),
        [
            ("JPEG", {}),
            ("JPEG", {"progressive": True}),
            ("PNG", {}),
            ("BMP", {}),
            ("TIFF", {}),
            ("TIFF", {"big_tiff": True}),
            ("WEBP", {"quality": 80}),
            ("WEBP", {"lossless": True}),
            ("WEBP", {"icc_profile": b"any"}),
        ],
    )
    def test_the_size_is_known_before_anything_is_decoded(self, kind: str, options: Json) -> None:
        assert imagefile.size(encoded(kind, size=(300, 200), **options)) == (300, 200)

    @PROPERTY
    @given(
        st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0+", b"BM", b"RIFF"]),
        st.binary(),
    )
    def test_a_header_of_junk_has_a_size_or_none(self, signature: bytes, junk: bytes) -> None:
        assert imagefile.size(signature + junk) is None or len(junk) > 8

    def test_a_bomb_is_refused_by_its_header(self, tmp_path: Path) -> None:
        write_png(tmp_path / "a", 50_000, 50_000, pixels=zlib.compress(bytes(1_000_000)))
        with pytest.raises(BadInput, match="promises 50000x50000 pixels, more than 250,000,000"):
            photograph.read(tmp_path / "a")

    def test_the_batch_and_the_steps_have_the_same_limits(self) -> None:
        assert (photograph.MAX_PIXELS, photograph.MAX_BYTES) == (
            imagelimits.MAX_PIXELS,
            imagelimits.MAX_BYTES,
        )

    def test_a_pipe_is_not_waited_for_nor_a_hole_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with (tmp_path / "hole").open("wb") as file:
            file.truncate(photograph.MAX_BYTES + 1)
        for name, told in (("pipe", "is not a regular file"), ("hole", "has 1,073,741,825 bytes")):
            with pytest.raises(BadInput, match=told):
                photograph.read(tmp_path / name)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG"])
    def test_padding_behind_a_whole_image_is_no_damage(self, kind: str) -> None:
        assert photograph.damage(encoded(kind) + b"\0" * 100_000) is None

    def test_another_size_than_the_batch_promises(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(encoded("JPEG"))
        with pytest.raises(BadInput, match="is 16x8, the batch says 8x16"):
            photograph.read(tmp_path / "a", (8, 16))

    @pytest.mark.parametrize(
        ("said", "size"),
        [
            ({"width": 16, "height": 8}, (16, 8)),
            ({"width": 16.0, "height": 8}, (16, 8)),
            ({}, None),
            ({"width": None, "height": None}, None),
            ({"width": 16}, None),
        ],
    )
    def test_the_size_that_is_promised(self, said: Json, size: tuple[int, int] | None) -> None:
        assert photograph.promised(said, "item 'r1'") == size

    @pytest.mark.parametrize("side", ["8", 0, -8, 8.5, True, [8], float("nan"), 10**400])
    def test_a_side_that_is_none_is_refused(self, side: object) -> None:
        with pytest.raises(
            BadInput, match="item 'r1': height must be a whole number of pixels above 0, or left"
        ):
            photograph.promised({"width": 16, "height": side}, "item 'r1'")

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(BadInput, match="No such file"):
            photograph.read(tmp_path / "absent")
