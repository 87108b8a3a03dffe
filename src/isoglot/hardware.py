"""What a machine has: cores, and what a result was computed on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["count_cores", "devices", "hardware"]

CPUS = Path("/proc/cpuinfo")
QUOTA = Path("/sys/fs/cgroup/cpu.max")
MODEL = "model name"


def count_cores() -> int:
    """Return how many cores this process may use, a container's share among it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        most, period = QUOTA.read_text().split()
        cores = min(cores, max(1, int(most) // int(period)))
    return cores


def devices() -> dict[str, Any]:
    """Return what torch can use.

    Returns:
        `cuda`, `name` and `memory` (bytes) of each GPU, `mps`, whether there is Apple's, and `threads`, as many as
        torch uses for one operation.
    """
    import torch

    gpus = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    told = [torch.cuda.get_device_properties(number) for number in gpus]
    return {
        "cuda": [{"name": one.name, "memory": one.total_memory} for one in told],
        "mps": torch.backends.mps.is_available(),
        "threads": torch.get_num_threads(),
    }


def hardware() -> dict[str, Any]:
    """Return what decides the rounding of a result beside versions: the same whenever the same machine is asked.

    Returns:
        `system` and `machine` (such as Linux and x86_64), `cpu`, its model, `cores`, as many as the system counts,
        `threads`, as many as torch uses for one operation, and `gpus`, the models of those that torch finds.
    """
    found = devices()
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": found["threads"],
        "gpus": [one["name"] for one in found["cuda"]],
    }


def _cpu() -> str:
    """Return the model of the processor, as far as the system tells."""
    if CPUS.is_file():
        for line in CPUS.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == MODEL:
                return value.strip()
    return platform.processor() or platform.machine()
