"""What ``run`` and ``retry`` have in common: a run to its end, and what is printed of how it ended."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from coordinator.commands.onend import told_at_the_end
from coordinator.commands.streams import drop_stdout, warn
from coordinator.errors import ExitCode
from coordinator.findings import Level
from coordinator.record.journal import Status
from coordinator.record.runfolder import RunFolder
from coordinator.session.options import RunOptions
from coordinator.session.run import Summary, run


def run_and_tell(options: RunOptions, on_end: str | None = None) -> ExitCode:
    """Runs, and prints how it went; ``on_end`` is a command for when it has ended."""
    return told_at_the_end(on_end, options.out, lambda: _run_and_tell(options))


def add_on_end(parser: argparse.ArgumentParser) -> None:
    """The option that ``run`` and ``retry`` have for it."""
    parser.add_argument(
        "--on-end",
        metavar="COMMAND",
        help="run this line of the shell at the end, with RUN_DIR and EXIT_CODE in its environment",
    )


def _run_and_tell(options: RunOptions) -> ExitCode:
    summary = run(options, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]]))
    _say(lambda: _print_summary(summary, options))
    if path := _report(options.out):
        _say(lambda: print(f"report      {path}"))
    return summary.exit_code


def _say(tell: Callable[[], None]) -> None:
    """Prints; that the run ended counts, whether or not anybody reads how."""
    try:
        tell()
        sys.stdout.flush()
    except BrokenPipeError:
        drop_stdout()
    except OSError as error:
        drop_stdout()
        warn(f"stdout cannot be written: {error.strerror}; `status` says how the run ended")


def _report(out: Path) -> Path | None:
    """Writes the run's page; if that cannot be done, it is told, and the run has ended as well as without it."""
    try:
        path: Path = _load_report().write_report(RunFolder(out), warn=warn)
    except Exception as error:  # whatever it is, the map is there
        warn(f"no report.html: {error}; `report {out}` writes it")
        return None
    return path


def _load_report() -> ModuleType:
    """It loads OpenCV, for which no run is to wait at its start."""
    from coordinator.report import written

    return written


def _print_summary(summary: Summary, options: RunOptions) -> None:
    for step in dict.fromkeys(step for step, _ in summary.counts):
        by_status = [(status, summary.counts.get((step, status), 0)) for status in Status]
        print(f"{step:12}" + ", ".join(f"{count} {status}" for status, count in by_status if count))
    for failure in summary.failures:
        times = "once" if failure.kills == 1 else f"{failure.kills} times"
        killed = f" (quarantined: it killed its step {times})" if failure.is_quarantined else ""
        print(f"  failed: {failure.id!r}: {failure.error.kind}: {failure.error.message}{killed}")
    if summary.failed > len(summary.failures):
        print(f"  ... and {summary.failed - len(summary.failures)} more")
    if summary.failed:
        print(f"evidence    {options.out / 'failures'}{os.sep}")
        print("again       the same command tries them again, `retry --failed` them alone")
    print(f"time        {summary.seconds:.1f} s")
    for path in summary.files:
        print(f"result      {options.out / path.name}")
    if not summary.complete:
        print("interrupted; the same command continues this run")
    for finding in summary.findings:
        if finding.level is Level.WARNING:
            print(finding)
    if summary.mapped:
        print(f"objects     {summary.mapped}")
