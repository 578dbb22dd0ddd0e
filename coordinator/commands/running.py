"""What ``run`` and ``retry`` have in common: a run to its end, and what is printed of how it ended."""

from __future__ import annotations

import os
import shlex
import sys

from coordinator.commands.streams import drop_stdout
from coordinator.errors import ExitCode
from coordinator.findings import Level
from coordinator.record.journal import Status
from coordinator.session.options import RunOptions
from coordinator.session.run import Summary, run


def run_and_tell(options: RunOptions) -> ExitCode:
    """Runs, and prints how it went; that counts, whether or not anybody reads it."""
    summary = run(options, shlex.join(["python", "-m", "coordinator", *sys.argv[1:]]))
    try:
        _print_summary(summary, options)
        sys.stdout.flush()
    except OSError:
        drop_stdout()
    return summary.exit_code


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
