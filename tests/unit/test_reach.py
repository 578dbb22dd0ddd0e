"""Whether the user whom steps run as may read the batch, by the kernel's rule over modes and ACLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.errors import BatchError
from coordinator.runners import reach
from coordinator.runners.reach import permits, unreadable

NOBODY, OWNER = (65534, 65534), (0, 0)
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 16, 32
READ, ENTER = 4, 1
_NO_ID = 0xFFFFFFFF


def acl(**entries: int) -> list[tuple[int, int, int]]:
    """Modes by what they are for; ``user_5`` is a named user's."""
    tags = {
        "owner": USER_OBJ,
        "user": USER,
        "own": GROUP_OBJ,
        "group": GROUP,
        "mask": MASK,
        "other": OTHER,
    }
    found = []
    for name, permissions in entries.items():
        tag, _, named = name.partition("_")
        found.append((tags[tag], permissions, int(named or _NO_ID)))
    return found


@pytest.mark.parametrize(
    ("entries", "user", "expected"),
    [
        (acl(owner=6, own=4, other=4), NOBODY, True),
        (acl(owner=6, own=4, other=0), NOBODY, False),
        (acl(owner=0, own=4, other=4), OWNER, False),
        (acl(owner=6, own=4, other=0), (1000, 0), True),
        (acl(owner=6, own=0, other=4), (1000, 0), False),
        (acl(owner=6, user_65534=4, own=0, mask=4, other=0), NOBODY, True),
        (acl(owner=6, user_65534=4, own=0, mask=0, other=4), NOBODY, False),
        (acl(owner=6, user_1000=4, own=0, mask=4, other=0), NOBODY, False),
        (acl(owner=6, own=0, group_65534=4, mask=4, other=0), NOBODY, True),
        (acl(owner=6, own=0, group_65534=0, mask=4, other=4), NOBODY, False),
    ],
)
def test_the_kernels_rule(entries: list[tuple[int, int, int]], user: tuple[int, int], expected: bool) -> None:
    assert permits(entries, user, OWNER, READ) is expected


def test_entering_is_not_reading() -> None:
    assert permits(acl(owner=7, own=0, other=1), NOBODY, OWNER, ENTER)
    assert not permits(acl(owner=7, own=0, other=4), NOBODY, OWNER, ENTER)


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A batch in a closed home, of two photographs, one of them in a folder; steps run as a stranger."""
    monkeypatch.setattr(reach, "step_user", lambda: (4_000_000, 4_000_000))
    tmp_path.chmod(0o700)
    made = tmp_path / "batch"
    for path in (made / "a.jpg", made / "in" / "b.jpg"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.chmod(0o644)
        path.parent.chmod(0o755)
    return made


def photographs(batch: Path) -> list[Path]:
    return [batch / "a.jpg", batch / "in" / "b.jpg"]


def test_what_all_may_read_is_well_whatever_lies_above(batch: Path) -> None:
    assert unreadable(batch, photographs(batch)) is None


def test_a_batch_that_may_not_be_entered(batch: Path) -> None:
    batch.chmod(0o750)
    with pytest.raises(BatchError, match=r"may not enter '.*batch' \(drwxr-x---, user \d+.*chmod -R o\+rX"):
        unreadable(batch, [])


def test_photographs_that_may_not_be_read(batch: Path) -> None:
    for path in photographs(batch):
        path.chmod(0o640)
    with pytest.raises(BatchError, match=r"may not read the photographs: '.*a\.jpg' \(-rw-r-----"):
        unreadable(batch, photographs(batch))


@pytest.mark.parametrize("closed", ["in", "in/b.jpg"])
def test_some_that_may_not_be_read(batch: Path, closed: str) -> None:
    (batch / closed).chmod(0o700)
    told = unreadable(batch, photographs(batch))
    assert told is not None
    assert told.startswith("1 of the first 2 photographs may not be read")
    assert repr(str(batch / closed)) in told


def test_one_that_is_not_there_is_left_to_its_task(batch: Path) -> None:
    assert unreadable(batch, [batch / "gone.jpg"]) is None
