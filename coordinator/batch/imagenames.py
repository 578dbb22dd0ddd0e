"""The names that a file of detections has for images, matched to those of the batch: never by a guess between two.

Names are compared in steps, each looser than the one before, and taken only where one name of either side fits one
of the other: as they stand; as paths (backslashes, ``./``, URLs, percent signs); by the longest common end of the
path; in any case of letters; without what labelling programs add to a name; without the ending. Two names whose
folders contradict each other are taken for one only if not a single name of the file fits better.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urlsplit

from coordinator.core.paths import IMAGE_SUFFIXES

Parts = tuple[str, ...]

_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)", re.ASCII)
"""What Label Studio puts before the name of an uploaded file."""
_ROBOFLOW = re.compile(r"(?P<stem>.+)_(?P<ending>jpe?g|png|tiff?|bmp|webp)\.rf\.[0-9a-z]+(\.\w+)?", re.ASCII)
"""What Roboflow makes of ``stem.ending``."""


class How(IntEnum):
    """By which comparison two names were found to be one, the strictest first."""

    EXACT = 0
    PATH = 1
    END = 2
    CASE = 3
    EXPORT = 4
    ENDING = 5


SAID = {
    How.EXACT: "as they stand",
    How.PATH: "as paths written in another way",
    How.END: "by the end of their paths",
    How.CASE: "with letters of another case",
    How.EXPORT: "without what a labelling program added",
    How.ENDING: "without their endings",
}


@dataclass(frozen=True, kw_only=True)
class Names:
    """``pairs``: the file's name for each image of the batch that it has, and how they were compared.

    ``ambiguous`` are the file's names that fit several images, or share one with another name; ``unmatched`` fit none.
    ``batch`` is how many images the batch has, ``example`` the first of them.
    """

    pairs: Mapping[str, tuple[str, How]]
    ambiguous: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    batch: int = 0
    example: str | None = None


def match(theirs: Iterable[str], ours: Iterable[str]) -> Names:
    """The names ``theirs`` of a file of detections, paired with the batch's images ``ours`` (paths or URLs).

    Of the batch, only names that may be one of the file's are kept in memory.
    """
    matching = _Matching(theirs)
    keys: set[Parts] = set()
    count, example = 0, None
    for name in ours:
        count += name not in matching.pairs and name not in matching.right
        example = example or name
        if not matching.takes(name):
            keys = keys or {_without_ending(_parts(name))[-1:] for name in matching.left}
            if _without_ending(_parts(name))[-1:] in keys:
                matching.right[name] = None
    matching.settle()
    for how, view in _VIEWS.items():
        matching.compare(how, view)
    unmatched = [name for name in matching.left if name not in matching.tied]
    return Names(
        pairs=matching.pairs,
        ambiguous=tuple(name for name in matching.left if name in matching.tied),
        unmatched=tuple(unmatched),
        batch=count,
        example=example,
    )


_Claim = tuple[bool, int, str]
"""Whether the folders of both names agree, how many parts at their end are the same, and the file's name."""


class _Matching:
    """What is still without a partner on either side, and who has been found for whom."""

    def __init__(self, left: Iterable[str]) -> None:
        self.left = dict.fromkeys(left)
        self.right: dict[str, None] = {}
        self.pairs: dict[str, tuple[str, How]] = {}
        self.tied: set[str] = set()

    def takes(self, ours: str) -> bool:
        """Pairs an image of the batch whose name the file has as it stands: there are no two of those."""
        if ours in self.left:
            self.pairs[ours] = (ours, How.EXACT)
            return True
        return False

    def settle(self) -> None:
        """Leaves out of what is to be compared the names that were taken as they stand."""
        self.left = {theirs: None for theirs in self.left if theirs not in self.pairs}

    def compare(self, how: How, view: Callable[[str], Parts]) -> None:
        """Pairs what is left by the longest common end that names have when seen through ``view``."""
        ends: defaultdict[Parts, list[str]] = defaultdict(list)
        for ours in self.right:
            parts = view(ours)
            for start in range(len(parts) if how >= How.END else 1):
                ends[parts[start:]].append(ours)
        claims: defaultdict[str, list[_Claim]] = defaultdict(list)
        for theirs in self.left:
            parts = view(theirs)
            starts = range(len(parts) if how >= How.END else 1)
            start = next((start for start in starts if parts[start:] in ends), len(parts))
            if start == len(parts):
                continue
            fitting = ends[parts[start:]]
            if len(fitting) > 1:
                self.tied.add(theirs)
                continue
            length = len(parts) - start
            apart = start > 0 and length < len(view(fitting[0]))
            claims[fitting[0]].append((not apart, length, theirs))
        self._grant(how, claims)

    def _grant(self, how: How, claims: Mapping[str, list[_Claim]]) -> None:
        agreeing = {ours: best for ours, of in claims.items() if (best := self._best(of)) is not None}
        sound = {ours: best[2] for ours, best in agreeing.items() if best[0]}
        granted = sound or ({} if self.pairs else {ours: best[2] for ours, best in agreeing.items()})
        for ours, theirs in granted.items():
            self.pairs[ours] = (theirs, how)
            del self.right[ours], self.left[theirs]

    def _best(self, claims: list[_Claim]) -> _Claim | None:
        """The claim that contradicts nothing and has the longest end, unless another is as good."""
        good = max(claim[:2] for claim in claims)
        best = [claim for claim in claims if claim[:2] == good]
        if len(best) == 1:
            return best[0]
        self.tied.update(theirs for _, _, theirs in best)
        return None


def _parts(name: str) -> Parts:
    """The folders and the name of a path or URL, however it is written."""
    if "?" in name or "://" in name:
        name = _of_url(name)
    if "%" in name:
        name = unquote(name)
    parts: list[str] = []
    for part in unicodedata.normalize("NFC", name).replace("\\", "/").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


def _of_url(name: str) -> str:
    """The path of a URL, or the one that its query names, as Label Studio's ``/data/local-files/?d=a/b.jpg`` does."""
    try:
        url = urlsplit(name)
    except ValueError:
        return name
    asked = (value for _, value in parse_qsl(url.query))
    inner = next((value for value in asked if _has_ending(value)), None)
    return inner or url.path


def _has_ending(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _any_case(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)


def _without_export(parts: Parts) -> Parts:
    *folders, name = _any_case(parts) or ("",)
    if made := _ROBOFLOW.fullmatch(name):
        name = f"{made['stem']}.{made['ending']}"
    return (*folders, _UPLOADED.sub("", name, count=1) if _UPLOADED.match(name) else name)


def _without_ending(parts: Parts) -> Parts:
    """Numbers lose their leading zeros, too: COCO's image 12 is ``000000000012.jpg``."""
    *folders, name = _without_export(parts)
    stem = name.rpartition(".")[0] if _has_ending(name) else name
    return (*folders, (stem.lstrip("0") or "0") if stem.isdecimal() else stem)


_VIEWS: dict[How, Callable[[str], Parts]] = {
    How.PATH: _parts,
    How.END: _parts,
    How.CASE: lambda name: _any_case(_parts(name)),
    How.EXPORT: lambda name: _without_export(_parts(name)),
    How.ENDING: lambda name: _without_ending(_parts(name)),
}
