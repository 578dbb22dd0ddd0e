"""The least that answers as the image service does: FastAPI, a pool of processes, and nothing kept anywhere.

What a request costs beyond this is the service's own doing: its checks, its journal, its files.
``python -m coordinator.bench.minimal WORKERS`` serves on a free port, which uvicorn's log names.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Annotated, Any

import cv2
import numpy as np
import uvicorn
from fastapi import FastAPI, Form, Response, UploadFile
from fastapi.responses import PlainTextResponse


def work(data: bytes, operations: Sequence[tuple[str, str]], output: str) -> bytes:
    """One image to one result, both encoded: ``resize`` to ``WxH`` and the Gaussian ``blur``."""
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    for name, value in operations:
        if name == "resize":
            width, height = map(int, value.split("x"))
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        else:
            image = cv2.GaussianBlur(image, (5, 5), 0)
    return cv2.imencode(f".{output}", image)[1].tobytes()


def create_app(pool: ProcessPoolExecutor) -> FastAPI:
    """The application; the results of a request are dropped once the next one's are there."""
    app = FastAPI()
    last: list[bytes] = []

    @app.post("/process")
    async def process(files: list[UploadFile], actions: Annotated[str, Form()]) -> PlainTextResponse:
        order = json.loads(actions)
        loop = asyncio.get_running_loop()
        asked = [
            loop.run_in_executor(pool, partial(work, await file.read(), order["operations"], order["output"]))
            for file in files
        ]
        last[:] = await asyncio.gather(*asked)
        return PlainTextResponse("OK")

    @app.get("/last")
    async def get_last() -> Response:
        return Response(last[0])

    return app


def main(workers: int) -> None:
    """Serves until it is ended by a signal."""
    # Uvicorn raises the signal that ended it once more, and the pool's processes must end before this one does.
    signal.signal(signal.SIGTERM, lambda *_: None)
    # Not forked: a child of a process with threads may find their locks held for ever.
    with ProcessPoolExecutor(workers, get_context("spawn"), partial(cv2.setNumThreads, 1)) as pool:
        uvicorn.run(create_app(pool), port=0, access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
