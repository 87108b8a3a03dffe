"""`mine_hard_negatives`: of each query the documents that a model places high and that are not relevant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isoglot.batching.relations import Grouped
from isoglot.collections.collection import Collection
from isoglot.collections.texts import known_texts, number_texts
from isoglot.errors import InputError
from isoglot.evaluation.embed import Encoding, embed_collection, scoring_device
from isoglot.evaluation.judgments import Judgments, judgments_of
from isoglot.evaluation.products import Table, exact_products, multiplier
from isoglot.evaluation.ranks import DEFAULT_MEMORY, block_rows
from isoglot.evaluation.renamed import renamed

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = [
    "WHERE",
    "HardNegatives",
    "Miner",
    "Mining",
    "Where",
    "collect_negatives",
    "mine_embeddings",
    "mine_hard_negatives",
]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float32]

Where = Literal["language", "own", "any"]
WHERE = get_args(Where)


class MiningOptions(TypedDict, total=False):
    """The keywords of `Mining`."""

    negatives: int
    where: Where
    margin: float | None
    depth: int
    range_min: int


class ModelMining(MiningOptions, Encoding, total=False):
    """The keywords of `mine_hard_negatives`."""


@dataclass(frozen=True, kw_only=True)
class Mining:
    """What hard negatives are wanted.

    Attributes:
        negatives: how many of a query, in each place where they are looked for.
        where: `language`: in each language in which the query has a relevant document, so that there are some for
            any language pair's batch; `own`: in the query's own language (in those of `language` if it has no
            documents); `any`: in the pool of all languages.
        margin: not negative; None for no guard against relevant documents that nobody judged.
        depth: candidates are among the first so many irrelevant documents.
        range_min: how many of the hardest candidates to pass over, as another guard.

    Raises:
        InputError: one is out of its range.
    """

    negatives: int = 5
    where: Where = "language"
    margin: float | None = 0.05
    depth: int = 100
    range_min: int = 0

    def __post_init__(self) -> None:
        if self.where not in WHERE:
            raise InputError(f"no place {self.where!r} to mine hard negatives in: choose one of {', '.join(WHERE)}")
        if self.negatives < 1 or self.range_min < 0:
            raise InputError(
                f"hard negatives: negatives must be at least 1 and range_min 0, not {self.negatives} and "
                f"{self.range_min}"
            )
        if self.depth < self.negatives + self.range_min:
            raise InputError(
                f"hard negatives: a depth of {self.depth} does not hold {self.range_min} + {self.negatives} "
                "candidates"
            )
        if self.margin is not None and not self.margin >= 0:
            raise InputError(f"the margin of hard negatives must not be negative, not {self.margin}")


@dataclass(frozen=True)
class HardNegatives:
    """Hard negatives of every query row, in compressed rows; `with_hard_negatives` keeps them with the queries.

    Attributes:
        offsets: (Q + 1,) int64; those of query row i are `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) int32 document rows, of each query the highest score first.
        scores: (n,) float32, their cosine similarities.
    """

    offsets: IntArray
    documents: IntArray
    scores: FloatArray


@renamed(k="negatives")
def mine_hard_negatives(
    model: SentenceTransformer,
    collection: Collection,
    *,
    memory: int = DEFAULT_MEMORY,
    **options: Unpack[ModelMining],
) -> HardNegatives:
    """Mine hard negatives with a model: the one in training, or a better one.

    Candidates are a query's best documents by exact search; a document that is relevant to the query, in any
    language, is never one, nor is one with the text of a relevant document or of the query itself. The margin
    guards against relevant documents that nobody judged: a candidate is left out if its similarity is above p -
    margin·|p| (TopK-PercPos of NV-Retriever, arXiv 2407.15831; `relative_margin` of sentence-transformers'
    `mine_hard_negatives`). p is the similarity of the relevant document in the candidate's own language, for a
    model that favours a language gives all documents of that language more; of several the lowest, and where there
    is none the lowest of all languages.

    Args:
        model: any sentence-transformers model.
        collection: the collection; queries without a relevant document get no hard negatives.
        memory: bytes that a block of scores may take.
        **options: `negatives` (5), `where` (`language`), `margin` (0.05), `depth` (100) and `range_min` (0), as for
            `Mining`; and how texts are encoded, as for `embed_collection`: `batch_size`, `query_prompt`, `device`
            (where scores are computed as well), `cache`, ...

    Returns:
        The hard negatives.

    Raises:
        InputError: a setting is out of its range, or as for `embed_collection`.

    Example:
        >>> import isoglot as ig
        >>> from isoglot.collections.negatives import with_hard_negatives
        >>> pages = [(f"p{n}", "en", "", f"the page of {word}") for n, word in enumerate(("sun", "moon", "sea"))]
        >>> queries = [("q0", "en", "where is the sun"), ("q1", "en", "where is the moon")]
        >>> data = ig.collection_from_rows(pages, queries, [("q0", "p0", 1), ("q1", "p1", 1)])
        >>> from isoglot import collection_from_rows, static_encoder
        >>> texts = [("a", "en", "", "red apples"), ("b", "en", "", "green pears")]
        >>> data = collection_from_rows(texts, [("q", "en", "apples")], [("q", "a", 1)])
        >>> mined = mine_hard_negatives(static_encoder(data, dimensions=8, vocabulary=60), data, margin=None)
        >>> [data.document_texts()[row] for row in mined.documents]
        ['green pears']

        `with_hard_negatives(data, mined.offsets, mined.documents)` keeps them with the queries, to be written.
    """
    of_mining = MiningOptions.__annotations__
    mining = cast("MiningOptions", {key: value for key, value in options.items() if key in of_mining})
    encoding = cast("Encoding", {key: value for key, value in options.items() if key not in of_mining})
    Mining(**mining)  # to refuse it before encoding, which may take long
    rows, queries, documents = embed_collection(model, collection, **encoding)
    device = scoring_device(model, encoding.get("device"))
    judged = judgments_of(collection, rows)
    return mine_embeddings(queries, documents, judged, collection, device=device, memory=memory, **mining)


@renamed(k="negatives")
def mine_embeddings(
    query_embeddings: FloatArray,
    document_embeddings: FloatArray,
    judged: Judgments,
    collection: Collection,
    *,
    device: str | torch.device = "cpu",
    memory: int = DEFAULT_MEMORY,
    **options: Unpack[MiningOptions],
) -> HardNegatives:
    """Mine hard negatives from embeddings, as `mine_hard_negatives` does.

    Args:
        query_embeddings: (q, d) float32, in the order of `judged.query_rows`.
        document_embeddings: (D, d) float32.
        judged: the queries and their relevant documents.
        collection: what they are from.
        device: where to multiply.
        memory: bytes that a block of scores may take.
        **options: as for `Mining`.

    Raises:
        InputError: an option is out of its range.
    """
    miner = Miner(judged, collection, Mining(**options))
    blocks = miner.blocks(memory)
    found = miner.mine(query_embeddings, document_embeddings[miner.columns], blocks, device)
    return collect_negatives(found, judged, collection)


def collect_negatives(
    found: tuple[IntArray, IntArray, FloatArray], judged: Judgments, collection: Collection
) -> HardNegatives:
    """Return what miners found, positions of queries, document rows and scores (n,), as hard negatives."""
    positions, documents, scores = found
    rows = judged.query_rows[positions]
    order = np.lexsort((documents, -scores, rows))
    counts = np.bincount(rows, minlength=collection.queries.num_rows)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return HardNegatives(offsets, documents[order].astype(np.int32), scores[order])


def _first(
    positions: IntArray, documents: IntArray, scores: FloatArray, skip: int, k: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Keep k candidates of each query, after passing over `skip`; candidates at -inf are none.

    Args:
        positions: (b,) query positions.
        documents: (b, m) document rows.
        scores: (b, m) their scores.
        skip: how many of the best to pass over.
        k: how many to keep.

    Returns:
        Query positions, document rows and scores of those kept, (n,) each.
    """
    order = np.lexsort((documents, -scores), axis=1)[:, skip : skip + k]
    documents, scores = np.take_along_axis(documents, order, 1), np.take_along_axis(scores, order, 1)
    kept = scores > -np.inf
    return np.broadcast_to(positions[:, None], kept.shape)[kept], documents[kept], scores[kept]


class Miner:
    """Finds candidates of blocks of queries, columns of scores being sorted by language."""

    def __init__(self, judged: Judgments, collection: Collection, mining: Mining) -> None:
        self.judged, self.mining, self.device = judged, mining, torch.device("cpu")
        language = judged.document_language
        self.columns, self.column_of = judged.columns, judged.column_of
        self.starts = np.searchsorted(language[self.columns], np.arange(len(collection.languages) + 1))
        self.column_language = torch.from_numpy(language[self.columns].astype(np.int64))
        self.query_language = collection.query_language[judged.query_rows]
        numbers = number_texts(collection)
        ids, texts = known_texts(collection, numbers)
        self.known_texts = Grouped.by(ids, texts, len(collection.query_ids))
        by_text = np.argsort(numbers.documents, kind="stable")
        self.of_text = Grouped.by(numbers.documents[by_text], by_text, numbers.size)

    def blocks(self, memory: int) -> list[slice]:
        """Return which queries are scored together in so many bytes."""
        step, queries = block_rows(len(self.columns), memory), len(self.judged.query_rows)
        return [slice(start, min(start + step, queries)) for start in range(0, queries, step)]

    def mine(
        self,
        query_embeddings: FloatArray,
        documents: Table,
        blocks: Sequence[slice],
        device: str | torch.device = "cpu",
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Return positions of queries (n,), document rows (n,) and scores (n,) of the hard negatives of blocks.

        Args:
            query_embeddings: (q, d) float32, of all queries.
            documents: (D, d) float32, in the order of `columns`.
            blocks: some of `blocks`.
            device: where to multiply.
        """
        self.device = torch.device(device)
        self.column_language = self.column_language.to(device)
        skip, kept = self.mining.range_min, self.mining.negatives
        found: list[tuple[IntArray, IntArray, FloatArray]] = []
        with exact_products(), multiplier(documents, device) as multiply:
            for block in blocks:
                scores = multiply(torch.tensor(query_embeddings[block], device=device))
                for positions, rows, best in self.block(block.start, scores):
                    found.append(_first(block.start + positions, rows, best, skip, kept))
        positions, rows, best = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return positions, rows, best

    def known(self, start: int, end: int) -> tuple[IntArray, IntArray]:
        """Return the places (n,), among the queries from `start` to `end`, and columns (n,) that are no candidates:
        what has the text of a relevant document, or of the query."""
        texts, place = self.known_texts.of(self.judged.query_ids[start:end])
        documents, of = self.of_text.of(texts)
        return place[of], self.column_of[documents]

    def block(self, start: int, scores: Tensor) -> list[tuple[IntArray, IntArray, FloatArray]]:
        """Return candidates of the queries from position `start` on by their scores (b, D), which are overwritten.

        Returns:
            For each place searched: positions in the block (m,), document rows (m, depth) and scores (m, depth),
            those that are no candidates at -inf.
        """
        end = start + len(scores)
        own = slice(self.judged.offsets[start], self.judged.offsets[end])
        relevant = self.judged.documents[own]
        rows = torch.from_numpy(self.judged.queries[own] - start).to(self.device)
        columns = torch.from_numpy(self.column_of[relevant]).to(self.device)
        languages = len(self.starts) - 1
        bound = torch.full((len(scores), languages), torch.inf, device=self.device)
        cells = rows * languages + self.column_language[columns]
        bound.view(-1).scatter_reduce_(0, cells, scores[rows, columns], "amin")
        answered = bound.isfinite()
        scores[rows, columns] = -torch.inf
        known, same = (torch.from_numpy(one).to(self.device) for one in self.known(start, end))
        scores[known, same] = -torch.inf
        places, others = self.judged.excluded_from(np.arange(start, end))  # a query itself is no negative of it
        scores[torch.from_numpy(places), torch.from_numpy(self.column_of[others])] = -torch.inf
        lowest = bound.amin(1, keepdim=True)
        bound = torch.where(answered, bound, lowest)
        if self.mining.where == "any":
            return [self._best(scores, bound, torch.arange(len(scores), device=self.device), None)]
        searched = answered
        if self.mining.where == "own":
            asked = torch.from_numpy(self.query_language[start:end].astype(np.int64))
            has_documents = torch.from_numpy(np.diff(self.starts) > 0)
            mine = torch.nn.functional.one_hot(asked, languages).bool() & has_documents
            searched = torch.where(mine.any(1, keepdim=True).to(self.device), mine.to(self.device), answered)
        places = torch.unique(torch.nonzero(searched)[:, 1]).tolist()
        return [self._best(scores, bound, torch.nonzero(searched[:, at])[:, 0], at) for at in places]

    def _best(
        self, scores: Tensor, bound: Tensor, rows: Tensor, language: int | None
    ) -> tuple[IntArray, IntArray, FloatArray]:
        """Return the best candidates of some rows in one language, or in all."""
        first, last = (0, len(self.columns)) if language is None else self.starts[language : language + 2].tolist()
        part = scores[:, first:last]
        part = part if len(rows) == len(part) else part[rows]
        best, at = part.topk(min(self.mining.depth, last - first), dim=1)
        columns = at + first
        if self.mining.margin is not None:
            positive = bound[rows].gather(1, self.column_language[columns])
            best = torch.where(best > positive - self.mining.margin * positive.abs(), -torch.inf, best)
        return rows.cpu().numpy(), self.columns[columns.cpu().numpy()], best.cpu().numpy()
