"""What goes into an image: the files that its Dockerfile copies, their hash, and the archive for the engine.

Only those files are hashed and sent. So a change to one step rebuilds that step's image and no other, and a
change to what they share (stepkit) rebuilds all.
"""

import hashlib
import io
import json
import re
import shlex
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from docker.utils.build import exclude_paths

from steps.build.errors import SetupError

# ARG NAME, ARG NAME=default, ARG FIRST SECOND=2
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)(?:=\S*)?")


@dataclass(frozen=True, kw_only=True)
class Context:
    """An image's inputs: its Dockerfile and, by their path in the build context, the files that it copies."""

    dockerfile: str
    files: Mapping[str, Path]

    def digest(self, *more: str) -> str:
        """One hash over everything that the image is made from; `more` is what is known beside the files."""
        total = hashlib.sha256()
        parts = [*(text.encode() for text in more), self.dockerfile.encode()]
        for name, path in sorted(self.files.items()):
            parts += [name.encode(), b"x" if _is_executable(path) else b"-", path.read_bytes()]
        for part in parts:
            # With its length in front, no part can run over into the next.
            total.update(len(part).to_bytes(8, "big") + part)
        return total.hexdigest()

    def archive(self) -> io.BytesIO:
        """The build context as the engine takes it; the Dockerfile has a name in it that no copy asks for."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            _add(archive, DOCKERFILE_NAME, self.dockerfile.encode(), executable=False)
            for name, path in sorted(self.files.items()):
                _add(archive, name, path.read_bytes(), executable=_is_executable(path))
        buffer.seek(0)
        return buffer


DOCKERFILE_NAME = ".Dockerfile"


def read_context(root: Path, dockerfile: Path) -> Context:
    """The inputs of `dockerfile`, whose copies are relative to `root` and obey its .dockerignore.

    Raises SetupError for a copy of what is not there.
    """
    text = dockerfile.read_text(encoding="utf-8")
    known = {PurePosixPath(Path(name).as_posix()) for name in _not_ignored(root) if (root / name).is_file()}
    files: dict[str, Path] = {}
    for source in copied_sources(text):
        found = [name for name in known if _is_within(name, source)]
        if not found and not _is_pattern(source):
            raise SetupError(
                f"{dockerfile}: COPY {source}: no such file or folder in {root}",
                todo="correct the Dockerfile (its paths are relative to that folder), or see .dockerignore",
            )
        files.update((str(name), root / name) for name in found)
    return Context(dockerfile=text, files=files)


def copied_sources(dockerfile: str) -> list[str]:
    """The sources of a Dockerfile's COPY and ADD lines; not those from another stage or the web."""
    sources: list[str] = []
    for instruction, rest in _instructions(dockerfile):
        if instruction not in {"COPY", "ADD"}:
            continue
        words = _without_flags(rest)
        if words is not None:
            sources += [word.removeprefix("./") for word in words[:-1] if "://" not in word]
    return sources


def declared_arguments(dockerfile: str) -> set[str]:
    """The names of a Dockerfile's ARG lines: the builder complains of arguments that are not declared."""
    names: set[str] = set()
    for instruction, rest in _instructions(dockerfile):
        if instruction == "ARG":
            names.update(match[1] for word in rest.split() if (match := _ARGUMENT.match(word)))
    return names


def _instructions(dockerfile: str) -> Iterable[tuple[str, str]]:
    lines = (line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    for line in joined.splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if rest:
            yield instruction.upper(), rest.strip()


def _without_flags(rest: str) -> list[str] | None:
    """The words of a COPY line; None if it copies from another stage, which is no input of the context."""
    while match := re.match(r"--([a-z-]+)(?:=\S*)?\s+", rest):
        if match[1] == "from":
            return None
        rest = rest[match.end() :]
    if rest.startswith("["):
        return [str(word) for word in json.loads(rest)]
    return shlex.split(rest)


def _not_ignored(root: Path) -> set[str]:
    ignore = root / ".dockerignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.exists() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return set(exclude_paths(str(root), patterns))


def _is_pattern(source: str) -> bool:
    return any(sign in source for sign in "*?[")


def _is_within(name: PurePosixPath, source: str) -> bool:
    """Whether the file `name` is the source of a copy, or lies in the folder that is."""
    if PurePosixPath(source) == PurePosixPath("."):
        return True
    depth = len(PurePosixPath(source).parts)
    if len(name.parts) < depth:
        return False
    head = PurePosixPath(*name.parts[:depth])
    return head.match(source) if _is_pattern(source) else head == PurePosixPath(source)


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, executable: bool) -> None:
    # Owner, times and the rest of the mode are fixed: an image depends on contents, not on the checkout.
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o755 if executable else 0o644
    archive.addfile(entry, io.BytesIO(content))
