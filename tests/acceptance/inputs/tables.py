"""The town as a table: recordings.csv and recordings.jsonl in the ways in which people have them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from tests.acceptance.inputs.scene import Json, Scene, View

Row = Callable[[View], Json]


def canonical(view: View) -> Json:
    """A row as the documentation has it: metres in the batch's CRS, heading from grid north."""
    return {
        "id": view.image.partition(".")[0],
        "image": view.image,
        "x": f"{view.x:.4f}",
        "y": f"{view.y:.4f}",
        "z": f"{view.z:.3f}",
        "heading": f"{view.heading:.6f}",
        "pitch": f"{view.pitch:.6f}",
        "roll": f"{view.roll:.6f}",
        **camera(view),
    }


def geographic(view: View) -> Json:
    """A row in degrees of WGS84, heading from true north."""
    return {
        "image": view.image,
        "lat": f"{view.latitude:.9f}",
        "lon": f"{view.longitude:.9f}",
        "altitude": f"{view.z:.3f}",
        "heading": f"{view.true_heading % 360:.6f}",
        **camera(view),
    }


def camera(view: View) -> Json:
    """The columns of a camera."""
    lens = {name: value for name, value in view.camera.items() if name != "model"}
    return {"camera": view.camera["model"], **lens}


def rename(row: Row, **names: str | None) -> Row:
    """The same row with other names of columns; None takes one out."""

    def renamed(view: View) -> Json:
        named = {names.get(name, name): value for name, value in row(view).items()}
        return {name: value for name, value in named.items() if name is not None}

    return renamed


def but(row: Row, **changes: Callable[[View], object]) -> Row:
    """The same row with some values computed anew."""
    return lambda view: {**row(view), **{name: change(view) for name, change in changes.items()}}


def write_csv(
    folder: Path,
    scene: Scene,
    row: Row = canonical,
    *,
    name: str = "recordings.csv",
    encoding: str = "utf-8",
    delimiter: str = ",",
    ends: str = "\n",
    quoted: bool = False,
) -> None:
    """The table as CSV in any encoding, with any separator."""
    folder.mkdir(parents=True, exist_ok=True)
    text = as_csv([row(view) for view in scene.views], delimiter=delimiter, ends=ends, quoted=quoted)
    (folder / name).write_bytes(text.encode(encoding))


def as_csv(rows: list[Json], *, delimiter: str = ",", ends: str = "\n", quoted: bool = False) -> str:
    """Rows with the columns of the first of them."""
    file = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator=ends, quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def write_jsonl(folder: Path, scene: Scene, row: Row = canonical, *, bom: bool = False) -> None:
    """The table as JSON Lines, its numbers as numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({name: _plain(value) for name, value in row(view).items()}) for view in scene.views]
    (folder / "recordings.jsonl").write_text(
        "\n".join(lines) + "\n", encoding="utf-8-sig" if bom else "utf-8"
    )


def _plain(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        return value


def write_settings(folder: Path, crs: str | None = None, **more: object) -> None:
    """batch.yaml; JSON is YAML. Settings that are None are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name: value for name, value in {"crs": crs, **more}.items() if value is not None}
    (folder / "batch.yaml").write_text(json.dumps(settings) + "\n", encoding="utf-8")


def in_feet(rows: Iterable[Json], *columns: str, foot: float = 1200 / 3937) -> list[Json]:
    """Rows whose columns are in feet (US survey feet) instead of metres."""
    return [
        {name: f"{float(value) / foot:.4f}" if name in columns else value for name, value in row.items()}
        for row in rows
    ]
