"""What a run's sessions note of themselves: one frozen record, kept in the journal by name as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from coordinator.strictjson import Json

Form = tuple[str, Json]
"""An image id and parameters that a step ran with."""


class SessionState(StrEnum):
    """How far the last session came; one that begun and is no more at work has died."""

    BEGUN = "begun"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"


class Extent(StrEnum):
    """How much of the run the written results hold."""

    COMPLETE = "complete"
    PARTIAL = "partial"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a run and its last session; None for what was not noted.

    ``batch`` is the folder that the run belongs to for good, ``run_id`` what its containers are named after,
    ``covered`` whether a session has taken in the whole batch, so that all that is left are failures. ``command`` was
    typed in ``directory``; ``forms`` are what each step ran with, the newest last. ``started`` is seconds since the
    epoch. ``mapped`` and ``findings`` are what the summary said of the map. ``pools`` is how a cluster's pools
    stand, by step, and ``holds`` what has held the run up there, the longest first.
    """

    session: int = 0
    session_state: SessionState | None = None
    batch: str | None = None
    run_id: str | None = None
    started: float | None = None
    steps: tuple[str, ...] = ()
    covered: bool | None = None
    command: str | None = None
    directory: str | None = None
    forms: Mapping[str, tuple[Form, ...]] = field(default_factory=dict)
    results: Extent | None = None
    mapped: Json | None = None
    findings: tuple[Json, ...] = ()
    pools: Json | None = None
    holds: tuple[Json, ...] = ()

    @classmethod
    def load(cls, noted: Mapping[str, str]) -> Facts:
        """The record that :meth:`dump` wrote; what another version noted besides is passed over."""
        known = {name: _READ.get(name, str)(noted[name]) for name in _NAMES if name in noted}
        return cls(**known)

    def dump(self) -> dict[str, str]:
        """Its fields as text by name, without those that were not noted."""
        given = {name: getattr(self, name) for name in _NAMES if getattr(self, name) is not None}
        return {name: _WRITE.get(name, str)(value) for name, value in given.items()}


_NAMES = tuple(one.name for one in fields(Facts))
_READ: Mapping[str, Any] = {
    "session": int,
    "session_state": SessionState,
    "started": float,
    "steps": lambda text: tuple(json.loads(text)),
    "covered": lambda text: text == "yes",
    "forms": lambda text: {step: tuple(map(tuple, forms)) for step, forms in json.loads(text).items()},
    "results": Extent,
    "mapped": json.loads,
    "findings": lambda text: tuple(json.loads(text)),
    "pools": json.loads,
    "holds": lambda text: tuple(json.loads(text)),
}
_WRITE: Mapping[str, Any] = {
    "started": repr,
    "steps": lambda steps: json.dumps(list(steps)),
    "covered": lambda covered: "yes" if covered else "no",
    "forms": json.dumps,
    "mapped": json.dumps,
    "findings": lambda findings: json.dumps(list(findings)),
    "pools": json.dumps,
    "holds": json.dumps,
}
