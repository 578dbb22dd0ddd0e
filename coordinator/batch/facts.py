"""What tells of one recording: its row, its image file's header, a track, and what ``batch.yaml`` says of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from coordinator.formats.remarks import Remark
from coordinator.formats.row import Row

if TYPE_CHECKING:
    from coordinator.batch.accuracy import Accuracy
    from coordinator.formats.gpx import Fix
    from coordinator.formats.imageheader import Header


class Sources(NamedTuple):
    """What tells of a recording, the first before the next. ``fix`` is of the track, at the time when it was taken."""

    row: Row
    header: Header | None = None
    fix: Fix | None = None
    taken: float | None = None
    """When, in seconds since 1970."""
    astray: Remark | None = None
    """Why the track has no place for it."""
    stated: Accuracy | None = None
    """The accuracy of all that say nothing themselves."""
    is_receivers: bool = False
    """Whether the row's place and heading are those of a device, as services pass them on, and of no survey."""

    @property
    def is_whole_second(self) -> bool:
        """Whether ``taken`` has no part of a second, as most clocks of cameras write it."""
        return self.taken is not None and self.taken.is_integer()

    @property
    def has_own_position(self) -> bool:
        """Whether the row itself tells the position."""
        return self.row.x is not None or self.row.longitude is not None
