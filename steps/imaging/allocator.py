"""Keeping the memory of one image for the next."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT = 64 << 20
_KEPT = 2 * _LARGEST_KEPT


def keep_freed_memory() -> None:
    """Has this process keep up to 128 MiB of what it has freed; arrays of more than 64 MiB still go back at once.

    glibc gives an image's memory back as soon as it is freed and takes it anew for the next image, page by page,
    which costs nearly as much time as to decode it. With another C library nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
