"""All measures of language bias of one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isoglot.evaluation.averages import Averages, FloatArray, IntArray
from isoglot.evaluation.bias.best_ranks import best_rank_matrix, best_rank_values
from isoglot.evaluation.bias.peer import peer
from isoglot.evaluation.bias.recall_gap import recall_gaps
from isoglot.evaluation.bias.shares import language_shares, own_language_share, share_matrix
from isoglot.evaluation.ranks import Ranks
from isoglot.evaluation.settings import Cells

__all__ = ["CUTOFFS", "TOP", "Bias", "measure_bias"]

CUTOFFS = (10, 100)
TOP = 10


@dataclass(frozen=True)
class Bias:
    """Language bias.

    Attributes:
        summary: measure -> value or None, and `language_share@10`, `best_rank`, `by_query_language`, and of run
            files `unretrieved_documents`, as in the result file.
        per_query: measure -> (q,) float64, NaN where it does not apply.
        averages: what the scalar values are averages of.
    """

    summary: dict[str, Any]
    per_query: dict[str, FloatArray]
    averages: tuple[Averages, ...]


def unretrieved(ranks: Ranks) -> FloatArray:
    """Return the share of each query's relevant documents (q,) that a run file leaves out."""
    query = ranks.judgments.queries
    return np.bincount(query, np.isinf(ranks.pool_rank)) / np.bincount(query)


def unretrieved_documents(ranks: Ranks, cells: Cells) -> dict[str, dict[str, int] | None]:
    """Count the relevant documents of all queries, and those that a run file leaves out, in each setting."""
    missing, mono = np.isinf(ranks.pool_rank), cells.mono[cells.relevant]
    settings = {"monolingual": mono, "cross_lingual": ~mono, "multilingual": np.ones_like(mono)}
    return {
        setting: {"relevant": int(own.sum()), "unretrieved": int(missing[own].sum())} if own.any() else None
        for setting, own in settings.items()
    }


def measure_bias(
    ranks: Ranks, cells: Cells, query_ids: IntArray, query_language: IntArray, languages: Sequence[str]
) -> Bias:
    """Compute every measure of language bias; None for what the collection does not allow to measure.

    With documents of one language all but `rank_correlation` and `unretrieved` are None; the latter is there for
    run files only.

    Args:
        ranks: exact ranks.
        cells: queries crossed with language pairs.
        query_ids: (q,) query id index of each query ranked.
        query_language: (q,) its language index.
        languages: tags by language index.
    """
    document_language = ranks.judgments.document_language
    several = len(np.unique(document_language)) > 1
    shares = language_shares(ranks, len(languages), TOP)
    per_query = {
        **best_rank_values(ranks, cells, CUTOFFS),
        f"own_language_share@{TOP}": own_language_share(shares, query_language, document_language),
        **{f"peer@{k}": peer(ranks, cells, k) for k in CUTOFFS},
    }
    if not several:
        per_query = {name: np.full_like(values, np.nan) for name, values in per_query.items()}
    missing = np.full(len(query_ids), np.nan)
    per_query["rank_correlation"] = missing if ranks.correlation is None else ranks.correlation
    if ranks.truncated:
        per_query["unretrieved"] = unretrieved(ranks)

    plain = Averages.plain(per_query, query_ids)
    gaps = recall_gaps(ranks, cells, query_ids, CUTOFFS)
    by_language = {
        languages[tag]: plain.where(query_language == tag).estimate()
        | gaps.where(cells.query_language == tag).estimate()
        for tag in np.unique(query_language)
    }
    summary: dict[str, Any] = plain.estimate() | gaps.estimate()
    summary[f"language_share@{TOP}"] = (
        share_matrix(shares, query_language, document_language, languages) if several else None
    )
    summary["best_rank"] = best_rank_matrix(ranks, cells, languages) if several else None
    if ranks.truncated:
        summary["unretrieved_documents"] = unretrieved_documents(ranks, cells)
    summary["by_query_language"] = by_language if len(by_language) > 1 else None
    return Bias(summary, per_query, (plain, gaps))
