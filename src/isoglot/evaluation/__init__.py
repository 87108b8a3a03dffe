"""Evaluation: monolingual, cross-lingual and multilingual retrieval, language bias and geometry."""

from isoglot.evaluation.compare import Compared, Comparison, compare_all, compare_before, compare_results
from isoglot.evaluation.compressed import measure_compressed
from isoglot.evaluation.embed import embed_collection
from isoglot.evaluation.evaluator import MultilingualEvaluator
from isoglot.evaluation.fair import FAIR, Calibration, fair_ranking, fit_calibration
from isoglot.evaluation.hard_negatives import HardNegatives, mine_embeddings, mine_hard_negatives
from isoglot.evaluation.judgments import Judgments, Ranks, judgments_of
from isoglot.evaluation.leaderboard import Board, Leaderboard, make_leaderboard
from isoglot.evaluation.measures import DEFAULT_MEASURES
from isoglot.evaluation.measuring import evaluate, evaluate_embeddings, measure
from isoglot.evaluation.query_views import code_mix_queries, romanise_queries
from isoglot.evaluation.ranks import rank_embeddings, rank_scores
from isoglot.evaluation.reranking import measure_reranked
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources import RunWriter, evaluate_bm25, evaluate_run, read_embeddings
from isoglot.evaluation.summary import result_of_ranks

__all__ = [
    "DEFAULT_MEASURES",
    "FAIR",
    "Board",
    "Calibration",
    "Compared",
    "Comparison",
    "HardNegatives",
    "Judgments",
    "Leaderboard",
    "MultilingualEvaluator",
    "Ranks",
    "Result",
    "RunWriter",
    "code_mix_queries",
    "compare_all",
    "compare_before",
    "compare_results",
    "embed_collection",
    "evaluate",
    "evaluate_bm25",
    "evaluate_embeddings",
    "evaluate_run",
    "fair_ranking",
    "fit_calibration",
    "judgments_of",
    "make_leaderboard",
    "measure",
    "measure_compressed",
    "measure_reranked",
    "mine_embeddings",
    "mine_hard_negatives",
    "rank_embeddings",
    "rank_scores",
    "read_embeddings",
    "result_of_ranks",
    "romanise_queries",
]
