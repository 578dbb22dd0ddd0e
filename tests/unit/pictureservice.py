"""The image service with its pictures by URL in this process, with workers that are threads of the test."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import httpx

from coordinator.contract import Success, TaskError
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Rung
from coordinator.service.app import create_app
from coordinator.service.budget import budget
from coordinator.service.execution import WorkerSpec
from coordinator.service.gate import Gate
from coordinator.service.intake import Intake
from coordinator.service.keys import Keys
from coordinator.service.metrics import Metrics
from coordinator.service.rendered.assembly import pictures
from coordinator.service.rendered.signing import Signing, signature
from coordinator.service.routes import Routes
from coordinator.service.settings import read_settings
from coordinator.service.strangers import Strangers
from tests.unit.builders import write_png
from tests.unit.test_service_manager import Shop

KEY, TOKEN = "a key of the operator's", "a token of the operator's"
SMALL = "/fit:4x4/plain/a.png@jpg"
PROGRAM = WorkerSpec(
    image_ref="example", image_id="1", rung=Rung.PROCESS, command=("true",), memory=1, timeout=9.0
)


class Service:
    """The whole application on a folder, with a token for callers and a key to sign with."""

    def __init__(self, shop: Shop, folder: Path, **options: str) -> None:
        self.shop, self.images = shop, folder / "images"
        write_png(self.images / "a.png", 16, 8)
        shop.answer = self.work
        self.tasks: list[StepTask] = []
        given = {"data": str(shop.store.path), "images": str(self.images), "max_pixels": "10000", **options}
        chosen = read_settings(given, {})
        manager, self.metrics = shop.open(waiting=2), Metrics()
        self.limits = budget(job=10.0, timeout=9.0, workers=2, memory=1 << 30, is_shared=False)
        signing = Signing([KEY], allows_unsigned=chosen.unsigned)
        self.context = pictures(
            chosen, signing, manager, shop.pool, PROGRAM, shop.store, self.metrics, self.limits
        )
        route = self.context.__enter__()
        intake = Intake(chosen, shop.store, lambda: 1, self.limits)
        app = create_app(Routes(manager, intake, shop.store, self.metrics, 1), self.metrics, route)
        self._app = Gate(app, Strangers(()), Keys(TOKEN), manager.owner, self.metrics)

    def work(self, task: StepTask) -> Success | TaskError:
        """As the imaging step does it, but its picture tells of what it was made, and how often one was."""
        self.tasks.append(task)
        request = task.request
        folder = self.shop.store.files.local(request.work_dir)
        folder.mkdir(parents=True)
        source = self.shop.store.files.local(request.items[0]["image"]).read_bytes()
        told = {"operations": request.params["operations"], "of": len(source), "number": len(self.tasks)}
        (folder / "0.picture").write_text(json.dumps(told))
        made = {**request.items[0], "image": f"{request.work_dir}/0.picture"}
        return Success(task=request.task, items=[made])

    def ask(self, *paths: str, method: str = "GET", **headers: str) -> list[httpx.Response]:
        """The answers to requests that are sent at a time."""

        async def all_of_it() -> list[httpx.Response]:
            return list(await asyncio.gather(*(self.answer(path, method, **headers) for path in paths)))

        return asyncio.run(all_of_it())

    async def answer(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(cast(Any, self._app), raise_app_exceptions=False)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=named)

    def get(self, rest: str, **headers: str) -> httpx.Response:
        """The answer to a URL that is signed."""
        (found,) = self.ask(signed(rest), **headers)
        return found

    def counted(self, result: str) -> float:
        return float(self.metrics.images.labels(result)._value.get())

    def end(self) -> None:
        self.context.__exit__(None, None, None)


def signed(rest: str) -> str:
    return f"/image/{signature(KEY, rest.encode())}{rest}"
