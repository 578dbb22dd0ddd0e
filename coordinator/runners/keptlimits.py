"""Whether the engine keeps a container's limits: by the kernel's word on one that has been started.

An engine may take limits and not set them, and say of itself that it sets them, as Podman does rootless on cgroup v1.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from coordinator.errors import EngineError
from coordinator.runners.engine import Engine
from coordinator.runners.inventory import cpu_quota, memory_limit
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.workfolder import step_user

_CGROUPS = Path("/sys/fs/cgroup")
ASKED_MEMORY, ASKED_CPUS = 64 * 1024**2, 0.5


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a container that was given :data:`ASKED_MEMORY` and :data:`ASKED_CPUS` has; infinity without a limit."""

    memory: float
    cpus: float

    @property
    def ignored(self) -> list[str]:
        """The limits that are not kept."""
        told = {"memory": self.memory > ASKED_MEMORY, "CPU": self.cpus > ASKED_CPUS}
        return [name for name, is_ignored in told.items() if is_ignored]


def kept_limits(engine: Engine, image_id: str, labels: dict[str, str]) -> Kept | None:
    """The limits that such a container really has.

    None if that cannot be told: it does not start or ends at once, or runs where its process cannot be seen from here.
    """
    uid, gid = step_user()
    spec = ContainerSpec(
        image_ref=image_id,
        name=f"coordinator-limits-{secrets.token_hex(6)}",
        user=f"{uid}:{gid}",
        cpus=ASKED_CPUS,
        memory=ASKED_MEMORY,
        labels=labels,
    )
    try:
        with engine.created(spec) as container:
            connection, _ = engine.attach(container)
            with connection:
                engine.start(container)
                return limits_of(_CGROUPS, Path(f"/proc/{engine.pid(container)}/cgroup"))
    except EngineError:
        return None


def limits_of(mount: Path, own: Path) -> Kept | None:
    """Those of the process whose cgroups the file ``own`` names; None if they lie outside of what is seen here."""
    try:
        named = own.read_text()
    except OSError:
        return None
    if not named or "/.." in named:
        return None
    return Kept(memory=memory_limit(mount, own), cpus=cpu_quota(mount, own))
