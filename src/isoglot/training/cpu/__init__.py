"""Fast ways of training on a CPU, each of which can be switched off."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec

from isoglot.errors import InputError
from isoglot.names import did_you_mean

__all__ = ["FAST_WAYS", "fast_ways"]

logger = logging.getLogger(__name__)

FAST_WAYS = frozenset({"adamw", "bags", "dropout", "lookup"})
"""`adamw`: AdamW moves the token vectors of static encoders only where they occur (`DeferredAdamW`; needs `bags`).
`bags`: means of token vectors, and their gradients, in loops of our own. `dropout`: masks from a generator of our
own. `lookup`: gradients of a transformer's token vectors are added up in place."""
COMPILED = frozenset({"adamw", "bags", "dropout"})


def fast_ways(asked: bool | Iterable[str] = True) -> frozenset[str]:
    """Return which of the fast ways are open: those asked for, if numba is there for the loops they need.

    Args:
        asked: names, of `FAST_WAYS`; True for all, False for none.

    Raises:
        InputError: there is no fast way of this name.
    """
    wanted = FAST_WAYS if asked is True else frozenset(asked or ())
    if unknown := wanted - FAST_WAYS:
        meant = did_you_mean(min(unknown), FAST_WAYS)
        raise InputError(f"no fast way is called {min(unknown)!r}{meant}; there are {', '.join(sorted(FAST_WAYS))}")
    if wanted & COMPILED and not _has_numba():
        wanted -= COMPILED
    return wanted if "bags" in wanted else wanted - {"adamw"}


@lru_cache(maxsize=1)
def _has_numba() -> bool:
    """Tell whether numba is installed, and say once if it is not."""
    try:
        found = find_spec("numba") is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        logger.info("without numba (pip install 'isoglot[fast]') a CPU trains in torch's own, slower ways")
    return found
