"""GPUs that die in mid-run: which of those that a failed task had are still there, by the driver's word.

A task cannot tell whether its GPU has gone: its container no longer starts, or its program says that it cannot do its
work, or dies. So the driver is asked after each failure with GPUs; one that it no longer lists has gone for this run,
even if it comes back, as one that fell off its bus and was found again may.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from coordinator.contract import ErrorKind
from coordinator.core.resources import Gpu
from coordinator.core.retries import DEADLY
from coordinator.errors import CoordinatorError

SUSPICIOUS = DEADLY | {ErrorKind.ENGINE, ErrorKind.INTERNAL}
"""How a task fails whose GPU has gone; other failures are its own."""


class GpusGone(CoordinatorError):
    """A step asks for more GPUs than are left."""


class LostGpus:
    """The devices that this run has lost."""

    def __init__(self, look: Callable[[], Sequence[Gpu]], tell: Callable[[str], None]) -> None:
        """``look`` lists the devices that are there now; ``tell`` hears of each that has gone, once."""
        self._look = look
        self._tell = tell
        self._known: set[str] = set()

    def found(self, granted: Collection[str]) -> set[str]:
        """Those of a failed task's devices that have gone, and were not known to have."""
        there = {gpu.uuid for gpu in self._look()}
        gone = set(granted) - there - self._known
        for uuid in sorted(gone):
            self._tell(f"GPU {uuid} has gone, by its driver's word; no task of this run is given it any more")
        self._known |= gone
        return gone

    def refusal(self, step: str, reason: str) -> GpusGone:
        """That a step can never be given what it asks for, and what to do."""
        return GpusGone(
            f"step {step!r} {reason}: {', '.join(sorted(self._known))} went in mid-run\n"
            "  what is done is kept: see `nvidia-smi` and the kernel's log; the same command continues this run with "
            "what is there then, steps with gpu_optional without any GPU, too"
        )

    def __bool__(self) -> bool:
        """Whether any has gone."""
        return bool(self._known)
