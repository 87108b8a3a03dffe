"""Worker processes on Ray: started quietly, given one piece of work after the other, started anew where lost.

Ray's actors and not Ray Data: what is done is known here by blocks of a fixed place and content on disk, whereas
Ray Data cuts and fuses its blocks as memory allows, so that a run that goes on could not tell which are there.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import create_connection
from typing import Any
from uuid import uuid4

from isoglot.errors import InputError, IsoglotError
from isoglot.files import require
from isoglot.hardware import count_cores

__all__ = ["Shared", "Workers", "start_workers"]

logger = logging.getLogger(__name__)

OBJECTS = 200 * 2**20
"""Bytes of what processes of one machine share, of a cluster that is started here."""
RETRIES = 5
"""How often work is given out again that its worker was lost at."""
STARTS = 3
"""How often Ray is started here before it is given up: it allows itself half a minute, little on a busy machine."""
KNOCK = 10
"""Seconds that a cluster has to answer in."""
PATIENCE = 10
"""Seconds that workers have to start in, on a cluster that was there before, until it is said that they wait."""
AHEAD = 2
"""Pieces of work that a worker has at hand: while it returns one, it does the next."""

SETTINGS = {  # of Ray, where nobody has set another
    "RAY_worker_niceness": "0",  # and not 15: what workers do is the command's own work
    "RAY_USAGE_STATS_ENABLED": "0",  # no report to Ray's makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # and no warning of what it will do about GPUs
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of workers that are gone when they are told to forget
}

_NOTHING = object()

Work = Callable[..., Any]
"""A function of a module: (what is shared, ..., the piece of work) -> what is found."""


@dataclass(frozen=True)
class Shared:
    """What all workers need, sent to each once.

    Attributes:
        key: by which a worker knows that it has it.
        boxed: the reference, in a list so that Ray does not resolve it with every call.
    """

    key: str
    boxed: list[Any]


@dataclass(frozen=True)
class _Given:
    """A piece of work that a worker has, and how often workers were lost at it."""

    piece: Any
    losses: int
    place: int
    actor: Any


class _Worker:
    """Runs in a process of its own, and keeps what is shared from one call to the next."""

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        logging.getLogger("isoglot").setLevel(logging.ERROR)
        self.known: dict[str, Any] = {}

    def process(self) -> int:
        """Return the number of its process."""
        return os.getpid()

    def run(self, work: Work, shared: tuple[Shared, ...], piece: Any) -> Any:
        """Do a piece of work."""
        import ray

        for one in shared:
            if one.key not in self.known:
                self.known[one.key] = ray.get(one.boxed[0])
        return work(*(self.known[one.key] for one in shared), piece)

    def forget(self, key: str) -> None:
        """Let go of something shared."""
        self.known.pop(key, None)


class Workers:
    """Processes that work; see `start_workers`.

    Attributes:
        actors: Ray's handles on them; one that is lost gets another in its place.
        gpus: whether each has a GPU.
    """

    def __init__(self, start: Callable[[], Any], number: int, gpus: bool) -> None:
        self._start, self.gpus = start, gpus
        self.actors = [start() for _ in range(number)]

    def __len__(self) -> int:
        return len(self.actors)

    def replace(self, actor: Any) -> None:
        """Start a worker in the place of one that is lost; once only."""
        import ray

        if actor in self.actors:
            with suppress(ray.exceptions.RayError):
                ray.kill(actor)  # where only the way to it is lost
            self.actors[self.actors.index(actor)] = self._start()

    @contextmanager
    def share(self, value: Any) -> Iterator[Shared]:
        """Send something to all workers, when they need it, as long as the block runs."""
        import ray

        shared = Shared(uuid4().hex, [ray.put(value)])
        try:
            yield shared
        finally:
            for actor in self.actors:
                actor.forget.remote(shared.key)

    def map(self, work: Work, shared: Iterable[Shared], pieces: Iterable[Any]) -> Iterator[Any]:
        """Yield what is found of pieces of work, as they are finished; a lost worker's is done again.

        Pieces are taken one by one as workers become free, so there may be more of them than memory holds.

        Raises:
            IsoglotError: work failed on a worker, as it does there, or its workers were lost time and again.
        """
        import ray

        kept, left = tuple(shared), iter(pieces)
        running: dict[Any, _Given] = {}
        again: list[tuple[Any, int]] = []
        places = [at for _ in range(AHEAD) for at in range(len(self))]
        while True:
            for place in places:
                piece, losses = again.pop() if again else (next(left, _NOTHING), 0)
                if piece is not _NOTHING:
                    actor = self.actors[place]
                    running[actor.run.remote(work, kept, piece)] = _Given(piece, losses, place, actor)
            if not running:
                return
            (done,), _ = ray.wait(list(running), num_returns=1)
            given = running.pop(done)
            places = [given.place]
            try:
                found = ray.get(done)
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, IsoglotError):
                    raise error.cause from None
                raise
            except ray.exceptions.RayError as error:
                if given.losses == RETRIES:
                    told = f"workers were lost {RETRIES + 1} times at one piece of work ({type(error).__name__})"
                    raise IsoglotError(f"{told}: where memory is short ask for fewer with --workers") from None
                logger.info("a worker is lost (%s): another is started", type(error).__name__)
                self.replace(given.actor)
                again.append((given.piece, given.losses + 1))
            else:
                yield found


@contextmanager
def start_workers(workers: int | None = None, *, address: str | None = None) -> Iterator[Workers]:
    """Start workers, on this machine or on a Ray cluster; they end with the block.

    Where there are GPUs each worker gets one. All get as many processors, which lie on one machine. A program that
    is connected to Ray already has its workers there; where others hold its processors, workers wait for these,
    which is said in the log.

    Args:
        workers: how many; None for one a GPU, or else one a processor.
        address: of a running cluster, `HOST:PORT`, on whose machines isoglot is installed; None to start Ray here.

    Raises:
        InputError: Ray is not installed, no cluster answers, or it has fewer processors or GPUs than workers, or
            not on the same machines.
        IsoglotError: Ray does not start here.
    """
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    ray = require("ray", "ray", "--engine ray")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: there must be at least one")
    ours = not ray.is_initialized()
    if ours:
        with _hearing_as_before():
            _connect(ray, workers, address)
    found: Workers | None = None
    try:
        number, threads, gpus = _divide([one["Resources"] for one in ray.nodes() if one["Alive"]], workers)
        options = {"num_cpus": threads, "num_gpus": 1 if gpus else 0}
        kind = ray.remote(_Worker).options(**options, max_restarts=0, max_task_retries=0)
        found = Workers(lambda: kind.remote(threads), number, gpus)
        if not ours or address is not None:
            _tell_who_waits(ray, found, threads)
        yield found
    finally:
        for actor in found.actors if found is not None else ():
            ray.kill(actor)
        if ours:
            ray.shutdown()


@contextmanager
def _hearing_as_before() -> Iterator[None]:
    """Leave SIGTERM to who heard it before the block: Ray puts its own way to end in the place of theirs."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)


