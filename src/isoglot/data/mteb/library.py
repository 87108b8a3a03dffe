"""mteb itself: there or not."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from isoglot.errors import InputError

__all__ = ["quietly", "require_mteb"]

REMEDY = "pip install 'isoglot[mteb]'"


def require_mteb() -> str:
    """Make sure that mteb 2 or later can be imported, without importing it.

    Returns:
        Its version.

    Raises:
        InputError: it is missing or older than 2.
    """
    try:
        found = version("mteb") if find_spec("mteb") is not None else None
    except PackageNotFoundError:
        found = None
    if found is None:
        raise InputError(f"public benchmarks need the package mteb, which is not installed: {REMEDY}")
    if int(found.split(".")[0]) < 2:
        raise InputError(f"public benchmarks need mteb 2 or later, and {found} is installed: {REMEDY}")
    return found


@contextmanager
def quietly(progress: bool) -> Iterator[None]:
    """Keep mteb and datasets from talking about themselves while they work; errors still come through.

    Args:
        progress: whether progress bars may be shown.
    """
    import datasets

    logger = logging.getLogger("mteb")
    level, bars_off = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    if not progress:
        datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="mteb")
            yield
    finally:
        logger.setLevel(level)
        if not bars_off:
            datasets.enable_progress_bars()
