"""``export``: a layer of a run's map in another format of GIS programs, by pyogrio (GDAL), the extra ``gis``."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import ModuleType

from coordinator.errors import EXIT_CODES, ExitCode, RunFolderError, UsageError
from coordinator.record.gis.layers import LAYERS
from coordinator.record.gis.write import OBJECTS_GPKG

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
        raise RunFolderError(f"{str(options.run)!r} has no {OBJECTS_GPKG}; let the run come to its end first")
    pyogrio = _load_pyogrio()
    if "w" not in pyogrio.list_drivers().get(driver, ""):
        raise UsageError(
            f"the GDAL of this pyogrio cannot write {driver}; {out.with_suffix('.fgb')} can be written"
        )
    try:
        count = _copy(pyogrio, source, options.layer, out, driver)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise RunFolderError(f"{out} cannot be written: {error}") from error
    print(f"{options.layer:12}{count} features in {out}")
    return ExitCode.DONE


def _copy(pyogrio: ModuleType, source: Path, layer: str, out: Path, driver: str) -> int:
    """Writes the layer aside, and then in place; returns how many features it has."""
    told, _, geometries, values = pyogrio.raw.read(source, layer=layer)
    aside = out.with_name(f".part.{out.name}")
    try:
        pyogrio.raw.write(
            aside,
            geometries,
            values,
            told["fields"],
            layer=layer,
            driver=driver,
            geometry_type=told["geometry_type"],
            crs=told["crs"],
        )
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
    return len(geometries)


def _load_pyogrio() -> ModuleType:
    """Late, because it is an optional extra. Raises UsageError without it."""
    try:
        import pyogrio
        import pyogrio.raw
    except ModuleNotFoundError as error:
        raise UsageError("export needs pyogrio: pip install '.[gis]'") from error
    loaded: ModuleType = pyogrio
    return loaded
