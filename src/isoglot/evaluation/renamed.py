"""`renamed`: keywords of a function that have another name now, and are still understood."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

__all__ = ["renamed"]

P = ParamSpec("P")
R = TypeVar("R")


def renamed(**words: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take old keywords, with a `DeprecationWarning`.

    Args:
        **words: old word -> the one that is used now.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for old in words.keys() & kwargs.keys():
                new = words[old]
                warnings.warn(f"{function.__name__}({old}=…) is called {new} now", DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate
