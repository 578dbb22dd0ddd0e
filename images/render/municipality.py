"""Draw a sample municipality: a batch of photographs with poses and the true positions of its traffic signs.

``python -m images.render OUT --recordings N --signs N --seed S`` writes recordings.csv, batch.yaml, truth.geojson
and the photographs. The same options write the same bytes. See images/README.md for what is drawn.
"""

from __future__ import annotations

import argparse
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from images.batchfiles import Pose, Recording, TrueObject, write_recordings, write_settings, write_truth
from images.posenoise import EXACT, PoseNoise, add_options, from_options
from images.render.camera import effects
from images.render.camera.lens import photograph
from images.render.camera.raster import Bodies, Quad, View, paint
from images.render.looks.wardrobe import Wardrobe
from images.render.scene import light
from images.render.scene.bodies import embody, survey_roof
from images.render.scene.ground import Ground
from images.render.scene.sky import Sky
from images.render.signs import faces
from images.render.town import furniture, layout, streets
from images.render.town.sight import Survey
from images.render.town.things import Municipality
from steps.stepkit.arrays import U8

CRS = "EPSG:28992"
ORIGIN = (121000.0, 487000.0, 1.2)
"""The local frame's origin: Amsterdam's ground in metres."""

_REACH = 120.0
_GROUND_DETAIL = 22.0
_SKY_DETAIL = 512
"""Pixels a metre of the ground map and side of a sky picture, for panoramas of the default width."""
_FOLDERS = {"equirectangular": "panoramas", "pinhole": "forward"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to draw: ``width`` is a panorama's, forward views follow it.

    ``state_accuracy``: whether batch.yaml says how large the noise of the poses is.
    """

    recordings: int = 60
    signs: int = 12
    seed: int = 1
    panorama_share: float = 0.5
    pose_noise: PoseNoise = EXACT
    state_accuracy: bool = False
    width: int = 2048
    quality: int = 88

    def __post_init__(self) -> None:
        """Raises ValueError for options out of range."""
        in_range = {
            "recordings": self.recordings >= 1,
            "signs": self.signs >= 0,
            "seed": self.seed >= 0,
            "panorama-share": 0 <= self.panorama_share <= 1,
            "pose-noise": min(self.pose_noise.metres, self.pose_noise.degrees) >= 0,
            "width": self.width >= 64,
            "quality": 1 <= self.quality <= 100,
        }
        if wrong := [name for name, fits in in_range.items() if not fits]:
            raise ValueError(f"out of range: {', '.join(wrong)}")


class Scene:
    """A municipality ready to be looked at."""

    def __init__(self, town: Municipality, options: Options) -> None:
        seed, detail = options.seed, options.width / Options.width
        random = np.random.default_rng([seed, 3])
        sun = light.rise(random)
        self._wardrobe = Wardrobe(seed)
        self._bodies = Bodies(embody(town, self._wardrobe, sun))
        self._ground = Ground(town, sun, random, finest=_GROUND_DETAIL * detail)
        self._sky = Sky(random, sun, texels=round(_SKY_DETAIL * detail))

    def photograph(self, recording: Recording) -> U8:
        """What the recording's camera sees, shape (height, width, 3), before it adds blur and noise."""
        panorama = recording.camera["model"] == "equirectangular"
        own = [survey_roof(recording.pose, self._wardrobe)] if panorama else []
        draw = functools.partial(self._draw, own=own)
        return photograph(draw, recording.camera, recording.width, recording.height, recording.pose)

    def _draw(self, view: View, own: list[Quad]) -> U8:
        image = np.empty((view.height, view.width, 3), np.uint8)
        inverse_depth = np.zeros((view.height, view.width), np.float32)
        self._sky.fill(view, image)
        self._ground.lay(view, image)
        paint(view, [*self._bodies.seen_from(view, _REACH), *own], image, inverse_depth)
        return image


def plan(options: Options) -> tuple[list[Recording], Municipality]:
    """Recordings with their exact poses, and the municipality around them, in local metres.

    Raises ValueError if so many signs cannot be shown by so many recordings.
    """
    random = np.random.default_rng([options.seed, 1])
    network = streets.network(random, options.recordings)
    poses = streets.drive(random, network, options.recordings)
    panoramas = random.permutation(options.recordings) < round(options.recordings * options.panorama_share)
    recordings = [_recording(i, pose, bool(panoramas[i]), options.width) for i, pose in enumerate(poses)]
    survey = Survey(recordings)
    houses = layout.build(random, network)
    poles = layout.put_up(random, network, houses, survey, options.signs)
    return recordings, furniture.furnish(random, network, houses, poles, survey)


def render(options: Options, out: Path) -> None:
    """Write the batch to ``out``, which is made. Raises FileExistsError if there is something in it already."""
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; pictures of another batch would stay among the new ones")
    recordings, town = plan(options)
    scene = Scene(town, options)
    for index, recording in enumerate(recordings):
        picture = scene.photograph(recording)
        random = np.random.default_rng([options.seed, 4, index])
        picture = effects.develop(picture, random, panorama=recording.camera["model"] == "equirectangular")
        path = out / recording.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(effects.encode(picture, options.quality))
    write_recordings(out, measured(recordings, options))
    accuracy = options.pose_noise.accuracy() if options.state_accuracy else None
    write_settings(out, out.resolve().name, CRS, region_size=100, halo=60, accuracy=accuracy)
    write_truth(out, truth(town), CRS)


def measured(recordings: list[Recording], options: Options) -> Iterator[Recording]:
    """The recordings as the survey writes them down: in the CRS, and off by the noise of the poses."""
    random = np.random.default_rng([options.seed, 2])
    poses = [_in_crs(recording.pose) for recording in recordings]
    for recording, pose in zip(recordings, options.pose_noise.put_on(poses, random), strict=True):
        yield replace(recording, pose=pose)


def truth(town: Municipality) -> list[TrueObject]:
    """Every sign's centre in the CRS, whose north is the local frame's, and where its face looks to."""
    shown = [sign for pole in town.poles for sign in pole.signs]
    return [
        TrueObject(
            id=f"s{index:03d}",
            x=float(sign.centre[0]) + ORIGIN[0],
            y=float(sign.centre[1]) + ORIGIN[1],
            z=float(sign.centre[2]) + ORIGIN[2],
            category=faces.CATEGORIES[sign.category],
            size=sign.size,
            facing=math.degrees(math.atan2(sign.normal[0], sign.normal[1])) % 360,
        )
        for index, sign in enumerate(shown)
    ]


def _in_crs(pose: Pose) -> Pose:
    return replace(pose, x=pose.x + ORIGIN[0], y=pose.y + ORIGIN[1], z=pose.z + ORIGIN[2])


def _recording(index: int, pose: Pose, panorama: bool, panorama_width: int) -> Recording:
    if panorama:
        camera: dict[str, float | str] = {"model": "equirectangular"}
        width, height = panorama_width, panorama_width // 2
    else:
        width, height = round(panorama_width * 0.625), round(panorama_width * 0.390625)
        focal = round(width * 0.74, 1)
        camera = {"model": "pinhole", "fx": focal, "fy": focal, "cx": (width - 1) / 2, "cy": (height - 1) / 2}
    image = f"{_FOLDERS[str(camera['model'])]}/r{index:04d}.jpg"
    time = f"2024-05-14T10:{index // 60 % 60:02d}:{index % 60:02d}Z"
    return Recording(id=image, image=image, pose=pose, camera=camera, width=width, height=height, time=time)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m images.render", description="Draw a sample municipality."
    )
    parser.add_argument("out", type=Path, help="batch folder to write")
    parser.add_argument("--recordings", type=int, default=Options.recordings)
    parser.add_argument("--signs", type=int, default=Options.signs)
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--panorama-share", type=float, default=Options.panorama_share, help="0 to 1")
    add_options(parser)
    parser.add_argument("--width", type=int, default=Options.width, help="a panorama's, pixels")
    parser.add_argument("--quality", type=int, default=Options.quality, help="of the JPEG files, 1 to 100")
    given = vars(parser.parse_args(arguments))
    out = given.pop("out")
    given["pose_noise"], given["state_accuracy"] = from_options(given)
    try:
        render(Options(**given), out)
    except (ValueError, FileExistsError) as error:
        parser.error(str(error))
