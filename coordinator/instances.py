"""How many instances of a step there may be on a cluster, as pipeline files and the command line say it."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from coordinator.errors import UsageError


class Instances(BaseModel):
    """How many instances of a step a cluster may have; one above what the backlog asks for goes after ``idle_s``
    seconds. Without ``most``, as many as fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    least: int = Field(default=0, ge=0)
    most: int | None = Field(default=None, ge=1)
    idle_s: float = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _check_order(self) -> Instances:
        if self.most is not None and self.least > self.most:
            raise ValueError(f"least is {self.least}, which is more than most, {self.most}")
        return self


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
        raise UsageError(f"--instances {text}: {error.errors()[0]['msg']}") from error
