"""What requests hold in memory while they come: all of them together have a limit, beyond which images go to disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from coordinator.service.holding import Holding, Share
from coordinator.service.pace import PaceLimits
from coordinator.service.refusal import Refused
from coordinator.service.uploads import Form, UploadLimits, receive

LIMITS = UploadLimits(files=9, file_bytes=10**6, request_bytes=10**7, pace=PaceLimits(rate=1, seconds=1000.0))
ACTIONS = b'--B\r\nContent-Disposition: form-data; name="actions"\r\n\r\n{}\r\n'


def received(folder: Path, share: Share, *images: bytes) -> Form:
    """A form with these images, in pieces of forty bytes."""
    part = b'--B\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n%s\r\n'
    whole = ACTIONS + b"".join(part % image for image in images) + b"--B--\r\n"

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), 40):
            yield whole[at : at + 40]

    return asyncio.run(receive(pieces(), b"B", lambda number: folder / str(number), LIMITS, share))


def test_images_for_which_memory_has_no_room_lie_on_disk(tmp_path: Path) -> None:
    holding = Holding(250)
    images = [bytes([number]) * 100 for number in range(4)]
    with ExitStack() as stack:
        first = received(tmp_path, stack.enter_context(Share(holding)), images[0])
        second = received(tmp_path, stack.enter_context(Share(holding)), *images[1:])
        assert [upload.content for upload in first.uploads] == images[:1]
        assert [upload.content for upload in second.uploads] == [images[1], None, None]
        assert [upload.path.read_bytes() for upload in second.uploads[1:]] == images[2:]
        assert holding.left == 50
    assert holding.left == 250


def test_an_image_that_goes_to_disk_is_held_no_longer(tmp_path: Path) -> None:
    holding = Holding(10**6)
    with Share(holding) as share:
        form = received(tmp_path, share, b"x" * 70_000)
        assert holding.left == 10**6
    assert form.uploads[0].path.stat().st_size == 70_000


def test_a_request_that_is_refused_holds_nothing(tmp_path: Path) -> None:
    holding = Holding(10**6)
    with pytest.raises(Refused), Share(holding) as share:
        received(tmp_path, share, *[b"x"] * 10)
    assert holding.left == 10**6
