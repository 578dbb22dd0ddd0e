"""Why something failed on the cluster, in one line. Pure."""

from __future__ import annotations

_ADVICE = " Some common causes"
"""So a page of Ray's advice begins, behind what has happened."""


def reason(error: BaseException) -> str:
    """The cause of a failure in one line; Ray wraps it in a traceback of a page."""
    cause = getattr(error, "cause", None)
    told = cause if isinstance(cause, BaseException) else error
    lines = [line.strip() for line in str(told).partition(_ADVICE)[0].splitlines() if line.strip()]
    return f"{type(told).__name__}: {lines[-1] if lines else ''}"[:300]
