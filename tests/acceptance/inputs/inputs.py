"""All inputs, in the order of the table in docs/inputs.md."""

from __future__ import annotations

from tests.acceptance.inputs import (
    of_accuracies,
    of_crs,
    of_detections,
    of_files,
    of_panoramas,
    of_photographs,
    of_records,
    of_regions,
    of_tables,
    of_wrong_cameras,
    of_wrong_detections,
    of_wrong_headings,
    of_wrong_places,
    of_wrong_poses,
    of_wrong_tables,
)
from tests.acceptance.inputs.expected import names

GROUPS = {
    "Tables": of_tables.INPUTS,
    "Tables with wrong poses": of_wrong_poses.INPUTS,
    "Tables with wrong columns or rows": of_wrong_tables.INPUTS,
    "Photographs alone": of_photographs.INPUTS,
    "Parts of panoramas": of_panoramas.INPUTS,
    "Photographs with wrong places": of_wrong_places.INPUTS,
    "Photographs with wrong headings, heights or cameras": of_wrong_headings.INPUTS,
    "Accuracies": of_accuracies.INPUTS,
    "Wrong cameras": of_wrong_cameras.INPUTS,
    "Odd files": of_files.INPUTS,
    "Records, models and tracks": of_records.INPUTS,
    "Detections": of_detections.INPUTS,
    "Wrong detections": of_wrong_detections.INPUTS,
    "Coordinate reference systems": of_crs.INPUTS,
    "Regions": of_regions.INPUTS,
}
"""The inputs by what they are about."""

INPUTS = [given for group in GROUPS.values() for given in group]
NAMES = names(INPUTS)
