"""When something was: what sources say of it as seconds since 1970, and as ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

_MILLISECONDS = 1e11
"""A number of seconds since 1970 beyond this is one of milliseconds: it would be the year 5138."""


def seconds_since_1970(time: str | float) -> float | None:
    """What a row says of time; UTC unless it says otherwise; None if it cannot be read."""
    if isinstance(time, int | float):
        return time / 1000.0 if time > _MILLISECONDS else float(time)
    try:
        moment = datetime.fromisoformat(time.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def iso(seconds: float) -> str | None:
    """``2024-05-14T10:00:01.500Z``, in UTC; None for a time that no calendar has."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
