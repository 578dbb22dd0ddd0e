"""An earlier run on the page of a later one: what has become of every object, and what is there no more.

Objects of the earlier run only are shown with that run's photographs. These have an address of their own on the page,
below ``/earlier``, as both runs know their batch as ``/batch``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coordinator.batch.crs import Projection
from coordinator.core.paths import MOUNT, WORK_MOUNT
from coordinator.record.files import Files
from coordinator.record.runfolder import RunFolder
from coordinator.report.gather import gather, relative
from coordinator.report.model import Changed, Frame, Point, Report, Thing

_APART = "/earlier"


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """An earlier run, and what has changed since: by the ids of the later run, and by its own of what is gone."""

    folder: RunFolder
    here: Mapping[str, Changed]
    gone: Mapping[str, Changed]


def since(report: Report, earlier: Earlier, page: Path) -> Report:
    """A report with what has changed since an earlier run; ``page`` is the folder in which it will lie.

    Raises RunFolderError for what is no run folder any more.
    """
    before, files = gather(earlier.folder), files_of(earlier.folder)
    mounts = {str(MOUNT): relative(files.batch, page), str(WORK_MOUNT): relative(files.work, page)}
    report = replace(
        report,
        earlier=str(earlier.folder.path.absolute()),
        folders={**report.folders, **{_APART + mount: place for mount, place in mounts.items()}},
    )
    if report.frame is None:
        return report
    plane = _Plane(report.frame, Projection.named(report.frame.crs))
    gone = [thing for thing in before.things if thing.id in earlier.gone]
    return replace(
        report,
        things=[replace(thing, change=_placed(earlier.here.get(thing.id), plane)) for thing in report.things],
        gone=[_shown(thing, plane, earlier.gone[thing.id]) for thing in gone],
    )


def own_images(gone: Sequence[Thing]) -> list[Thing]:
    """Objects of the earlier run with their photographs as that run itself knows them."""
    return [
        replace(
            thing,
            views=tuple(replace(view, image=view.image.removeprefix(_APART)) for view in thing.views),
        )
        for thing in gone
    ]


def files_of(folder: RunFolder) -> Files:
    """The photographs of a run, and what its steps wrote."""
    return folder.files(Path(folder.read_about()["batch"]["folder"]))


@dataclass(frozen=True)
class _Plane:
    """The page's plane."""

    frame: Frame
    projection: Projection

    def local(self, longitude: float, latitude: float) -> Point:
        return self.frame.local(*self.projection.to_projected(longitude, latitude))


def _placed(change: Changed | None, plane: _Plane) -> Changed | None:
    """A change with the place where the object stood on the page's plane."""
    return change if change is None or change.at is None else replace(change, at=plane.local(*change.at))


def _shown(thing: Thing, plane: _Plane, change: Changed) -> Thing:
    """An object of the earlier run on the later one's plane; its views bring along what its recordings say of them."""
    x, y = plane.local(thing.longitude, thing.latitude)
    views = tuple(replace(view, recording=None, image=_apart(view.image)) for view in thing.views)
    return replace(thing, x=x, y=y, views=views, change=change)


def _apart(image: str) -> str:
    """The address of a photograph of the earlier run; one on the web is where it is."""
    return _APART + image if image.startswith("/") else image
