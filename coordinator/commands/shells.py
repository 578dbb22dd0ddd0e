"""What completes the command line in a shell: a script for it, made from the parsers of all commands.

Options, the words that one of them takes, and files: what is longer to explain than to type.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_PROGRAM = "coordinator"


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option by all of its names; ``choices`` are the words that it takes, where it takes certain ones."""

    names: tuple[str, ...]
    help: str
    takes: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command; ``words`` are those that may be typed behind it, beside files and options."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """What ``shell``, one of :data:`SHELLS`, is to read; every command of ``parser`` has its options."""
    return "\n".join(SHELLS[shell](list(_commands(parser)), _options(parser))) + "\n"


# -- out of the parsers --------------------------------------------------------------------------------------------


def _commands(parser: argparse.ArgumentParser) -> Iterator[Command]:
    for listed in _below(parser):
        helps = {choice.dest: choice.help or "" for choice in listed._choices_actions}
        for name, command in listed.choices.items():
            deeper = [one for found in _below(command) for one in found.choices.values()]
            yield Command(
                name=name,
                help=helps[name],
                options=tuple(option for one in (command, *deeper) for option in _options(one)),
                words=tuple(_words(command)),
            )


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _options(parser: argparse.ArgumentParser) -> tuple[Option, ...]:
    formatter = parser._get_formatter()
    return tuple(
        Option(
            names=tuple(name for name in action.option_strings if name.startswith("--")),
            help=formatter._expand_help(action) if action.help else "",
            takes=None if action.nargs == 0 else str(action.metavar or action.dest),
            choices=tuple(map(str, action.choices or ())),
        )
        for action in parser._actions
        if action.option_strings
    )


def _words(command: argparse.ArgumentParser) -> Iterator[str]:
    for action in command._actions:
        if not action.option_strings:
            yield from map(str, action.choices or ())


# -- into scripts --------------------------------------------------------------------------------------------------


def _bash(commands: Sequence[Command], always: Sequence[Option]) -> Iterator[str]:
    yield f'# Completes {_PROGRAM} in bash: eval "$({_PROGRAM} --completion bash)"'
    yield f"_{_PROGRAM}() {{"
    yield "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= word words="
    yield '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield f"    case $word in {'|'.join(one.name for one in commands)}) command=$word; break ;; esac"
    yield "  done"
    yield "  case $command:$before in"
    for command in commands:
        for option in command.options:
            if option.takes:
                names = "|".join(f"{command.name}:{name}" for name in option.names)
                yield f"    {names}) words={shlex.quote(' '.join(option.choices))} ;;"
    yield "    *) case $command:$current in"
    yield f"      :-*) words={shlex.quote(' '.join(_names(always)))} ;;"
    yield f"      :*) words={shlex.quote(' '.join(one.name for one in commands))} ;;"
    for command in commands:
        yield f"      {command.name}:-*) words={shlex.quote(' '.join(_names(command.options)))} ;;"
        if command.words:
            yield f"      {command.name}:*) words={shlex.quote(' '.join(command.words))} ;;"
    yield "    esac ;;"
    yield "  esac"
    yield '  COMPREPLY=($(compgen -W "$words" -- "$current"))'
    yield "}"
    yield f"complete -o default -F _{_PROGRAM} {_PROGRAM}"


def _zsh(commands: Sequence[Command], always: Sequence[Option]) -> Iterator[str]:
    yield f"#compdef {_PROGRAM}"
    yield f'# Completes {_PROGRAM} in zsh: eval "$({_PROGRAM} --completion zsh)", behind compinit'
    yield f"_{_PROGRAM}() {{"
    yield "  local state line; typeset -A opt_args"
    yield f"  _arguments -C {' '.join(_zsh_options(always))} '1:command:->command' '*::argument:->argument'"
    yield "  case $state in"
    told = " ".join(shlex.quote(f"{one.name}:{one.help}") for one in commands)
    yield f"    command) local -a known=({told}); _describe command known ;;"
    yield "    argument) case $line[1] in"
    for command in commands:
        words = f"({' '.join(command.words)})" if command.words else "_files"
        yield f"      {command.name}) _arguments {' '.join(_zsh_options(command.options))} '*:argument:{words}' ;;"
    yield "    esac ;;"
    yield "  esac"
    yield "}"
    yield f'if [[ $funcstack[1] = _{_PROGRAM} ]]; then _{_PROGRAM} "$@"; else compdef _{_PROGRAM} {_PROGRAM}; fi'


def _zsh_options(options: Sequence[Option]) -> Iterator[str]:
    for option in options:
        told = "".join(f"\\{sign}" if sign in "[]\\" else sign for sign in option.help)
        takes = f":{option.takes.replace(':', ' ')}:" if option.takes else ""
        if option.takes:
            takes += f"({' '.join(option.choices)})" if option.choices else "_files"
        yield from (shlex.quote(f"{name}[{told}]{takes}") for name in option.names)


def _fish(commands: Sequence[Command], always: Sequence[Option]) -> Iterator[str]:
    yield f"# Completes {_PROGRAM} in fish: {_PROGRAM} --completion fish | source"
    first = f"complete -c {_PROGRAM} -n __fish_use_subcommand"
    yield from (f"{first} {words}" for words in _fish_options(always))
    yield from (f"{first} -f -a {one.name} -d {_fish_quoted(one.help)}" for one in commands)
    for command in commands:
        behind = f"complete -c {_PROGRAM} -n '__fish_seen_subcommand_from {command.name}'"
        yield from (f"{behind} {words}" for words in _fish_options(command.options))
        if command.words:
            yield f"{behind} -f -a {_fish_quoted(' '.join(command.words))}"


def _fish_options(options: Sequence[Option]) -> Iterator[str]:
    for option in options:
        takes = (
            f" -x -a {_fish_quoted(' '.join(option.choices))}"
            if option.choices
            else " -r"
            if option.takes
            else ""
        )
        for name in option.names:
            yield f"-l {name.removeprefix('--')}{takes} -d {_fish_quoted(option.help)}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _names(options: Sequence[Option]) -> list[str]:
    return [name for option in options for name in option.names]


SHELLS: dict[str, Callable[[Sequence[Command], Sequence[Option]], Iterator[str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
"""Each shell's script, of the commands and of the options that stand in front of them."""
