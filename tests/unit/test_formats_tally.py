"""What readers notice is told once for each kind."""

from __future__ import annotations

from coordinator.findings import Finding, Level
from coordinator.formats.tally import Tally


def test_many_things_are_one_finding_that_names_three() -> None:
    tally, told = Tally(), list[Finding]()
    for number in range(1200):
        tally.add("odd", f"{number}.jpg")
    tally.tell(told.append, "odd", Level.WARNING, "{count} are odd: {names}")
    assert [finding.text for finding in told] == ["1,200 are odd: '0.jpg', '1.jpg', '2.jpg' and 1,197 more"]
    assert tally.count("odd") == 1200


def test_a_holder_of_many_is_named_once() -> None:
    tally, told = Tally(), list[Finding]()
    for name in ("a", "a", "b", "b", "b"):
        tally.add("odd", name)
    tally.tell(told.append, "odd", Level.NOTE, "{count} are odd: {names}")
    assert told[0].text == "5 are odd: 'a', 'b'"


def test_nothing_noticed_is_nothing_told() -> None:
    told: list[Finding] = []
    Tally().tell(told.append, "odd", Level.NOTE, "{count}: {names}")
    assert told == []


def test_names_are_not_taken_for_places_to_fill_in() -> None:
    tally, told = Tally(), list[Finding]()
    tally.add("odd", "{count}.jpg")
    tally.tell(told.append, "odd", Level.NOTE, "{count}: {names}")
    assert told[0].text == "1: '{count}.jpg'"
