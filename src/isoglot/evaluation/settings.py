"""The three settings: monolingual, cross-lingual and multilingual retrieval, all from one set of ranks.

Monolingual and cross-lingual values are per language pair (a, b): queries of language a with a relevant
document in b, ranked among the documents of b; the setting's value is the macro average over its pairs.
Multilingual values are over the pool of all documents, every relevant document of any language counting,
and every language version of a query counting once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.evaluation.judgments import Ranks
from isoglot.evaluation.measures import RankedRelevance, compute_measures
from isoglot.evaluation.statistics import Averages, FloatArray, IntArray

__all__ = ["Cells", "cells_of", "multilingual_values", "pair_averages", "pair_table"]


@dataclass(frozen=True)
class Cells:
    """Queries crossed with language pairs: one entry per query and language of its relevant documents.

    Attributes:
        query: (c,) position of the query among those ranked, ascending.
        query_language: (c,) language index of the query.
        document_language: (c,) language index of the relevant documents.
        relevant: (n,) the cell of each relevant document.
        values: measure -> (c,), ranks being those among the documents of the document language.
    """

    query: IntArray
    query_language: IntArray
    document_language: IntArray
    relevant: IntArray
    values: dict[str, FloatArray]

    @property
    def mono(self) -> NDArray[np.bool_]:
        """(c,) whether query and documents are of the same language."""
        return self.query_language == self.document_language


def cells_of(ranks: Ranks, query_language: IntArray, measures: Sequence[str]) -> Cells:
    """Measure every query against the documents of each language that it has relevant documents in.

    Args:
        ranks: exact ranks.
        query_language: (q,) language index of each query ranked.
        measures: names of rank measures.
    """
    judged = ranks.judgments
    language = judged.document_language[judged.documents].astype(np.int64)
    languages = int(judged.document_language.max(initial=0)) + 1
    keys, relevant = np.unique(judged.queries * languages + language, return_inverse=True)
    query, document_language = keys // languages, keys % languages
    ranked = RankedRelevance.of(relevant, ranks.language_rank, judged.gains)
    values = compute_measures(measures, ranked)
    return Cells(query, query_language[query].astype(np.int64), document_language, relevant, values)


def pair_averages(cells: Cells, query_ids: IntArray, mono: bool) -> Averages:
    """Return the macro averages over monolingual, or over cross-lingual, language pairs.

    Args:
        cells: queries crossed with language pairs.
        query_ids: (q,) query id index of each query ranked.
        mono: which of the two.
    """
    languages = int(max(cells.query_language.max(initial=0), cells.document_language.max(initial=0))) + 1
    pairs = cells.query_language * languages + cells.document_language
    return Averages(cells.values, query_ids[cells.query], pairs).where(cells.mono == mono)


def pair_table(cells: Cells, languages: Sequence[str]) -> list[dict[str, Any]]:
    """Return one row per language pair: query_lang, doc_lang, queries (their number), mean of every measure."""
    pair = cells.query_language * len(languages) + cells.document_language
    labels, column = np.unique(pair, return_inverse=True)
    counts = np.bincount(column)
    means = {name: np.bincount(column, values) / counts for name, values in cells.values.items()}
    return [
        {
            "query_lang": languages[int(label) // len(languages)],
            "doc_lang": languages[int(label) % len(languages)],
            "queries": int(counts[row]),
            **{name: float(values[row]) for name, values in means.items()},
        }
        for row, label in enumerate(labels)
    ]


def multilingual_values(ranks: Ranks, measures: Sequence[str]) -> dict[str, FloatArray]:
    """Measure every query (q,) against the pool of all documents."""
    judged = ranks.judgments
    return compute_measures(measures, RankedRelevance.of(judged.queries, ranks.pool_rank, judged.gains))
