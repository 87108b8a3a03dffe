"""What a result was computed on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

__all__ = ["hardware"]

CPUS = Path("/proc/cpuinfo")
MODEL = "model name"


def hardware() -> dict[str, Any]:
    """Return what decides the rounding of a result beside versions: the same whenever the same machine is asked.

    Returns:
        `system` and `machine` (such as Linux and x86_64), `cpu`, its model, `cores`, as many as the system counts,
        `threads`, as many as torch uses for one operation, and `gpus`, the models of those that torch finds.
    """
    import torch

    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]
        if torch.cuda.is_available()
        else [],
    }


def _cpu() -> str:
    """Return the model of the processor, as far as the system tells."""
    if CPUS.is_file():
        for line in CPUS.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == MODEL:
                return value.strip()
    return platform.processor() or platform.machine()
