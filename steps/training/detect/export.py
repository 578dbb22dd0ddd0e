"""A checkpoint as the file that detect runs: ``python -m steps.training.detect.export CHECKPOINT WEIGHTS.onnx``."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import torch

from steps.detect.heat import STRIDE
from steps.training.detect.network import SignNet, Told

_OPSET = 17


def export(network: SignNet, path: Path) -> None:
    """Write the network for images of any number and size; its normalisation is folded into the convolutions."""
    size = {0: "images", 2: "height", 3: "width"}
    told = {0: "images", 2: f"height/{STRIDE}", 3: f"width/{STRIDE}"}
    with warnings.catch_warnings():
        # The exporter by tracing, which folds normalisation and needs no package besides torch, is called old.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            Told(network.eval()),
            (torch.zeros(1, 3, 64, 96),),
            str(path),
            input_names=["images"],
            output_names=["heat", "edges"],
            dynamic_axes={"images": size, "heat": told, "edges": told},
            opset_version=_OPSET,
            do_constant_folding=True,
            dynamo=False,
        )


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(prog="python -m steps.training.detect.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="what steps.training.detect.train wrote")
    parser.add_argument("weights", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    network = SignNet()
    network.load_state_dict(torch.load(arguments.checkpoint, weights_only=True)["averaged"])
    export(network, arguments.weights)


if __name__ == "__main__":
    main()
