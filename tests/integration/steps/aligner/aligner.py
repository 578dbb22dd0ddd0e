"""A step per batch that moves poses as its parameters say.

``move`` is metres east, ``turn`` degrees; recordings in ``keep`` keep their prior and say why; ``fail`` is an error's
message; with ``hold`` it waits until there is a file /batch/go; ``pose`` takes the place of every pose.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

Item = dict[str, Any]


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"task": request["task"], **answer(request)}), flush=True)


def answer(request: Item) -> Item:
    params, items = request["params"], request["items"]
    assert request["region"] is None, "all of the batch was asked for"
    photographs = [Path(item["image"]) for item in items]
    while params.get("hold") and not (photographs[0].parent / "go").exists():
        time.sleep(0.01)
    if unread := [str(path) for path in photographs if not path.read_bytes()]:
        return {"error": {"kind": "bad_input", "message": f"empty: {unread}"}}
    if "fail" in params:
        return {"error": {"kind": "internal", "message": params["fail"]}}
    return {"items": [aligned(item, params) for item in items]}


def aligned(item: Item, params: Item) -> Item:
    if item["pose"] is None or item["id"] in params.get("keep", ()):
        return {**item, "aligned": False, "alignment": "no neighbour shows the same"}
    pose = item["pose"]
    accuracy = {"position_m": 0.25, "heading_deg": 0.5, **params.get("also", {})}
    moved = {**pose, "x": pose["x"] + params.get("move", 0.0), "accuracy": accuracy}
    moved["heading"] = (pose["heading"] + params.get("turn", 0.0)) % 360.0
    return {**item, "pose": params.get("pose", moved), "aligned": True}


if __name__ == "__main__":
    main()
