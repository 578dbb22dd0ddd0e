"""Whether the engine can start the run's containers at all, found out by starting one of each kind before the run.

What an engine refuses is refused for every task alike, and no pause helps: a device that it cannot hand out, a program
that is not in the image, a machine on which it can start nothing. An engine that does not answer is another matter,
which the run knows how to deal with.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from coordinator.core.resources import Gpu
from coordinator.errors import EngineError
from coordinator.pipeline import Resources, Rung, Step
from coordinator.runners.api import ApiError
from coordinator.runners.engine import EndedFromOutside, Engine
from coordinator.runners.spec import ContainerSpec
from coordinator.runners.started import StartedLately
from coordinator.runners.workfolder import step_user

_PAUSES = (0.5, 1.0)
"""Seconds before a start that was refused is tried again: engines refuse now and then what they take a moment later."""
_BAD = 400
"""HTTP's status of what is refused for what it says."""
_SIDE_BY_SIDE = 4
_ID = re.compile(r" ?\b[0-9a-f]{64}\b")
"""A container's, which is of no interest once it has gone."""
_REMEDIES = (
    (
        "gives the container none",
        "Podman 4.3 passes such requests over in silence, Podman 5.4 does what they say: use that, or Docker",
    ),
    (
        'could not select device driver "cdi"',
        'the engine does not know CDI: Docker does from 25 on, told by {"features": {"cdi": true}} in '
        "/etc/docker/daemon.json",
    ),
    (
        "amd.com/gpu",
        "the engine does not know the GPU by this name: amd-ctk cdi generate --output=/etc/cdi/amd.json",
    ),
    (
        "could not select device driver",
        "the engine knows no GPUs: install the NVIDIA container toolkit, then start the engine again",
    ),
    (
        "cdi",
        "the engine does not know the GPU by this name: nvidia-ctk cdi generate --device-name-strategy=uuid "
        "--output=/etc/cdi/nvidia.yaml",
    ),
    (
        r"executable file|exec: .*(no such file|permission denied)|no command specified",
        "what it is to run is not in the image: see the image's ENTRYPOINT and CMD",
    ),
    (
        "minimum memory|set memory limit",
        "give the step more in the pipeline file, as resources: {memory: 64m}; a number alone is bytes",
    ),
    (
        r"cfs_quota|nano ?cpus|cpus",
        "give the step other CPUs in the pipeline file, as resources: {cpus: 0.5}",
    ),
)
"""By what the engine says, in small letters: what helps."""
_PASSED_OVER = "it takes the request for GPUs, and gives the container none"
_ELSE = "`docker run --rm` of its image should fail alike on this engine, whose own log may say more"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Containers that are alike for the engine, and the step that has them, or the first that does."""

    step: str
    image_id: str
    resources: Resources
    gpu_uuids: tuple[str, ...]

    def spec(self, labels: dict[str, str]) -> ContainerSpec:
        uid, gid = step_user()
        return ContainerSpec(
            image_ref=self.image_id,
            name=f"coordinator-trial-{secrets.token_hex(6)}",
            user=f"{uid}:{gid}",
            cpus=self.resources.cpus,
            memory=self.resources.memory,
            gpu_uuids=self.gpu_uuids,
            labels=labels,
        )


def kinds(steps: Sequence[Step], image_ids: Mapping[str, str], gpus: Sequence[Gpu]) -> Iterator[Kind]:
    """The containers that differ, of the steps that run in some; where any GPU is asked for, with all there are."""
    seen = set()
    for step in steps:
        image_id, resources = image_ids[step.name], step.resources
        known = (image_id, resources.model_dump_json())
        if step.rung is Rung.PROCESS or known in seen:
            continue
        seen.add(known)
        uuids = tuple(gpu.uuid for gpu in gpus) if resources.gpus else ()
        yield Kind(step=step.name, image_id=image_id, resources=resources, gpu_uuids=uuids)


def refused(
    engine: Engine, tried: Sequence[Kind], labels: dict[str, str], lately: StartedLately | None = None
) -> list[str]:
    """What to say of the steps of which the engine refuses to start a container; empty if it starts all of them.

    All of them, which carry ``labels``, are gone when this returns. Those that the engine has started ``lately`` are
    not tried, and those that it starts now are added to them.
    """
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="trial") as threads:
        reasons = threads.map(lambda kind: _refusal(engine, kind.spec(labels), lately), tried)
        steps: dict[str, list[str]] = {}
        for kind, reason in zip(tried, reasons, strict=True):
            if reason is not None:
                steps.setdefault(reason, []).append(repr(kind.step))
    return [_told(names, reason) for reason, names in steps.items()]


def refusal(error: EngineError) -> str:
    """What the engine said when it refused to start a container, without the container's id."""
    return _ID.sub("", str(error).rpartition("the engine said ")[2])


def is_final(error: EngineError) -> bool:
    """Whether a refusal is known to be one for good, so that asking again would only take time."""
    return (isinstance(error, ApiError) and error.status == _BAD) or remedy(refusal(error)) != _ELSE


def remedy(reason: str) -> str:
    """What helps against a refusal."""
    said = reason.lower()
    return next((todo for words, todo in _REMEDIES if re.search(words, said)), _ELSE)


def _told(steps: Sequence[str], reason: str) -> str:
    whose = (
        f"a container of step {steps[0]}" if len(steps) == 1 else f"containers of steps {', '.join(steps)}"
    )
    return f"the engine does not start {whose}: {reason}\n  {remedy(reason)}"


def _refusal(engine: Engine, spec: ContainerSpec, lately: StartedLately | None) -> str | None:
    """Why the engine does not start such a container, whenever it is asked; None if it does or does not answer."""
    if lately is not None and spec in lately:
        return None
    for pause in (*_PAUSES, None):
        try:
            with engine.created(spec) as container:
                connection, _ = engine.attach(container)
                with connection:
                    engine.start(container)
                    if spec.gpu_uuids and not engine.has_devices(container):
                        return _PASSED_OVER
            if lately is not None:
                lately.add(spec)
            return None
        except (ApiError, EndedFromOutside) as error:
            if pause is None or is_final(error):
                return refusal(error)
            time.sleep(pause)
        except EngineError:
            return None
    return None
