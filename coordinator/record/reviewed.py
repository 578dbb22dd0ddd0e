"""A review put into GeoJSON features: what is rejected leaves them, what is re-classed says so. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coordinator.findings import Finding, Level, named
from coordinator.record.review import KEPT, REACH, Decision, Known, Matched, Verdict, matched
from coordinator.strictjson import Json

REVIEWED = ("review", "category_before_review", "review_note", "review_time")
"""The properties that a review adds to every object."""
_OF_THE_CATEGORY = ("category_score", "category_code", "runners_up", "traffic_sign", "osm")
"""What is said of the category that the run saw, and not of the one that its reader gave."""


def matched_features(features: Sequence[Json], decisions: Sequence[Decision]) -> Matched:
    """Which of a run's objects each decision belongs to."""
    return matched(decisions, known_objects(features))


def known_objects(features: Sequence[Json]) -> list[Known]:
    """A run's objects, as decisions are matched to them."""
    return [_known(feature) for feature in features]


def _known(feature: Json) -> Known:
    longitude, latitude = feature["geometry"]["coordinates"][:2]
    said = feature["properties"]
    category = said.get("category")
    return Known(
        id=feature["id"],
        longitude=longitude,
        latitude=latitude,
        z=said.get("z") if isinstance(said.get("z"), int | float) else None,
        category=None if category is None else str(category),
    )


def reviewed(features: Sequence[Json], found: Matched) -> list[Json]:
    """The features as their review leaves them; what is given stays as it is."""
    kept = []
    for feature in features:
        decision = found.by_object.get(feature["id"])
        if decision is None or decision.verdict is not Verdict.REJECT:
            kept.append({**feature, "properties": _said(feature["properties"], decision)})
    return kept


def _said(properties: Json, decision: Decision | None) -> Json:
    told: Json = {
        "review": str(decision.verdict) if decision else None,
        "category_before_review": properties.get("category"),
        "review_note": decision.note or None if decision else None,
        "review_time": decision.time or None if decision else None,
    }
    if decision is None or decision.verdict is not Verdict.RECLASS:
        return {**properties, **told}
    rest = {name: value for name, value in properties.items() if name not in _OF_THE_CATEGORY}
    return {**rest, "category": decision.category, **told}


def lost(found: Matched) -> Finding | None:
    """What there is to say of decisions that belong to no object any more."""
    if not found.lost:
        return None
    count = len(found.lost)
    names = named((one.id for one in found.lost), count)
    text = (
        f"{count:,} of {count + len(found.by_object):,} decisions of the review belong to no object of this run: "
        f"none of their category is within {REACH:g} m of {names}; they are kept: "
        f"to drop one, `review` its row of {KEPT} with 'undo' as its decision"
    )
    return Finding(kind="decisions-lost", level=Level.WARNING, text=text)


def unknown(decisions: Sequence[Decision]) -> Finding | None:
    """What there is to say of rows of a review that belong to nothing, neither an object nor an earlier decision."""
    if not decisions:
        return None
    names = named((one.id for one in decisions), len(decisions))
    text = (
        f"{len(decisions):,} decisions of the review belong to no object of this run, and are not kept: "
        f"none of their category is within {REACH:g} m of {names}; look at the id, place and category in the review"
    )
    return Finding(kind="decisions-unknown", level=Level.WARNING, text=text)


def needless(decisions: Sequence[Decision]) -> Finding | None:
    """What there is to say of rows that take back what nobody has decided, or what was taken back before."""
    if not decisions:
        return None
    names = named((one.id for one in decisions), len(decisions))
    text = f"the review takes back decisions that are not there, which changes nothing: {names}"
    return Finding(kind="decisions-not-there", level=Level.NOTE, text=text)


def repeated(ids: Sequence[str]) -> Finding | None:
    """What there is to say of objects that one review decides of more than once."""
    if not ids:
        return None
    text = f"{len(ids):,} objects have two decisions or more in the review, the last counts: {named(ids, len(ids))}"
    return Finding(kind="decisions-repeated", level=Level.WARNING, text=text)
