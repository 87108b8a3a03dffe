"""The two ways a command can end badly, each written for the person who reads it."""

from __future__ import annotations

AGAIN = 5.0
"""Seconds after which another SIGTERM is another request; launchers pass on what all processes have got."""


class IsoglotError(Exception):
    """A failure with one clear sentence; the command line shows it without a traceback and exits 1."""

    exit_code = 1


class InputError(IsoglotError, ValueError):
    """Bad usage or bad input: says what was wrong, where, and what to do about it; exit status 2."""

    exit_code = 2


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory does not suffice: Python's, or torch's of a device or a CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in ("can't allocate memory", "not enough memory", "CUDA out of memory")
    )
