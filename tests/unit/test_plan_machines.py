"""The file of machines: what it may say, and how it is told what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.errors import MachinesError
from coordinator.plan.machines import check_fit, load_machines
from tests.unit.builders import step
from tests.unit.planned import kind


def write(folder: Path, text: str) -> Path:
    path = folder / "machines.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def machine(**fields: object) -> str:
    given = {"name": "a", "cpus": 4, "memory": "8g", "price": 0.2, **fields}
    return "machines:\n  - {" + ", ".join(f"{name}: {value}" for name, value in given.items()) + "}\n"


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    found = load_machines(write(tmp_path, machine()))
    (one,) = found.machines
    assert (one.memory, one.least, one.most, one.spot) == (8 << 30, 0, 1, False)
    assert found.currency == "EUR"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the whole: Input should be"),
        ("machines: []", "machines: Tuple should have at least 1 item"),
        ("machines: [", "not valid YAML"),
        (machine(cpu=3), "machines.0: there is no key 'cpu'"),
        ("heads: 1\n" + machine(), "the whole: there is no key 'heads'"),
        ("head: {cost: 1}\n" + machine(), "head: there is no key 'cost'"),
        (machine() + machine(), "the key 'machines' stands there twice"),
        (machine().replace("cpus: 4", "cpus: 4, cpus: 8"), "the key 'cpus' stands there twice"),
        (machine(price="no"), "machines.0.price: Value error, true or false"),
        (machine(cpus="true"), "machines.0.cpus: Value error, true or false"),
        (machine(cpus=0), "machines.0.cpus: Input should be greater than 0"),
        (machine(price=".inf"), "machines.0.price: Input should be a finite number"),
        (machine(memory="8 apples"), "machines.0.memory: Value error, '8 apples' is not a size"),
        (machine(cpus=1e300), "cpus: Input should be less than or equal to 4096"),
        (machine(memory="9000000t"), "memory: Input should be less than or equal to"),
        (machine(memory="9" * 400 + "g"), "a number is too large"),
        (machine(price=1e300), "price: Input should be less than or equal to 1000000"),
        (machine(boot_s=1e300), "boot_s: Input should be less than or equal to 604800"),
        (machine(idle_s=1e300), "idle_s: Input should be less than or equal to"),
        (machine(speed=1e-300), "speed: Input should be greater than or equal to 0.001"),
        (machine(speed=1e300), "speed: Input should be less than or equal to 1000"),
        ("lost_s: 1e+300\n" + machine(), "lost_s: Input should be less than or equal to 604800"),
        ("head: {task_s: 1e+300}\n" + machine(), "head.task_s: Input should be less than or equal to 60"),
        (machine(idle_s=0), "idle_s is 0: one that is given back at once takes no task"),
        (machine(least=3, most=2), "least is 3, more than most, which is 2"),
        (machine(gpus=1), "gpus and gpu_memory go together"),
        (machine(spot="true"), "taken_back_h .* go together"),
        (machine(taken_back_h=2), "taken_back_h .* go together"),
        (
            machine() + "  - {name: a, cpus: 1, memory: 1g, price: 1}",
            "two types of machines have the name 'a'",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(MachinesError, match=told):
        load_machines(write(tmp_path, text))


def test_a_list_with_a_faulty_machine_is_not_called_empty(tmp_path: Path) -> None:
    with pytest.raises(MachinesError) as told:
        load_machines(write(tmp_path, machine(cpus=0)))
    assert "at least 1 item" not in str(told.value)


def test_what_machines_have_in_common_may_be_written_once(tmp_path: Path) -> None:
    """YAML's merge key, beside which a machine may say otherwise."""
    text = machine().replace("- {", "- &a {") + "  - {<<: *a, name: b, cpus: 8}\n"
    found = load_machines(write(tmp_path, text))
    assert [(one.name, one.cpus, one.price) for one in found.machines] == [("a", 4, 0.2), ("b", 8, 0.2)]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MachinesError, match="cannot be read"):
        load_machines(tmp_path / "none.yaml")


def test_a_step_that_fits_on_no_machine_is_named() -> None:
    large = step("detect", resources={"cpus": 16})
    with pytest.raises(MachinesError, match="step 'detect' fits on none: small: asks for 16 CPUs"):
        check_fit([step("position"), large], [kind()])
    check_fit([large], [kind(), kind("large", cpus=16)])
