"""A step that keeps the contract but for one fault, which the environment variable FAULT names.

Without a fault it conforms, so that what check-step finds is the fault and nothing else.
"""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FAULT = os.environ.get("FAULT", "none")


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN if FAULT == "ignores_sigterm" else end)
    if FAULT == "banner":
        print("example step 1.0 is ready", flush=True)
    sys.stdout.write("".join(serve()))
    sys.stdout.flush()
    if FAULT == "hangs_at_the_end":
        while True:
            time.sleep(1)
    if FAULT == "bad_exit_code":
        sys.exit(5)


def end(*_: object) -> None:
    os._exit(143)


def serve() -> list[str]:
    """Answers line after line; returns the answers that a fault holds back until the input ends."""
    held: list[str] = []
    if FAULT == "fails_together":
        serve_together()
    for number, line in enumerate(sys.stdin, start=1):
        held.append(json.dumps(respond(line, number)) + "\n")
        if FAULT == "never_flushes" or (FAULT == "wrong_order" and number == 1):
            continue
        sys.stdout.write("".join(reversed(held)))
        sys.stdout.flush()
        held.clear()
        if FAULT == "answers_once":
            break
    return held


def serve_together() -> None:
    """Takes the lines that wait at once, and lets the fault of one be that of all."""
    while data := os.read(0, 1 << 20):
        lines = data.decode().splitlines()
        answers = [respond(line, 1) for line in lines]
        if len(lines) > 3 and (bad := [answer for answer in answers if "error" in answer]):
            answers = [{"task": answer["task"], "error": bad[0]["error"]} for answer in answers]
        sys.stdout.write("".join(json.dumps(answer) + "\n" for answer in answers))
        sys.stdout.flush()


def respond(line: str, count: int) -> Json:
    if FAULT == "dies_on_junk":
        return do(json.loads(line), count)
    try:
        return do(json.loads(line), count)
    except (ValueError, KeyError) as error:
        if FAULT == "junk_for_junk":
            return {"sorry": str(error)}
        return {"task": "", "error": {"kind": "bad_input", "message": f"{type(error).__name__}: {error}"}}


def do(request: Json, count: int) -> Json:
    if FAULT == "items_are_optional":
        request.setdefault("items", [])
    items = [{**item, "seen": True} for item in request["items"]]
    response: Json = {"task": request["task"], "items": items, "metrics": {"compute_s": 0.001}}
    if change := FAULTS.get(FAULT):
        change(response, count)
    return response


def wrong_task(response: Json, count: int) -> None:
    response["task"] = "another/task"


def stray_print(response: Json, count: int) -> None:
    print("loading the model ...")


def two_documents(response: Json, count: int) -> None:
    print(json.dumps(response))


def not_a_number(response: Json, count: int) -> None:
    response["metrics"]["mean_s"] = float("nan")


def timestamp(response: Json, count: int) -> None:
    response["items"][0]["made"] = time.time_ns()


def counter(response: Json, count: int) -> None:
    response["items"][0]["number"] = count


def writes_elsewhere(response: Json, count: int) -> None:
    Path("/var/tmp/cache").write_text("a cache")


def needs_a_network(response: Json, count: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect(("192.0.2.1", 53))  # sends nothing, but takes a route


def needs_root(response: Json, count: int) -> None:
    Path("/etc/shadow").read_bytes()


FAULTS = {
    "wrong_task": wrong_task,
    "stray_print": stray_print,
    "two_documents": two_documents,
    "not_a_number": not_a_number,
    "timestamp": timestamp,
    "counter": counter,
    "writes_elsewhere": writes_elsewhere,
    "needs_a_network": needs_a_network,
    "needs_root": needs_root,
}

main()
