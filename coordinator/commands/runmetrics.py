"""A run's status as Prometheus reads it, for a file that its node exporter collects. Pure.

Source: prometheus.io, "Exposition formats", text-based format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coordinator.record.runstate import RunState
from coordinator.strictjson import Json

_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

_ENDS = ("succeeded", "failed", "skipped")
_OF_THE_RUN = (
    ("session", "session", "The number of the last session"),
    ("started_seconds", "started", "When the last session began, since 1970"),
    ("last_attempt_seconds", "last", "When the last attempt ended, since 1970"),
    ("recordings", "recordings", "Recordings that the last session took in"),
)
_OF_STEPS = (
    ("attempts", "attempts", "Attempts of the last session"),
    ("attempts_failed", "failed_attempts", "Attempts of the last session that failed"),
    ("attempt_seconds_mean", "seconds", "Mean seconds of an attempt"),
)
_OF_THE_MAP = (
    ("objects", "objects", "Objects on the map"),
    ("detections", "detections", "Detections that came to be positioned"),
    ("detections_placed", "placed", "Detections that belong to an object"),
)

Sample = tuple[Mapping[str, str], float | None]
"""Labels, and a value; None where it is not known."""


def prometheus(status: Json) -> Iterator[str]:
    """The lines of the text, of what ``status --json`` prints; all samples have the run's folder as a label."""
    for name, about, samples in _families(status):
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            yield f"# HELP coordinator_run_{name} {about}"
            yield f"# TYPE coordinator_run_{name} gauge"
        for labels, value in known:
            yield f"coordinator_run_{name}{_labels({'run': status['folder'], **labels})} {value!r}"


def _families(status: Json) -> Iterator[tuple[str, str, list[Sample]]]:
    """Each figure: its name, what it is, and its samples."""
    yield (
        "state",
        "1 for what is going on in the run folder",
        [({"state": str(state)}, int(state == status["state"])) for state in RunState],
    )
    for name, field, about in _OF_THE_RUN:
        yield name, about, [({}, status[field])]
    steps: Json = status["steps"]
    ended: list[Sample] = [
        ({"step": step, "state": state}, told[state]) for step, told in steps.items() for state in _ENDS
    ]
    yield "tasks", "Tasks of the last session, by final state", ended
    for name, field, about in _OF_STEPS:
        yield name, about, [({"step": step}, told[field]) for step, told in steps.items()]
    came: Json = status["map"] or {}
    for name, field, about in _OF_THE_MAP:
        yield name, about, [({}, came.get(field))]


def _labels(labels: Mapping[str, str]) -> str:
    told = (f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())
    return "{" + ",".join(told) + "}"
