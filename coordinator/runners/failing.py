"""What becomes of the tasks that a kept program was asked, and that it will not answer any more."""

from __future__ import annotations

from coordinator.contract import TaskError
from coordinator.core.tasks import NO_EVIDENCE, Evidence, Outcome
from coordinator.record.files import Files
from coordinator.runners.kept import Ending
from coordinator.runners.pending import Pending
from coordinator.runners.workfolder import discard


def failed(pending: Pending, error: TaskError, ending: Ending, stdout: bytes, files: Files) -> list[Outcome]:
    """The head fails with ``error``; what waits behind it is lost, or cancelled with it. Nothing stays pending."""
    evidence = Evidence(stdout=stdout, **vars(ending))
    outcomes = []
    for task, result in pending.fail(error):
        discard(task, files)
        outcomes.append(Outcome(task=task.id, result=result, evidence=evidence))
        evidence = NO_EVIDENCE  # it tells of the head
    return outcomes
