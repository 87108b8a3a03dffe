"""SIGTERM ends a command as an error does: what it has half written is removed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from isoglot.errors import AGAIN

__all__ = ["Terminated", "ending_on_sigterm"]


class Terminated(SystemExit):
    """SIGTERM has come. No `Exception`: nobody takes it for a failure of what was just being done."""

    status = 128 + signal.SIGTERM
    """What a shell says of a process that the signal ended."""


@contextmanager
def ending_on_sigterm() -> Iterator[None]:
    """Have SIGTERM raise `Terminated` inside the block; a second one, some seconds later, ends the process at once.

    Only the main thread hears signals. What someone else has set up to hear this one, or to ignore it, stays.
    """
    first: float | None = None
    process = os.getpid()

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if os.getpid() == process and first is None:
            first = now
            raise Terminated(Terminated.status)
        if os.getpid() != process or now - first > AGAIN:  # type: ignore[operator]
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
