"""Decisions of a later review put to those of earlier ones, by the thing in the street that each is about. Pure.

The earlier ones are first matched to the objects of today, whatever ids these had when they were decided of. Of two
decisions on one thing the later one counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from coordinator.record.review import Decision, Known, Matched, Verdict, matched


class Subject(NamedTuple):
    """What a decision is about: an object of today, or, where it does not stand any more, what had the id."""

    id: str
    stands: bool


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The decisions to keep. Of the later review: ids decided of more than once, and what belongs to nothing.

    What is taken back though nobody has decided of it is ``needless``: all is as it should be. Where the object of
    its id is another thing by place or category, it is unknown, as the reader meant one that stands.
    """

    kept: tuple[Decision, ...]
    repeated: tuple[str, ...]
    unknown: tuple[Decision, ...]
    needless: tuple[Decision, ...]


def merged(earlier: Sequence[Decision], later: Sequence[Decision], objects: Sequence[Known]) -> Merged:
    """Both, a later decision in the place of an earlier one on the same thing; what is taken back is gone.

    What the later review says of things that neither stand nor were decided of before is not kept. What is kept of an
    object of today notes its category and height, if it did not, so that it can follow the object from run to run.
    """
    before = _subjects(earlier, matched(earlier, objects))
    last = {decision.id: decision for decision in later}
    about = _about(list(last.values()), before, objects)
    kept = {subject: decision for decision, subject in before.items()}
    kept.update({about[name]: decision for name, decision in last.items() if name in about})
    counting = {about[name]: name for name in last if name in about}
    today = {Subject(one.id, stands=True): one for one in objects}
    needless = _needless(last, about, before, objects)
    return Merged(
        kept=tuple(
            _noted(decision, today.get(subject))
            for subject, decision in kept.items()
            if decision.verdict is not Verdict.UNDO
        ),
        repeated=_repeated([decision.id for decision in later], about, counting),
        unknown=tuple(one for name, one in last.items() if name not in about and one not in needless),
        needless=needless,
    )


def _needless(
    last: Mapping[str, Decision],
    about: Mapping[str, Subject],
    before: Mapping[Decision, Subject],
    objects: Sequence[Known],
) -> tuple[Decision, ...]:
    """What is taken back though nobody has decided of it; not a row that misses the object of its own id."""
    ids, decided = {one.id for one in objects}, set(before.values())
    undone = {name: one for name, one in last.items() if one.verdict is Verdict.UNDO}
    return tuple(
        one
        for name, one in undone.items()
        if (about[name] not in decided if name in about else name not in ids)
    )


def _noted(decision: Decision, one: Known | None) -> Decision:
    """A decision with what its object is by the run, where that was not noted."""
    if one is None:
        return decision
    return replace(
        decision,
        was=one.category if decision.was is None else decision.was,
        z=one.z if decision.z is None else decision.z,
    )


def _subjects(decisions: Sequence[Decision], found: Matched) -> dict[Decision, Subject]:
    """What each decision is about; one that is lost is about what had its id."""
    owner = {decision: Subject(name, stands=True) for name, decision in found.by_object.items()}
    return {one: owner.get(one, Subject(one.id, stands=False)) for one in decisions}


def _about(
    later: Sequence[Decision], before: Mapping[Decision, Subject], objects: Sequence[Known]
) -> dict[str, Subject]:
    """What later decisions are about, by their ids. An id of earlier that no object has now is still the same thing."""
    known = {one.id for one in objects}
    earlier = {decision.id: subject for decision, subject in before.items()}
    same = {one.id: earlier[one.id] for one in later if one.id in earlier and one.id not in known}
    rest = [one for one in later if one.id not in same]
    placed = {one.id: subject for one, subject in _subjects(rest, matched(rest, objects)).items()}
    gone = set(before.values())
    return same | {name: subject for name, subject in placed.items() if subject.stands or subject in gone}


def _repeated(
    ids: Sequence[str], about: Mapping[str, Subject], counting: Mapping[Subject, str]
) -> tuple[str, ...]:
    """The ids of which a decision does not count, as a later row of the same review is about the same thing."""
    twice = {name for name, count in Counter(ids).items() if count > 1}
    twice |= {name for name, subject in about.items() if counting[subject] != name}
    return tuple(name for name in dict.fromkeys(ids) if name in twice)
