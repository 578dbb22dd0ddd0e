"""How long something has been kept, by a clock that nobody can set: seconds that the machine has run.

The wall clock jumps (a machine that was resumed, a battery that was empty, an operator), and a job must not be removed
because of that. The kernel's uptime never jumps; what has passed before the machine's last start is noted beside it.
While the machine is off nothing ages: nobody could say how long that was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_BOOT_ID, _UPTIME = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/uptime")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A moment of the machine: ``uptime`` seconds after the start of it that is called ``boot``."""

    boot: str
    uptime: float


@dataclass(frozen=True, kw_only=True)
class Noted:
    """At ``moment``, ``age`` seconds had passed since the data folder was made."""

    age: float
    moment: Moment


def machine_time() -> Moment:
    """The moment that it is; read from the kernel's files, as a process's clocks can be made to tell anything."""
    return Moment(boot=_BOOT_ID.read_text().strip(), uptime=float(_UPTIME.read_text().split()[0]))


def age_at(noted: Noted, now: Moment) -> float:
    """The seconds since the data folder was made, as far as the machine was running. Never less than noted."""
    same_start = now.boot == noted.moment.boot
    return noted.age + max(0.0, now.uptime - (noted.moment.uptime if same_start else 0.0))
