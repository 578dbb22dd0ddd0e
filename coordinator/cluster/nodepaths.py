"""Folders that lie at other paths on the nodes than on the head: turned at the border, once each way.

What the head says and keeps, and what steps see in containers, is the same as without. A node that has nothing at the
path it should have a folder at, as the head's own machine when it is a node, too, has it where the head has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath

from coordinator.errors import UsageError
from coordinator.record.files import Files

_OPTION = "--node-paths"


@dataclass(frozen=True)
class NodePaths:
    """Pairs of a head's folder and the node's for the same, all absolute and without a slash at the end."""

    pairs: tuple[tuple[str, str], ...] = ()

    def on_this_node(self) -> NodePaths:
        """Those of which this machine has the node's folder."""
        return NodePaths(tuple((head, node) for head, node in self.pairs if Path(node).is_dir()))

    def at_node(self, path: str) -> str:
        """Where a node has what the head has at ``path``: by the longest folder that it lies in, or is."""
        heads = [(head, node) for head, node in self.pairs if _is_within(path, head)]
        if not heads:
            return path
        head, node = max(heads, key=lambda pair: len(pair[0]))
        return node + path[len(head) :]

    def folder_at_node(self, folder: Path) -> Path:
        return Path(self.at_node(str(folder)))

    def files_at_node(self, files: Files) -> Files:
        """The batch and the work folder as a node has them."""
        batch, work = self.folder_at_node(files.batch), self.folder_at_node(files.work)
        return replace(files, batch=batch, work=work)

    def command_at_node(self, command: Sequence[str]) -> tuple[str, ...]:
        """A local program's command line, of which words may be paths."""
        return tuple(map(self.at_node, command))

    def as_at_head(self, text: str) -> str:
        """What a node says, with the head's paths for its own, wherever one begins in it."""
        by_node = {node: head for head, node in reversed(self.pairs)}
        if not by_node:
            return text
        longest_first = sorted(by_node, key=len, reverse=True)
        found = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, longest_first))})(?![\w.-])")
        return found.sub(lambda match: by_node[match[1]], text)


SAME_PATHS = NodePaths()
"""Everything lies on the nodes where the head has it."""


@dataclass(frozen=True)
class HeadFolder:
    """A folder by its path at the head."""

    path: Path
    paths: NodePaths

    def on_this_node(self) -> Path:
        """Where this machine has it."""
        return self.paths.on_this_node().folder_at_node(self.path)


def parse_node_paths(texts: Iterable[str], used: Sequence[str]) -> NodePaths:
    """Reads pairs of the form HEAD=NODE; ``used`` are the paths of the run that may lie elsewhere on a node.

    Raises UsageError that says what to do for what is no such pair, and for one that is of no use.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        typed, node = _pair(text)
        head = str(Path(typed).resolve())
        if not Path(head).is_dir():
            raise UsageError(f"{_OPTION} {text}: there is no folder {typed!r} on this machine")
        if head in pairs or node in pairs.values():
            raise UsageError(
                f"{_OPTION} {text}: {head if head in pairs else node!r} is given twice; give each once"
            )
        if not any(_is_within(path, folder) for path in used for folder in (head, typed)):
            raise UsageError(
                f"{_OPTION} {text}: neither the batch nor the run folder nor a program lies in {typed!r}; "
                f"they are {', '.join(used)}"
            )
        pairs[head] = node
        pairs.setdefault(typed, node)  # a program may be named by a link to where it lies
    return NodePaths(tuple(pairs.items()))


def _pair(text: str) -> tuple[str, str]:
    head, _, node = text.partition("=/")
    if not head.startswith("/") or not head.strip("/") or not node.strip("/") or "=/" in node:
        raise UsageError(f"{_OPTION} {text}: write HEAD=NODE, two absolute paths, as /data=/mnt/data")
    return normpath(head), normpath(f"/{node}")


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
