"""The ledger never hands out more than there is, and hands out everything that there is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.resources import Gpu, Grant, Inventory, Ledger, fit, shortage
from coordinator.pipeline import Resources
from tests.unit.builders import PROPERTY, resources

GIB = 1024**3
FOUR_GPUS = Inventory(
    cpus=16, memory=64 * GIB, gpus=tuple(Gpu(uuid=f"GPU-{n}", memory=8 * GIB) for n in range(4))
)

WANTED = st.builds(
    lambda cpus, memory, gpus, gpu_memory: Resources(
        cpus=cpus, memory=memory, gpus=gpus, gpu_memory=gpu_memory if gpus else None
    ),
    st.sampled_from([0.1, 0.25, 1 / 3, 1.0, 2.0, 5.0, 20.0]),
    st.integers(1, 80).map(lambda size: size * GIB),
    st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 1.0, 2.0, 3.0, 5.0]),
    st.none() | st.integers(1, 10).map(lambda size: size * GIB),
)
INVENTORIES = st.builds(
    lambda cpus, memory, gpus: Inventory(
        cpus=cpus,
        memory=memory * GIB,
        gpus=tuple(Gpu(uuid=f"GPU-{n}", memory=m * GIB) for n, m in enumerate(gpus)),
    ),
    st.sampled_from([0.5, 1.0, 4.0, 16.0]),
    st.integers(1, 64),
    st.lists(st.integers(1, 10), max_size=4),
)


def check_within(inventory: Inventory, held: list[Grant]) -> None:
    """No sum of what is held exceeds what the machine has."""
    shares: Counter[str] = Counter()
    memory: Counter[str] = Counter()
    for grant in held:
        for uuid in grant.gpu_uuids:
            shares[uuid] += min(grant.resources.gpus, 1.0)  # type: ignore[assignment]
            memory[uuid] += grant.resources.gpu_memory or 0
    assert sum(grant.resources.cpus for grant in held) <= inventory.cpus + 1e-6
    assert sum(grant.resources.memory for grant in held) <= inventory.memory
    for gpu in inventory.gpus:
        assert shares[gpu.uuid] <= 1 + 1e-6
        assert memory[gpu.uuid] <= gpu.memory


class TestLedger:
    @PROPERTY
    @given(INVENTORIES, st.lists(WANTED | st.integers(0, 20), max_size=40))
    def test_whatever_comes_and_goes_nothing_is_promised_twice(
        self, inventory: Inventory, events: list[Resources | int]
    ) -> None:
        ledger = Ledger(inventory)
        held: list[Grant] = []
        for event in events:
            if isinstance(event, int):
                if held:
                    ledger.release(held.pop(event % len(held)))
            elif (grant := ledger.reserve(event)) is not None:
                held.append(grant)
                assert len(grant.gpu_uuids) == len(set(grant.gpu_uuids))
                assert len(grant.gpu_uuids) == (0 if not event.gpus else max(1, int(event.gpus)))
                assert set(grant.gpu_uuids) <= {gpu.uuid for gpu in inventory.gpus}
            check_within(inventory, held)

    @PROPERTY
    @given(INVENTORIES, st.lists(WANTED, max_size=20), WANTED)
    def test_after_everything_is_given_back_the_machine_is_idle_again(
        self, inventory: Inventory, used: list[Resources], wanted: Resources
    ) -> None:
        ledger = Ledger(inventory)
        for grant in [grant for one in used if (grant := ledger.reserve(one))]:
            ledger.release(grant)
        assert (ledger.reserve(wanted) is None) == (Ledger(inventory).reserve(wanted) is None)

    @PROPERTY
    @given(INVENTORIES, WANTED)
    def test_a_shortage_is_told_exactly_of_what_an_idle_machine_refuses(
        self, inventory: Inventory, wanted: Resources
    ) -> None:
        assert (shortage(wanted, inventory) is None) == (Ledger(inventory).reserve(wanted) is not None)

    def test_a_refusal_takes_nothing(self) -> None:
        ledger = Ledger(Inventory(cpus=2, memory=10))
        assert ledger.reserve(resources(cpus=1, memory=11)) is None
        assert ledger.reserve(resources(cpus=2, memory=10)) is not None

    @pytest.mark.parametrize(("share", "times"), [(0.1, 10), (0.2, 5), (1 / 3, 3), (0.7, 1)])
    def test_fractions_fill_a_machine_to_the_brim_and_no_further(self, share: float, times: int) -> None:
        ledger = Ledger(Inventory(cpus=1, memory=100, gpus=(Gpu(uuid="g", memory=1),)))
        wanted = resources(cpus=share, gpus=share)
        assert [ledger.reserve(wanted) is not None for _ in range(times + 1)] == [True] * times + [False]


class TestPlacing:
    def test_fractions_gather_on_one_device_so_that_whole_ones_stay_free(self) -> None:
        ledger = Ledger(FOUR_GPUS)
        halves = [ledger.reserve(resources(gpus=0.5)) for _ in range(2)]
        whole = ledger.reserve(resources(gpus=3))
        assert [grant.gpu_uuids for grant in halves if grant] == [("GPU-0",), ("GPU-0",)]
        assert whole is not None
        assert whole.gpu_uuids == ("GPU-1", "GPU-2", "GPU-3")

    def test_the_fullest_device_that_fits_is_taken_first(self) -> None:
        ledger = Ledger(FOUR_GPUS)
        grants = [ledger.reserve(resources(gpus=share)) for share in (0.6, 0.6, 0.3, 0.4)]
        assert [grant.gpu_uuids[0] for grant in grants if grant] == ["GPU-0", "GPU-1", "GPU-0", "GPU-1"]

    def test_a_devices_memory_limits_as_its_share_does(self) -> None:
        ledger = Ledger(FOUR_GPUS)
        wanted = resources(gpus=0.1, gpu_memory=5 * GIB)
        grants = [ledger.reserve(wanted) for _ in range(5)]
        assert [grant and grant.gpu_uuids[0] for grant in grants] == [
            "GPU-0",
            "GPU-1",
            "GPU-2",
            "GPU-3",
            None,
        ]

    def test_a_whole_device_is_not_shared(self) -> None:
        ledger = Ledger(Inventory(cpus=9, memory=9, gpus=(Gpu(uuid="g", memory=1),)))
        assert ledger.reserve(resources(gpus=1)) is not None
        assert ledger.reserve(resources(gpus=0.01)) is None
        assert ledger.reserve(resources(gpus=0)) is not None


class TestShortage:
    @pytest.mark.parametrize(
        ("wanted", "told"),
        [
            (resources(cpus=17), "asks for 17 CPUs, the machine has 16"),
            (resources(memory=65 * GIB), "asks for 65.0 GiB of memory, the machine has 64.0 GiB"),
            (resources(gpus=5), "asks for 5 GPUs, the machine has 4 (see gpu_optional)"),
            (
                resources(gpus=1, gpu_memory=9 * GIB),
                "asks for 1 GPUs with 9.0 GiB each, the machine has 4 (see gpu_optional)",
            ),
        ],
    )
    def test_it_says_what_is_wanted_and_what_there_is(self, wanted: Resources, told: str) -> None:
        assert shortage(wanted, FOUR_GPUS) == told

    def test_what_fits_is_no_shortage(self) -> None:
        assert shortage(resources(cpus=16, memory=64 * GIB, gpus=4, gpu_memory=8 * GIB), FOUR_GPUS) is None


class TestOptionalGpu:
    WANTED = resources(gpus=1, gpu_memory=GIB, gpu_optional=True)

    def test_it_is_left_out_on_a_machine_without(self) -> None:
        fitted = fit(self.WANTED, Inventory(cpus=1, memory=1))
        assert (fitted.gpus, fitted.gpu_memory) == (0, None)
        assert shortage(fitted, Inventory(cpus=1, memory=1)) is None

    def test_it_is_used_where_there_is_one(self) -> None:
        assert fit(self.WANTED, FOUR_GPUS) == self.WANTED

    def test_a_gpu_that_is_not_optional_is_never_left_out(self) -> None:
        wanted = resources(gpus=1)
        assert fit(wanted, Inventory(cpus=1, memory=1)) == wanted
