"""``serve``: the process around the service, from its folder's lock to its last worker."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from types import FrameType

import uvicorn

from coordinator.core.resources import Grant
from coordinator.core.tasks import StepTask
from coordinator.pipeline import Rung
from coordinator.record.lock import locked
from coordinator.runners.engine import Engine
from coordinator.runners.inventory import host_inventory
from coordinator.runners.isolation import Isolation
from coordinator.runners.kept import Program
from coordinator.runners.looplane import LoopLane
from coordinator.runners.process import open_process
from coordinator.runners.program import program_id
from coordinator.runners.resident import ResidentContainer
from coordinator.runners.sweep import sweep
from coordinator.schedule.threads import Sink
from coordinator.service.app import create_app
from coordinator.service.budget import Budget, budget
from coordinator.service.connections import Connection
from coordinator.service.eventloop import run, running_loop
from coordinator.service.execution import WorkerSpec
from coordinator.service.gate import Gate
from coordinator.service.intake import Intake
from coordinator.service.jobs import JobState
from coordinator.service.keys import read_keys
from coordinator.service.manager import Manager
from coordinator.service.metrics import Metrics
from coordinator.service.overdue import Overseer
from coordinator.service.pool import Pool
from coordinator.service.registry import Registry
from coordinator.service.rendered.assembly import pictures, read_signing
from coordinator.service.routes import Routes
from coordinator.service.settings import Settings
from coordinator.service.store import Store
from coordinator.service.strangers import Strangers
from coordinator.service.sweeper import Limits
from coordinator.service.waitingroom import WaitingRoom, listening
from coordinator.service.warmup import warm_up

_LOG = logging.getLogger("coordinator.service")
_COMMAND = ("python3", "-m", "steps.imaging")
_AFTER_GRACE = 10
"""Seconds until connections that are still open after the grace are cut."""

Open = Callable[[StepTask], Program]


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises CoordinatorError for everything that keeps it from starting."""
    _open_as_many_files_as_allowed()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    keys = read_keys(settings.token, settings.keys)
    for doubt in keys.doubts:
        _LOG.warning(doubt)
    signing = read_signing(settings)
    strangers = Strangers((settings.host, socket.gethostname(), *settings.hosts))
    workers = settings.workers or max(1, int(host_inventory().cpus))
    limits = _budget(settings, workers)
    store = Store(settings.data)
    store.create()
    metrics = Metrics()
    with ExitStack() as stack:
        stack.enter_context(locked(store.path, "data folder"))
        sockets = stack.enter_context(listening(settings.host, settings.port))
        waiting_room = stack.enter_context(closing(WaitingRoom(sockets)))
        program, open_program = stack.enter_context(_program(settings, store, workers))
        loop = stack.enter_context(running_loop())
        pool = stack.enter_context(_pool(loop, store, open_program, workers, metrics, limits.shared))
        warm_up(pool, program, store)
        stack.enter_context(closing(Overseer(pool.look)))
        registry = stack.enter_context(closing(Registry(store.registry)))
        manager = _manager(settings, registry, store, pool, program, metrics)
        stack.enter_context(closing(manager))
        routes = Routes(manager, Intake(settings, store, lambda: pool.idle, limits), store, metrics, workers)
        images = stack.enter_context(
            pictures(settings, signing, manager, pool, program, store, metrics, limits)
        )
        app = Gate(create_app(routes, metrics, images), strangers, keys, manager.owner, metrics)
        with store.starting():
            manager.start()
        waiting_room.close()

        def drain() -> None:
            manager.drain()
            images.drain(settings.grace)

        _run(app, settings, drain, sockets, loop)


