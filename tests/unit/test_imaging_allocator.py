"""That memory is kept from image to image, seen by the pages that the kernel has to bring."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = 20
PAGES = 2_000_000 // resource.getpagesize()
"""Of one array."""
PROGRAM = f"""
import resource, sys
import numpy as np
from steps.imaging.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()

def an_image_and_its_result():
    return np.ones(2_000_000, np.uint8), np.ones(2_000_000, np.uint8)

an_image_and_its_result()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({IMAGES}):
    an_image_and_its_result()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    command = [sys.executable, "-c", PROGRAM, how]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt")
def test_memory_is_taken_from_the_kernel_once() -> None:
    assert faults("give back") > IMAGES * PAGES
    assert faults("keep") < PAGES
