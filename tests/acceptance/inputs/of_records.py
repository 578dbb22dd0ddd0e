"""Inputs: what services, structure-from-motion programs and receivers tell of photographs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.acceptance.inputs import boxes, drives, models, records
from tests.acceptance.inputs.expected import POSITION, Either, Expected, Failed, Input, Refused, Right, Told
from tests.acceptance.inputs.parts import Part, coco, given, images, settings
from tests.acceptance.inputs.photographs import Header, Tagged, gpano, taken, whole_area
from tests.acceptance.inputs.scene import AMSTERDAM, FORWARD, KARLSRUHE, SYDNEY, Place, Scene, View, town


def by(write: Callable[..., None], **how: object) -> Part:
    return lambda folder, scene: write(folder, scene, **how)


def plain(view: View) -> Tagged:
    """A panorama's header that tells what it is, and nothing of where."""
    return Tagged(xmp=gpano(whole_area(view)))


def timed(view: View) -> Tagged:
    """The same, and when it was taken."""
    return Tagged(exif=taken(view), xmp=gpano(whole_area(view)))


def local_time(view: View) -> Tagged:
    """The same by a camera whose clock shows the local time and does not say so."""
    exif = taken(view.on(time=view.time + timedelta(hours=2)))
    return Tagged(
        exif={
            tag: value
            for tag, value in exif.items()
            if isinstance(value, str) and ":" in value[1:] and len(value) > 6
        },
        xmp=gpano(whole_area(view)),
    )


def told_by(
    name: str,
    what: str,
    expect: Expected,
    *parts: Part,
    scene: Callable[[], Scene] = town,
    header: Header | None = None,
    arguments: tuple[str, ...] = (),
) -> Input:
    """Photographs without positions, and something beside them that has these."""
    return given(
        name, what, expect, images(header), *parts, coco(), scene=scene, arguments=(*POSITION, *arguments)
    )


def forward(place: Place = AMSTERDAM) -> Callable[[], Scene]:
    return lambda: town(place, camera=FORWARD)


def tilted() -> Scene:
    return town(SYDNEY, pitch=3.0, roll=-2.0)


def tilted_forward() -> Scene:
    return town(camera=FORWARD, pitch=2.0, roll=1.0)


def from_mapillary(make: Callable[[], Scene] = town) -> Callable[[], Scene]:
    return lambda: records.by_mapillary_id(make())


MAPILLARY = (
    told_by(
        "mapillary-description-error",
        "the same with a file that mapillary_tools could not place",
        Failed("Unable to extract GPS"),
        by(records.write_descriptions, failed=True),
        header=plain,
    ),
    told_by(
        "mapillary-description",
        "mapillary_image_description.json of mapillary_tools",
        Right(),
        by(records.write_descriptions),
        header=plain,
    ),
    told_by(
        "mapillary-api",
        "Mapillary's API: computed places and angles before the raw ones",
        Right(),
        by(records.write_api_records),
        scene=from_mapillary(),
    ),
    told_by(
        "mapillary-api-lines",
        "the same, an image a line",
        Right(),
        by(records.write_api_records, lines=True),
        scene=from_mapillary(),
    ),
    told_by(
        "mapillary-api-raw",
        "the same where nothing was computed",
        Right(),
        by(records.write_api_records, computed=False),
        scene=from_mapillary(),
    ),
    told_by(
        "mapillary-api-tilted",
        "the same of tilted panoramas in Sydney: the angles stand in computed_rotation",
        Right(),
        by(records.write_api_records),
        scene=from_mapillary(tilted),
    ),
    told_by(
        "mapillary-api-perspective",
        "the same of perspective images",
        Right(),
        by(records.write_api_records),
        scene=from_mapillary(tilted_forward),
    ),
    told_by(
        "mapillary-api-forced",
        "the same with --format",
        Right(),
        by(records.write_api_records),
        scene=from_mapillary(),
        arguments=("--format", "mapillary"),
    ),
)

