"""Pascal VOC: a folder ``Annotations`` of XML files, one for each image, with the corners of boxes in pixels.

Source: the devkit of http://host.robots.ox.ac.uk/pascal/VOC. Its pixels count from 1 and both corners belong to the
box; today's tools (labelImg and what follows it) write edges that count from 0, and so they are taken here.
"""

from __future__ import annotations

from pathlib import Path

from coordinator.errors import BatchError
from coordinator.findings import Tell
from coordinator.formats.boxes import Found, Gathering, from_corners
from coordinator.formats.jsondocument import count, number, text
from coordinator.formats.markup import walk

NAME = "voc"
FOLDERS = ("Annotations", "annotations")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def find(folder: Path) -> Path | None:
    """``Annotations`` in the folder, if there is XML in it."""
    places = (folder / name for name in FOLDERS)
    return next((place for place in places if next(place.glob("*.xml"), None)), None)


def read(path: Path, tell: Tell) -> Found:
    """The boxes of the folder ``path``. Raises BatchError for a file in it that is not VOC's."""
    gathering = Gathering(f"{path.name}/", tell)
    for file in sorted(path.glob("*.xml")):
        walk(file, _OneImage(file, gathering))
    return Found(format=NAME, path=path, images=gathering.done())


class _OneImage:
    """One file's elements: the fields of the image, then those of each object."""

    def __init__(self, path: Path, gathering: Gathering) -> None:
        self._path = path
        self._gathering = gathering
        self._tags: list[str] = []
        self._fields: dict[str, str] = {}
        self._objects: list[dict[str, str]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._tags and tag != "annotation":
            raise BatchError(
                f"{self._path}: not Pascal VOC: its outermost element is <{tag}>, not <annotation>"
            )
        self._tags.append(tag)
        if self._tags == ["annotation", "object"]:
            self._objects.append({})

    def data(self, text: str) -> None:
        holder = self._objects[-1] if self._tags[1:2] == ["object"] else self._fields
        path = "/".join(self._tags[1:])
        holder[path] = holder.get(path, "") + text

    def end(self, tag: str) -> None:
        self._tags.pop()
        if not self._tags:
            self._done()

    def _done(self) -> None:
        name = text(self._fields.get("filename", "").strip()) or self._path.stem
        self._gathering.image(
            name, *(count(_number(self._fields.get(f"size/{side}"))) for side in ("width", "height"))
        )
        for place, one in enumerate(self._objects, start=1):
            corners = [_number(one.get(f"object/bndbox/{corner}")) for corner in _CORNERS]
            known = [corner for corner in corners if corner is not None]
            box = from_corners(*known) if len(known) == len(_CORNERS) else None
            label = text(one.get("object/name", "").strip())
            self._gathering.box(name, box, where=f"object {place} of {name}", label=label)


def _number(text: str | None) -> float | None:
    try:
        return number(float(text or ""))
    except ValueError:
        return None
