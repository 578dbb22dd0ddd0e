"""``clean``: what dead runs have left goes, containers and unfinished work folders."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from coordinator.errors import EngineError, ExitCode
from coordinator.runners.engine import Engine
from coordinator.runners.sweep import Cleaned, clean


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        type=Path,
        nargs="*",
        metavar="RUN_DIR",
        help="default: all of this host's on the engine, and runs/*",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def main(options: argparse.Namespace) -> ExitCode:
    try:
        engine = Engine()
    except EngineError as error:
        print(f"coordinator: only work folders are cleaned: {error}", file=sys.stderr)
        engine = None
    is_clean = engine is not None
    for cleaned in clean(engine, options.runs, dry_run=options.dry_run):
        _show(cleaned, "would remove" if options.dry_run else "removed")
        is_clean = is_clean and not cleaned.stuck
    return ExitCode.DONE if is_clean else ExitCode.SOME_FAILED


def _show(cleaned: Cleaned, removed: str) -> None:
    print(f"{cleaned.folder}: {removed} {cleaned.containers} containers, {len(cleaned.work)} work folders")
    for path in cleaned.work:
        print(f"  {path.relative_to(cleaned.folder)}")
    if cleaned.owner is not None:
        print(f"  left alone: {cleaned.owner} is at work on it")
    if cleaned.stuck:
        print(f"  {cleaned.stuck} containers the engine would not remove")
