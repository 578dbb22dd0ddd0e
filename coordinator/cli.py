"""The list of commands, and what all of them share: what is typed, exit codes and the standard streams.

A command's module is loaded when its command is typed and not before, by the name that the list has for it. This is the
only place where a module is loaded by its name; ``--help`` and ``--version`` load none, and so come at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from coordinator import __version__
from coordinator.commands.streams import drop_stdout, open_missing_streams, stdout_is_lost
from coordinator.errors import EXIT_CODES, CoordinatorError, ExitCode


class Command(Protocol):
    """What the module of a command has."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """What may be typed behind the command's name."""
        ...

    def main(self, options: argparse.Namespace) -> ExitCode:
        """Does it, and prints what came of it. Raises CoordinatorError for what keeps it from being done."""
        ...


class Entry(NamedTuple):
    """A command in the list of all: what it is for, in a line, and its module."""

    help: str
    module: str

    def load(self) -> Command:
        return cast(Command, import_module(self.module))


COMMANDS: Mapping[str, Entry] = {
    "run": Entry("run a pipeline over a batch; run again to continue", "coordinator.commands.run"),
    "validate": Entry(
        "check a batch and a pipeline without running anything", "coordinator.commands.validate"
    ),
    "import": Entry("write a batch of any format as a plain one", "coordinator.commands.import_batch"),
    "align": Entry(
        "refine a batch's poses from its photographs, as a batch of its own", "coordinator.commands.align"
    ),
    "schema": Entry("print the step contract as JSON Schema", "coordinator.commands.schema"),
    "score": Entry("compare a run's objects with a truth", "coordinator.commands.score"),
    "compare": Entry("what has changed between two runs over the same place", "coordinator.commands.compare"),
    "export": Entry(
        "a layer of a run's map in another format of GIS programs", "coordinator.commands.export"
    ),
    "score-detections": Entry(
        "compare the boxes that a run found with true ones", "coordinator.commands.score_detections"
    ),
    "plan": Entry(
        "what a municipality takes on other machines, from runs that were measured",
        "coordinator.commands.plan",
    ),
    "bench": Entry(
        "measure every way to run a task, in turns, on the same tasks", "coordinator.commands.bench"
    ),
    "check-step": Entry(
        "check that a step's image keeps the step contract", "coordinator.commands.check_step"
    ),
    "doctor": Entry(
        "check engine, GPUs, disk, limits and images; change nothing", "coordinator.commands.doctor"
    ),
    "report": Entry("write the page that shows a run: map, review, timeline", "coordinator.commands.report"),
    "review": Entry("put decisions on objects into the results of a run", "coordinator.commands.review"),
    "status": Entry("what a run has come to, also while it is going on", "coordinator.commands.status"),
    "retry": Entry(
        "try what failed again, and only that and what depends on it", "coordinator.commands.retry"
    ),
    "clean": Entry(
        "remove what dead runs left: containers, unfinished work folders", "coordinator.commands.clean"
    ),
    "images": Entry(
        "make the container images of the steps that come with the coordinator", "coordinator.commands.images"
    ),
    "demo": Entry(
        "map the sample municipality, compare with its truth, show it", "coordinator.commands.demo"
    ),
    "replay": Entry("run one failed task again, its output on the terminal", "coordinator.commands.replay"),
    "serve": Entry("the image service: resize, split and blur over HTTP", "coordinator.commands.serve"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    open_missing_streams()
    typed = sys.argv[1:] if arguments is None else arguments
    code = ExitCode.DONE
    try:
        options = parser(typed).parse_args(typed)
        code = COMMANDS[options.command].load().main(options)
        sys.stdout.flush()
    except CoordinatorError as error:
        print(f"coordinator: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("coordinator: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        drop_stdout()
    except OSError as error:
        if not stdout_is_lost():
            raise
        drop_stdout()
        print(f"coordinator: stdout cannot be written: {error.strerror}", file=sys.stderr)
        return int(ExitCode.REFUSED)
    return int(code)


class _Completion(argparse.Action):
    """Prints what completes the command line in a shell, for which alone the options of all commands are loaded."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, shell: Any, option: object = None
    ) -> None:
        print(
            import_module("coordinator.commands.shells").script(shell, _parser(COMMANDS)), end="", flush=True
        )
        parser.exit()


def parser(typed: Sequence[str]) -> argparse.ArgumentParser:
    """Parses ``typed``, and of other lines the names of the commands: only a command that is typed has its options.

    ``command`` of what it parses is the command's name.
    """
    first = next((word for word in typed if not word.startswith("-")), None)
    return _parser(() if first is None else (first,))


def _parser(loaded: Collection[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m coordinator",
        description="Runs a pipeline of containerised steps over a municipality's street-level images.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"coordinator {__version__}")
    parser.add_argument(
        "--completion",
        action=_Completion,
        choices=("bash", "zsh", "fish"),
        help="print what completes it in a shell",
    )
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for name, entry in COMMANDS.items():
        command = commands.add_parser(name, help=entry.help)
        if name in loaded:
            entry.load().add_options(command)
    return parser
