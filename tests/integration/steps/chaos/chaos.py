"""A step that misbehaves as its parameters say.

``params["fault"]`` for the items that ``params["only"]`` names (or all), or ``params["faults"]`` by the id of the item.
It answers one request and ends, unless ``params["loop"]`` says to go on.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

Request = dict[str, Any]


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        fault = wanted(request["params"], request["items"][0]["id"])
        act = FAULTS[fault] if fault else respond
        act(request)
        if not request["params"].get("loop"):
            return


def wanted(params: dict[str, Any], item_id: str) -> str | None:
    """The name of the item's fault, if it is to have one."""
    if "faults" in params:
        found: str | None = params["faults"].get(item_id)
        return found
    only = params.get("only")
    return params["fault"] if only is None or item_id in only else None


def respond(request: Request, **fields: Any) -> None:
    """The answer of a step that does nothing, or one whose items are said to have further fields."""
    items = [{**item, **fields} for item in request["items"]]
    say(json.dumps({"task": request["task"], "items": items}))


def say(text: str) -> None:
    print(text, flush=True)


def with_value(value: str) -> Callable[[Request], None]:
    """A response in which a value is written as ``value``."""

    def answer(request: Request) -> None:
        say(f'{{"task": {json.dumps(request["task"])}, "items": [{{"id": "a", "value": {value}}}]}}')

    return answer


# -- how it ends ---------------------------------------------------------------------------------------------


def exit_with(code: int) -> Callable[[Request], NoReturn]:
    def end(request: Request) -> NoReturn:
        print(f"about to end with {code}", file=sys.stderr)
        sys.exit(code)

    return end


def crash(request: Request) -> None:
    print("about to crash", file=sys.stderr)
    sys.exit(3)


def segfault(request: Request) -> None:
    ctypes.string_at(0)


def answer_and_fail(request: Request) -> None:
    respond(request)
    sys.exit(5)


def crash_rudely(request: Request) -> None:
    """Its last words would clear the terminal, rename its window, and are no UTF-8."""
    sys.stderr.buffer.write(b"\x1b[2J\x1b]0;mine\x07 caf\xe9 \x00 end\n")
    sys.exit(4)


def hang(request: Request) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)


def mutter(request: Request) -> None:
    print("still at it", file=sys.stderr, flush=True)
    time.sleep(3600)


def hold(request: Request) -> None:
    """Waits for the test, which makes the file when it is ready for an answer."""
    while not Path("/batch/go").exists():
        time.sleep(0.01)
    respond(request)


def answer_late(request: Request) -> None:
    time.sleep(request["params"]["late"])
    respond(request, late=True)


# -- what it says --------------------------------------------------------------------------------------------


def junk(request: Request) -> None:
    say("this is no JSON")


def part(request: Request) -> None:
    say(json.dumps({"task": request["task"], "items": request["items"]})[:-9])


def two_documents(request: Request) -> None:
    respond(request)
    respond(request)


def silent(request: Request) -> None:
    return


def not_utf_8(request: Request) -> None:
    sys.stdout.buffer.write(b'{"task": "caf\xe9", "items": []}\n')


def wrong_task(request: Request) -> None:
    respond({**request, "task": "step/nobody.jpg"})


def no_task(request: Request) -> None:
    say('{"items": []}')


def no_id(request: Request) -> None:
    say(json.dumps({"task": request["task"], "items": [{"note": "who am I?"}]}))


def twin_ids(request: Request) -> None:
    respond({**request, "items": request["items"] * 2})


def items_twice(request: Request) -> None:
    task, items = json.dumps(request["task"]), json.dumps(request["items"])
    say(f'{{"task": {task}, "items": {items}, "items": []}}')


def long_error(request: Request) -> None:
    """Ten megabytes of reasons, which begin with what would colour the terminal."""
    message = "\x1b[31m" + "because " * 1_250_000
    say(json.dumps({"task": request["task"], "error": {"kind": "internal", "message": message}}))


def far_away(request: Request) -> None:
    respond(request, position={"x": 1e308, "y": 1e308})


def name_image(path: str) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        respond(request, image=path)

    return answer


# -- what it takes -------------------------------------------------------------------------------------------


def eat_memory(request: Request) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(16 * 1024 * 1024))


def fork_without_end(request: Request) -> None:
    while True:
        if os.fork() == 0:
            time.sleep(3600)


def leave_children(request: Request) -> None:
    """One that lives on with the step's stdout in its hand, and one that has died unnoticed."""
    if os.fork() == 0:
        time.sleep(3600)
    if os.fork() == 0:
        os._exit(0)
    respond(request)


def fill_tmp(request: Request) -> None:
    with Path("/tmp/full").open("wb") as file:
        while True:
            file.write(bytes(16 * 1024 * 1024))


# -- what it writes ------------------------------------------------------------------------------------------


def write(request: Request) -> None:
    note = Path(request["work_dir"]) / "note.txt"
    note.write_text(f"written for {request['task']}")
    respond(request, image=str(note))


def write_without_end(request: Request) -> None:
    """One file that grows and grows; a hole stands for what it has written so far."""
    with (Path(request["work_dir"]) / "large").open("wb") as file:
        file.seek(4 * 1024**3 - 4096)
        while True:
            file.write(bytes(4096))
            file.flush()


def write_much(request: Request) -> None:
    for number in range(8):
        (Path(request["work_dir"]) / f"{number}.bin").write_bytes(os.urandom(1024 * 1024))
    respond(request)


def nest_folders(request: Request) -> None:
    os.chdir(request["work_dir"])
    for _ in range(3000):
        Path("d").mkdir()
        os.chdir("d")
    respond(request)


def leave_link(request: Request) -> None:
    link = Path(request["work_dir"]) / "image.jpg"
    link.symlink_to("/etc/passwd")
    respond(request, image=str(link))


# -- what it sees --------------------------------------------------------------------------------------------


def report_isolation(request: Request) -> None:
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
    respond(request, facts=facts, image=str(work / "note.txt"))


def writable(folder: str) -> bool:
    probe = Path(folder) / "probe"
    try:
        probe.write_text("x")
        probe.unlink()
    except OSError:
        return False
    return True


FAULTS: dict[str, Callable[[Request], None]] = {
    "exit_1": exit_with(1),
    "exit_125": exit_with(125),
    "exit_137": exit_with(137),
    "crash": crash,
    "segfault": segfault,
    "answer_and_fail": answer_and_fail,
    "crash_rudely": crash_rudely,
    "hang": hang,
    "hold": hold,
    "mutter": mutter,
    "answer_late": answer_late,
    "junk": junk,
    "part": part,
    "two_documents": two_documents,
    "silent": silent,
    "not_utf_8": not_utf_8,
    "not_a_number": with_value("NaN"),
    "infinite": with_value("1e400"),
    "deep": with_value("[" * 100_000 + "]" * 100_000),
    "digits": with_value("9" * 5_000),
    "wrong_task": wrong_task,
    "no_task": no_task,
    "no_id": no_id,
    "twin_ids": twin_ids,
    "items_twice": items_twice,
    "long_error": long_error,
    "far_away": far_away,
    "image_above": name_image("/work/../../etc/passwd"),
    "image_outside": name_image("/etc/passwd"),
    "eat_memory": eat_memory,
    "fork_without_end": fork_without_end,
    "leave_children": leave_children,
    "fill_tmp": fill_tmp,
    "write": write,
    "write_without_end": write_without_end,
    "write_much": write_much,
    "nest_folders": nest_folders,
    "leave_link": leave_link,
    "report_isolation": report_isolation,
}

main()
