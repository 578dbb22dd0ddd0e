"""When tasks ran and where: attempts as bars in lanes, one group of lanes for each step. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coordinator.record.history import Tried
from coordinator.strictjson import Json

MAX_BARS = 20_000
"""Beyond so many attempts, those that are not to be told apart on a screen are drawn as one bar."""
_COLUMNS = 4_000
"""Parts of the run's length within which bars of one lane are one."""


@dataclass(kw_only=True, slots=True)
class Bar:
    """Attempts side by side in one lane; ``start`` and ``end`` are seconds since the first attempt."""

    lane: int
    start: float
    end: float
    count: int
    failed: int
    unit: str

    def as_json(self) -> list[object]:
        return [self.lane, round(self.start, 3), round(self.end, 3), self.count, self.failed, self.unit]


def timeline(attempts: Iterable[Tried], steps: Sequence[str]) -> Json:
    """The bars of each step in the order of ``steps``; others come behind them."""
    by_step: dict[str, list[Tried]] = defaultdict(list)
    for attempt in attempts:
        by_step[attempt.step].append(attempt)
    if not by_step:
        return {"start": None, "seconds": 0.0, "steps": []}
    start = min(one.began for tried in by_step.values() for one in tried)
    end = max(one.ended for tried in by_step.values() for one in tried)
    close = (end - start) / _COLUMNS if sum(map(len, by_step.values())) > MAX_BARS else 0.0
    names = [*(name for name in steps if name in by_step), *sorted(set(by_step) - set(steps))]
    return {
        "start": start,
        "seconds": end - start,
        "steps": [_step(name, by_step[name], start, close) for name in names],
    }


def _step(name: str, tried: list[Tried], start: float, close: float) -> Json:
    bars, lanes = laned(tried, start)
    return {"name": name, "lanes": lanes, "bars": [bar.as_json() for bar in merged(bars, close)]}


def laned(tried: Iterable[Tried], start: float) -> tuple[list[Bar], int]:
    """Each attempt as a bar in the first lane that is free, and how many lanes that takes."""
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    bars, lanes = [], 0
    for one in sorted(tried, key=lambda one: (one.began, one.ended)):
        while busy and busy[0][0] <= one.began:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, lanes)
            lanes += 1
        lane = heapq.heappop(free)
        heapq.heappush(busy, (one.ended, lane))
        bars.append(
            Bar(
                lane=lane,
                start=one.began - start,
                end=one.ended - start,
                count=1,
                failed=int(one.error is not None),
                unit=one.task.partition("/")[2],
            )
        )
    return bars, lanes


def merged(bars: Iterable[Bar], close: float) -> list[Bar]:
    """Bars of one lane that end within ``close`` seconds of the next one's begin are one, failures by themselves."""
    last: dict[tuple[int, bool], Bar] = {}
    kept = []
    for bar in bars:
        before = last.get((bar.lane, bool(bar.failed)))
        if (
            close
            and before is not None
            and bar.start - before.end <= close
            and bar.end - before.start <= 50 * close
        ):
            before.end, before.count, before.failed = (
                bar.end,
                before.count + bar.count,
                before.failed + bar.failed,
            )
            continue
        kept.append(bar)
        last[bar.lane, bool(bar.failed)] = bar
    return kept
