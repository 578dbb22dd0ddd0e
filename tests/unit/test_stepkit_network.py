"""Networks in ONNX files: what is taken, and what is refused and why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from steps.stepkit import BadInput, network
from steps.stepkit.arrays import F32
from tests.unit import networks

ROOT = Path(__file__).resolve().parents[2]


def images(count: int, height: int = 8, width: int = 8) -> F32:
    return np.random.default_rng(count).random((count, 3, height, width), dtype=np.float32)


class TestRun:
    @pytest.mark.parametrize("size", [(8, 8), (5, 40)])
    def test_any_number_of_any_size_where_the_file_says_so(
        self, tmp_path: Path, size: tuple[int, int]
    ) -> None:
        batch = images(5, *size)
        (mean,) = network.load(networks.mean(tmp_path / "m.onnx")).run(batch)
        assert mean.shape == (5, 3, 1, 1)
        assert mean[:, :, 0, 0] == pytest.approx(batch.mean(axis=(2, 3)), abs=1e-6)

    @pytest.mark.parametrize("at_once", [1, 2, 4])
    def test_a_file_for_a_fixed_number_gets_as_many_at_a_time(self, tmp_path: Path, at_once: int) -> None:
        batch = images(5)
        (mean,) = network.load(networks.mean(tmp_path / "m.onnx", (at_once, 3, 8, 8))).run(batch)
        assert mean[:, :, 0, 0] == pytest.approx(batch.mean(axis=(2, 3)), abs=1e-6)

    def test_half_precision_comes_back_as_the_usual_one(self, tmp_path: Path) -> None:
        batch = images(2)
        loaded = network.load(networks.mean(tmp_path / "m.onnx", kind=networks.HALF))
        (mean,) = loaded.run(batch)
        assert mean.dtype == np.float32
        assert mean[:, :, 0, 0] == pytest.approx(batch.mean(axis=(2, 3)), abs=2e-3)

    @pytest.mark.parametrize("shape", [(1, 1, 8, 8), (1, 3, 8, 9), (3, 8, 8), (0, 3, 8, 8)])
    def test_a_shape_that_the_file_does_not_take_is_told(
        self, tmp_path: Path, shape: tuple[int, ...]
    ) -> None:
        loaded = network.load(networks.mean(tmp_path / "m.onnx", ("n", 3, 8, 8)))
        with pytest.raises(BadInput, match="takes an input of any x 3 x 8 x 8, not"):
            loaded.run(np.zeros(shape, np.float32))

    def test_what_fails_inside_is_told(self, tmp_path: Path) -> None:
        # A sum of what was made 4 wide and the image: any other width cannot be added.
        wide = helper.make_tensor("wide", networks.FLOAT, [4], [0.0] * 4)
        path = networks.write(
            tmp_path / "m.onnx",
            [helper.make_node("Add", ["images", "wide"], ["sum"])],
            [networks.tensor("images", ("n", 3, "h", "w"))],
            [networks.tensor("sum", ("n", 3, "h", "v"))],
            [wide],
        )
        with pytest.raises(BadInput, match="fails on an input of 1 x 3 x 8 x 8"):
            network.load(path).run(images(1))

    def test_an_output_that_is_not_one_for_each_cannot_be_put_together(self, tmp_path: Path) -> None:
        path = networks.write(
            tmp_path / "m.onnx",
            [helper.make_node("ReduceMax", ["images"], ["most"], keepdims=0)],
            [networks.tensor("images", (1, 3, 8, 8))],
            [networks.tensor("most", ())],
        )
        assert network.load(path).run(images(1))[0].shape == ()
        with pytest.raises(BadInput, match=r"not one for each.*dynamic=True"):
            network.load(path).run(images(2))

    def test_neither_threads_nor_neighbours_change_a_number(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        weights = np.random.default_rng(1).normal(size=(24, 3, 3, 3)).astype(np.float32)
        path = networks.write(
            tmp_path / "m.onnx",
            [helper.make_node("Conv", ["images", "weights"], ["maps"], strides=[2, 2])],
            [networks.tensor("images", ("n", 3, "h", "w"))],
            [networks.tensor("maps", ("n", 24, "y", "x"))],
            [numpy_helper.from_array(weights, "weights")],
        )
        batch = images(3, 65, 130)
        (together,) = network.load(path).run(batch)
        alone = [network.load(path).run(batch[i : i + 1])[0][0] for i in range(3)]
        assert np.array_equal(together, np.stack(alone))
        monkeypatch.setattr(network, "threads", lambda: 3)
        network._load.cache_clear()
        assert np.array_equal(together, network.load(path).run(batch)[0])


class TestLoad:
    def test_a_file_is_loaded_once_as_long_as_it_is_the_same(self, tmp_path: Path) -> None:
        path = networks.mean(tmp_path / "m.onnx")
        first = network.load(path)
        assert network.load(path) is first
        networks.mean(path, ("n", 1, 8, 8))
        assert network.load(path).shape == (None, 1, 8, 8)

    def test_what_the_exporter_wrote_is_told(self, tmp_path: Path) -> None:
        path = networks.mean(tmp_path / "m.onnx", metadata={"names": "{0: 'bench'}"})
        assert network.load(path).metadata == {"names": "{0: 'bench'}"}

    @pytest.mark.parametrize("name", ["nowhere.onnx", "."])
    def test_what_is_no_file_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(BadInput, match="not a file this step can see"):
            network.load(tmp_path / name)

    def test_what_is_no_network_is_refused(self, tmp_path: Path) -> None:
        (junk := tmp_path / "junk.onnx").write_bytes(b"this is no protobuf")
        with pytest.raises(BadInput, match="cannot be loaded as ONNX"):
            network.load(junk)

    @pytest.mark.parametrize(
        ("inputs", "told"),
        [
            ([("a", (1, 3)), ("b", (1, 3))], "takes 1 x 3, 1 x 3, not one batch"),
            ([("a", (1, 3))], "takes 1 x 3, not one batch"),
        ],
    )
    def test_other_inputs_than_images_are_refused(
        self, tmp_path: Path, inputs: list[tuple[str, tuple[int, ...]]], told: str
    ) -> None:
        names = [name for name, _ in inputs]
        path = networks.write(
            tmp_path / "m.onnx",
            [helper.make_node("Max", names, ["most"])],
            [networks.tensor(name, shape) for name, shape in inputs],
            [networks.tensor("most", (1, 3))],
        )
        with pytest.raises(BadInput, match=told):
            network.load(path)

    def test_an_input_of_whole_numbers_is_refused(self, tmp_path: Path) -> None:
        path = networks.write(
            tmp_path / "m.onnx",
            [helper.make_node("Identity", ["images"], ["same"])],
            [networks.tensor("images", (1, 3, 8, 8), networks.INT64)],
            [networks.tensor("same", (1, 3, 8, 8), networks.INT64)],
        )
        with pytest.raises(BadInput, match=r"tensor\(int64\); export it"):
            network.load(path)

    def test_a_device_that_is_not_there_is_refused_with_what_to_do(self, tmp_path: Path) -> None:
        path = networks.mean(tmp_path / "m.onnx")
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this onnxruntime is made with CUDA")
        with pytest.raises(BadInput, match="use device: cpu, or an image with onnxruntime-gpu"):
            network.load(path, "cuda")
        with pytest.raises(BadInput, match="one of cpu, cuda"):
            network.load(path, "tpu")

    @pytest.mark.filterwarnings("ignore:Specified provider")
    def test_a_device_that_the_runtime_leaves_out_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """onnxruntime-gpu without a GPU takes the CPU and says so in its log only."""
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
        with pytest.raises(BadInput, match="onnxruntime could not use it"):
            network.load(networks.mean(tmp_path / "m.onnx"), "cuda")


def test_the_runtime_is_told_not_to_report_on_its_use() -> None:
    """Official builds of onnxruntime do so over the network from 1.29 on, which an image of one's own may have."""
    told = "import os, steps.stepkit.network; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    ran = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, cwd=ROOT, env=environment, check=True, text=True
    )
    assert ran.stdout == "1\n"
    source = Path(network.__file__).read_text()
    assert source.index("ORT_DISABLE_TELEMETRY") < source.index("\nimport onnxruntime")
