"""The formats of other programs, in the order in which a folder's files are taken for one of them.

All of them are loaded with this module; ``recordings.py`` does so for a folder that may hold one.
"""

from __future__ import annotations

from coordinator.formats import colmap, kitti, mapillary, mapillaryapi, opensfm, stac
from coordinator.formats.format import Format

FOREIGN = (
    Format(
        mapillary.NAME,
        mapillary.find,
        lambda source, tell: mapillary.read(source.path, tell, source.folder),
    ),
    Format(stac.NAME, stac.find, lambda source, tell: stac.read(source.path, tell, source.folder)),
    Format(
        mapillaryapi.NAME,
        mapillaryapi.find,
        lambda source, tell: mapillaryapi.read(source.path, tell, source.folder),
    ),
    Format(opensfm.NAME, opensfm.find, lambda source, tell: opensfm.read(source.path, tell, source.folder)),
    Format(
        colmap.NAME,
        colmap.find,
        lambda source, tell: colmap.read(source.path, tell, source.folder, source.projected),
    ),
    Format(
        kitti.NAME,
        kitti.find,
        lambda source, tell: kitti.read(source.path, tell, source.folder, source.projected),
    ),
)
