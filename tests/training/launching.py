"""Scripts run by several processes at once.

As torchrun runs them, but in forks of a server that has imported what training needs once for all launches: imports
take longer than most of the runs. `tests/cli/test_cli.py` and `tests/test_clusters.py` start torchrun itself.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import socket
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import torch

FORKS = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
FORKS.set_forkserver_preload(["isoglot.cli.program", "isoglot.training.run", "torch._dynamo"])


def launch(processes: int, script: str, *arguments: str, patience: float = 600) -> str:
    """Run a script, or a module after `-m`, in one process or more, each with one thread and without a GPU.

    Returns:
        What they said on standard error, one process after the other.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if processes > 1:
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    with TemporaryDirectory() as folder:
        said = [Path(folder) / f"{rank}" for rank in range(processes)]
        started = []
        for path in said:
            place = {"RANK": path.name, "LOCAL_RANK": path.name} if processes > 1 else {}
            words = [script, *arguments]
            started.append(FORKS.Process(target=_run, args=(words, environment | place, str(path))))
        for process in started:
            process.start()
        try:
            _wait_for(started, time.monotonic() + patience)
        finally:
            for process in started:
                process.kill()  # those that wait for one that has failed
                process.join()
        told = [path.read_text(encoding="utf-8", errors="replace") if path.exists() else "" for path in said]
    ended = [process.exitcode for process in started]
    assert ended == [0] * processes, f"ended with {ended}: {' '.join(one[-3000:] for one in told)}"
    return "".join(told)


def _wait_for(processes: Sequence[multiprocessing.process.BaseProcess], until: float) -> None:
    """Return once all have ended, one has failed, or a time has come."""
    while any(process.exitcode is None for process in processes) and time.monotonic() < until:
        wait([process.sentinel for process in processes if process.exitcode is None], until - time.monotonic())
        if any(process.exitcode for process in processes):
            return


def _run(words: list[str], environment: dict[str, str], said: str) -> None:
    """Run a script in this process as Python runs it."""
    gc.freeze()  # what the server has imported is no garbage, for which every run looks in its end
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    file = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, sys.stderr.fileno() if sys.stderr else 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


def alone(script: ModuleType, *arguments: str) -> None:
    """Do in this process what several do, with one thread as they do."""
    threads = torch.get_num_threads()
    try:
        script.main(*arguments)
    finally:
        torch.set_num_threads(threads)
