"""What one process holds alone, for as long as it lives: lock files, and folders that are being written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from isoglot.errors import InputError

try:
    import fcntl
except ImportError:  # not POSIX: a folder there tells its writer by its age alone
    fcntl = None  # type: ignore[assignment]

__all__ = ["held_alone", "is_lived_in", "lived_in"]


@contextmanager
def held_alone(path: str | Path, told: str) -> Iterator[None]:
    """Hold a lock file while the block runs; the system lets go of it when a process ends, however it does.

    Args:
        path: the lock file; it stays.
        told: what to say if another process holds it.

    Raises:
        InputError: another process holds it, or it cannot be written.
    """
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(told) from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def lived_in(folder: Path) -> Iterator[None]:
    """Let other processes see, while the block runs, that a folder is being written, whatever their clocks say.

    It may be given another name meanwhile. Where the file system locks no folders nothing is seen.
    """
    handle = None
    if fcntl is not None:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def is_lived_in(folder: Path) -> bool:
    """Tell whether a process that lives is writing a folder (`lived_in`)."""
    if fcntl is None:
        return False
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
