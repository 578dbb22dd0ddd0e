"""The report in its run folder: there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from coordinator.errors import RunFolderError
from coordinator.record.disk import remove_tree, write_text
from coordinator.record.runfolder import RunFolder
from coordinator.report.crops import FOLDER, Crop, Key, absent, cut, data_url, embedded, write_beside
from coordinator.report.document import document
from coordinator.report.earlier import Earlier, files_of, own_images, since
from coordinator.report.gather import gather
from coordinator.report.model import Mark, Picture

REPORT = "report.html"


def write_report(
    folder: RunFolder,
    truth: Sequence[Mark] = (),
    warn: Callable[[str], None] | None = None,
    earlier: Earlier | None = None,
) -> Path:
    """Writes the page of a run as it is now, and says where. ``truth`` is in the run's CRS.

    With ``earlier`` it shows what has changed since that run, too. ``warn`` is told of photographs that are not there
    any more.

    Raises RunFolderError for what is no run folder or cannot be written, BatchError for a CRS that is not known here.
    """
    report, files = gather(folder, truth), files_of(folder)
    if earlier is not None:
        report = since(report, earlier, folder.path)
    if warn is not None and (found := absent(report.things, files))[0]:
        warn(
            f"{found[0]:,} of {found[1]:,} photographs with the best views of objects are not there any more; "
            f"the report shows those objects without them: look into {str(files.batch)!r}"
        )
    path = folder.path / REPORT
    try:
        crops = cut(report.things, files)
        if earlier is not None:
            gone = cut(own_images(report.gone), files_of(earlier.folder))
            crops |= {(len(report.things) + number, rank): crop for (number, rank), crop in gone.items()}
        pictures = _pictures(crops, folder.path / FOLDER)
        write_text(path, document(replace(report, pictures=pictures)))
    except OSError as error:
        raise RunFolderError(f"{path} cannot be written: {error.strerror}") from error
    return path


def _pictures(crops: Mapping[Key, Crop], folder: Path) -> dict[Key, Picture]:
    """The crops as the page shows them: in itself, or in files beside it where they are many."""
    remove_tree(folder)
    if embedded(crops):
        sources = {key: data_url(crop) for key, crop in crops.items()}
    else:
        sources = dict(write_beside(crops, folder))
    return {key: Picture(source=sources[key], box=crop.box) for key, crop in crops.items()}
