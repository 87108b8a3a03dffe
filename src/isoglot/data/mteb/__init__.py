"""Public benchmarks, through mteb 2: its tasks and metrics for our models, its data for our measures.

mteb is an optional extra (`pip install 'isoglot[mteb]'`) and is imported when something here is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isoglot.evaluation.mteb_result import BenchmarkResult

if TYPE_CHECKING:
    from isoglot.data.mteb.collection_task import CollectionRetrieval, local_task
    from isoglot.data.mteb.from_mteb import collection_from_mteb
    from isoglot.data.mteb.lareqa import MLQARRetrieval, XQuADRRetrieval
    from isoglot.evaluation.mteb import evaluate_mteb

__all__ = [
    "BenchmarkResult",
    "CollectionRetrieval",
    "MLQARRetrieval",
    "XQuADRRetrieval",
    "collection_from_mteb",
    "evaluate_mteb",
    "local_task",
]

HOMES = {
    "CollectionRetrieval": "collection_task",
    "MLQARRetrieval": "lareqa",
    "XQuADRRetrieval": "lareqa",
    "collection_from_mteb": "from_mteb",
    "evaluate_mteb": "evaluate",
    "local_task": "collection_task",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from isoglot.data.mteb.library import require_mteb

    require_mteb()
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
