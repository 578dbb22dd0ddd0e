"""How a kept program is asked to end."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from coordinator.runners import kept

PATIENCE = 60.0


def test_a_program_that_goes_on_talking_is_not_listened_to_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_GRACE", 0.1)
    ours, theirs = socket.socketpair()

    def talk() -> None:
        try:
            while True:
                theirs.sendall(b"still here\n")
        except OSError:  # nobody listens any more
            theirs.close()

    with closing(ours):
        threading.Thread(target=talk, daemon=True).start()
        ending = threading.Thread(target=kept.end_input, args=(ours,), daemon=True)
        ending.start()
        ending.join(PATIENCE)
        assert not ending.is_alive()


def test_a_program_that_ends_its_output_is_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.sendall(b"goodbye\n")
        theirs.shutdown(socket.SHUT_WR)
        kept.end_input(ours)
        assert theirs.recv(1) == b""  # its input had ended