def _divide(machines: list[dict[str, float]], workers: int | None) -> tuple[int, int, bool]:
    """Return how many workers there will be, how many processors each has, and whether each has a GPU.

    Args:
        machines: Ray's resources of each.
        workers: how many were asked for.

    Raises:
        InputError: the machines do not have as many processors and GPUs.
    """
    have = [(int(one.get("CPU", 0)), int(one.get("GPU", 0))) for one in machines]
    cpus, gpus = sum(own for own, _ in have), sum(cards for _, cards in have)
    number = workers or gpus or cpus
    for threads in range(cpus // max(number, 1), 0, -1):
        if sum(min(own // threads, cards if gpus else own) for own, cards in have) >= number:
            return number, threads, gpus > 0
    told = f"{cpus} processors"
    if gpus:
        most = sum(min(pair) for pair in have)
        told += f" and {gpus} GPUs, a processor beside a GPU for {most} workers at most"
    raise InputError(f"{number} workers need as many processors (and GPUs): the cluster has {told}")


def _tell_who_waits(ray: Any, workers: Workers, threads: int) -> None:
    """Say how many workers wait for processors or GPUs that others hold."""
    asked = [actor.process.remote() for actor in workers.actors]
    _, waiting = ray.wait(asked, num_returns=len(asked), timeout=PATIENCE)
    if waiting:
        free = ray.available_resources()
        logger.warning(
            "%d of %d workers wait for %d processors each%s: others seem to hold those of the Ray cluster, which "
            "has %g free%s; they start when these are let go",
            len(waiting),
            len(asked),
            threads,
            " and a GPU" if workers.gpus else "",
            free.get("CPU", 0),
            f" and {free.get('GPU', 0):g} GPUs" if workers.gpus else "",
        )


def _start_here(ray: Any, workers: int | None, quiet: dict[str, Any]) -> None:
    """Start a cluster of this machine's processors alone.

    Raises:
        IsoglotError: it does not start.
    """
    cpus = max(workers or 0, count_cores())
    for left in reversed(range(STARTS)):
        try:
            ray.init("local", num_cpus=cpus, object_store_memory=OBJECTS, **quiet)
            return
        except Exception as error:  # Ray's own are no narrower
            ray.shutdown()
            if not left:
                why = " ".join(str(error).split())[:200]
                raise IsoglotError(f"Ray could not be started on this machine: {why}") from None


def _connect(ray: Any, workers: int | None, address: str | None) -> None:
    """Connect to a cluster, or start one.

    Raises:
        InputError: none answers.
    """
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "include_dashboard": False}
    if address is None:
        return _start_here(ray, workers, quiet)
    del quiet["include_dashboard"]  # is the cluster's own affair
    _check_address(address)
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(f"no Ray cluster answers at {address}: {why}") from None


def _check_address(address: str) -> None:
    """Knock at an address: Ray itself tries for minutes.

    Raises:
        InputError: it is none, or nothing answers.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise InputError(f"--address {address!r}: give HOST:PORT, as ray start --head shows it")
    try:
        with create_connection((host, int(port)), timeout=KNOCK):
            pass
    except (OSError, OverflowError) as error:
        told = f"no Ray cluster answers at {address} ({error}): start one there with ray start --head"
        raise InputError(told) from None
