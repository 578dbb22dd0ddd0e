"""What this machine has: the CPUs and memory this process may really use, and the GPUs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from coordinator.core.resources import Gpu, Inventory

try:
    import pynvml
except ImportError:  # the optional extra "gpu"
    pynvml = None

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")
_MACHINE = Path("/proc/vmstat")
_KILLS = "oom_kill"


def host_inventory() -> Inventory:
    """CPUs and memory within the process's affinity and cgroup limits, and NVIDIA's GPUs if there are any."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Inventory(
        cpus=min(_usable_cpus(), cpu_quota(_CGROUPS, _OWN_CGROUPS)),
        memory=int(min(memory, memory_limit(_CGROUPS, _OWN_CGROUPS))),
        gpus=_gpus(),
    )


def _usable_cpus() -> float:
    if hasattr(os, "sched_getaffinity"):
        return float(len(os.sched_getaffinity(0)))
    return float(os.cpu_count() or 1)


def cpu_quota(mount: Path, own: Path) -> float:
    """CPUs that the process's cgroups, v1 or v2, allow it; infinity without a limit.

    ``mount`` is where cgroups are mounted, ``own`` the kernel's list of the process's own.
    """
    quotas = [math.inf]
    for folder in _folders(mount, own, "cpu"):
        limit, period = [*_words(folder / "cpu.max"), "max", ""][:2]
        if limit == "max":
            limit = next(iter(_words(folder / "cpu.cfs_quota_us")), "-1")
            period = next(iter(_words(folder / "cpu.cfs_period_us")), "")
        if limit.isdecimal() and period.isdecimal() and int(period):
            quotas.append(int(limit) / int(period))
    return min(quotas)


def memory_limit(mount: Path, own: Path) -> float:
    """Bytes that the process's cgroups, v1 or v2, allow it; infinity without a limit."""
    words = (
        word
        for folder in _folders(mount, own, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        for word in _words(folder / name)
    )
    return min((int(word) for word in words if word.isdecimal()), default=math.inf)


def memory_kills(mount: Path = _CGROUPS, own: Path = _OWN_CGROUPS, machine: Path = _MACHINE) -> int:
    """How many programs the kernel has killed for memory so far, in this process's cgroups, v1 or v2.

    Where those do not tell, ``machine`` does, for all of it.
    """
    files = [
        _words(folder / name)
        for folder in dict.fromkeys(_folders(mount, own, "memory"))
        for name in ("memory.events", "memory.oom_control")
    ]
    counts = [words[words.index(_KILLS) + 1] for words in files if _KILLS in words[:-1]]
    if not counts:
        words = _words(machine)
        counts = [words[words.index(_KILLS) + 1]] if _KILLS in words[:-1] else []
    return sum(map(int, counts))


def _folders(mount: Path, own: Path, controller: str) -> Iterator[Path]:
    """The process's cgroup for a controller and all above it: each one's limit holds."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in filter(None, lines):
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        # A container sees its own cgroup at the mount, whatever path the kernel names.
        for root in _roots(mount, controllers, controller):
            yield from _upwards(root, Path(path))


def _roots(mount: Path, controllers: str, controller: str) -> Iterable[Path]:
    return (mount / controllers, mount / controller) if controllers else (mount, mount / "unified")


def _upwards(root: Path, path: Path) -> Iterator[Path]:
    folder = root / path.relative_to("/")
    while folder != root:
        yield folder
        folder = folder.parent
    yield root


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _gpus() -> tuple[Gpu, ...]:
    """The devices NVML lists; none where its Python package or driver is missing."""
    if pynvml is None:
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
