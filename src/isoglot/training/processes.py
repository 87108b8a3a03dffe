"""What the processes of a run, perhaps on several machines, must see alike before they train together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from accelerate import PartialState

from isoglot.errors import InputError
from isoglot.training.checkpoints import last_checkpoint
from isoglot.training.execution.gather import seen_by_all
from isoglot.training.output import CHECKPOINTS, is_finished

__all__ = ["check_contents", "check_folder", "several_processes"]


def several_processes() -> bool:
    """Tell whether a launcher has started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def check_folder(out: Path) -> None:
    """See that all processes of a run that is resumed find the same in its folder. All processes must ask.

    Raises:
        InputError: one has another checkpoint, or none.
    """
    if not several_processes():
        return
    PartialState(cpu=not torch.accelerator.is_available())  # meets the others
    checkpoint = last_checkpoint(out / CHECKPOINTS)
    found = "a finished run" if is_finished(out) else "no checkpoint" if checkpoint is None else checkpoint.name
    seen = seen_by_all(found)
    other = next((process for process, one in enumerate(seen) if one != seen[0]), None)
    if other is not None:
        raise InputError(
            f"process {other} finds {seen[other]} in {out}, and the first one {seen[0]}: to continue, all nodes "
            "need the same files there; put --out on a file system that they share, or copy it to each of them"
        )


def check_contents(contents: Mapping[str, str]) -> None:
    """See that all processes read the same data. All processes must ask.

    Args:
        contents: what `data_contents` returns.

    Raises:
        InputError: one reads other texts or judgments, or learns from another teacher.
    """
    seen = seen_by_all(dict(contents))
    for process, one in enumerate(seen):
        changed = [name for name in seen[0] if one.get(name) != seen[0][name]]
        if changed:
            raise InputError(
                f"process {process} reads other texts or judgments than the first one in {'; '.join(changed)}: "
                "give all nodes the same data"
            )
