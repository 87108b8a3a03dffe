"""TREC run files and judgments of an evaluation, for trec_eval, ir_measures, rank fusion and re-rankers."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.judgments import Judgments
from isoglot.evaluation.keys import KeyArray, documents_of, first_keys, order_keys
from isoglot.evaluation.sources.ids import few, query_names

__all__ = ["DEPTH", "RunWriter", "check_ids", "check_run_folder", "falling_scores"]

IntArray = NDArray[np.integer[Any]]

DEPTH = 1000
"""Documents of a query in a run file: TREC's custom."""
MOST_LINES = 1 << 20
"""Lines held in memory."""
PARTIAL = ".partial"


def check_ids(collection: Collection) -> None:
    """Refuse ids with white space, which run files cannot hold.

    Raises:
        InputError: there are such ids.
    """
    for what, ids in (("query", collection.query_ids), ("document", collection.documents["_id"])):
        spaced: Any = ids.filter(pc.match_substring_regex(ids, r"[\s\x{85}\x{a0}]|\p{Z}"))
        if len(spaced):
            raise InputError(
                f"{collection.name} has {len(spaced):,} {what} ids with white space, such as "
                f"{few(spaced[:1].to_pylist())}, which TREC run files cannot hold: rename them, or measure "
                "embeddings or a model without run files"
            )


