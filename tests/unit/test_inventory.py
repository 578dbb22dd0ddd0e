"""The CPUs and memory a process may really use, read from made-up cgroup trees, v1 and v2."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from coordinator.runners.inventory import cpu_quota, host_inventory, memory_kills, memory_limit

V2 = {"own": "0::/user/job", "user/cpu.max": "300000 100000", "user/job/cpu.max": "max 100000"}
V1 = {
    "own": "5:memory:/job\n4:cpu,cpuacct:/job",
    "cpu,cpuacct/job/cpu.cfs_quota_us": "150000",
    "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
    "memory/job/memory.limit_in_bytes": "1073741824",
    "memory/memory.limit_in_bytes": "9223372036854771712",
}


def _tree(folder: Path, files: dict[str, str]) -> tuple[Path, Path]:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return folder, folder / "own"


@pytest.mark.parametrize(
    ("files", "cpus", "memory"),
    [
        (V2, 3.0, math.inf),
        (V2 | {"user/job/cpu.max": "50000 100000", "user/memory.max": "2048"}, 0.5, 2048),
        (V1, 1.5, 1073741824),
        (V1 | {"cpu,cpuacct/job/cpu.cfs_quota_us": "-1"}, math.inf, 1073741824),
        ({"own": "0::/a/container's/path", "cpu.max": "200000 100000", "memory.max": "4096"}, 2.0, 4096),
        ({"own": ""}, math.inf, math.inf),
        ({}, math.inf, math.inf),
    ],
)
def test_the_tightest_limit_on_the_way_up_holds(
    tmp_path: Path, files: dict[str, str], cpus: float, memory: float
) -> None:
    mount, own = _tree(tmp_path, files)
    assert cpu_quota(mount, own) == cpus
    assert memory_limit(mount, own) == memory


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        ({"own": "0::/job", "job/memory.events": "low 0\noom 9\noom_kill 2", "vmstat": "oom_kill 7"}, 2),
        ({"own": "5:memory:/job", "memory/job/memory.oom_control": "under_oom 0\noom_kill 3"}, 3),
        ({"own": "0::/job", "vmstat": "nr_free 1\noom_kill 7"}, 7),
        ({"own": "0::/job", "job/memory.events": "oom_kill"}, 0),
        ({}, 0),
    ],
)
def test_what_the_kernel_has_killed_for_memory(tmp_path: Path, files: dict[str, str], kills: int) -> None:
    mount, own = _tree(tmp_path, files)
    assert memory_kills(mount, own, tmp_path / "vmstat") == kills


def test_this_machine_has_something_to_give() -> None:
    inventory = host_inventory()
    assert inventory.cpus > 0
    assert inventory.memory > 0
