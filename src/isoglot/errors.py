"""The two ways a command can end badly, each written for the person who reads it."""

from __future__ import annotations

AGAIN = 5.0
"""Seconds after which another SIGTERM is another request; launchers pass on what all processes have got."""


CUDNN_FAILED = ("mha_graph", "execute(", "is_good()")
"""Parts of what torch says of an attention that cuDNN could not compute."""
LITTLE = 2**30
"""Bytes of a GPU that are too few for what drivers and cuDNN take beside torch."""


class IsoglotError(Exception):
    """A failure with one clear sentence; the command line shows it without a traceback and exits 1."""

    exit_code = 1


class InputError(IsoglotError, ValueError):
    """Bad usage or bad input: says what was wrong, where, and what to do about it; exit status 2."""

    exit_code = 2


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory does not suffice: Python's, or torch's of a device or a CPU.

    cuDNN's attention says only that it failed, of which full memory is but one reason (pytorch issue 190321): that
    counts where hardly any memory of the GPU is left.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if not isinstance(error, RuntimeError):
        return False
    said = str(error)
    if all(part in said for part in CUDNN_FAILED):
        return _is_gpu_full()
    return any(sign in said for sign in ("can't allocate memory", "not enough memory", "CUDA out of memory"))


def _is_gpu_full() -> bool:
    import torch  # which is there where this is asked

    try:
        return torch.cuda.mem_get_info()[0] < LITTLE
    except (AssertionError, RuntimeError):  # no GPU, or one that answers no more
        return False