def check_run_folder(folder: str | Path, collection: Collection) -> None:
    """Check that run files of a collection can be written to a folder.

    Raises:
        InputError: the folder is a file or holds run files already, or ids have white space.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: run files need a folder")
    if folder.is_dir() and any(path.suffix in (".run", ".qrels") for path in folder.iterdir()):
        raise InputError(f"{folder} holds run files already: give another folder, or delete them")
    check_ids(collection)


def falling_scores(order: IntArray) -> NDArray[np.float32]:
    """Return scores that fall strictly along ranks: equal ones, which trec_eval would order by id, are moved apart.

    A score that is not below the one before it becomes the next lower fp32 number, so a tie moves by as little as
    fp32, which trec_eval computes with, can tell apart.

    Args:
        order: (b, k) upper halves of the keys (`order_keys`) of documents in order of rank.

    Returns:
        (b, k) scores.
    """
    step = np.arange(order.shape[1])
    gapless = order - (order >= 0)  # no score has the place of -0.0, which equals 0.0
    falling = np.maximum.accumulate(gapless - step, axis=1) + step
    bits = ~(falling + (falling >= 0)).astype(np.int32)
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    return bits.view(np.float32)


class RunWriter:
    """Writes run files block by block, as an `observe` of ranking, and the judgments that go with them.

    `multilingual.run` ranks the pool of all documents; `A-B.run` ranks the documents of language B for the queries
    of language A that have a relevant document in B. Each holds the best documents of every query; beside it lie
    its judgments, `….qrels`. Queries are named `id@lang`. trec_eval and ir_measures find on a pair of files the
    figures of the result, apart from what lies beyond the depth.

    Files have the ending `.partial` until `close`. As a context manager it closes, or removes them after an error.

    Args:
        folder: where to write.
        collection: what was ranked.
        judged: the queries ranked and their relevant documents.
        tag: name of the system, in the last column.
        depth: how many documents of each query to write.
        pool: whether to write run files of the pool.
        pairs: whether to write those of language pairs.

    Raises:
        InputError: the folder holds run files already, or cannot be written to, or ids have white space.
    """

    def __init__(
        self,
        folder: str | Path,
        collection: Collection,
        judged: Judgments,
        *,
        tag: str,
        depth: int = DEPTH,
        pool: bool = True,
        pairs: bool = True,
    ) -> None:
        if depth < 1:
            raise InputError(f"the depth of run files must be at least 1, not {depth}")
        if pool:
            check_run_folder(folder, collection)
        self.folder = Path(folder)
        self.judged, self.depth, self.pool, self.pairs = judged, depth, pool, pairs
        self.tag = re.sub(r"\s+", "_", tag) or "isoglot"
        self.languages = collection.languages
        self.query_language = collection.query_language[judged.query_rows]
        self.names = query_names(collection, judged.query_rows)
        self.documents = collection.documents["_id"].combine_chunks().cast(pa.large_string())
        self.has_relevant = np.zeros((len(judged.query_rows), len(self.languages)), bool)
        self.has_relevant[judged.queries, judged.document_language[judged.documents]] = True
        self._made = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if pool:
                for left in self.folder.glob(f"*{PARTIAL}"):
                    left.unlink()
        except OSError as error:
            raise InputError(f"cannot write run files to {self.folder}: {error.strerror}") from None

    def __call__(self, queries: IntArray, scores: NDArray[np.float32], columns: KeyArray) -> None:
        """Write the rankings of query positions (b,) by scores (b, D), columns being document rows by language."""
        starts = np.searchsorted(self.judged.document_language[columns], np.arange(len(self.languages) + 1))
        spans = {code: slice(*starts[code : code + 2]) for code in range(len(self.languages))}
        step = max(1, MOST_LINES // (self.depth * (1 + len(spans) * self.pairs)))
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            rankings: dict[str, list[tuple[int, KeyArray]]] = {}
            for query, row in zip(queries[part].tolist(), scores[part], strict=True):
                keys = order_keys(row, columns)
                if self.pool:
                    rankings.setdefault("multilingual", []).append((query, self._best(keys)))
                if self.pairs:
                    for code in np.flatnonzero(self.has_relevant[query]).tolist():
                        best = self._best(keys[spans[code]])
                        rankings.setdefault(self._pair(query, code), []).append((query, best))
            for name, found in rankings.items():
                self._append(name, found)

    def _pair(self, query: int, code: int) -> str:
        return f"{self.languages[self.query_language[query]]}-{self.languages[code]}"

    def _best(self, keys: KeyArray) -> KeyArray:
        return first_keys(keys, min(self.depth, len(keys)))

    def _append(self, name: str, rankings: list[tuple[int, KeyArray]]) -> None:
        """Write the rankings of some queries, all of the same length, to a run file."""
        keys = np.stack([found for _, found in rankings])
        queries, length = [query for query, _ in rankings], keys.shape[1]
        scores = falling_scores(keys >> 32).ravel()
        text = pa.large_string()
        lines = pc.binary_join_element_wise(
            self.names.take(pa.array(np.repeat(queries, length))),
            pa.scalar("Q0", text),
            self.documents.take(pa.array(documents_of(keys).ravel())),
            pa.array(np.tile(np.arange(1, length + 1), len(queries))).cast(text),
            pa.array(scores).cast(text),
            pa.scalar(self.tag, text),
            pa.scalar(" ", text),
        )
        with self._open(f"{name}.run") as file:
            file.write("\n".join(lines.to_pylist()) + "\n")
        judged = [np.arange(*self.judged.offsets[query : query + 2]) for query in queries]
        with self._open(f"{name}.qrels") as file:
            for query, positions in zip(queries, judged, strict=True):
                for position in positions:
                    document = int(self.judged.documents[position])
                    language = self.languages[self.judged.document_language[document]]
                    if name == "multilingual" or name == f"{self.languages[self.query_language[query]]}-{language}":
                        gain = int(self.judged.gains[position])
                        file.write(f"{self.names[query]} 0 {self.documents[document]} {gain}\n")

    def _open(self, name: str) -> TextIO:
        # opened for each block: a collection of 100 languages has 10,000 pairs, more than may be open
        return (self.folder / (name + PARTIAL)).open("a", encoding="utf-8", newline="\n")

    def close(self) -> None:
        """Give the files their names."""
        for path in sorted(self.folder.glob(f"*{PARTIAL}")):
            path.replace(path.with_name(path.name.removesuffix(PARTIAL)))

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Give the files their names, or remove them."""
        if kind is None:
            return self.close()
        for path in self.folder.glob(f"*{PARTIAL}"):
            path.unlink()
        if self._made:
            with suppress(OSError):  # it holds something else, which stays
                self.folder.rmdir()
        return None
