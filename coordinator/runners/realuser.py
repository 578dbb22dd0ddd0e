"""Whether a step's program is who it should be on this machine: by the kernel's word on one that has been started.

An engine that maps users is asked for the right ones (habits.py), but may not be able to give them: a rootless one has
its own user's files to give, and no others.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from coordinator.errors import EngineError
from coordinator.runners.engine import Engine
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.workfolder import step_user

_MEMORY = 64 * 1024**2


def check_user(engine: Engine, image_id: str, labels: dict[str, str]) -> None:
    """Raises EngineError if steps could not write what they have to, or would write it as somebody else.

    Nothing is looked at unless the engine maps users; what it fails of otherwise is left to the run.
    """
    if not engine.habits.maps_users:
        return
    uid, gid = step_user()
    asked = ContainerSpec(
        image_ref=image_id,
        name=f"coordinator-user-{secrets.token_hex(6)}",
        user=f"{uid}:{gid}",
        cpus=1.0,
        memory=_MEMORY,
        labels=labels,
    )
    inner = int(engine.habits.applied(asked).user.split(":")[0])
    try:
        real = _real(engine, asked, inner)
    except EngineError:
        return
    if real is not None and real != uid:
        who = "its own user alone" if engine.habits.is_rootless else "others than this machine's users"
        raise EngineError(
            f"the engine at {engine.address} runs steps as user {real} of this machine, and they have to write as user "
            f"{uid}: it maps users, and has {who} to give\n"
            "  start the coordinator as the user who runs the engine, or use an engine that maps none"
        )


def _real(engine: Engine, asked: ContainerSpec, inner: int) -> int | None:
    """Who on this machine such a container's user ``inner`` is; None if that cannot be told from here."""
    with engine.created(asked) as container:
        connection, _ = engine.attach(container)
        with connection:
            engine.start(container)
            try:
                lines = Path(f"/proc/{engine.pid(container)}/uid_map").read_text().splitlines()
            except OSError:  # it has ended, or runs in a machine of its own
                return None
    return real_user(
        [(int(first), int(real), int(size)) for first, real, size in map(str.split, lines)], inner
    )


def real_user(uid_map: list[tuple[int, int, int]], inner: int) -> int | None:
    """Who ``inner`` is outside, by lines of first user inside, first one outside, how many (user_namespaces(7))."""
    return next(
        (real + inner - first for first, real, size in uid_map if first <= inner < first + size), None
    )
