"""Data of public benchmarks, through mteb 2: its tasks as collections, and collections as its tasks.

mteb is an optional extra (`pip install 'isoglot[mteb]'`) and is imported when something here is first used;
`isoglot.evaluation.mteb` evaluates models by its metrics.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from isoglot.data.mteb.library import require_mteb

if TYPE_CHECKING:
    from isoglot.data.mteb.collection_task import (
        CollectionRetrieval,
        MLQARRetrieval,
        XQuADRRetrieval,
        local_task,
    )
    from isoglot.data.mteb.from_mteb import collection_from_mteb

__all__ = ["CollectionRetrieval", "MLQARRetrieval", "XQuADRRetrieval", "collection_from_mteb", "local_task"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_mteb()
    home = "from_mteb" if name == "collection_from_mteb" else "collection_task"
    return getattr(import_module(f"{__name__}.{home}"), name)
