"""A multipart body to images, as it arrives: limits hold while it comes, and only small images stay in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from python_multipart.multipart import parse_options_header

from coordinator.service.disposition import field_and_name
from coordinator.service.holding import Share
from coordinator.service.mapped import mapped
from coordinator.service.multipart import Headers, Malformed, Multipart
from coordinator.service.pace import PERIOD, Pace, PaceLimits
from coordinator.service.rasters import Buffer
from coordinator.service.refusal import TOO_LARGE, TOO_SLOW, Refused
from coordinator.service.securing import SMALL

ACTIONS, FILES = "actions", "files"
_MAX_ACTIONS_BYTES = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """Maximum numbers: of files, of the bytes of each, and of the whole body's, whatever its Content-Length says.

    ``pace`` is how fast the body must come.
    """

    files: int
    file_bytes: int
    request_bytes: int
    pace: PaceLimits


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One received image: the client's name for it, and where its bytes lie, or are to be written if it has them."""

    name: str
    path: Path
    content: bytes | None = None

    @contextmanager
    def data(self) -> Iterator[Buffer]:
        """Its bytes, as long as the block lasts: those in memory, or the file as it lies there. Raises OSError."""
        if self.content is not None:
            yield self.content
        else:
            with mapped(self.path) as data:
                yield data


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a request brought."""

    actions: bytes
    uploads: tuple[Upload, ...]


Place = Callable[[int], Path]
"""Where the file of an image lies, by its number in the body."""


async def receive(
    chunks: AsyncIterator[bytes], boundary: bytes, place: Place, limits: UploadLimits, share: Share
) -> Form:
    """Reads a body; images that are not small, or that memory has no room for, go to their places.

    Raises Refused for what is wrong with it.
    """
    parts = _Parts(place, limits, share)
    received = 0
    clock = asyncio.get_running_loop().time
    pace = Pace(limits.pace, clock())
    try:
        body = Multipart(boundary, begin=parts.begin, content=parts.content, end=parts.end)
        async with asyncio.timeout_at(pace.deadline) as patience:
            async for chunk in chunks:
                received += len(chunk)
                if received > limits.request_bytes:
                    raise too_long(limits)
                body.feed(chunk)
                pace.note(len(chunk), clock())
                patience.reschedule(pace.deadline)
    except TimeoutError as error:
        least = f"{limits.pace.rate * PERIOD:,.0f} bytes in {PERIOD:g} seconds"
        message = (
            f"came too slowly: {least} are the least, {limits.pace.seconds:g} seconds the most for all of it"
        )
        raise Refused("body", message, TOO_SLOW) from error
    except Malformed as error:
        raise Refused("body", f"is not well-formed multipart/form-data: {error}") from error
    finally:
        parts.close()
    if not body.is_complete:
        raise Refused("body", _unended(received, has_begun=body.has_begun))
    return parts.form()


def _unended(received: int, *, has_begun: bool) -> str:
    if received and not has_begun:
        return "is not well-formed multipart/form-data: the boundary that its Content-Type names is not in it"
    return "ends before its last boundary"


def too_long(limits: UploadLimits) -> Refused:
    """The refusal of a body that is too long."""
    return Refused("body", f"is larger than {limits.request_bytes:,} bytes", TOO_LARGE)


def boundary_of(content_type: str, encoding: str) -> bytes:
    """The boundary in a Content-Type header. Raises Refused for another type, or none, and for any Content-Encoding."""
    if encoding.lower() not in ("", "identity"):
        message = "is not understood; send the body as it is"
        raise Refused("content-encoding", message, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise Refused("content-type", "must be multipart/form-data", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if not options.get(b"boundary"):
        raise Refused("content-type", "names no boundary", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return options[b"boundary"]


@dataclass
class _Parts:
    """The parts of one body as the parser tells of them."""

    place: Place
    limits: UploadLimits
    share: Share
    actions: bytearray | None = None
    uploads: list[Upload] = field(default_factory=list)
    _file: BinaryIO | None = None
    _content: bytearray | None = None
    _length: int = 0

    def form(self) -> Form:
        """What has come. Raises Refused if there were no ``actions``."""
        if self.actions is None:
            raise Refused(ACTIONS, "missing; give a JSON object with operations and output")
        return Form(actions=bytes(self.actions), uploads=tuple(self.uploads))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def begin(self, headers: Headers) -> None:
        """A part begins. Raises Refused for one that is not wanted."""
        part, name = field_and_name(headers.get(b"content-disposition", b""))
        self._length = 0
        if part == ACTIONS:
            if self.actions is not None:
                raise Refused(ACTIONS, "given twice")
            self.actions = bytearray()
        elif part == FILES:
            self._open(name)
        else:
            raise Refused(part[:80] or "body", f"an unknown field; known are {ACTIONS} and {FILES}")

    def _open(self, name: str | None) -> None:
        blamed = f"{FILES}[{len(self.uploads)}]"
        if name is None:
            raise Refused(blamed, "is no file: it has no filename")
        if len(self.uploads) == self.limits.files:
            raise Refused(FILES, f"more than {self.limits.files} files", TOO_LARGE)
        self.uploads.append(Upload(name=name, path=self.place(len(self.uploads))))
        self._content = bytearray()

    def content(self, data: memoryview) -> None:
        """A piece of it. Raises Refused if there is too much of it, OSError if it cannot be stored."""
        self._length += len(data)
        if self._file is not None or self._content is not None:
            if self._length > self.limits.file_bytes:
                blamed = f"{FILES}[{len(self.uploads) - 1}]"
                raise Refused(blamed, f"is larger than {self.limits.file_bytes:,} bytes", TOO_LARGE)
            self._keep(data)
        elif self.actions is not None:
            if self._length > _MAX_ACTIONS_BYTES:
                raise Refused(ACTIONS, f"is larger than {_MAX_ACTIONS_BYTES:,} bytes", TOO_LARGE)
            self.actions += data

    def _keep(self, data: memoryview) -> None:
        """Keeps a piece of an image: in memory, until it is known not to be small or there is no more room."""
        if self._content is not None:
            self._content += data
            if len(self._content) <= SMALL and self.share.take(len(data)):
                return
            self.share.give_back(len(self._content) - len(data))
            self._file = self.uploads[-1].path.open("wb", buffering=0)
            data, self._content = memoryview(self._content), None
        assert self._file is not None
        write_all(self._file, data)

    def end(self) -> None:
        """It has ended."""
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self._content is not None:
            self.uploads[-1] = replace(self.uploads[-1], content=bytes(self._content))
            self._content = None


def write_new(path: Path, data: bytes) -> None:
    """Makes a file, or makes it anew, with these bytes. Raises OSError."""
    # Without a file object, which would take as long as the system does.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def write_all(file: BinaryIO, data: memoryview | bytes) -> None:
    """Writes all of it: a disk that is nearly full takes a part, and says only then that it is full."""
    while data:
        data = data[file.write(data) :]
