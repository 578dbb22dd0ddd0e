"""How a run went, for the page: its state, its steps, where the time went, what failed and how to repeat it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from coordinator.record.history import BUSY, History, Tally, Tried
from coordinator.record.journal import BATCH, Status
from coordinator.record.lock import owner
from coordinator.record.reasons import grouped
from coordinator.record.runfolder import RunFolder
from coordinator.record.runstate import again, proceed, run_state
from coordinator.strictjson import Json

_NOTHING = Tally(now=0, before=0)


@dataclass(kw_only=True)
class Spent:
    """What a step's attempts took, in seconds: at work, and before that waiting for a place or a container."""

    attempts: int = 0
    failed: int = 0
    busy: float = 0.0
    waited: float = 0.0
    longest: float = 0.0
    longest_task: str = ""

    def add(self, one: Tried) -> None:
        busy = one.metrics.get(BUSY, one.ended - one.submitted)
        self.attempts += 1
        self.failed += one.error is not None
        self.busy += busy
        self.waited += max(0.0, one.ended - one.submitted - busy)
        if busy > self.longest:
            self.longest, self.longest_task = busy, one.task


def told_of_run(folder: RunFolder, history: History, about: Json) -> Json:
    """All of it, as JSON for the page."""
    facts, reasons = history.facts, grouped(history.failures())
    at_work = owner(folder.path)
    state = run_state(at_work, facts.session_state)
    return {
        "id": facts.run_id,
        "folder": str(folder.path.absolute()),
        "batch": facts.batch,
        "session": history.session,
        "state": str(state),
        "owner": str(at_work) if at_work else None,
        "started": facts.started,
        "seconds": about.get("seconds"),
        "taken": history.recordings(),
        "mapped": facts.mapped,
        "findings": list(facts.findings or about.get("findings", ())),
        "reasons": [asdict(reason) for reason in reasons],
        "steps": list(_steps(history, about["pipeline"]["steps"])),
        "pipeline": about["pipeline"]["name"],
        "crs": about.get("crs"),
        "versions": about.get("versions"),
        "host": about.get("host"),
        "images": about.get("images"),
        "again": again(facts),
        "proceed": proceed(folder.path.absolute(), facts, state, failed=bool(reasons)),
    }


def _steps(history: History, steps: Sequence[Json]) -> list[Json]:
    spent: dict[str, Spent] = defaultdict(Spent)
    for one in history.tried():
        spent[one.step].add(one)
    tallies = history.tallies()
    per = {step["name"]: step["per"] for step in steps}
    names = dict.fromkeys([BATCH, *per, *sorted({step for step, _ in tallies})])
    return [
        {
            "name": name,
            "per": per.get(name),
            **{str(status): tallies.get((name, status), _NOTHING).now for status in Status},
            "before": sum(tallies.get((name, status), _NOTHING).before for status in Status),
            **asdict(spent[name]),
        }
        for name in names
        if name in per or any((name, status) in tallies for status in Status)
    ]
