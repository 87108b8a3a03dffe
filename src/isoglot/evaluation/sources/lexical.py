"""BM25: the lexical baseline that needs no model, by bm25s."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.cautions import POOL
from isoglot.collections.collection import Collection
from isoglot.evaluation.bias import TOP
from isoglot.evaluation.embed import texts_of
from isoglot.evaluation.judgments import judgments_of, tell_identical
from isoglot.evaluation.merging import check_merging, fair_name, fair_score, tell_one_language
from isoglot.evaluation.pools import check_run_pool, pool_rule, restrict_pools, within_pools, without_others
from isoglot.evaluation.ranks import DEFAULT_MEMORY, Score, rank_blocks
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources.run_writing import DEPTH, RunWriter
from isoglot.evaluation.summary import Clock, Measuring, check_measuring, result_of_merged, result_of_ranks
from isoglot.files import require
from isoglot.languages.words import words_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["K1", "B", "evaluate_bm25"]

IntArray = NDArray[np.integer[Any]]

K1, B = 1.5, 0.75
"""bm25s's own defaults, with the idf of Lucene."""


class _Index:
    """BM25 of some documents, over words given as integers."""

    def __init__(self, bm25s: Any, documents: Sequence[list[int]], rows: IntArray) -> None:
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
        # not `retrieve`, whose batches select the best k: exact ranks need the scores of all
        scores: NDArray[np.float32] = self.index.get_scores_from_ids(numbers).astype(np.float32)
        return scores


def _scores(queries: Sequence[list[int]], indexes: Sequence[_Index]) -> Score:
    """Return what ranking asks for block by block: scores of all documents, each by the index that holds it."""

    def score(positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
        scores = np.empty((len(positions), len(columns)), np.float32)
        row = np.empty(len(columns), np.float32)
        for at, position in enumerate(positions.tolist()):
            for index in indexes:
                row[index.rows] = index.score(queries[position])
            scores[at] = row[columns]
        return scores

    return score


def evaluate_bm25(
    collection: Collection,
    *,
    name: str | None = None,
    rank_correlation: bool = True,
    ignore_identical_ids: bool = True,
    fair: str | None = None,
    memory: int = DEFAULT_MEMORY,
    trec_run: str | Path | None = None,
    trec_depth: int = DEPTH,
    pool_languages: str | Sequence[str] | None = None,
    without_own_answer: bool = False,
    **measuring: Unpack[Measuring],
) -> Result:
    """Evaluate BM25 (Robertson et al. 1994; Lucene's variant, k1 1.5, b 0.75) on a collection; geometry is None.

    The pool is ranked by an index of all documents, a language pair by one of the documents of its language, as a
    search engine of that language would be; so document frequencies differ between the two. Words are those of
    `words_of`. Nothing is translated: across languages only names, numbers and shared words match. Documents that
    share no word with a query score 0 and rank last, in the order of the collection.

    Args:
        collection: the collection.
        name: what the result calls it; None for `bm25`.
        rank_correlation: whether to measure it, and `mrc@10`.
        memory: bytes that a block of scores may take.
        trec_run: a folder for TREC run files and their judgments (`RunWriter`); None for none.
        trec_depth: how many documents of each query run files hold.
        ignore_identical_ids: as for `judgments_of`.
        fair: how the ranking of the pool is merged anew, as for `evaluate`.
        pool_languages: as for `evaluate`; weights of words are those of all documents.
        without_own_answer: as for `evaluate`.
        **measuring: `measures`, `bootstrap` and `seed`, as for `evaluate`.

    Raises:
        InputError: bm25s is not installed, a measure is unknown, or run files cannot be written.
    """
    bm25s = require("bm25s", "lexical", "bm25")
    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it asks for its debugging notes to be shown
    check_measuring(measuring)
    check_merging(fair)
    rule = pool_rule(collection, pool_languages, without_own_answer)
    check_run_pool(trec_run, rule)
    rows = collection.judged_query_rows()
    judged = judgments_of(collection, rows, ignore_identical_ids=ignore_identical_ids)
    tell_identical(judged, collection.name)
    pooled = judged if rule is None else restrict_pools(judged, rule, collection)
    pool_writer = pair_writer = None
    if trec_run is not None:
        tag = "bm25" if fair is None else fair_name("bm25", fair)
        pool_writer = RunWriter(trec_run, collection, judged, tag=tag, depth=trec_depth, pairs=False)
        pair_writer = RunWriter(trec_run, collection, judged, tag="bm25", depth=trec_depth, pool=False)
    clock = Clock()
    with pool_writer or nullcontext(), pair_writer or nullcontext():
        numbers: dict[str, int] = {}
        queries, documents = (
            [[numbers.setdefault(word, len(numbers)) for word in words_of(text)] for text in texts]
            for texts in texts_of(collection, rows)
        )
        language = collection.document_language
        whole = [_Index(bm25s, documents, np.arange(len(documents)))]
        own = [_Index(bm25s, documents, np.flatnonzero(language == code)) for code in np.unique(language)]
        clock.lap("index")
        asked = [queries[at] for at in np.searchsorted(rows, pooled.query_rows).tolist()]
        score, correlation = _scores(asked, whole), rank_correlation and judged.has_versions and rule is None
        rank_pool = partial(rank_blocks, judged=pooled, top=TOP, correlation=correlation, memory=memory)
        ranks = without_others(
            rank_pool(within_pools(score, pooled), observe=pool_writer if fair is None else None)
        )
        merged = None
        if fair is not None:
            tell_one_language(judged, collection.name)
            merged = without_others(rank_pool(fair_score(score, pooled, fair), observe=pool_writer))
        within = rank_blocks(
            _scores(queries, own), judged, top=TOP, correlation=False, memory=memory, observe=pair_writer
        )
    clock.lap("rank")
    measure = partial(result_of_ranks, ranks)
    if merged is not None and fair is not None:
        measure = partial(result_of_merged, merged, ranks, fair)
    made = None if rule is None else {POOL: rule.to_dict()}
    return measure(collection, name=name or "bm25", pairs=within, made=made, clock=clock, **measuring)
