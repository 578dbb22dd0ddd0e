"""What an instance that was killed has left on its node's engine, removed by a process beside it.

Ray ends an instance without a word when its node manager, its driver or the machine's memory is gone. Its containers
end with it, because the engine ends their input; this removes them, whoever else still lives.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from coordinator.cluster.node import remove_left
from coordinator.runners.guard import Guard

_LOOKS = (0.0, 1.0, 5.0)
"""Seconds before each look: what an engine was asked to make when the instance died may come a little later."""


def guard(label: str) -> Guard:
    """Begins to guard the containers with that label. It costs a shell as long as the instance is there."""
    here = Path(__file__).resolve().parents[2]
    paths = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = (sys.executable, "-m", "coordinator.cluster.caretaker", label)
    return Guard(*command, environment={**os.environ, "PYTHONPATH": paths})


def _main() -> None:
    for pause in _LOOKS:
        time.sleep(pause)
        remove_left(sys.argv[1:], None)


if __name__ == "__main__":
    _main()
