"""A step that tells what it does while it does it, in place, in the folder of its task.

It writes its name into ``who`` again and again: for an item whose id begins with ``held`` until the test makes
``/batch/go``, and ``params["seconds"]`` longer. What it answers is made of its request alone, but for its name if
``params["signed"]`` says so.
"""

import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path


def sign(path: Path, name: str) -> None:
    """Writes into the file that is there by now, in place: whoever reads it sees somebody's whole name.

    One whose folder was taken away goes on, and writes into the next that has its path.
    """
    with suppress(FileNotFoundError):
        file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        os.write(file, name.encode())
        os.close(file)


for line in sys.stdin:
    request = json.loads(line)
    params, work, name = request["params"], Path(request["work_dir"]), socket.gethostname()
    item = request["items"][0]
    until = None
    while until is None or time.monotonic() < until:
        if until is None and (not item["id"].startswith("held") or Path(params["go"]).exists()):
            until = time.monotonic() + params.get("seconds", 0.0)
        sign(work / "who", name)
        time.sleep(0.01)
    (work / "note").write_text(item["id"])
    answer = {"id": item["id"], "image": f"{work}/note", **({"who": name} if params.get("signed") else {})}
    print(json.dumps({"task": request["task"], "items": [answer]}), flush=True)
