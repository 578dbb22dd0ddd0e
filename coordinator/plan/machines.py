"""The machines that a plan may choose from: types with what they have and cost, from a YAML file.

Prices and times in it are whatever its writer assumes: the plan repeats them beside its results.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from yaml.constructor import ConstructorError

from coordinator.core.resources import Gpu, Inventory, shortage
from coordinator.errors import MachinesError
from coordinator.pipeline import Bytes, Step
from coordinator.plainfile import read_file

HEAD_SECONDS = 0.0006
"""Of the head's time for a task: measured with results in groups of 64 (docs/plan.md)."""

_LEAST_IDLE = 1.0
# Far beyond whatever there is: past them the figures of a play are no longer exact, and in the end no numbers.
_WEEK, _YEAR = 7 * 86400.0, 366 * 86400.0
_CENTURY_H = 876_600.0
_MOST_MONEY = 1e6


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_yes(cls, value: object, told: ValidationInfo) -> object:
        """YAML reads yes, no, on and off as truth, which would pass for 1 and 0."""
        if isinstance(value, bool) and told.field_name != "spot":
            raise ValueError("true or false (as YAML reads yes, no, on and off), and no number or name")
        return value


class MachineType(_Spec):
    """One type of machine. ``price`` is for an hour, from when one is asked for until it is given back.

    ``memory`` and ``gpu_memory`` (of each GPU) are bytes, ``boot_s`` the seconds until one that was asked for takes
    tasks, ``idle_s`` those after which one without a task is given back: no fewer than 1, or it would be gone before it
    has been given one. One that is ``spot`` is taken back by its
    owner, on average after ``taken_back_h`` hours. ``speed`` is what its CPUs do in the time in which the machine on
    which the costs were measured does one.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=40)
    cpus: float = Field(gt=0, le=4096)
    memory: Bytes = Field(le=1 << 50)
    gpus: int = Field(default=0, ge=0, le=64)
    gpu_memory: Bytes | None = None
    price: float = Field(ge=0, le=_MOST_MONEY)
    boot_s: float = Field(default=60.0, ge=0, le=_WEEK)
    idle_s: float = Field(default=120.0, ge=0, le=_YEAR)
    least: int = Field(default=0, ge=0)
    most: int = Field(default=1, ge=1, le=10_000)
    spot: bool = False
    taken_back_h: float | None = Field(default=None, gt=0, le=_CENTURY_H)
    speed: float = Field(default=1.0, ge=0.001, le=1000)

    @model_validator(mode="after")
    def _check(self) -> MachineType:
        if self.idle_s < _LEAST_IDLE:
            raise ValueError(
                f"idle_s is {self.idle_s:g}: one that is given back at once takes no task; 1 or more"
            )
        if self.least > self.most:
            raise ValueError(f"least is {self.least}, more than most, which is {self.most}")
        if (self.gpu_memory is not None) != (self.gpus > 0):
            raise ValueError("gpus and gpu_memory go together: give both or none")
        if self.spot != (self.taken_back_h is not None):
            raise ValueError("spot: true and taken_back_h (mean hours until it is) go together")
        return self

    @property
    def inventory(self) -> Inventory:
        gpus = tuple(Gpu(uuid=f"gpu{number}", memory=self.gpu_memory or 0) for number in range(self.gpus))
        return Inventory(cpus=self.cpus, memory=self.memory, gpus=gpus)

    def runs(self, step: Step) -> bool:
        """Whether a task of the step fits on it. What an optional GPU's step costs without one was not measured."""
        return shortage(step.resources, self.inventory) is None


class Head(_Spec):
    """The machine with scheduler and journal: its price an hour, and the seconds that a task costs it."""

    price: float = Field(default=0.0, ge=0, le=_MOST_MONEY)
    task_s: float = Field(default=HEAD_SECONDS, ge=0, le=60)


class Machines(_Spec):
    """The choice. ``lost_s`` is after how many seconds it is noticed that a machine has gone."""

    currency: str = Field(default="EUR", min_length=1, max_length=8)
    head: Head = Head()
    lost_s: float = Field(default=10.0, ge=0, le=_WEEK)
    machines: tuple[MachineType, ...] = Field(min_length=1, max_length=16)

    @model_validator(mode="after")
    def _check_names(self) -> Machines:
        names = [machine.name for machine in self.machines]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two types of machines have the name {twice[0]!r}")
        return self


def load_machines(path: Path) -> Machines:
    """The machines of a file. Raises MachinesError that names every fault."""
    try:
        document = yaml.load(read_file(path).decode(), Loader=_Loader)  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise MachinesError(f"machines {str(path)!r} cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MachinesError(f"machines {str(path)!r}: not valid YAML: {error}") from error
    try:
        return Machines.model_validate(document)
    except OverflowError as error:  # a size of hundreds of digits
        raise MachinesError(
            f"machines {str(path)!r} are not valid: a number is too large: {error}"
        ) from error
    except ValidationError as error:
        faults = "\n".join(f"  {told}" for told in _faults(error.errors()))
        raise MachinesError(
            f"machines {str(path)!r} are not valid (docs/plan.md describes them):\n{faults}"
        ) from error


def check_fit(steps: Iterable[Step], machines: Sequence[MachineType]) -> None:
    """Raises MachinesError for every step that fits on no machine."""
    faults = []
    for step in steps:
        if not any(machine.runs(step) for machine in machines):
            told = (f"{one.name}: {shortage(step.resources, one.inventory)}" for one in machines)
            faults.append(f"  step {step.name!r} fits on none: " + "; ".join(told))
    if faults:
        raise MachinesError("not every step finds a machine:\n" + "\n".join(faults))


class _Loader(yaml.SafeLoader):
    """Refuses a key that a mapping has twice, of which YAML's own takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise ConstructorError(None, None, f"the key {name!r} stands there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _faults(errors: Sequence[ErrorDetails]) -> Iterator[str]:
    """Each fault in words. That a list is too short, pydantic says of one whose members have faults, too: left out."""
    for fault in errors:
        place = fault["loc"]
        if fault["type"] == "extra_forbidden":
            yield f"{_place(place[:-1])}: there is no key {place[-1]!r}"
        elif fault["type"] != "too_short" or not any(
            other["loc"][: len(place)] == place and other["loc"] != place for other in errors
        ):
            yield f"{_place(place)}: {fault['msg']}"


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the whole"
