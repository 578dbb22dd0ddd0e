"""What each isolation flag costs: the bare API loop with all flags, with one of them left out in turn, with none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

from coordinator.bench.apiloop import isolation_in, loop, spec_maker
from coordinator.bench.figures import Spread, spread, turns
from coordinator.bench.machine import Pace, wait_until_quiet
from coordinator.bench.workloads import Workload, requests, step_of
from coordinator.contract import Request
from coordinator.runners.devices import DeviceForm
from coordinator.runners.engine import Engine
from coordinator.runners.spec import ContainerSpec
from coordinator.strictjson import Json

FLAGS: dict[str, tuple[str, ...]] = {
    "--read-only": ("ReadonlyRootfs",),
    "--cap-drop ALL": ("CapDrop",),
    "--security-opt no-new-privileges": ("SecurityOpt",),
    "--pids-limit": ("PidsLimit",),
    "--memory": ("Memory", "MemorySwap"),
    "--cpus": ("NanoCpus",),
    "--ulimit fsize": ("Ulimits",),
    "--tmpfs /tmp": ("Tmpfs",),
    "--log-driver none": ("LogConfig",),
    "--mount (batch and work)": ("Mounts",),
    "--user": ("User",),
}
"""Each flag of ``docker run`` with the members of the API's request that it stands for."""
ALL, NONE, NONE_SHARED, OWN_NETWORK = (
    "all flags, shared network namespace",
    "no flags, network none",
    "no flags, shared network namespace",
    "all flags, network none (a namespace of its own)",
)


@dataclass(frozen=True, kw_only=True)
class _Stripped(ContainerSpec):
    """A container without some of what the coordinator asks of the engine."""

    without: tuple[str, ...] = ()

    def to_api(self, devices: DeviceForm = DeviceForm.NVIDIA) -> Json:
        body = super().to_api(devices)
        body["HostConfig"] = _without(body["HostConfig"], self.without)
        return _without(body, self.without)


@dataclass(frozen=True, kw_only=True)
class FlagFigures:
    """The rate of starts, and how many times that of all flags it is (within one round)."""

    name: str
    starts_per_second: Spread
    gain: Spread


@dataclass(frozen=True, kw_only=True)
class _FlagSet:
    name: str
    without: tuple[str, ...] = ()
    own_network: bool = False


def measure_flags(
    workload: Workload,
    folder: Path,
    *,
    tasks: int,
    jobs: int,
    pace: Pace,
) -> list[FlagFigures]:
    """``tasks`` starts with every set of flags, in turns. Raises EngineError and BenchError if one fails."""
    rates: dict[str, list[float]] = {}
    with closing(Engine()) as engine, isolation_in(engine, workload, folder / "flags", jobs) as own:
        step = step_of(workload)
        make_spec = spec_maker(own, step, engine.image(step.image_ref).id)
        asked = list(requests(workload, tasks))
        loop(engine, make_spec, asked[:jobs], jobs)  # makes the shared namespace, warms the engine
        for number, flags in turns(_flag_sets(), pace.repeats):
            wait_until_quiet(pace.patience)
            seconds, _ = loop(engine, _maker(make_spec, flags), asked, jobs)
            rates.setdefault(flags.name, []).append(tasks / seconds)
            pace.say(f"round {number + 1}: {flags.name}: {tasks / seconds:.2f} starts/s")
    return _figures(rates)


def _figures(rates: dict[str, list[float]]) -> list[FlagFigures]:
    found = []
    for name, values in rates.items():
        gains = [value / reference for value, reference in zip(values, rates[ALL], strict=True)]
        found.append(FlagFigures(name=name, starts_per_second=spread(values), gain=spread(gains)))
    return found


def _flag_sets() -> Sequence[_FlagSet]:
    everything = tuple(member for members in FLAGS.values() for member in members)
    return (
        _FlagSet(name=ALL),
        *(_FlagSet(name=f"without {flag}", without=members) for flag, members in FLAGS.items()),
        _FlagSet(name=OWN_NETWORK, own_network=True),
        _FlagSet(name=NONE_SHARED, without=everything),
        _FlagSet(name=NONE, without=everything, own_network=True),
    )


def _maker(
    make_spec: Callable[[Request], ContainerSpec], flags: _FlagSet
) -> Callable[[Request], ContainerSpec]:
    def make(task: Request) -> ContainerSpec:
        spec = make_spec(task)
        values = {field.name: getattr(spec, field.name) for field in fields(spec)}
        if flags.own_network:
            values["network_of"] = None
        return _Stripped(**values, without=flags.without)

    return make


def _without(document: Json, names: Sequence[str]) -> Json:
    return {name: value for name, value in document.items() if name not in names}
