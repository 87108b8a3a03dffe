"""Several runs at once, each in a worker process: what happens in one of them stays there."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait

from isoglot.errors import IsoglotError, is_out_of_memory
from isoglot.studies.job import Job, Workshop

__all__ = ["StudyStopped", "run_here", "run_in_workers"]

Ended = tuple[Job, str | None]
"""A run, and the sentence that says why it failed; None if it did not."""


class StudyStopped(IsoglotError):
    """A study was asked to stop and did, in the middle of a run."""

    exit_code = 128 + signal.SIGTERM


def sentence_of(error: BaseException) -> str:
    """Say in one sentence why a run failed."""
    said = " ".join(str(error).split())
    if isinstance(error, IsoglotError):
        return said
    if is_out_of_memory(error):
        return "out of memory: give the recipe a smaller batch_size or memory, or run fewer at once (--jobs)"
    return f"unexpected {type(error).__name__}: {said[:300] or 'no message'}"


def run_here(jobs: Iterable[Job], workshop: Workshop) -> Iterator[Ended]:
    """Make runs one after the other in this process; yield each as it ends.

    Raises:
        StudyStopped: SIGTERM came while a run trained.
    """
    from isoglot.studies.perform import Bench, perform
    from isoglot.training.callbacks import TrainingStopped

    bench = Bench(workshop)
    for job in jobs:
        failure = None
        try:
            perform(job, bench)
        except TrainingStopped:  # also one that was cut: it is no failure of the run
            raise StudyStopped("ended as SIGTERM asked; the same command goes on where it was") from None
        except Exception as error:
            failure = sentence_of(error)
        yield job, failure


def run_in_workers(
    jobs: Sequence[Job], workshop: Workshop, processes: int, devices: Sequence[str | None] = (None,)
) -> Iterator[Ended]:
    """Make runs in worker processes; yield each as it ends.

    A worker that dies takes its run with it, and another one takes its place.

    Args:
        jobs: the runs; they are begun in this order.
        workshop: of the study.
        processes: how many at once.
        devices: GPUs (values of CUDA_VISIBLE_DEVICES), one to each worker in turn; None for what there is.
    """
    waiting = list(jobs)
    workers: list[_Worker] = []
    try:
        for number in range(min(processes, len(waiting))):
            workers.append(_Worker(workshop, devices[number % len(devices)]))
            workers[-1].give(waiting.pop(0))
        while busy := [worker for worker in workers if worker.job is not None]:
            wait([handle for worker in busy for handle in (worker.connection, worker.process.sentinel)])
            for worker in busy:
                if not worker.connection.poll() and worker.process.is_alive():
                    continue
                job = worker.job
                assert job is not None
                failure = worker.take()
                if not worker.process.is_alive() and waiting:
                    workers[workers.index(worker)] = worker = _Worker(workshop, worker.device)
                if waiting:
                    worker.give(waiting.pop(0))
                yield job, failure
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """One worker process and the run it is at."""

    def __init__(self, workshop: Workshop, device: str | None) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would have this process's threads half
        self.device = device
        self.job: Job | None = None
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, workshop), daemon=True)
        with _environment(workshop.environment | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device})):
            self.process.start()
        theirs.close()

    def give(self, job: Job) -> None:
        """Begin a run."""
        self.job = job
        with suppress(OSError):  # it has died: `take` will tell
            self.connection.send(job)

    def take(self) -> str | None:
        """Return how the run ended."""
        self.job = None
        try:
            failure: str | None = self.connection.recv()
            return failure
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode or 0
            if code < 0:
                name = signal.Signals(-code).name
                more = ": perhaps the machine was out of memory" if name == "SIGKILL" else ""
                return f"its process was ended by {name}{more}"
            return f"its process ended with status {code}"

    def end(self) -> None:
        """End the process; if it is at a run, in the middle of it."""
        self.connection.close()
        if self.job is None:  # it ends by itself
            self.process.join(10)
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables while a process is started, which inherits them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, workshop: Workshop) -> None:
    """Make the runs that are sent, and say how each ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for library in ("huggingface_hub", "sentence_transformers", "transformers", "datasets"):
        logging.getLogger(library).setLevel(logging.ERROR)
    logging.getLogger("isoglot.collections").setLevel(logging.ERROR)  # what it has to say was said by the parent
    warnings.filterwarnings("ignore")
    import isoglot.studies.perform  # noqa: F401 - everything that runs need

    gc.collect()
    gc.freeze()  # the trainer collects garbage after every run, which need not look at the libraries' objects
    with suppress(StudyStopped, BrokenPipeError):
        for _, failure in run_here(_received(connection), workshop):
            connection.send(failure)


def _received(connection: Connection) -> Iterator[Job]:
    """Yield the runs that are sent, until no more will be."""
    with suppress(EOFError):
        while True:
            yield connection.recv()


def _end_with_parent() -> None:
    """End this process when the parent does, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
