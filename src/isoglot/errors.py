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
