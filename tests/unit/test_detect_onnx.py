"""The detect step with an ONNX model: letterbox, output layouts, names of classes, suppression, refusals."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest

from steps.detect import __main__ as entry
from steps.detect import detector, onnx_layouts, onnx_model, settings
from steps.detect.onnx_layouts import Expected
from steps.stepkit import BadInput, Task, network
from steps.stepkit.arrays import F32, Image
from tests.unit import networks

LAYOUTS = ["yolov5", "yolov8", "nms"]
NAMED = {"names": "{0: 'stop', 1: 'parking'}"}
ANY = ("n", 3, "h", "w")


def params(path: Path, **more: object) -> settings.Settings:
    return settings.parse({"model": str(path), "min_size": 8, "threshold": 0.5, **more})


def plain(width: int, height: int, bgr: tuple[int, int, int]) -> Image:
    return np.full((height, width, 3), bgr, np.uint8)


RED, BLUE = (0, 0, 255), (255, 0, 0)


class TestDetections:
    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("named", [{"classes": ["stop", "parking"]}, {}])
    def test_layouts_are_told_apart_and_boxes_leave_the_letterbox(
        self, tmp_path: Path, layout: str, named: dict[str, object]
    ) -> None:
        path = networks.detector(tmp_path / "m.onnx", layout)
        found = detector.detect(plain(128, 64, RED), None, params(path, **named))
        # 128x64 is halved and padded by 16 rows: box (12..28, 16..32) of the input is (24..56, 0..32) of the image.
        assert [d.bbox for d in found] == [(24.0, 0.0, 32.0, 32.0)]
        # Half of the red average is the padding's 114.
        assert found[0].score == pytest.approx((1 + 114 / 255) / 2, abs=1e-4)
        assert found[0].label == ("stop" if named else None)

    def test_blue_channel_is_the_last_and_the_file_names_its_classes(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8", metadata=NAMED)
        found = detector.detect(plain(64, 64, BLUE), None, params(path))
        assert [(d.bbox, d.label) for d in found] == [((44.0, 30.0, 8.0, 12.0), "parking")]

    def test_names_that_are_given_count_before_the_files(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8", metadata=NAMED)
        found = detector.detect(plain(64, 64, BLUE), None, params(path, classes=["halt", "parkplatz"]))
        assert [d.label for d in found] == ["parkplatz"]

    def test_boxes_of_a_panorama_are_in_its_frame(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8")
        found = detector.detect(plain(512, 256, RED), {"model": "equirectangular"}, params(path))
        assert len(found) == 8
        assert all(0 <= d.bbox[0] < 512 and 0 < d.bbox[1] < 256 for d in found)

    def test_boxes_below_the_threshold_are_left_out(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov5")
        assert detector.detect(plain(128, 64, RED), None, params(path, threshold=0.8)) == []

    def test_half_precision(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8", kind=networks.HALF)
        (found,) = detector.detect(plain(64, 64, RED), None, params(path))
        assert (found.bbox, round(found.score, 2)) == ((12.0, 16.0, 16.0, 16.0), 1.0)

    @pytest.mark.parametrize("shape", [(1, 3, 64, 64), (4, 3, 64, 64), ("n", 3, 64, 64), ANY])
    def test_several_images_give_what_each_gives_alone(
        self, tmp_path: Path, shape: tuple[networks.Size, ...]
    ) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8", shape)
        images = [plain(64, 64, RED), plain(64, 64, BLUE), plain(64, 64, (0, 0, 0)), plain(128, 64, RED)]
        images += [plain(64, 64, (255, 0, 255))] * 5
        model = onnx_model.load(params(path, threshold=0.4, input_size=64))
        assert model.find(images) == [model.find([image])[0] for image in images]
        assert [len(found) for found in model.find(images)] == [1, 1, 0, 1, 2, 2, 2, 2, 2]


class TestTogether:
    """What the step does with several tasks at once, on a CPU that stands in for the GPU."""

    @pytest.fixture(autouse=True)
    def gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(network._PROVIDERS, "cuda", "CPUExecutionProvider")
        monkeypatch.setitem(network._OPTIONS, "cuda", {})

    def tasks(self, folder: Path, device: str = "cuda") -> list[Task]:
        model = networks.detector(folder / "m.onnx", "yolov8", ("n", 3, 64, 64), metadata=NAMED)
        given = {"model": str(model), "min_size": 8, "threshold": 0.4, "device": device}
        made = []
        colours = {"red": RED, "blue": BLUE, "black": (0, 0, 0), "none": None, "sphere": (255, 0, 255)}
        for name, bgr in colours.items():
            path = folder / f"{name}.png"
            if bgr is not None:
                cv2.imwrite(str(path), plain(512, 256, bgr) if name == "sphere" else plain(96, 64, bgr))
            camera = {"model": "equirectangular"} if name == "sphere" else None
            item = {"id": name, "image": str(path), "camera": camera}
            made.append(
                Task(id=name, step="detect", params=given, items=[item], region=None, work_dir=folder)
            )
        return made

    def test_each_gets_what_it_gets_alone(self, tmp_path: Path) -> None:
        tasks = self.tasks(tmp_path)
        found = entry.handle_together(tasks)
        assert found is not None
        for task, together in zip(tasks, found, strict=True):
            if isinstance(together, BadInput):
                with pytest.raises(BadInput, match=re.escape(str(together))):
                    entry.handle(task)
            else:
                assert together == entry.handle(task)
        assert [isinstance(one, BadInput) or len(one[0]["detections"]) for one in found] == [
            1,
            1,
            0,
            True,
            16,
        ]

    def test_a_cpu_takes_one_by_one_and_so_do_unequal_parameters(self, tmp_path: Path) -> None:
        assert entry.handle_together(self.tasks(tmp_path, "cpu")) is None
        one, other, *_ = self.tasks(tmp_path)
        assert entry.handle_together([one, replace(other, params={**other.params, "threshold": 0.1})]) is None

    def test_and_so_are_photographs_that_memory_does_not_hold_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(entry, "_MOST_BYTES", 2 * 96 * 64 * 3)
        tasks = self.tasks(tmp_path)
        assert entry.handle_together(tasks[:2]) is not None
        assert entry.handle_together(tasks) is None


class TestInput:
    def test_a_file_of_any_size_is_padded_to_its_strides_only(self, tmp_path: Path) -> None:
        """128x64 halved to 64x32: no padding, so that nothing of the grey is in the mean of red."""
        path = networks.detector(tmp_path / "m.onnx", "yolov8", ANY, metadata={"stride": "32"})
        (found,) = detector.detect(plain(128, 64, RED), None, params(path, input_size=64))
        assert (found.bbox, found.score) == ((24.0, 32.0, 32.0, 32.0), 1.0)

    @pytest.mark.parametrize(
        ("width", "height", "stride", "size", "padding"),
        [
            (1360, 800, 0, (640, 640), (0, 132)),
            (1360, 800, 32, (640, 384), (0, 4)),
            (30, 60, 0, (640, 640), (160, 0)),
            (1, 4000, 32, (32, 640), (15, 0)),
        ],
    )
    def test_letterbox(
        self, width: int, height: int, stride: int, size: tuple[int, int], padding: tuple[int, int]
    ) -> None:
        box = onnx_model.Letterbox.around(width, height, (640, 640), stride)
        assert ((box.width, box.height), (box.left, box.top)) == (size, padding)
        assert box.inputs([plain(width, height, RED)]).shape == (1, 3, *size[::-1])
        if width > 1:
            edges = np.array([[box.left, box.top, size[0] - box.left, size[1] - box.top]], np.float32)
            assert box.leave(edges)[0] == pytest.approx([0, 0, width, height], abs=2)

    def test_a_size_that_the_file_does_not_have_is_refused(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8")
        with pytest.raises(
            BadInput, match=r"input_size is 640, but .* is made for 64x64; leave input_size out"
        ):
            detector.detect(plain(64, 64, RED), None, params(path, input_size=640))

    def test_a_file_for_grey_images_is_refused(self, tmp_path: Path) -> None:
        path = networks.mean(tmp_path / "m.onnx", ("n", 1, 64, 64))
        with pytest.raises(BadInput, match="takes an input of any x 1 x 64 x 64"):
            detector.detect(plain(64, 64, RED), None, params(path))


class TestFiles:
    @pytest.mark.parametrize(
        ("metadata", "told"),
        [
            ({"task": "segment"}, "made for the task 'segment'"),
            ({"names": "stop, parking"}, "give classes"),
            ({"names": "{1: 'stop', 2: 'parking'}"}, "give classes"),
            ({"names": "['stop']"}, "does not fit 1 classes; set layout"),
        ],
    )
    def test_what_the_exporter_wrote_is_not_passed_over(
        self, tmp_path: Path, metadata: dict[str, str], told: str
    ) -> None:
        path = networks.detector(tmp_path / "m.onnx", "yolov8", metadata=metadata)
        with pytest.raises(BadInput, match=told):
            detector.detect(plain(64, 64, RED), None, params(path))

    def test_an_object_of_a_class_without_a_name_is_told(self, tmp_path: Path) -> None:
        path = networks.detector(tmp_path / "m.onnx", "nms")
        with pytest.raises(BadInput, match="of class 1, but 1 classes are named"):
            detector.detect(plain(64, 64, BLUE), None, params(path, classes=["stop"], layout="nms"))

    def test_missing_file_is_refused(self) -> None:
        with pytest.raises(BadInput, match="not a file"):
            detector.detect(plain(64, 64, RED), None, params(Path("/nowhere/x.onnx")))

    def test_file_that_is_no_model_is_refused(self, tmp_path: Path) -> None:
        (junk := tmp_path / "junk.onnx").write_bytes(b"this is no protobuf")
        with pytest.raises(BadInput, match="cannot be loaded as ONNX"):
            detector.detect(plain(64, 64, RED), None, params(junk))

    def test_cuda_without_a_device_is_refused(self, tmp_path: Path) -> None:
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this onnxruntime is made with CUDA")
        path = networks.detector(tmp_path / "m.onnx", "yolov8")
        with pytest.raises(BadInput, match="onnxruntime-gpu"):
            detector.detect(plain(64, 64, RED), None, params(path, device="cuda"))


def rows(count: int, values: int) -> F32:
    """A table of boxes in the middle of 640 x 640, all with scores of 0.5 and, where it is read as one, class 0."""
    table = np.full((count, values), 0.5, np.float32)
    table[:, :4] = 300, 300, 340, 340
    return table


class TestLayouts:
    @pytest.mark.parametrize(
        ("shape", "known", "layout"),
        [
            ((84, 8400), {}, "yolov8"),
            ((8400, 84), {}, "yolov8"),
            ((25200, 85), {}, "yolov5"),
            ((25500, 85), {}, "yolov5"),  # with strides of 64, too
            ((300, 6), {}, "nms"),
            ((300, 6), {"classes": 80}, "nms"),
            ((300, 6), {"classes": 2}, "nms"),
            ((300, 6), {"classes": 1}, "nms"),
            ((8400, 6), {"suppressed": True}, "nms"),
            ((8400, 6), {"classes": 2}, "yolov8"),
            ((25200, 6), {"classes": 1}, "yolov5"),
            ((25200, 6), {}, "yolov5"),
            ((5, 8400), {}, "yolov8"),
            ((5, 8400), {"classes": 1}, "yolov8"),
            ((8400, 84), {"classes": 80}, "yolov8"),
            ((33600, 84), {"classes": 80}, "yolov8"),  # an unknown number of places
            ((25200, 6), {"layout": "nms"}, "nms"),
        ],
    )
    def test_auto(self, shape: tuple[int, int], known: dict[str, Any], layout: str) -> None:
        expected = Expected(**{"layout": "auto", "size": (640, 640), **known})
        assert onnx_layouts._layout(shape, expected) == layout

    @pytest.mark.parametrize("shape", [(1000, 7), (8400, 3), (3, 8400)])
    def test_auto_does_not_guess(self, shape: tuple[int, int]) -> None:
        with pytest.raises(BadInput, match="set layout"):
            onnx_layouts._layout(shape, Expected(layout="auto", size=(640, 640)))

    @pytest.mark.parametrize(
        ("raw", "known", "told"),
        [
            (rows(100, 7), {"layout": "nms"}, "which has 6 values"),
            (rows(100, 6), {"layout": "nms"}, "the number of a class"),
            (rows(100, 7), {"classes": 9}, "9 classes"),
            (rows(100, 7), {"layout": "yolov5", "classes": 9}, "layout yolov5 and 9 classes"),
            (rows(100, 5), {"layout": "yolov5"}, "layout yolov5"),
            (rows(100, 7) * 10, {"layout": "yolov8"}, "scores would run from 5 to 5"),
            (-rows(100, 7), {"layout": "yolov8"}, "scores would run from -0.5 to -0.5"),
            (rows(100, 7) / 640, {"layout": "yolov8"}, "shares of its input"),
        ],
    )
    def test_outputs_of_another_form_are_refused(self, raw: F32, known: dict[str, Any], told: str) -> None:
        with pytest.raises(BadInput, match=told):
            onnx_layouts.decode(raw, Expected(**{"layout": "auto", "size": (640, 640), **known}))

    def test_of_several_outputs_the_table_is_taken(self) -> None:
        table, features = np.zeros((1, 84, 8400), np.float32), np.zeros((1, 3, 80, 80, 85), np.float32)
        assert onnx_layouts.table([features, table]) is table
        for outputs in ([features], [table, table], [table[0]]):
            with pytest.raises(BadInput, match="not one table of images x boxes x values"):
                onnx_layouts.table(outputs)

    def test_numbers_that_are_none_are_refused(self) -> None:
        with pytest.raises(BadInput, match="not finite"):
            onnx_layouts.table([np.full((1, 84, 8400), np.nan, np.float32)])
