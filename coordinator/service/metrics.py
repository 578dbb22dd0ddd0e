"""What Prometheus is told of the service."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from coordinator.contract import Success
from coordinator.core.tasks import Outcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Metrics:
    """The service's figures since its start."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        name = "coordinator_"
        self.jobs = Counter(
            f"{name}jobs", "Jobs that have ended, by state", ["state"], registry=self._registry
        )
        self.refused = Counter(
            f"{name}requests_refused", "Requests refused, by status", ["status"], registry=self._registry
        )
        self.request_seconds = Histogram(
            f"{name}request_seconds",
            "Seconds until a request was answered, by route",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        # To find what belongs to a label takes longer than to count.
        self.seconds_of = lru_cache(maxsize=64)(self.request_seconds.labels)
        self._tasks = Counter(
            f"{name}tasks", "Attempts at tasks, by result", ["result"], registry=self._registry
        )
        self._tasks_by = lru_cache(maxsize=64)(self._tasks.labels)
        self._task_seconds = Histogram(
            f"{name}task_seconds", "Seconds of a worker per task", buckets=_SECONDS, registry=self._registry
        )
        self.images = Counter(
            f"{name}images",
            "Pictures by URL, by where they were: hit, miss (made now), unchanged (the client has it)",
            ["result"],
            registry=self._registry,
        )
        self.received = Counter(f"{name}received_bytes", "Bytes of request bodies", registry=self._registry)
        self.sent = Counter(
            f"{name}sent_bytes", "Bytes of files sent by this process", registry=self._registry
        )

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """A figure that is asked for whenever it is told."""
        Gauge(f"coordinator_{name}", help, registry=self._registry).set_function(value)

    def task_ended(self, outcome: Outcome) -> None:
        """Counts an attempt and its seconds."""
        result = outcome.result
        self._tasks_by("success" if isinstance(result, Success) else str(result.kind)).inc()
        if outcome.times.busy is not None:
            self._task_seconds.observe(outcome.times.busy)

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)
