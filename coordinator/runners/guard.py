"""A shell that waits for this process's end: what is left behind by one that is killed is then seen to all the same."""

from __future__ import annotations

import subprocess

_SCRIPT = 'exec 3<&0; { read -r _ <&3 || "$@"; } &'
"""A line is the dismissal. The end of the input without one is the end of whoever should have dismissed it.

What waits is nobody's child: there are those who kill theirs when they end, as Ray's workers do.
"""


class Guard:
    """Runs a command if this process ends, by whatever cause, before it has dismissed the guard."""

    def __init__(self, *command: str, environment: dict[str, str] | None = None) -> None:
        """Raises OSError if it cannot be started. It is in a session of its own: no signal to a group reaches it."""
        self._starter = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self._starter.wait()

    def dismiss(self) -> None:
        """There is nothing left to guard. Returns when it has ended."""
        self._starter.communicate(b"\n")
