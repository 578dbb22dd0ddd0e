"""The detect step with an ONNX model: letterbox, output layouts, suppression, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from steps.detect import detector, onnx_model, settings
from steps.stepkit import BadInput
from steps.stepkit.arrays import F32, Image

MODELS = Path(__file__).with_name("detect_models")


def params(layout: str, **more: object) -> settings.Settings:
    given = {"model": str(MODELS / f"{layout}.onnx"), "input_size": 64, "min_size": 8, "threshold": 0.5}
    return settings.parse({**given, **more})


def plain(width: int, height: int, bgr: tuple[int, int, int]) -> Image:
    return np.full((height, width, 3), bgr, np.uint8)


@pytest.mark.parametrize("layout", ["yolov5", "yolov8"])
@pytest.mark.parametrize("named", [{}, {"classes": ["stop", "parking"]}])
def test_layouts_are_told_apart_and_boxes_leave_the_letterbox(layout: str, named: dict[str, object]) -> None:
    found = detector.detect(plain(128, 64, (0, 0, 255)), None, params(layout, **named))
    # 128x64 is halved and padded by 16 rows: box (12..28, 16..32) of the input is (24..56, 0..32) of the image.
    assert [d.bbox for d in found] == [(24.0, 0.0, 32.0, 32.0)]
    # A quarter of the red average is the padding's 114.
    assert found[0].score == pytest.approx((1 + 114 / 255) / 2, abs=1e-4)
    assert found[0].label == ("stop" if named else None)


def test_blue_channel_is_the_last() -> None:
    found = detector.detect(plain(64, 64, (255, 0, 0)), None, params("yolov8", classes=["stop", "parking"]))
    assert [(d.bbox, d.label) for d in found] == [((44.0, 30.0, 8.0, 12.0), "parking")]


def test_boxes_of_a_panorama_are_in_its_frame() -> None:
    found = detector.detect(plain(512, 256, (0, 0, 255)), {"model": "equirectangular"}, params("yolov8"))
    assert len(found) == 8
    assert all(0 <= d.bbox[0] < 512 and 0 < d.bbox[1] < 256 for d in found)


def test_boxes_below_the_threshold_are_left_out() -> None:
    found = detector.detect(plain(128, 64, (0, 0, 255)), None, params("yolov5", threshold=0.8))
    assert found == []


def test_the_nms_layout_is_read_as_corners() -> None:
    raw = np.array([[[10, 20, 30, 60, 0.9, 3]]], np.float32)
    corners, scores, classes = onnx_model.decode(raw, "nms", 0)
    assert corners.tolist() == [[10, 20, 30, 60]]
    assert scores.tolist() == pytest.approx([0.9])
    assert classes.tolist() == [3]


@pytest.mark.parametrize(
    ("raw", "layout", "classes"),
    [
        (np.zeros((1, 5, 10, 10), np.float32), "auto", 0),
        (np.zeros((1, 100, 7), np.float32), "nms", 0),
        (np.zeros((1, 100, 7), np.float32), "auto", 9),
        (np.full((1, 100, 7), np.nan, np.float32), "yolov5", 0),
    ],
)
def test_outputs_of_another_form_are_refused(raw: F32, layout: str, classes: int) -> None:
    with pytest.raises(BadInput, match="output"):
        onnx_model.decode(raw, layout, classes)


def test_missing_file_is_refused() -> None:
    with pytest.raises(BadInput, match="not a file"):
        detector.detect(plain(64, 64, (0, 0, 0)), None, settings.parse({"model": "/nowhere/x.onnx"}))


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"this is no protobuf")
    with pytest.raises(BadInput, match="cannot be read as ONNX"):
        detector.detect(plain(64, 64, (0, 0, 0)), None, settings.parse({"model": str(junk)}))


def test_cuda_without_a_device_is_refused() -> None:
    import cv2

    if cv2.cuda.getCudaEnabledDeviceCount():
        pytest.skip("this OpenCV has a CUDA device")
    with pytest.raises(BadInput, match="no CUDA device"):
        detector.detect(plain(64, 64, (0, 0, 0)), None, params("yolov8", device="cuda"))
