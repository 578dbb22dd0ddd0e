"""``images``: the container images of the steps that come with the coordinator, made from their own Dockerfiles."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from coordinator.errors import EngineError, ExitCode, UsageError
from coordinator.runners.engine import Engine
from coordinator.runners.engineimages import docker_client
from steps.build.ensuring import ensure_images
from steps.build.errors import SetupError
from steps.build.images import part_names, step_names


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    build = actions.add_parser(
        "build",
        help="make those whose inputs have changed",
        description="Makes container images, each if its inputs have changed, on the engine that the docker CLI uses.",
    )
    known = ", ".join([*step_names(), *part_names()])
    build.add_argument("images", nargs="*", metavar="IMAGE", help=f"one of {known} (default: all steps)")


def main(options: argparse.Namespace) -> ExitCode:
    steps, parts = step_names(), part_names()
    chosen: list[str] = options.images or steps
    if unknown := sorted({*chosen} - {*steps, *parts}):
        raise UsageError(
            f"there is no Dockerfile for {', '.join(unknown)}, but for: {', '.join([*steps, *parts])}"
        )
    try:
        with closing(Engine()) as engine, closing(docker_client(engine)) as client:
            ensure_images(client, chosen, lambda line: print(line, flush=True))
    except SetupError as error:
        if error.log:
            print(error.log, file=sys.stderr)
        raise EngineError(str(error)) from error
    return ExitCode.DONE
