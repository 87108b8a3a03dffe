"""BM25: the lexical baseline that needs no model, by bm25s."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.bias.summary import TOP
from isoglot.evaluation.clock import Clock
from isoglot.evaluation.measures import DEFAULT_MEASURES, parse_measure
from isoglot.evaluation.ranks import DEFAULT_MEMORY, judgments_of, rank_blocks
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources.run_writing import DEPTH, RunWriter
from isoglot.evaluation.summary import result_of_ranks
from isoglot.languages.words import words_of

__all__ = ["K1", "B", "evaluate_bm25"]

IntArray = NDArray[np.integer[Any]]

K1, B = 1.5, 0.75
"""bm25s's own defaults, with the idf of Lucene."""


class _Index:
    """BM25 of some documents, over words given as integers."""

    def __init__(self, documents: Sequence[list[int]], rows: IntArray) -> None:
        import bm25s  # type: ignore[import-untyped,unused-ignore]

        self.rows = rows
        texts = [documents[row] for row in rows.tolist()]
        known = sorted({word for words in texts for word in words})
        self.number = {word: at for at, word in enumerate(known)}
        self.index = None
        if known:  # bm25s divides by the mean length
            self.index = bm25s.BM25(k1=K1, b=B, method="lucene")
            numbers = [[self.number[word] for word in words] for words in texts]
            self.index.index((numbers, dict(self.number)), create_empty_token=False, show_progress=False)

    def score(self, words: list[int]) -> NDArray[np.float32]:
        """Return the scores (rows,) of a query; 0 where it shares no word with a document."""
        numbers = [self.number[word] for word in words if word in self.number]
        if not numbers or self.index is None:
            return np.zeros(len(self.rows), np.float32)
        scores: NDArray[np.float32] = self.index.get_scores_from_ids(numbers).astype(np.float32)
        return scores


class _Scores:
    """Scores of all documents, each by the index that holds it: what ranking asks for block by block."""

    def __init__(self, queries: Sequence[list[int]], indexes: Sequence[_Index]) -> None:
        self.queries, self.indexes = queries, indexes

    def __call__(self, positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
        scores = np.empty((len(positions), len(columns)), np.float32)
        for at, position in enumerate(positions.tolist()):
            row = np.empty(len(columns), np.float32)
            for index in self.indexes:
                row[index.rows] = index.score(self.queries[position])
            scores[at] = row[columns]
        return scores


def evaluate_bm25(
    collection: Collection,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    bootstrap: int = 1000,
    seed: int = 0,
    rank_correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
    trec_run: str | Path | None = None,
    trec_depth: int = DEPTH,
) -> Result:
    """Evaluate BM25 (Robertson et al. 1994; Lucene's variant, k1 1.5, b 0.75) on a collection; geometry is None.

    The pool is ranked by an index of all documents, a language pair by one of the documents of its language, as a
    search engine of that language would be; so document frequencies differ between the two. Words are those of
    `words_of`. Nothing is translated: across languages only names, numbers and shared words match. Documents that
    share no word with a query score 0 and rank last, in the order of the collection.

    Args:
        collection: the collection.
        measures: rank measures by ir_measures' names.
        bootstrap: draws for the confidence intervals; 0 for none.
        seed: of the bootstrap.
        rank_correlation: whether to measure it.
        memory: bytes that a block of scores may take.
        trec_run: a folder for TREC run files and their judgments (`RunWriter`); None for none.
        trec_depth: how many documents of each query run files hold.

    Returns:
        The result.

    Raises:
        InputError: bm25s is not installed, a measure is unknown, or run files cannot be written.
    """
    try:
        import bm25s  # noqa: F401
    except ImportError:
        raise InputError("bm25 needs the package bm25s: pip install 'isoglot[lexical]'") from None
    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it asks for its debugging notes to be shown
    for name in measures:
        parse_measure(name)
    rows = collection.judged_query_rows()
    judged = judgments_of(collection, rows)
    pool_writer = pair_writer = None
    if trec_run is not None:
        pool_writer = RunWriter(trec_run, collection, judged, tag="bm25", depth=trec_depth, pairs=False)
        pair_writer = RunWriter(trec_run, collection, judged, tag="bm25", depth=trec_depth, pool=False)
    clock = Clock()
    numbers: dict[str, int] = {}

    def numbered(texts: Sequence[str]) -> list[list[int]]:
        return [[numbers.setdefault(word, len(numbers)) for word in words_of(text)] for text in texts]

    documents, queries = numbered(collection.document_texts()), numbered(collection.query_texts(rows))
    language = collection.document_language
    pool = _Scores(queries, [_Index(documents, np.arange(len(documents)))])
    own = _Scores(queries, [_Index(documents, np.flatnonzero(language == code)) for code in np.unique(language)])
    clock.lap("index")
    parallel = rank_correlation and len(np.unique(judged.query_ids)) < len(rows)
    ranks = rank_blocks(pool, judged, top=TOP, correlation=parallel, memory=memory, observe=pool_writer)
    within = rank_blocks(own, judged, top=TOP, correlation=False, memory=memory, observe=pair_writer)
    for writer in (pool_writer, pair_writer):
        if writer is not None:
            writer.close()
    clock.lap("rank")
    return result_of_ranks(
        replace(ranks, language_rank=within.language_rank),
        collection,
        measures=measures,
        bootstrap=bootstrap,
        seed=seed,
        model="bm25",
        clock=clock,
    )
