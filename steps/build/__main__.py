"""Build container images: `python -m steps.build [IMAGE...]`, by default those of all steps.

The parts of the image service and of a cluster are built when they are named. An image whose inputs have not changed is
left alone, so running this again costs about a second.
"""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import docker
from docker.errors import DockerException

from steps.build.builder import remove_replaced
from steps.build.errors import SetupError
from steps.build.images import (
    BASE_REF,
    STEPS,
    ensure_base,
    ensure_part,
    ensure_step,
    image_ref,
    part_names,
    step_names,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: 0 when every image is there, 1 with the reason on stderr when one cannot be built."""
    steps, parts = step_names(), part_names()
    known = steps + parts
    parser = argparse.ArgumentParser(prog="python -m steps.build", description=__doc__)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"one of: {', '.join(known)}")
    chosen: list[str] = parser.parse_args(arguments).images or steps
    if unknown := sorted(set(chosen) - set(known)):
        parser.error(f"there is no Dockerfile for {', '.join(unknown)}, but for: {', '.join(known)}")
    try:
        with _alone():
            _ensure_images(chosen)
    except SetupError as error:
        if error.log:
            print(error.log, file=sys.stderr)
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return 0


def _ensure_images(names: Sequence[str]) -> None:
    client = _connect()
    built = [_report(BASE_REF, partial(ensure_base, client, lambda line: _say(BASE_REF, line)))]
    parts = part_names()
    for name in names:
        ensure = ensure_part if name in parts else ensure_step
        built.append(_report(image_ref(name), partial(ensure, client, name)))
    if any(built):
        remove_replaced(client)


def _report(image_ref: str, ensure: Callable[[], bool]) -> bool:
    started = time.monotonic()
    built = ensure()
    _say(image_ref, f"built in {time.monotonic() - started:.0f} s" if built else "up to date")
    return built


def _say(image_ref: str, line: str) -> None:
    print(f"{image_ref}: {line}", flush=True)


def _connect() -> docker.DockerClient:
    try:
        client = docker.from_env()
        client.ping()
    except DockerException as error:
        address = os.environ.get("DOCKER_HOST") or "the local socket"
        what = f"no container engine answers at {address}: {error}"
        raise SetupError(what, todo="run: make engine") from error
    return client


@contextmanager
def _alone() -> Iterator[None]:
    """Two set-ups at once would build everything twice: the second waits, and then finds it up to date."""
    folder = os.open(STEPS / "build", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main())
