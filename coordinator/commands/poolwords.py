"""What ``status`` tells of a cluster's pools, in words: how they stand, and what holds the run up. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coordinator.strictjson import Json

_NAMED = 3
_LITTLE = 0.1
"""Causes that are told, and the part of the time below which one is not worth it."""
_HEADS = {"backlog": "tasks", "wait": "wait/s", "there_s": "inst.-s"}


def pool_lines(pools: Json, holds: Sequence[Json], *, is_at_work: bool) -> Iterator[str]:
    """The pools by step as the journal has them, and what has held the run up.

    Of a run that has ended, what its instances came to in all: the most at a time, and their seconds together.
    """
    counted = ("least", "most", "ready", "starting", "backlog") if is_at_work else ("least", "most", "peak")
    timed = "wait" if is_at_work else "there_s"
    yield _row("pool", *(_HEADS.get(name, name) for name in (*counted, timed)), "per s", "busy")
    for step, pool in pools.items():
        counts = (pool[name] for name in counted)
        yield _row(step, *counts, _number(pool[timed]), _number(pool["rate"], places=2), _share(pool["busy"]))
    yield from _holds(holds)


def _holds(holds: Sequence[Json]) -> Iterator[str]:
    """What holds the run up now first, then what did so for more than a small part of the time."""
    whole = sum(one["seconds"] for one in holds)
    told = [one for one in holds if one["is_now"] or one["seconds"] >= _LITTLE * whole]
    for one in sorted(told, key=lambda one: not one["is_now"])[:_NAMED]:
        who = "the head" if one["step"] is None else one["step"]
        when = "now, for" if one["is_now"] else "for"
        yield f"bottleneck  {who}: {one['why']} ({when} {_number(one['seconds'])} s)"


def _row(*cells: object) -> str:
    name, *others = cells
    return f"{name!s:12}" + "".join(f"{cell!s:>9}" for cell in others)


def _number(value: float | None, *, places: int = 1) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.{places}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
