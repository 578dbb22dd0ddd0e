"""What this machine has: the CPUs and memory this process may really use, and the GPUs."""

from __future__ import annotations

import os
from pathlib import Path

from coordinator.resources import Gpu, Inventory

_CGROUP = Path("/sys/fs/cgroup")


def host_inventory() -> Inventory:
    """CPUs and memory within the process's affinity and cgroup limits, and NVIDIA's GPUs if there are any."""
    return Inventory(cpus=_cpus(), memory=_memory(), gpus=_gpus())


def _cpus() -> float:
    usable = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota = _cpu_quota()
    return min(usable, quota) if quota else usable


def _cpu_quota() -> float | None:
    """The CPU quota of the process's own cgroup, v2 or v1, in CPUs."""
    try:
        limit, period = (_CGROUP / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        pass
    try:
        quota = int((_CGROUP / "cpu" / "cpu.cfs_quota_us").read_text())
        return quota / int((_CGROUP / "cpu" / "cpu.cfs_period_us").read_text()) if quota > 0 else None
    except (OSError, ValueError):
        return None


def _memory() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            return min(total, int((_CGROUP / name).read_text()))
        except (OSError, ValueError):
            continue
    return total


def _gpus() -> tuple[Gpu, ...]:
    """The devices NVML lists; none where its Python package or driver is missing."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        return tuple(
            Gpu(uuid=pynvml.nvmlDeviceGetUUID(handle), memory=pynvml.nvmlDeviceGetMemoryInfo(handle).total)
            for handle in handles
        )
    finally:
        pynvml.nvmlShutdown()
