"""Evaluation: monolingual, cross-lingual and multilingual retrieval, language bias and geometry."""

from isoglot.evaluation.embed import embed_collection, judged_query_rows
from isoglot.evaluation.evaluate import evaluate, evaluate_embeddings
from isoglot.evaluation.evaluator import MultilingualEvaluator
from isoglot.evaluation.measures import DEFAULT_MEASURES
from isoglot.evaluation.ranks import Judgments, Ranks, judgments_of, rank_embeddings, rank_scores
from isoglot.evaluation.result import Result
from isoglot.evaluation.significance import Comparison, compare_results

__all__ = [
    "DEFAULT_MEASURES",
    "Comparison",
    "Judgments",
    "MultilingualEvaluator",
    "Ranks",
    "Result",
    "compare_results",
    "embed_collection",
    "evaluate",
    "evaluate_embeddings",
    "judged_query_rows",
    "judgments_of",
    "rank_embeddings",
    "rank_scores",
]
