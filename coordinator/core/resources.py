"""A pure ledger of CPUs, memory and GPUs: what is granted is never more than what the machine has.

Placing a task is first fit over the GPUs in the inventory's order, the fullest that still fits first, so
that fractions gather on few devices and whole devices stay free for the tasks that need them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from coordinator.pipeline import Resources

_EPSILON = 1e-9
"""Fractions of CPUs and GPUs are sums of floats; a rounding error must not keep a task out."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One device; ``memory`` is bytes, ``uuid`` what it is asked for by: NVML's UUID, or AMD's by its name for CDI."""

    uuid: str
    memory: int


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What a machine, or a cluster, has to give. ``memory`` is bytes. One that ``can_grow`` is never too small."""

    cpus: float
    memory: int
    gpus: tuple[Gpu, ...] = ()
    can_grow: bool = False


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What one running task holds: its resources and the devices chosen for it."""

    resources: Resources
    gpu_uuids: tuple[str, ...] = ()


@dataclass(kw_only=True)
class _Device:
    share: float
    memory: int


class Ledger:
    """Hands out grants and takes them back; never over-admits."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self._cpus = inventory.cpus
        self._memory = inventory.memory
        self._devices = {gpu.uuid: _Device(share=1.0, memory=gpu.memory) for gpu in inventory.gpus}

    def reserve(self, wanted: Resources) -> Grant | None:
        """A grant for ``wanted``, or None while the machine has not that much free."""
        if wanted.cpus > self._cpus + _EPSILON or wanted.memory > self._memory:
            return None
        uuids = _place(wanted, self._devices)
        if uuids is None:
            return None
        self._take(wanted, uuids, sign=-1)
        return Grant(resources=wanted, gpu_uuids=uuids)

    def release(self, grant: Grant) -> None:
        """Takes a grant back."""
        self._take(grant.resources, grant.gpu_uuids, sign=1)

    def lose(self, uuids: Collection[str]) -> None:
        """These devices are granted no more; whoever holds one gives it back as ever."""
        left = tuple(gpu for gpu in self.inventory.gpus if gpu.uuid not in uuids)
        self.inventory = replace(self.inventory, gpus=left)
        for uuid in uuids:
            self._devices[uuid].share = -math.inf

    def _take(self, wanted: Resources, uuids: tuple[str, ...], *, sign: int) -> None:
        self._cpus += sign * wanted.cpus
        self._memory += sign * wanted.memory
        for uuid in uuids:
            self._devices[uuid].share += sign * min(wanted.gpus, 1.0)
            self._devices[uuid].memory += sign * (wanted.gpu_memory or 0)


def fit(wanted: Resources, inventory: Inventory) -> Resources:
    """``wanted`` as it can run on the machine: an optional GPU is left out where there is none."""
    if wanted.gpu_optional and not inventory.gpus:
        return wanted.model_copy(update={"gpus": 0.0, "gpu_memory": None})
    return wanted


def shortage(wanted: Resources, inventory: Inventory) -> str | None:
    """Why ``wanted`` can never be granted on the whole, idle machine; None if it can."""
    if inventory.can_grow:
        return None
    if wanted.cpus > inventory.cpus + _EPSILON:
        return f"asks for {wanted.cpus:g} CPUs, the machine has {inventory.cpus:g}"
    if wanted.memory > inventory.memory:
        return f"asks for {_gib(wanted.memory)} of memory, the machine has {_gib(inventory.memory)}"
    devices = {gpu.uuid: _Device(share=1.0, memory=gpu.memory) for gpu in inventory.gpus}
    if _place(wanted, devices) is None:
        each = f" with {_gib(wanted.gpu_memory)} each" if wanted.gpu_memory else ""
        return f"asks for {wanted.gpus:g} GPUs{each}, the machine has {len(devices)} (see gpu_optional)"
    return None


def at_a_time(wanted: Iterable[Resources], inventory: Inventory) -> int:
    """The maximum number of tasks that fit on the machine by its CPUs, whichever they are."""
    return max(1, int(max(inventory.cpus / one.cpus for one in wanted)))


def _place(wanted: Resources, devices: Mapping[str, _Device]) -> tuple[str, ...] | None:
    """The devices for ``wanted``, or None if it does not fit."""
    if wanted.gpus == 0:
        return ()
    share, memory = min(wanted.gpus, 1.0), wanted.gpu_memory or 0
    able = [
        uuid
        for uuid, device in devices.items()
        if device.share + _EPSILON >= share and device.memory >= memory
    ]
    able.sort(key=lambda uuid: devices[uuid].share)
    count = max(1, int(wanted.gpus))
    return tuple(able[:count]) if len(able) >= count else None


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
