"""What the sign network is trained and measured on: read in every layout, split by track, nothing of both."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from images.render.signs import faces
from steps.signs.classes import CLASSES, NOTHING
from steps.signs.patches import SIDE
from steps.training.recognise import windows
from steps.training.recognise.augment import varied
from steps.training.recognise.gtsrb import Crop, read_gtsrb
from steps.training.recognise.measure import Judged
from steps.training.recognise.pool import Kind, Pool, split
from steps.training.recognise.sample import Sample


def picture(number: int, suffix: str) -> bytes:
    image = np.full((40, 30, 3), 5 * number, np.uint8)
    return cv2.imencode(suffix, image)[1].tobytes()


NAMES = {"31/00000_00000": 31, "31/00000_00002": 31, "4/00007_00000": 4}


def table(suffix: str) -> bytes:
    lines = [f"{name}{suffix},{number},{name.split('/')[1][:5]},5,6,25,36" for name, number in NAMES.items()]
    return "\n".join(["file,class,track,x1,y1,x2,y2", *lines]).encode()


def in_a_folder(folder: Path) -> Path:
    for name in NAMES:
        path = folder / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture(3, ".jpg"))
    (folder / "labels.csv").write_bytes(table(".jpg"))
    return folder


def in_a_tar(folder: Path) -> Path:
    with tarfile.open(folder / "crops.tar", "w") as archive:
        for name, data in {
            "labels.csv": table(".jpg"),
            **{f"{name}.jpg": picture(3, ".jpg") for name in NAMES},
        }.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return folder / "crops.tar"


def in_a_zip(folder: Path) -> Path:
    (folder / "labels.csv").write_bytes(table(".png").replace(b",class,", b",class_id,"))
    with zipfile.ZipFile(folder / "crops.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(f"{name}.png", picture(3, ".png"))
    return folder


def as_published(folder: Path) -> Path:
    lines = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for number, category in enumerate(NAMES.values()):
        (folder / f"{number:05}.ppm").write_bytes(picture(3, ".ppm"))
        lines.append(f"{number:05}.ppm;30;40;5;6;25;36;{category}")
    (folder / "GT-final_test.csv").write_text("\r\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("layout", [in_a_folder, in_a_tar, in_a_zip, as_published])
def test_crops_are_read_in_every_layout(tmp_path: Path, layout: object) -> None:
    assert callable(layout)
    crops = read_gtsrb(layout(tmp_path))
    assert [crop.sample.category for crop in crops] == [31, 31, 4]
    assert all(crop.sample.bbox == (5, 6, 20, 30) for crop in crops)
    assert all(crop.sample.image.shape == (40, 30, 3) for crop in crops)


def test_a_crop_that_is_not_there_or_no_picture_is_told(tmp_path: Path) -> None:
    in_a_zip(tmp_path)
    (tmp_path / "labels.csv").write_bytes(table(".jpg"))
    with pytest.raises(ValueError, match=r"names 31/00000_00000\.jpg, which is not in it"):
        read_gtsrb(tmp_path)
    in_a_folder(tmp_path)
    (tmp_path / "4/00007_00000.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"4/00007_00000\.jpg cannot be decoded"):
        read_gtsrb(tmp_path)


def a_crop(category: int, track: str) -> Crop:
    sample = Sample(image=np.zeros((20, 20, 3), np.uint8), bbox=(2, 2, 16, 16), category=category)
    return Crop(sample=sample, track=(category, track), is_test=False)


def test_no_track_is_in_two_parts_and_every_class_is_in_all() -> None:
    crops = [a_crop(category, f"{n:05}") for category in range(43) for n in range(11) for _ in range(3)]
    parts = split(crops)
    assert sum(len(part) for part in parts) == len(crops)
    tracks = [{crop.track for crop in part} for part in parts]
    assert sum(len(found) for found in tracks) == len(set.union(*tracks)) == 43 * 11
    assert all({category for category, _ in found} == set(range(43)) for found in tracks)
    assert len(tracks[0]) == 43 * 8


def test_windows_have_classes_and_sizes_and_what_is_held_out_was_never_mined() -> None:
    with windows.WINDOWS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} <= {*CLASSES, ""}
    assert all(float(row["w"]) > 0 and float(row["h"]) > 0 for row in rows)
    assert all(row["round"] == "1" for row in rows if windows.is_held_out(row["file"]))
    assert {row["round"] for row in rows} == {"1", "2"}


def test_patches_for_training_come_from_one_generator() -> None:
    face = faces.draw(14, 60)[..., :3].copy()
    stop = Sample(image=face, bbox=(2, 2, 56, 56), category=14)
    pool = Pool([Kind(name="one", samples=[stop], share=3), Kind(name="none", samples=[], share=9)])
    patches, classes = pool.batch(np.random.default_rng(5), 8)
    assert patches.shape == (8, SIDE, SIDE, 3)
    assert classes.tolist() == [14] * 8
    assert np.array_equal(patches, pool.batch(np.random.default_rng(5), 8)[0])
    assert len(np.unique(patches, axis=0)) == 8


def test_a_mirrored_arrow_points_the_other_way() -> None:
    right = Sample(image=faces.draw(33, 60)[..., :3].copy(), bbox=(0, 0, 60, 60), category=33)
    seen = {varied(np.random.default_rng(seed), right)[1] for seed in range(20)}
    assert seen == {33, 34}


def test_no_signs_that_a_network_took_for_signs_are_added() -> None:
    nothing = Sample(
        image=np.zeros((20, 20, 3), np.uint8), bbox=(2, 2, 16, 16), category=CLASSES.index(NOTHING)
    )
    pool = Pool([Kind(name="proposed", samples=[nothing], share=1)])
    harder = pool.hardened([Kind(name="proposed", samples=[nothing] * 2, share=1)], [nothing], 5)
    assert harder.counts() == {"proposed": 2, "mistaken for signs": 1}
    assert len(harder.no_signs()) == 2


def test_calibration_error_is_how_far_sureness_and_right_are_apart() -> None:
    seen = np.full((100, 4), 0.1 / 3)
    seen[:, 2] = 0.9
    truth = np.full(100, 2)
    truth[:10] = 1
    held = Judged(seen=seen, truth=truth, sizes=np.full(100, 30.0))
    assert held.right == 0.9
    assert held.calibration_error == pytest.approx(0, abs=1e-9)
    assert Judged(seen=seen, truth=np.full(100, 2), sizes=held.sizes).calibration_error == pytest.approx(0.1)
