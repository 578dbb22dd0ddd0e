"""Images that are asked for by name, each built if its inputs have changed, the base of all of them first."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from docker import DockerClient

from steps.build.builder import remove_replaced
from steps.build.images import (
    BASE_REF,
    STEPS,
    Say,
    ensure_base,
    ensure_part,
    ensure_step,
    image_ref,
    part_names,
)


def ensure_images(client: DockerClient, names: Sequence[str], say: Say) -> None:
    """The images of these steps and parts; one whose inputs have not changed is left alone. Raises SetupError."""
    with _alone():
        built = [_told(BASE_REF, partial(ensure_base, client, lambda line: say(f"{BASE_REF}: {line}")), say)]
        built += [_told(image_ref(name), partial(_ensure, client, name), say) for name in names]
        if any(built):
            remove_replaced(client)


def _ensure(client: DockerClient, name: str) -> bool:
    return ensure_part(client, name) if name in part_names() else ensure_step(client, name)


def _told(image_ref: str, ensure: Callable[[], bool], say: Say) -> bool:
    started = time.monotonic()
    built = ensure()
    say(f"{image_ref}: " + (f"built in {time.monotonic() - started:.0f} s" if built else "up to date"))
    return built


@contextmanager
def _alone() -> Iterator[None]:
    """Two set-ups at once would build everything twice: the second waits, and then finds it up to date."""
    folder = os.open(STEPS / "build", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
