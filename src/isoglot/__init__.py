"""isoglot trains, measures and repairs multilingual retrievers.

The public face: everything here is loaded when it is first used, so that `import isoglot` is quick.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoglot.batching import BatchSampler as BatchSampler
    from isoglot.batching import CodeSwitcher as CodeSwitcher
    from isoglot.batching import CrossLingual as CrossLingual
    from isoglot.batching import English as English
    from isoglot.batching import Hybrid as Hybrid
    from isoglot.batching import JointSampler as JointSampler
    from isoglot.batching import Mixed as Mixed
    from isoglot.batching import Monolingual as Monolingual
    from isoglot.batching import Multiway as Multiway
    from isoglot.batching import Schedule as Schedule
    from isoglot.batching import Strategy as Strategy
    from isoglot.collections import Collection as Collection
    from isoglot.collections import collection_from_rows as collection_from_rows
    from isoglot.collections import join_collections as join_collections
    from isoglot.collections import read_collection as read_collection
    from isoglot.collections import write_collection as write_collection
    from isoglot.collections.negatives import with_hard_negatives as with_hard_negatives
    from isoglot.data import find_leakage as find_leakage
    from isoglot.data import load_collection as load_collection
    from isoglot.data import sample_collection as sample_collection
    from isoglot.data.convert import convert as convert
    from isoglot.data.forms.table import collection_from_table as collection_from_table
    from isoglot.data.lexicons import Lexicon as Lexicon
    from isoglot.data.lexicons import read_lexicons as read_lexicons
    from isoglot.data.pseudo import pseudo_collection as pseudo_collection
    from isoglot.data.splitting import split_collection as split_collection
    from isoglot.encoders import distil_static as distil_static
    from isoglot.encoders import load_encoder as load_encoder
    from isoglot.encoders import repair_of as repair_of
    from isoglot.encoders import scratch_encoder as scratch_encoder
    from isoglot.encoders import static_encoder as static_encoder
    from isoglot.errors import InputError as InputError
    from isoglot.errors import IsoglotError as IsoglotError
    from isoglot.evaluation import MultilingualEvaluator as MultilingualEvaluator
    from isoglot.evaluation import Result as Result
    from isoglot.evaluation import code_mix_queries as code_mix_queries
    from isoglot.evaluation import compare_all as compare_all
    from isoglot.evaluation import compare_results as compare_results
    from isoglot.evaluation import evaluate as evaluate
    from isoglot.evaluation import evaluate_bm25 as evaluate_bm25
    from isoglot.evaluation import evaluate_embeddings as evaluate_embeddings
    from isoglot.evaluation import evaluate_run as evaluate_run
    from isoglot.evaluation import make_leaderboard as make_leaderboard
    from isoglot.evaluation import measure as measure
    from isoglot.evaluation import mine_hard_negatives as mine_hard_negatives
    from isoglot.evaluation import read_embeddings as read_embeddings
    from isoglot.evaluation import romanise_queries as romanise_queries
    from isoglot.evaluation.mteb import evaluate_mteb as evaluate_mteb
    from isoglot.objectives import DistributionAlignment as DistributionAlignment
    from isoglot.objectives import DomainContrast as DomainContrast
    from isoglot.objectives import EmbeddedBatch as EmbeddedBatch
    from isoglot.objectives import EmbeddingDistillation as EmbeddingDistillation
    from isoglot.objectives import InfoNCE as InfoNCE
    from isoglot.objectives import KLAlignment as KLAlignment
    from isoglot.objectives import LanguageAdversary as LanguageAdversary
    from isoglot.objectives import LanguageContrast as LanguageContrast
    from isoglot.objectives import Matryoshka as Matryoshka
    from isoglot.objectives import MultiwayInfoNCE as MultiwayInfoNCE
    from isoglot.objectives import ReverseAlignment as ReverseAlignment
    from isoglot.objectives import ReverseTraining as ReverseTraining
    from isoglot.objectives import ScoreDistillation as ScoreDistillation
    from isoglot.objectives import SemanticContrast as SemanticContrast
    from isoglot.objectives import SimilarityDistillation as SimilarityDistillation
    from isoglot.objectives import Sum as Sum
    from isoglot.objectives import Term as Term
    from isoglot.objectives import Weighted as Weighted
    from isoglot.repair import repair_model as repair_model
    from isoglot.reporting import write_leaderboard as write_leaderboard
    from isoglot.reporting import write_report as write_report
    from isoglot.search import Hit as Hit
    from isoglot.search import Index as Index
    from isoglot.search import build_index as build_index
    from isoglot.search import open_index as open_index
    from isoglot.training import HybridTrainer as HybridTrainer
    from isoglot.training.execution import Objective as Objective

__version__ = version("isoglot")

_ROOMS = {
    "batching": (
        *("BatchSampler", "CodeSwitcher", "CrossLingual", "English", "Hybrid", "JointSampler", "Mixed"),
        *("Monolingual", "Multiway", "Schedule", "Strategy"),
    ),
    "collections": (
        *("Collection", "collection_from_rows", "join_collections", "read_collection", "write_collection"),
    ),
    "data": ("find_leakage", "load_collection", "sample_collection"),
    "collections.negatives": ("with_hard_negatives",),
    "data.convert": ("convert",),
    "data.forms.table": ("collection_from_table",),
    "data.lexicons": ("Lexicon", "read_lexicons"),
    "data.pseudo": ("pseudo_collection",),
    "data.splitting": ("split_collection",),
    "encoders": ("distil_static", "load_encoder", "repair_of", "scratch_encoder", "static_encoder"),
    "errors": ("InputError", "IsoglotError"),
    "evaluation": (
        *("MultilingualEvaluator", "Result", "code_mix_queries", "compare_all", "compare_results", "evaluate"),
        *("evaluate_bm25", "evaluate_embeddings", "evaluate_run", "make_leaderboard", "measure"),
        *("mine_hard_negatives", "read_embeddings", "romanise_queries"),
    ),
    "evaluation.mteb": ("evaluate_mteb",),
    "objectives": (
        *("DistributionAlignment", "DomainContrast", "EmbeddedBatch", "EmbeddingDistillation", "InfoNCE"),
        *("KLAlignment", "LanguageAdversary", "LanguageContrast", "Matryoshka", "MultiwayInfoNCE"),
        *("ReverseAlignment", "ReverseTraining", "ScoreDistillation", "SemanticContrast", "SimilarityDistillation"),
        *("Sum", "Term", "Weighted"),
    ),
    "repair": ("repair_model",),
    "reporting": ("write_leaderboard", "write_report"),
    "search": ("Hit", "Index", "build_index", "open_index"),
    "training": ("HybridTrainer",),
    "training.execution": ("Objective",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_ROOM_OF)


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        return getattr(import_module(f"isoglot.{_ROOM_OF[name]}"), name)
    raise AttributeError(f"module 'isoglot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
