"""Seconds of CPU and bytes of memory, of a command and of the engine; and what the machine is. Linux only."""

from __future__ import annotations

import os
import platform
import select
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from coordinator.errors import CoordinatorError

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_DAEMONS = {"dockerd", "containerd"}
_SHIM = "containerd-shim"
_LOOK = 0.05
"""Seconds between two looks at a command's memory."""
_MAX_SHOWN = 2000
"""Maximum number of characters that are shown of a command, and of what it said."""
_QUIET = 0.1
"""Maximum share of the machine's CPUs that is at work while nothing is measured."""
CPUS = os.cpu_count() or 1
"""All of the machine's, for shares of the whole machine."""


class BenchError(CoordinatorError):
    """Something that was to be measured did not work."""


Course = tuple[tuple[float, float], ...]
Say = Callable[[str], None]
"""Where a line goes that tells how far the measuring is."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How everything is measured: ``repeats`` times, and each time on a quiet machine.

    ``patience`` is the maximum number of seconds to wait for that; ``say`` is told how far it is.
    """

    repeats: int
    patience: int
    say: Say


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command took. ``cpu`` is its own, ``children_cpu`` that of the processes it waited for.

    ``course`` is how its own came together: (seconds since the epoch, CPU seconds by then), in order.
    """

    started: float
    seconds: float
    cpu: float
    children_cpu: float
    peak_memory: int
    course: Course = ()

    def cpu_between(self, start: float, end: float) -> float:
        """Its own CPU seconds from one time of day to another, without what it took to start and to end."""
        times, spent = zip(*self.course, strict=True)
        return float(np.interp(end, times, spent) - np.interp(start, times, spent))


@dataclass(frozen=True, kw_only=True)
class _CpuTimes:
    """Seconds of CPU of a process, and of the children it has waited for."""

    name: str
    parent: int
    own: float
    children: float


def measure(command: Sequence[str], *, stdin: Path | None = None, stdout: Path | None = None) -> Usage:
    """Runs a command to its end and says what it took. Raises BenchError if it fails."""
    with (
        open(stdin or os.devnull, "rb") as source,  # noqa: PTH123 - devnull is a string
        open(stdout or os.devnull, "wb") as target,  # noqa: PTH123
        tempfile.TemporaryFile() as errors,
    ):
        started, clock = time.time(), time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=target, stderr=errors)
        peak, course = _watch(process.pid)
        seconds = time.perf_counter() - clock
        # The process has ended but is not reaped: its own times are still to be read apart from its children's.
        times = _times(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise BenchError(_complaint(command, process.returncode, errors))
    children = times.children if times else 0.0
    return Usage(
        started=started,
        seconds=seconds,
        cpu=max(0.0, usage.ru_utime + usage.ru_stime - children),
        children_cpu=children,
        peak_memory=peak,
        course=course,
    )


def _watch(pid: int) -> tuple[int, Course]:
    """Waits until the process has ended; its greatest resident memory in bytes, and the course of its CPU time.

    ``ru_maxrss`` would not do: it starts from the memory of the process that forked.
    """
    peak, end = 0, os.pidfd_open(pid)
    course = [(time.time(), 0.0)]
    try:
        while not select.select([end], [], [], _LOOK)[0]:
            peak = max(peak, _high_water(pid))
            if times := _times(pid):
                course.append((time.time(), times.own))
    finally:
        os.close(end)
    return peak, tuple(course)


def _high_water(pid: int) -> int:
    try:
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _complaint(command: Sequence[str], exit_code: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    said = errors.read().decode(errors="replace")[-_MAX_SHOWN:].strip()
    return f"{shlex.join(command)[:_MAX_SHOWN]}\n  ended with exit code {exit_code}: {said}"


def _times(pid: int) -> _CpuTimes | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    head, _, tail = text.rpartition(")")
    values = tail.split()
    own, children = int(values[11]) + int(values[12]), int(values[13]) + int(values[14])
    name = head.partition("(")[2]
    return _CpuTimes(name=name, parent=int(values[1]), own=own / _TICKS, children=children / _TICKS)


class EngineClock:
    """The engine's CPU seconds so far, where it runs on this machine.

    Counted are dockerd, containerd, the containers' shims, and what shims waited for: runc and what ran in
    the containers. A shim that has ended is counted by whoever waited for it (mostly process 1), and so is
    every other orphan: the figure holds on a machine that does nothing else.
    """

    def __init__(self) -> None:
        processes = dict(_processes())
        self._daemons = [pid for pid, times in processes.items() if times.name in _DAEMONS]
        self._reapers = {times.parent for times in processes.values() if _is_shim(times)} or {1}
        self._reapers -= set(self._daemons)

    def read(self) -> float | None:
        """None where no engine is to be seen."""
        if not self._daemons:
            return None
        processes = dict(_processes())
        counted = [times for times in processes.values() if _is_shim(times)]
        counted += [processes[pid] for pid in self._daemons if pid in processes]
        reaped = sum(processes[pid].children for pid in self._reapers if pid in processes)
        return reaped + sum(times.own + times.children for times in counted)


def _is_shim(times: _CpuTimes) -> bool:
    return times.name.startswith(_SHIM)


def _processes() -> Iterator[tuple[int, _CpuTimes]]:
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (times := _times(int(entry.name))):
            yield int(entry.name), times


def busy_cpu() -> float:
    """CPU seconds that the whole machine has spent working so far, what a hypervisor took away included."""
    fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _waiting, *others = map(int, fields)
    return (user + nice + system + sum(others)) / _TICKS


def wait_until_quiet(patience: int) -> bool:
    """Waits for a second in which the machine does next to nothing; False if ``patience`` seconds bring none."""
    for _ in range(patience):
        before = busy_cpu()
        time.sleep(1.0)
        if busy_cpu() - before < _QUIET * CPUS:
            return True
    return False


def describe(engine: Mapping[str, str], cpus: float, memory: int) -> dict[str, object]:
    """The machine without its name: what has to be known of it to judge the figures."""
    return {
        "cpus": cpus,
        "cpu_model": _cpu_model(),
        "memory": memory,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "engine": " ".join(engine.get(name, "") for name in ("platform", "version")).strip(),
        "cgroups": "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1",
        "load": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        lines = (_PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
