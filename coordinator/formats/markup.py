"""XML as a stream of elements, without document types and so without entities: nothing expands or is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import ParseError, XMLParser

from coordinator.errors import BatchError
from coordinator.plainfile import open_file

_CHUNK = 1 << 20


class Elements(Protocol):
    """What is told of a document's elements, in order."""

    def start(self, tag: str, attributes: dict[str, str]) -> None: ...
    def data(self, text: str) -> None: ...
    def end(self, tag: str) -> None: ...


class _Guarded:
    """Passes elements on, and refuses a document type before anything in it is looked at."""

    def __init__(self, path: Path, elements: Elements) -> None:
        self._path = path
        self.start = elements.start
        self.data = elements.data
        self.end = elements.end

    def doctype(self, name: str, public_id: str | None, system_id: str | None) -> None:
        raise BatchError(f"{self._path}: a document type (<!DOCTYPE ...>) is not allowed here; remove it")

    def close(self) -> None:
        return None


def walk(path: Path, elements: Elements) -> None:
    """Tells ``elements`` of the whole file. Raises BatchError that says where it ceases to be XML."""
    parser = XMLParser(target=_Guarded(path, elements))
    try:
        with open_file(path) as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
        parser.close()
    except ParseError as error:
        raise BatchError(f"{path} is not XML: {error}; is the file complete?") from error
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know, or cannot stream
        raise BatchError(f"{path} cannot be read as XML: {error}") from error
