"""``schema``: the step contract as JSON Schema."""

from __future__ import annotations

import argparse
import json

from coordinator.contract import schema
from coordinator.errors import ExitCode


def add_options(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def main(options: argparse.Namespace) -> ExitCode:
    print(json.dumps(schema(), indent=2))
    return ExitCode.DONE