def _manager(
    settings: Settings, registry: Registry, store: Store, pool: Pool, program: WorkerSpec, metrics: Metrics
) -> Manager:
    manager = Manager(
        registry=registry,
        store=store,
        pool=pool,
        program=program,
        metrics=metrics,
        running=settings.running,
        waiting=settings.waiting,
        keep=Limits(seconds=settings.keep * 3600, size=settings.keep_bytes),
        grace=settings.grace,
    )
    metrics.gauge("jobs_queued", "Jobs that wait", lambda: manager.count(JobState.QUEUED))
    metrics.gauge("jobs_running", "Jobs at work", lambda: manager.count(JobState.RUNNING))
    return manager


def _budget(settings: Settings, workers: int) -> Budget:
    """What requests may cost: containers have memory of their own each, processes share this one's."""
    is_shared = settings.rung is Rung.PROCESS
    return budget(
        job=settings.max_work,
        timeout=settings.task_timeout,
        workers=workers,
        memory=host_inventory().memory if is_shared else settings.worker_memory,
        is_shared=is_shared,
    )


def _open_as_many_files_as_allowed() -> None:
    """Every client's connection is an open file: what most systems give at first is too few for many slow ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def _program(settings: Settings, store: Store, workers: int) -> Iterator[tuple[WorkerSpec, Open]]:
    """What the workers run, and how one is opened."""
    if settings.rung is Rung.PROCESS:
        program = _described(settings, image_id=program_id(_COMMAND))
        yield program, lambda task: open_process(store.files, Grant(resources=task.step.resources), task)
        return
    with closing(Engine()) as engine:
        if swept := sweep(engine, store.path):
            _LOG.info("removed %d containers that an earlier process left behind", swept)
        facts = engine.image(settings.image_ref)
        program = _described(settings, image_id=facts.id)
        isolation = Isolation(
            engine, store.files, store.path, f"serve-{secrets.token_hex(4)}", starts=max(2, workers + 1)
        )

        def open_container(task: StepTask) -> Program:
            return ResidentContainer(
                isolation, isolation.start_shared(task, Grant(resources=task.step.resources))
            )

        with closing(isolation):
            yield program, open_container


def _described(settings: Settings, image_id: str) -> WorkerSpec:
    return WorkerSpec(
        image_ref=settings.image_ref,
        image_id=image_id,
        rung=settings.rung,
        command=_COMMAND,
        memory=settings.worker_memory,
        timeout=settings.task_timeout,
    )


@contextmanager
def _pool(
    loop: asyncio.AbstractEventLoop,
    store: Store,
    open_program: Open,
    workers: int,
    metrics: Metrics,
    shared: int,
) -> Iterator[Pool]:
    threads = ThreadPoolExecutor(workers + 1, thread_name_prefix="worker")

    def open_lane(sink: Sink) -> LoopLane:
        return LoopLane(loop, threads, open_program, store.files, sink)

    pool = Pool(open_lane, workers, metrics.task_ended, with_express=True, shared=shared)
    metrics.gauge("workers_alive", "Workers whose program runs", lambda: pool.alive)
    metrics.gauge("tasks_waiting", "Tasks that no worker has yet", lambda: pool.waiting)
    try:
        with closing(pool):
            yield pool
    except BaseException:
        pool.cancel()
        raise


def _run(
    app: object,
    settings: Settings,
    drain: Callable[[], None],
    sockets: list[socket.socket],
    loop: asyncio.AbstractEventLoop,
) -> None:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=Connection,
        ws="none",
        log_level="info",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks where a client is
        lifespan="off",
        timeout_graceful_shutdown=int(settings.grace) + _AFTER_GRACE,
    )
    server = _Server(config, drain)
    with _signals_go_to(server.handle_exit):
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        _LOG.info("running on http://%s:%d (Ctrl-C ends it)", shown, sockets[0].getsockname()[1])
        # What is there now stays: the collector of garbage need not go through it again and again.
        gc.collect()
        gc.freeze()
        run(loop, server.serve(sockets))


class _Server(uvicorn.Server):
    """A server that has its work drained as soon as its end is asked for."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._drain()
        super().handle_exit(sig, frame)


@contextmanager
def _signals_go_to(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in previous.items():
            signal.signal(number, handler_before)
