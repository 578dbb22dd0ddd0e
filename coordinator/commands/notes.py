"""What was looked at and how it is: the findings of ``doctor``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from coordinator.errors import ExitCode


class Severity(StrEnum):
    """How something is."""

    OK = "OK"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Note:
    """One thing that was looked at: how it is, and what to do if it is not well."""

    severity: Severity
    topic: str
    said: str
    todo: str = ""

    def lines(self) -> Iterator[str]:
        yield f"{self.severity:8} {self.topic:10} {self.said}"
        if self.todo:
            yield f"{'':20}-> {self.todo}"


def ok(topic: str, said: str) -> Note:
    return Note(severity=Severity.OK, topic=topic, said=said)


def warning(topic: str, said: str, todo: str) -> Note:
    return Note(severity=Severity.WARNING, topic=topic, said=said, todo=todo)


def problem(topic: str, said: str, todo: str) -> Note:
    return Note(severity=Severity.PROBLEM, topic=topic, said=said, todo=todo)


def exit_code(notes: list[Note]) -> ExitCode:
    """0 unless there is a problem."""
    return ExitCode.SOME_FAILED if any(note.severity is Severity.PROBLEM for note in notes) else ExitCode.DONE
