"""What a container gets of an engine, in doctor's words: what the engine says, and what one that was started has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coordinator.commands.notes import Note, ok, problem, warning
from coordinator.errors import EngineError
from coordinator.runners.engine import Engine
from coordinator.runners.isolation import SIGHT, TRIAL, container_labels
from coordinator.runners.keptlimits import Kept, kept_limits
from coordinator.runners.realuser import check_user
from coordinator.runners.sight import Seen, check_sight
from coordinator.runners.workfolder import step_user

_KNOWN = {
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "CpuCfsQuota": "CPU",
    "PidsLimit": "process",
}
_DELEGATE = "delegate cgroups to the rootless engine: it takes cgroup v2, with systemd as a rule"


def claimed_limits(info: Mapping[str, Any]) -> Iterator[Note]:
    """By what the engine says of itself."""
    cgroup = f"cgroup v{info.get('CgroupVersion', '1')}, driver {info.get('CgroupDriver', 'unknown')}"
    if info.get("CgroupDriver") == "none":
        yield problem("limits", f"{cgroup}: no limit of a step is kept", _DELEGATE)
    missing = [name for key, name in _KNOWN.items() if info.get(key) is False]
    if missing:
        yield warning(
            "limits",
            f"{cgroup}: the engine has no {', '.join(missing)} limits, so that a step may take more than it asked for",
            "start the kernel with cgroup_enable=memory swapaccount=1 (cgroup v1), or use cgroup v2",
        )
    else:
        yield ok("limits", f"{cgroup}; memory, swap, CPU and process limits, by what the engine says")


def measured_limits(engine: Engine, image_id: str) -> Note:
    """By a container of an image that is started for it."""
    return kept_note(kept_limits(engine, image_id, container_labels("doctor", Path.cwd(), TRIAL)))


def measured_users(engine: Engine, image_id: str) -> Iterator[Note]:
    """Whether a step would be who it has to be; nothing is said of an engine that maps no users."""
    if not engine.habits.maps_users:
        return
    try:
        check_user(engine, image_id, container_labels("doctor", Path.cwd(), TRIAL))
    except EngineError as error:
        said, _, todo = str(error).partition("\n  ")
        yield problem("users", said, todo)
    else:
        how = "rootless" if engine.habits.is_rootless else "userns-remap"
        yield ok("users", f"{how}: steps write as user {step_user()[0]} of this machine")


def measured_sight(engine: Engine, image_id: str, out: Path) -> Note:
    """Whether the engine sees the folder in which runs are to lie, which need not exist yet, as this process does."""
    try:
        seen = Seen.of_place(out.resolve())
        check_sight(engine, image_id, [seen], container_labels("doctor", Path.cwd(), SIGHT))
    except EngineError as error:
        said, _, todo = str(error).partition("\n")
        return problem("folder", said, " ".join(todo.split()))
    except OSError as error:
        told = f"run folder, {out}: {error.filename}: {error.strerror}"
        return problem("folder", told, "name with --out a folder that can be read and written")
    return ok("folder", f"run folder, {seen.folder}: the engine sees it as it is here")


def kept_note(kept: Kept | None) -> Note:
    """What a started container has of the limits that it was given."""
    if kept is None:
        return ok("limits", "not measured: processes of the engine's containers cannot be seen from here")
    if kept.ignored:
        named = " and ".join(kept.ignored)
        said = f"the engine takes {named} limits and does not set them: a started container has none"
        return warning("limits", f"{said}, so that a step may take all that the machine has", _DELEGATE)
    return ok("limits", "measured: a started container has the memory and CPU limits that it was given")
