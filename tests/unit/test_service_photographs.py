"""What the service sees of an uploaded file before it works on it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from coordinator.service.photographs import examine
from coordinator.service.refusal import Refused

PIXELS = np.random.default_rng(7).integers(0, 255, (10, 20, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_may_have_any_padding_behind_its_end(tmp_path: Path, suffix: str) -> None:
    data = cv2.imencode(suffix, PIXELS)[1].tobytes()
    (tmp_path / "whole").write_bytes(data + bytes(200_000))
    assert examine(tmp_path / "whole", "files[0]", 10_000).suffix == suffix
    (tmp_path / "half").write_bytes(data[:-60] + bytes(200_000))
    with pytest.raises(Refused, match="is truncated"):
        examine(tmp_path / "half", "files[0]", 10_000)
