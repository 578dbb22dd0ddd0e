"""One container per attempt, on a real engine: what it may do, how it ends, and that nothing stays behind."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import docker

from coordinator.errors import ExitCode
from coordinator.record.journal import Status
from coordinator.runners.engine import FOLDER_LABEL
from coordinator.runners.isolation import TASK
from coordinator.runners.spec import NETWORK, ROLE
from tests.integration.conftest import Workshop
from tests.waiting import eventually


def test_a_shell_step_and_a_c_step_work_in_one_pipeline(
    workshop: Workshop, shell_image: str, echo_image: str
) -> None:
    workshop.photographs("a.jpg", "b.jpg", "c.jpg")
    summary = workshop.run(
        {"name": "echo", "image_ref": echo_image},
        {"name": "shell", "image_ref": shell_image},
        {"name": "all", "image_ref": echo_image, "per": "region"},
    )
    assert summary.exit_code is ExitCode.DONE
    assert summary.counts == {
        ("echo", Status.SUCCEEDED): 3,
        ("shell", Status.SUCCEEDED): 3,
        ("all", Status.SUCCEEDED): 1,
    }
    assert [(item["id"], item["seen_by"]) for item in workshop.items("all")] == [
        ("a.jpg", "shell"),
        ("b.jpg", "shell"),
        ("c.jpg", "shell"),
    ]


def test_the_engine_sees_one_container_created_started_and_removed_per_attempt(
    workshop: Workshop, echo_image: str, chaos_image: str, client: docker.DockerClient
) -> None:
    workshop.photographs(*(f"{number}.jpg" for number in range(6)))
    events = _Events(client, workshop)
    workshop.run(
        {"name": "echo", "image_ref": echo_image},
        {
            "name": "chaos",
            "image_ref": chaos_image,
            "retries": 1,
            "params": {"fault": "crash", "only": ["3.jpg"]},
        },
    )
    attempts = 6 + 6 + 1
    assert events.of(TASK, expected=attempts) == {"create": attempts, "start": attempts, "destroy": attempts}
    # Besides them, one container holds the network namespace that all of the run's containers share.
    assert events.of(NETWORK, expected=1) == {"create": 1, "start": 1, "destroy": 1}


def test_a_step_is_isolated_and_what_it_writes_belongs_to_the_invoking_user(
    workshop: Workshop, chaos_image: str
) -> None:
    workshop.photographs("a.jpg")
    workshop.run({"name": "look", "image_ref": chaos_image, "params": {"fault": "report_isolation"}})
    (item,) = workshop.items("look")
    facts = item["facts"]
    assert facts["uid"] != 0
    assert facts["interfaces"] == ["lo"]
    assert int(facts["capabilities"], 16) == 0
    assert facts["no_new_privileges"] == "1"
    assert facts["writable"] == ["/work/look/a.jpg", "/tmp"]
    written = workshop.out / "work" / "look" / "a.jpg" / "note.txt"
    assert written.read_text() == "written by the step"
    assert written.stat().st_uid == os.getuid()


def test_running_again_runs_only_what_is_new(
    workshop: Workshop, echo_image: str, client: docker.DockerClient
) -> None:
    workshop.photographs("a.jpg", "b.jpg")
    step = {"name": "echo", "image_ref": echo_image}
    workshop.run(step)
    workshop.photographs("c.jpg")
    events = _Events(client, workshop)
    summary = workshop.run(step)
    assert summary.counts == {("echo", Status.SUCCEEDED): 3}
    assert events.of(TASK, expected=1)["create"] == 1


def test_the_run_folder_tells_what_ran(
    workshop: Workshop, echo_image: str, client: docker.DockerClient
) -> None:
    import json

    workshop.photographs("a.jpg")
    workshop.run({"name": "echo", "image_ref": echo_image})
    about = json.loads((workshop.out / "run.json").read_text())
    assert about["images"]["echo"]["id"] == client.images.get(echo_image).id
    assert about["complete"] is True
    assert about["tasks"] == {"echo.succeeded": 1}
    assert Path(about["batch"]["folder"]) == workshop.batch


class _Events:
    """The engine's events of a workshop's containers since the object was made, by role and action."""

    def __init__(self, client: docker.DockerClient, workshop: Workshop) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        filters = {"type": "container", "label": f"{FOLDER_LABEL}={workshop.out}"}
        # From now on, though the engine may need a moment until it listens.
        since: Any = time.time()  # the SDK's types know no fractions of a second, the engine does
        self._stream = client.events(since=since, filters=filters, decode=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for event in self._stream:
            self._counts[event["Actor"]["Attributes"][ROLE], event["Action"]] += 1

    def of(self, role: str, *, expected: int) -> dict[str, int]:
        """The counts, as soon as ``expected`` containers are gone (events arrive a moment after the fact)."""
        eventually(lambda: self._counts[role, "destroy"] >= expected)
        return {action: self._counts[role, action] for action in ("create", "start", "destroy")}
