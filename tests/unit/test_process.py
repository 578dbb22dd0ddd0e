"""A local process that is killed: for memory, if the kernel has counted such a kill since it began."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from coordinator.record.files import Files
from coordinator.runners import process
from coordinator.runners.process import LocalProcess


@pytest.mark.parametrize(
    ("kills", "number", "expected"),
    [((4, 5), signal.SIGKILL, True), ((4, 4), signal.SIGKILL, None), ((4, 5), signal.SIGTERM, None)],
)
def test_why_it_was_killed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kills: tuple[int, int],
    number: int,
    expected: bool | None,
) -> None:
    told = iter(kills)
    monkeypatch.setattr(process, "memory_kills", lambda: next(told))
    started = LocalProcess(("sh", "-c", "echo $$; read line"), Files(batch=tmp_path, work=tmp_path))
    os.kill(int(started.connection.recv(100)), number)
    ending = started.end(kill=False)
    assert (ending.exit_code, ending.out_of_memory) == (128 + number, expected)