STAC = (
    told_by("stac-search", "the answer of a STAC search", Right(), by(records.write_stac)),
    told_by("stac-items", "a STAC item beside each photograph", Right(), by(records.write_stac, apart=True)),
    told_by("stac-tilted", "the same of tilted panoramas", Right(), by(records.write_stac), scene=tilted),
    told_by(
        "stac-perspective",
        "the same of perspective images",
        Right(),
        by(records.write_stac),
        scene=tilted_forward,
    ),
    told_by(
        "stac-panoramax",
        "Panoramax: view:azimuth, and no heights",
        Right(heights=False),
        by(records.write_stac, heights=False, angles=False),
    ),
    told_by(
        "stac-hrefs",
        "the same with the addresses that the photographs were fetched from",
        Either(of=(Right(), Told("not there|fetch"), Refused("image"))),
        lambda folder, scene: hrefs(folder, scene),
    ),
)


def hrefs(folder: Path, scene: Scene) -> None:
    """Items whose photographs have been saved under their ids."""
    items = [
        records.stac_item(view, href=f"https://panoramax.example/api/pictures/{view.image}")
        for view in scene.views
    ]
    boxes.write_json(folder / "items.json", {"type": "FeatureCollection", "features": items})


def remove_calibration(folder: Path, scene: Scene) -> None:
    for path in folder.rglob("calib_*.txt"):
        path.unlink()


MODELS = (
    told_by(
        "opensfm", "reconstruction.json with its reference", Right(), by(models.write_opensfm), scene=tilted
    ),
    told_by(
        "opensfm-perspective",
        "the same of perspective images",
        Right(),
        by(models.write_opensfm),
        scene=tilted_forward,
    ),
    told_by(
        "opensfm-reference-beside",
        "the same with reference_lla.json beside it, as older versions write it",
        Right(),
        by(models.write_opensfm, beside=True),
    ),
    told_by(
        "opensfm-no-reference",
        "the same without any reference",
        Refused("reference"),
        by(models.write_opensfm, georeferenced=False),
    ),
    told_by(
        "colmap",
        "a COLMAP text model, aligned to the CRS that batch.yaml names",
        Either(of=(Right(), Refused("COLMAP|georeference|align"))),
        by(models.write_colmap),
        settings(),
        scene=tilted_forward,
    ),
    told_by(
        "colmap-no-crs",
        "a COLMAP text model of no place on Earth",
        Refused("COLMAP|georeference|align|reference"),
        by(models.write_colmap),
        scene=forward(),
    ),
    given(
        "kitti-raw",
        "a drive of KITTI's raw data with its calibration",
        Right(),
        drives.write_kitti,
        coco(),
        scene=lambda: drives.by_kitti_names(town(KARLSRUHE, camera=FORWARD, pitch=2.0, roll=1.0)),
    ),
    given(
        "kitti-no-calibration",
        "the same without the calibration",
        Either(of=(Refused("calib"), Told("calib"))),
        drives.write_kitti,
        remove_calibration,
        coco(),
        scene=lambda: drives.by_kitti_names(town(KARLSRUHE, camera=FORWARD)),
    ),
)

GPX = (
    told_by(
        "gpx",
        "a track, and photographs that know only when they were taken",
        Right(saying="track|gpx|travel"),
        by(models.write_gpx),
        header=timed,
    ),
    told_by(
        "gpx-offset",
        "the same with a clock that is 37 s late",
        Right(),
        by(models.write_gpx, late=timedelta(seconds=37)),
        header=timed,
        arguments=("--time-offset", "37"),
    ),
    told_by(
        "gpx-offset-unsaid",
        "the same, and nobody says so",
        Refused("time"),
        by(models.write_gpx, late=timedelta(seconds=3700)),
        header=timed,
    ),
    told_by(
        "gpx-local-time",
        "a camera in local time that does not name its offset",
        Either(of=(Right(), Refused("time|offset"), Told("time|offset"))),
        by(models.write_gpx),
        header=local_time,
    ),
    told_by(
        "gpx-no-times",
        "a track beside photographs without times",
        Refused("time"),
        by(models.write_gpx),
        header=plain,
    ),
)

INPUTS = (*MAPILLARY, *STAC, *MODELS, *GPX)
