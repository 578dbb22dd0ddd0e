"""What a check found, and the verdict over all of them, as a table or as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from coordinator.errors import ExitCode
from coordinator.strictjson import Json

SAMPLE = 300
"""Bytes of a sample that are shown."""
_WIDTH = 110
_INDENT = " " * 9


class Verdict(StrEnum):
    """What a check came to. A warning is nothing that the contract forbids."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found: its verdict, the reason, what was seen, and what to do about it."""

    verdict: Verdict
    reason: str = ""
    sample: str = ""
    mend: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the step did what the check asks."""
        return self.verdict in (Verdict.PASSED, Verdict.WARNING)


def passed(reason: str = "") -> Finding:
    return Finding(verdict=Verdict.PASSED, reason=reason)


def skipped(reason: str, mend: str = "") -> Finding:
    return Finding(verdict=Verdict.SKIPPED, reason=reason, mend=mend)


def warning(reason: str, mend: str) -> Finding:
    return Finding(verdict=Verdict.WARNING, reason=reason, mend=mend)


def failed(reason: str, mend: str, sample: bytes = b"") -> Finding:
    """``sample`` is what shows it, of any length."""
    return Finding(verdict=Verdict.FAILED, reason=reason, sample=shown(sample), mend=mend)


def shown(raw: bytes) -> str:
    """Bytes as they can be printed on one line, cut if they are many."""
    if not raw:
        return ""
    cut = f" ... ({len(raw)} bytes)" if len(raw) > SAMPLE else ""
    return repr(raw[:SAMPLE])[2:-1] + cut


@dataclass(frozen=True, kw_only=True)
class Result:
    """A check by name, with what it proves and what it found."""

    name: str
    proves: str
    finding: Finding

    def lines(self) -> Iterator[str]:
        """The check as a row of the table; what is not simply passed has its reason below it."""
        verdict = self.finding.verdict
        yield f"{verdict.upper() if verdict is Verdict.FAILED else verdict:8} {self.name:14} {self.proves}"
        if verdict is Verdict.PASSED:
            return
        yield from _wrapped(self.finding.reason)
        if self.finding.sample:
            yield f"{_INDENT}sample: {self.finding.sample}"  # in one piece, to be copied
        if self.finding.mend:
            yield from _wrapped(f"mend: {self.finding.mend}")

    def as_json(self) -> Json:
        finding = self.finding
        return {
            "check": self.name,
            "proves": self.proves,
            "verdict": str(finding.verdict),
            "reason": finding.reason,
            "sample": finding.sample,
            "mend": finding.mend,
        }


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT + "  ", break_on_hyphens=False
    )


@dataclass(frozen=True, kw_only=True)
class Report:
    """All checks of one image."""

    image_ref: str
    image_id: str
    results: Sequence[Result]
    decisive: str
    """The check without which nothing is proved: if it was skipped, the step could not be checked."""

    def named(self, name: str) -> Finding:
        """What the check of that name found. Raises KeyError."""
        return {result.name: result.finding for result in self.results}[name]

    def count(self, verdict: Verdict) -> int:
        return sum(result.finding.verdict is verdict for result in self.results)

    @property
    def exit_code(self) -> ExitCode:
        """0 the step conforms, 1 it does not, 2 it could not be checked."""
        if self.count(Verdict.FAILED):
            return ExitCode.SOME_FAILED
        return ExitCode.DONE if self.named(self.decisive).is_good else ExitCode.REFUSED

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        what = {
            ExitCode.DONE: "conforms to the step contract",
            ExitCode.SOME_FAILED: "does not conform to the step contract",
            ExitCode.REFUSED: "could not be checked",
        }[self.exit_code]
        counts = ", ".join(f"{self.count(verdict)} {verdict}" for verdict in Verdict if self.count(verdict))
        return f"{self.image_ref} {what}: {counts}"

    def as_json(self) -> Json:
        return {
            "image_ref": self.image_ref,
            "image_id": self.image_id,
            "conforms": self.exit_code is ExitCode.DONE,
            "exit_code": int(self.exit_code),
            "summary": self.summary,
            "checks": [result.as_json() for result in self.results],
        }
