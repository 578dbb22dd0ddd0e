"""KITTI's raw recordings: GPS and inertial sensor (``oxts``), images, and the calibration that joins them.

Geiger, Lenz, Stiller and Urtasun, "Vision meets robotics: the KITTI dataset", IJRR 2013, and the data's own readme. A
line of ``oxts/data`` begins with latitude, longitude, altitude and roll, pitch, yaw in radians: the sensor's axes are
x forward, y left, z up; yaw is 0 to the east and counter-clockwise, turned first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.errors import BatchError
from coordinator.findings import Finding, Level, Tell
from coordinator.formats.attitude import Matrix, Vector, added, applied, product, transposed, vector
from coordinator.formats.geodesy import Place, posed
from coordinator.formats.row import Entry
from coordinator.plainfile import read_file
from coordinator.strictjson import Json

_CAMERAS = (2, 0, 3, 1)
_CALIBRATION = ("calib_imu_to_velo.txt", "calib_velo_to_cam.txt", "calib_cam_to_cam.txt")
_AHEAD: Matrix = ((0.0, 0.0, 1.0), (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0))
"""From a camera that looks ahead to the inertial sensor's axes."""


@dataclass(frozen=True)
class _Mount:
    """How a camera sits on the car, in the inertial sensor's axes; the camera's model if the calibration is there."""

    offset: Vector
    turn: Matrix
    camera: Json | None


@dataclass(frozen=True)
class Projection:
    """A pinhole camera, and where it stands in the axes of the one that all cameras are measured from."""

    camera: Json
    offset: Vector


def lines(path: Path) -> list[str]:
    """The lines of a file of numbers that are not empty. Raises BatchError if it cannot be read."""
    try:
        text = read_file(path).decode("ascii", errors="replace")
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}; KITTI has it there") from error
    return [line for line in text.splitlines() if line.strip()]


def projection(values: Sequence[float]) -> Projection:
    """From a row-major 3 x 4 matrix ``K [I | t]``. Raises ValueError for another count, or a focal length of 0."""
    fx, _, cx, tx, _, fy, cy, ty, _, _, _, tz = values
    if min(fx, fy) <= 0:
        raise ValueError("a focal length is not above 0")
    camera: Json = {"model": "pinhole", "fx": fx, "fy": fy, "cx": cx, "cy": cy}
    return Projection(camera, ((cx * tz - tx) / fx, (cy * tz - ty) / fy, -tz))


def drives(folder: Path) -> list[Path]:
    """The folders ``oxts/data`` of the drive that ``folder`` is, or of the drives in it, by name."""
    found = [folder / "oxts/data", *sorted(folder.glob("*/oxts/data"))]
    return [path for path in found if path.is_dir()]


def read(path: Path, tell: Tell, folder: Path) -> Iterator[Entry]:
    """The frames of all drives in ``folder`` as rows; ``path`` is the first drive's oxts/data. Raises BatchError."""
    for data in drives(folder) or [path]:
        yield from _drive(data.parents[1], folder, tell)


def _drive(drive: Path, folder: Path, tell: Tell) -> Iterator[Entry]:
    images = next((found for number in _CAMERAS if (found := _images(drive, number))[1]), None)
    if images is None:
        text = (
            f"{drive.name} has no images in image_02/data (or image_00, image_01, image_03): it is not read"
        )
        tell(Finding(kind="kitti-no-images", level=Level.WARNING, text=text))
        return
    number, files = images
    mount = _mount(drive, folder, number, tell)
    times = _times(drive / f"image_{number:02d}/timestamps.txt")
    for image in files:
        name = image.relative_to(folder).as_posix()
        line = drive / "oxts/data" / f"{image.stem}.txt"
        fields = _fields(line, mount)
        if isinstance(fields, dict):
            frame = int(image.stem)
            when = {"time": times[frame]} if frame < len(times) else {}
            fields = {"image": name, **fields, "camera": mount.camera, **when}
        yield name, fields


