"""What waits for outcomes: nothing that is to wake it is lost."""

from __future__ import annotations

import signal
import threading
import time

from coordinator.contract import ErrorKind
from coordinator.core.tasks import Outcome
from coordinator.schedule.threads import Inbox
from tests.unit.builders import error
from tests.waiting import PATIENCE


def test_a_signal_that_wakes_nobody_is_heard_all_the_same() -> None:
    """As if it had come right before the main thread began to wait: it is given to another thread."""
    inbox = Inbox[Outcome]()
    outcome = Outcome(task="step/a", result=error(ErrorKind.INTERNAL))
    give_up = threading.Timer(PATIENCE, inbox.put, [[outcome]])
    before = signal.signal(signal.SIGUSR1, lambda number, frame: inbox.wake())
    try:
        give_up.start()
        threading.Thread(target=_signal_itself).start()
        assert inbox.wait(None) == []
    finally:
        give_up.cancel()
        signal.signal(signal.SIGUSR1, before)


def _signal_itself() -> None:
    time.sleep(0.1)  # by then the main thread waits; if it does not yet, there is nothing to lose
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
