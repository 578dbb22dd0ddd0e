"""``serve``: the image service."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from coordinator.errors import ExitCode
from coordinator.service.options import add_flags
from coordinator.service.settings import Settings, read_settings


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "options can be given as the variables behind them instead; exit codes: 0 stopped, 2 not started"
    )
    add_flags(parser)


def main(options: argparse.Namespace) -> ExitCode:
    settings = read_settings(vars(options), os.environ)
    _load_service()(settings)
    return ExitCode.DONE


def _load_service() -> Callable[[Settings], None]:
    """Late, because FastAPI is the optional extra "service", and help and wrong settings need none of it."""
    from coordinator.service.command import serve

    return serve
