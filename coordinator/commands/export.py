"""``export``: a layer of a run's map in another format of GIS programs, by pyogrio (GDAL), the extra ``gis``."""

from __future__ import annotations

import argparse
import errno
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from coordinator.errors import EXIT_CODES, ExitCode, RunFolderError, UsageError
from coordinator.record.gis.layers import LAYERS
from coordinator.record.gis.write import OBJECTS_GPKG
from coordinator.record.runfolder import RunFolder

_FORMATS = {".fgb": "FlatGeobuf", ".parquet": "Parquet", ".gml": "GML", ".kml": "KML"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXIT_CODES
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument(
        "out", type=Path, metavar="FILE", help=f"its ending says the format: {', '.join(_FORMATS)}"
    )
    parser.add_argument("--layer", choices=LAYERS, default="objects", help="default: objects")


def main(options: argparse.Namespace) -> ExitCode:
    source, out = options.run / OBJECTS_GPKG, options.out
    driver = _FORMATS.get(out.suffix.lower())
    if driver is None:
        raise UsageError(f"{out}: the ending says the format; known are {', '.join(_FORMATS)}")
    if not source.is_file():
        raise RunFolderError(
            f"{str(options.run)!r} has no {OBJECTS_GPKG}: a run writes it at its end, if its batch has positions"
        )
    _warn_of_what_is_to_come(options.run)
    pyogrio = _load_pyogrio()
    if "w" not in pyogrio.list_drivers().get(driver, ""):
        raise UsageError(
            f"the GDAL of this pyogrio cannot write {driver}; {out.with_suffix('.fgb')} can be written"
        )
    troubles = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError)
    try:
        features = pyogrio.raw.read(source, layer=options.layer)
    except troubles as error:
        raise RunFolderError(f"{source} cannot be read: {error}; `run` writes it anew") from error
    try:
        files = _write(pyogrio, features, options.layer, out, driver)
    except troubles as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RunFolderError(f"{out} cannot be written: {why}") from error
    count = len(features[2])
    print(f"{options.layer:13}{count} features in {' and '.join(str(path) for path in files)}")
    return ExitCode.DONE


def _warn_of_what_is_to_come(run: Path) -> None:
    if not RunFolder(run).read_about().get("complete", True):
        print(
            f"coordinator: warning: run {str(run)!r} is not complete: what is still to come is not in the file",
            file=sys.stderr,
        )


def _write(pyogrio: ModuleType, features: tuple[Any, ...], layer: str, out: Path, driver: str) -> list[Path]:
    """Writes the ``features`` of a layer aside, and then in place; returns the files, ``out`` first.

    What a format has beside its file, as GML a schema that its file names, comes with it.
    """
    told, _, geometries, values = features
    # An index of places cannot hold what has none, as failures that lie nowhere.
    options = (
        {"SPATIAL_INDEX": "NO"} if driver == "FlatGeobuf" and any(one is None for one in geometries) else {}
    )
    with TemporaryDirectory(prefix=f".part.{out.name}.", dir=out.parent) as aside:
        pyogrio.raw.write(
            Path(aside, out.name),
            geometries,
            values,
            told["fields"],
            layer=layer,
            driver=driver,
            geometry_type=told["geometry_type"],
            crs=told["crs"],
            **options,
        )
        _check(pyogrio, Path(aside, out.name), len(geometries))
        written = sorted(Path(aside).iterdir(), key=lambda path: path.name == out.name)
        return [path.replace(out.with_name(path.name)) for path in written][::-1]


def _check(pyogrio: ModuleType, path: Path, count: int) -> None:
    """Raises OSError unless a file has ``count`` features: not every driver tells of a disk that is full."""
    try:
        found = pyogrio.read_info(path, force_feature_count=True)["features"]
    except pyogrio.errors.DataSourceError as error:
        raise OSError(errno.EIO, f"it cannot be read back, as on a full disk: {error}") from error
    if found != count:
        raise OSError(errno.EIO, f"it has {found} of {count} features, as on a full disk")


def _load_pyogrio() -> ModuleType:
    """Late, because it is an optional extra. Raises UsageError without it."""
    try:
        import pyogrio
        import pyogrio.raw
    except ModuleNotFoundError as error:
        raise UsageError("export needs pyogrio: pip install '.[gis]'") from error
    loaded: ModuleType = pyogrio
    return loaded
