"""What many ask for at a time: done once, and a slow source keeps nobody from others."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from coordinator.service.photographs import Photograph
from coordinator.service.refusal import Refused
from coordinator.service.rendered.flights import Flights
from coordinator.service.rendered.looking import Looks
from coordinator.service.rendered.sources import Seen, Sources
from tests.waiting import PATIENCE, eventually


class TestFlights:
    def test_many_wait_for_one_and_the_next_begins_anew(self) -> None:
        begun = []

        async def work() -> int:
            begun.append(1)
            await asyncio.sleep(0)
            return len(begun)

        async def all_of_it() -> list[int]:
            flights = Flights[int]()
            first = await asyncio.gather(*(flights.join("a", work) for _ in range(5)))
            assert not len(flights)
            return [*first, await flights.join("a", work)]

        assert asyncio.run(all_of_it()) == [1, 1, 1, 1, 1, 2]

    def test_it_goes_on_without_those_who_left(self) -> None:
        async def all_of_it() -> list[str]:
            flights, go, ended = Flights[None](), asyncio.Event(), []

            async def work() -> None:
                await go.wait()
                ended.append("ended")

            waiting = [asyncio.ensure_future(flights.join("a", work)) for _ in range(2)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.wait(waiting[:1])
            assert not waiting[1].done()
            go.set()
            await waiting[1]
            return ended

        assert asyncio.run(all_of_it()) == ["ended"]

    def test_what_it_raises_all_meet(self) -> None:
        async def work() -> None:
            await asyncio.sleep(0)
            raise Refused("source", "is empty")

        async def all_of_it() -> list[object]:
            flights = Flights[None]()
            return list(
                await asyncio.gather(*(flights.join("a", work) for _ in range(3)), return_exceptions=True)
            )

        assert [str(error) for error in asyncio.run(all_of_it())] == ["source: is empty"] * 3


class HeldSources(Sources):
    """Sources of which those at slow.example come when the test says so."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.looked_at: list[str] = []

    def known(self, source: str) -> Seen | None:
        return None

    def look(self, source: str) -> Seen:
        self.looked_at.append(source)
        if "slow.example" in source:
            self.go.wait(PATIENCE)
        photograph = Photograph(suffix=".png", width=1, height=1)
        return Seen(digest=source, photograph=photograph, modified=None)


def slow(number: int) -> str:
    return f"https://slow.example/{number}.png"


class TestLooks:
    def test_a_slow_server_keeps_nobody_from_another(self) -> None:
        async def all_of_it() -> str:
            sources = HeldSources()
            looks = Looks(sources, PATIENCE)
            waiting = [asyncio.ensure_future(looks.see(slow(number))) for number in range(30)]
            await asyncio.to_thread(eventually, lambda: len(sources.looked_at) == 8)
            seen = await looks.see("https://h.example/a.png")
            assert len(sources.looked_at) == 9
            sources.go.set()
            assert len({(await one).digest for one in waiting}) == 30
            looks.close()
            return seen.digest

        assert asyncio.run(all_of_it()) == "https://h.example/a.png"

    def test_who_waits_too_long_is_told_and_leaves_nothing_in_the_line(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("coordinator.service.rendered.looking._AFTER_DEADLINE", 0.2)

        async def all_of_it() -> tuple[list[int], int]:
            sources = HeldSources()
            looks = Looks(sources, 0.1)
            asked = await asyncio.gather(
                *(looks.see(slow(number)) for number in range(12)), return_exceptions=True
            )
            sources.go.set()
            async with asyncio.timeout(PATIENCE):
                while len(sources.looked_at) < 9:  # until the threads have said that they are free
                    with suppress(Refused):
                        await looks.see(slow(99))
            looks.close()
            return [int(one.status) for one in asked if isinstance(one, Refused)], len(sources.looked_at)

        assert asyncio.run(all_of_it()) == ([504] * 8 + [503] * 4, 9)

    def test_no_more_than_so_many_wait(self) -> None:
        async def all_of_it() -> Refused:
            sources = HeldSources()
            looks = Looks(sources, PATIENCE)
            waiting = [asyncio.ensure_future(looks.see(slow(number))) for number in range(128)]
            await asyncio.sleep(0)
            with pytest.raises(Refused, match="as many sources as may be") as refused:
                await looks.see(slow(128))
            sources.go.set()
            await asyncio.gather(*waiting)
            looks.close()
            return refused.value

        refused = asyncio.run(all_of_it())
        assert (refused.status, refused.retry_after) == (503, 5)
