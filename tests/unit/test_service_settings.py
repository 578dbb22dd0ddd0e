"""What the operator chooses: flags before variables before defaults, and one table for all of them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

import pytest

from coordinator.errors import UsageError
from coordinator.pipeline import Rung
from coordinator.service.options import FLAGS, add_flags
from coordinator.service.settings import Settings, read_settings


def test_flags_come_before_variables_and_variables_before_defaults() -> None:
    found = read_settings({"port": "1", "host": None}, {"COORDINATOR_PORT": "2", "COORDINATOR_HOST": "::1"})
    assert (found.port, found.host, found.running) == (1, "::1", 8)


def test_defaults() -> None:
    found = read_settings({}, {"COORDINATOR_WORKERS": ""})
    assert (found.host, found.port, found.rung) == ("127.0.0.1", 8000, Rung.RESIDENT)
    assert (found.workers, found.images) == (None, None)
    assert found.data == Path("data").resolve()
    assert found.max_file_bytes == 64 * 1024**2


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("port", "70000", "'70000' is not a port"),
        ("workers", "0", "'0' is not a whole number from 1 on"),
        ("running", "two", "'two' is not a whole number"),
        ("worker_memory", "2x", "'2x' is not a size"),
        ("keep", "-1", "'-1' is not a length of time"),
        ("grace", "nan", "'nan' is not a length of time"),
        (
            "keep_bytes",
            "0",
            "'0' is not a size: a whole number from 1 on, of bytes, or of k, m or g as in 10g",
        ),
        ("keep_bytes", "1e3", "'1e3' is not a size: .* as in 10g"),
        ("images", "/nonexist", "'/nonexist' is no folder"),
        ("rung", "fresh", "'fresh' is neither resident nor process"),
    ],
)
def test_what_is_wrong_is_told_with_where_it_was_given(name: str, text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"^--{name.replace('_', '-')}: {reason}"):
        read_settings({name: text}, {})
    with pytest.raises(UsageError, match=rf"^COORDINATOR_{name.upper()}: {reason}"):
        read_settings({}, {f"COORDINATOR_{name.upper()}": text})


@pytest.mark.parametrize("name", ["token", "keys", "images"])
def test_an_empty_flag_is_refused_and_an_empty_variable_is_none(name: str) -> None:
    with pytest.raises(UsageError, match=f"^--{name}: is empty"):
        read_settings({name: ""}, {})
    assert getattr(read_settings({}, {f"COORDINATOR_{name.upper()}": ""}), name) is None


def test_every_setting_is_a_flag_and_its_help_names_the_variable() -> None:
    assert [field.name for field in fields(Settings)] == [flag.name for flag in FLAGS]
    parser = argparse.ArgumentParser()
    add_flags(parser)
    told = " ".join(parser.format_help().split())
    assert all(flag.variable in told and flag.option in told for flag in FLAGS)


def test_the_page_about_the_service_has_every_setting() -> None:
    told = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    for flag in FLAGS:
        row = f"| `{flag.option} {flag.metavar}` | `{flag.variable}` | {flag.default or ''} | {flag.help} |"
        assert row in told, "docs/service.md lags behind coordinator/service/options.py"
