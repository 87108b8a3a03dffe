"""Scripts run by several processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import torch


def launch(processes: int, script: str, *arguments: str) -> None:
    """Run a script, or a module after `-m`, under torchrun, each process with one thread and without a GPU."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *launcher, script, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def alone(script: ModuleType, *arguments: str) -> None:
    """Do in this process what several do, with one thread as they do."""
    threads = torch.get_num_threads()
    try:
        script.main(*arguments)
    finally:
        torch.set_num_threads(threads)
