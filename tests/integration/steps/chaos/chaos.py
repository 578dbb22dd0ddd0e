"""A step that misbehaves as ``params["fault"]`` says, for the items that ``params["only"]`` names (or all).

It answers one request and ends, unless ``params["loop"]`` says to go on.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        answer(request)
        if not request["params"].get("loop"):
            return


def answer(request: dict[str, Any]) -> None:
    params = request["params"]
    only = params.get("only")
    if only is not None and request["items"][0]["id"] not in only:
        respond(request)
        return
    FAULTS[params["fault"]](request)


def respond(request: dict[str, Any]) -> None:
    print(json.dumps({"task": request["task"], "items": request["items"]}), flush=True)


def crash(request: dict[str, Any]) -> None:
    print("about to crash", file=sys.stderr)
    sys.exit(3)


def eat_memory(request: dict[str, Any]) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(16 * 1024 * 1024))


def hang(request: dict[str, Any]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


def mutter(request: dict[str, Any]) -> None:
    print("still at it", file=sys.stderr, flush=True)
    time.sleep(3600)


def junk(request: dict[str, Any]) -> None:
    print("this is no JSON", flush=True)


def two_documents(request: dict[str, Any]) -> None:
    respond(request)
    respond(request)


def silent(request: dict[str, Any]) -> None:
    return


def report_isolation(request: dict[str, Any]) -> None:
    """Tells what the step may and may not do here."""
    work = Path(request["work_dir"])
    (work / "note.txt").write_text("written by the step")
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    facts = {
        "uid": os.getuid(),
        "interfaces": sorted(path.name for path in Path("/sys/class/net").iterdir()),
        "capabilities": status["CapEff"].strip(),
        "no_new_privileges": status["NoNewPrivs"].strip(),
        "writable": [
            path for path in ("/", "/batch", "/work", str(work.parent), str(work), "/tmp") if writable(path)
        ],
    }
    item = {**request["items"][0], "facts": facts, "image": str(work / "note.txt")}
    print(json.dumps({"task": request["task"], "items": [item]}))


def write(request: dict[str, Any]) -> None:
    note = Path(request["work_dir"]) / "note.txt"
    note.write_text(f"written for {request['task']}")
    print(
        json.dumps({"task": request["task"], "items": [{**request["items"][0], "image": str(note)}]}),
        flush=True,
    )


def writable(folder: str) -> bool:
    probe = Path(folder) / "probe"
    try:
        probe.write_text("x")
        probe.unlink()
    except OSError:
        return False
    return True


def answer_and_fail(request: dict[str, Any]) -> None:
    respond(request)
    sys.exit(5)


FAULTS = {
    "crash": crash,
    "eat_memory": eat_memory,
    "hang": hang,
    "mutter": mutter,
    "junk": junk,
    "two_documents": two_documents,
    "silent": silent,
    "report_isolation": report_isolation,
    "answer_and_fail": answer_and_fail,
    "write": write,
}

main()