def _images(drive: Path, number: int) -> tuple[int, list[Path]]:
    found = (drive / f"image_{number:02d}" / "data").glob("*.*")
    return number, sorted(path for path in found if path.stem.isdecimal())


def _times(path: Path) -> list[str]:
    """Times of UTC as ISO 8601, to the microsecond."""
    found = lines(path) if path.is_file() else []
    return [f"{line.strip()[:26].replace(' ', 'T')}Z" for line in found]


def _fields(path: Path, mount: _Mount) -> Json | str:
    try:
        values = [float(value) for value in read_file(path).decode("ascii").split()[:6]]
        latitude, longitude, altitude, roll, pitch, yaw = values
    except OSError:
        return f"no {path.parent.name}/{path.name} in oxts for this image"
    except ValueError:
        return f"oxts/data/{path.name} does not begin with latitude, longitude, altitude, roll, pitch and yaw"
    sensor = Place(longitude, latitude, altitude)
    to_ecef = product(transposed(sensor.axes()), _turned(roll, pitch, yaw))
    centre = added(sensor.ecef(), applied(to_ecef, mount.offset))
    return dict(posed(centre, product(to_ecef, mount.turn)))


def _turned(roll: float, pitch: float, yaw: float) -> Matrix:
    """From the inertial sensor to east, north, up: yaw about up, then pitch about its own y, then roll about its x."""
    sr, cr, sp, cp, sy, cy = (f(angle) for angle in (roll, pitch, yaw) for f in (math.sin, math.cos))
    about_z: Matrix = ((cy, -sy, 0.0), (sy, cy, 0.0), (0.0, 0.0, 1.0))
    about_y: Matrix = ((cp, 0.0, sp), (0.0, 1.0, 0.0), (-sp, 0.0, cp))
    about_x: Matrix = ((1.0, 0.0, 0.0), (0.0, cr, -sr), (0.0, sr, cr))
    return product(product(about_z, about_y), about_x)


def _mount(drive: Path, folder: Path, number: int, tell: Tell) -> _Mount:
    """By the calibration beside the drives; without it the camera looks ahead from the sensor, and has no model."""
    holders = [
        holder
        for holder in (drive, drive.parent, folder)
        if all((holder / n).is_file() for n in _CALIBRATION)
    ]
    if not holders:
        text = (
            f"{drive.name} has no calibration ({', '.join(_CALIBRATION)}): nothing can be positioned without the "
            "camera's model; put the day's calib files beside it"
        )
        tell(Finding(kind="kitti-no-calibration", level=Level.WARNING, text=text))
        return _Mount((0.0, 0.0, 0.0), _AHEAD, None)
    to_velo, to_camera, cameras = (_calibration(holders[0] / name) for name in _CALIBRATION)
    try:
        rectified = _matrix(cameras["R_rect_00"])
        lens = projection(cameras[f"P_rect_{number:02d}"])
        # To the rectified camera 0: R_rect (R_vc (R_iv x + T_iv) + T_vc).
        turn = product(rectified, product(_matrix(to_camera["R"]), _matrix(to_velo["R"])))
        shift = added(applied(_matrix(to_camera["R"]), vector(to_velo["T"])), vector(to_camera["T"]))
        shift = added(applied(rectified, shift), lens.offset, -1.0)
    except (KeyError, ValueError) as error:
        raise BatchError(f"{holders[0]}: the calibration lacks or spoils {error}; fetch it again") from error
    back = transposed(turn)
    offset = applied(back, (-shift[0], -shift[1], -shift[2]))
    return _Mount(offset, back, lens.camera)


def _calibration(path: Path) -> dict[str, list[float]]:
    """Lines ``NAME: numbers``; those that are no numbers (dates) are left out."""
    found = {}
    for line in lines(path):
        name, _, values = line.partition(":")
        try:
            found[name.strip()] = [float(value) for value in values.split()]
        except ValueError:
            continue
    return found


def _matrix(values: list[float]) -> Matrix:
    """Nine numbers, row by row. Raises ValueError for another count."""
    return vector(values[0:3]), vector(values[3:6]), vector(values[6:])
