"""How many CPUs a step may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def threads() -> int:
    """How many threads the step's CPUs are good for: its quota of them, or else what OMP_NUM_THREADS says, or else all.

    The quota counts first because the base image sets OMP_NUM_THREADS=1 for the libraries that know of no quota.
    """
    there = len(os.sched_getaffinity(0))
    quota = _quota(_CGROUPS)
    if quota is not None:
        return min(there, max(1, math.ceil(quota - 0.01)))
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(there, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else there


def _quota(cgroups: Path) -> float | None:
    """The CPUs that this container may use, by its control group of version 2 or 1; None if nothing limits them."""
    try:
        if (unified := cgroups / "cpu.max").exists():
            quota, period = unified.read_text().split()
        else:
            quota, period = ((cgroups / f"cpu/cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # "max", or a machine without control groups
        return None
