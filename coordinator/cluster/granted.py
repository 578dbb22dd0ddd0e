"""The devices that Ray has granted an instance, as its node knows them.

Ray counts GPUs and fractions of them, and knows nothing of their memory: a fraction of a device is taken for the same
fraction of its memory, so that what shares a device fits on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.core.resources import Gpu
from coordinator.pipeline import Resources, Rung, Step
from coordinator.runners.inventory import host_inventory
from coordinator.runners.sidecar import lanes


@dataclass(frozen=True, kw_only=True)
class Devices:
    """The devices by their UUIDs, or as Ray names them; ``lack`` is why the step cannot run with them here."""

    names: tuple[str, ...] = ()
    lack: str | None = None


def granted_here(numbers: Sequence[str], step: Step) -> Devices:
    """What Ray has granted an instance of the step here. In a pod they are a sidecar's, which sees no others."""
    if lanes() is not None:
        return Devices()
    here = host_inventory().gpus if numbers else ()
    return granted(numbers, step.resources, here, local=step.rung is Rung.PROCESS)


def granted(numbers: Sequence[str], wanted: Resources, here: Sequence[Gpu], *, local: bool) -> Devices:
    """What Ray names by number, or by UUID if it was told to, of the devices that a node lists. Pure.

    A ``local`` process finds its devices by the variables that Ray sets for it, so that they need not be listed.
    """
    by_name = {**{str(number): gpu for number, gpu in enumerate(here)}, **{gpu.uuid: gpu for gpu in here}}
    found = [by_name.get(number) for number in numbers]
    unknown = [number for number in numbers if number.isdecimal() and number not in by_name]
    if unknown and not local:
        return Devices(lack=_unlisted(unknown, len(here)))
    lacks = (_too_small(gpu, wanted) for gpu in found if gpu is not None)
    names = (gpu.uuid if gpu else number for gpu, number in zip(found, numbers, strict=True))
    return Devices(names=tuple(names), lack=next(filter(None, lacks), None))


def _unlisted(numbers: Sequence[str], listed: int) -> str:
    return (
        f"was said to Ray to have GPU {', '.join(numbers)} and lists {listed} GPUs: it needs NVIDIA's driver and "
        "`pip install 'coordinator[gpu]'`, or a `ray start` with the --num-gpus that it has"
    )


def _too_small(gpu: Gpu, wanted: Resources) -> str | None:
    share = min(wanted.gpus, 1.0)
    if wanted.gpu_memory is None or wanted.gpu_memory <= share * gpu.memory:
        return None
    has, asks = (f"{size / 1024**3:.1f} GiB" for size in (share * gpu.memory, wanted.gpu_memory))
    part = "has" if share == 1 else f"has, for {share:g} of it,"
    return f"has a GPU that {part} {has} of memory, and the step asks for {asks} (gpu_memory)"
