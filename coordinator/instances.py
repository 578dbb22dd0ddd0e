"""How many instances of a step there may be on a cluster, as pipeline files and the command line say it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from coordinator.errors import UsageError


class Instances(BaseModel):
    """How many instances of a step a cluster may have; one above what the backlog asks for goes after ``idle_s``
    seconds. Without ``most``, as many as fit. ``message`` is how many tasks are sent to one at once, at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    least: int = Field(default=0, ge=0)
    most: int | None = Field(default=None, ge=1)
    idle_s: float = Field(default=30.0, gt=0)
    message: int = Field(default=256, ge=1)

    @model_validator(mode="after")
    def _check_order(self) -> Instances:
        if self.most is not None and self.least > self.most:
            raise ValueError(f"least is {self.least}, which is more than most, {self.most}")
        return self


def read_instances(texts: Iterable[str]) -> dict[str, Instances]:
    """The instances of several steps, as :func:`parse_instances` reads them. Raises UsageError."""
    found: dict[str, Instances] = {}
    for text in texts:
        name, wanted = parse_instances(text)
        if name in found:
            raise UsageError(f"--instances {text}: step {name!r} has been given already; once for each step")
        found[name] = wanted
    return found


def parse_instances(text: str) -> tuple[str, Instances]:
    """A step and its instances from ``detect=LEAST:MOST``, with ``:IDLE_S`` or without. Raises UsageError."""
    match = re.fullmatch(r"([^=]+)=(\d{1,6}):(\d{1,6})(?::(\d+(?:\.\d+)?))?", text)
    if match is None:
        raise UsageError(f"--instances {text}: write STEP=LEAST:MOST or STEP=LEAST:MOST:IDLE_SECONDS")
    name, least, most, idle = match.groups()
    given = {"least": least, "most": most, **({"idle_s": idle} if idle else {})}
    try:
        return name, Instances.model_validate(given)
    except ValidationError as error:
        raise UsageError(f"--instances {text}: {_told(error)}") from error


def as_option(step: str, instances: Instances) -> str:
    """What :func:`parse_instances` reads; ``most`` is given."""
    return f"{step}={instances.least}:{instances.most}:{instances.idle_s:g}"


def _told(error: ValidationError) -> str:
    """What is wrong first, by the name of what it is wrong with."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    words = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where} {words}" if where else words
