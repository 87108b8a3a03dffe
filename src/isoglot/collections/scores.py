"""Scores that a cross-encoder gives documents for queries, kept with the queries.

They lie under the key `teacher_scores` of a query's line, document id -> score, beside its hard negatives.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.arrow import IdIndex
from isoglot.collections.collection import Collection
from isoglot.collections.negatives import SCORES, read_extras, row_name, write_key
from isoglot.errors import InputError

__all__ = ["has_teacher_scores", "teacher_score_rows", "with_teacher_scores"]

IntArray = NDArray[np.integer[Any]]

STEP = 8_192  # query rows whose ids are Python strings at a time
DIGITS = 4


def with_teacher_scores(
    collection: Collection, offsets: IntArray, documents: IntArray, scores: NDArray[np.floating[Any]]
) -> Collection:
    """Return a collection whose queries have these scores of documents, in the place of those that they had.

    Args:
        collection: the collection.
        offsets: (Q + 1,) query row i has scores of the documents `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows.
        scores: (n,) finite; four digits after the point are kept.

    Raises:
        InputError: the offsets are not those of the collection's query rows, or a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise InputError(f"{int((~np.isfinite(scores)).sum()):,} scores of {collection.name} are NaN or infinite")

    def content(ids: list[str], at: slice) -> dict[str, float]:
        return {one: round(float(score), DIGITS) for one, score in zip(ids, scores[at], strict=True)}

    return write_key(collection, SCORES, offsets, documents, content)


def teacher_score_rows(collection: Collection) -> tuple[IntArray, IntArray, NDArray[np.float32]]:
    """Return the scores of every query row, in compressed rows.

    Returns:
        Offsets (Q + 1,) int64, document rows (n,) int32 and scores (n,) float32: those of query row i lie at
        `offsets[i]:offsets[i + 1]`. Scores of documents that the collection does not have are passed over, as of a
        sample.

    Raises:
        InputError: what a query has under the key is not document ids and finite numbers.
    """
    counts = np.zeros(collection.queries.num_rows, np.int64)
    found, values = [np.empty(0, np.int32)], [np.empty(0, np.float32)]
    known = IdIndex(collection.documents["_id"])
    for start in range(0, len(counts), STEP) if has_teacher_scores(collection) else ():
        rows = range(start, min(start + STEP, len(counts)))
        scored = [
            _scored(collection, row, text)
            for row, text in zip(rows, read_extras(collection.queries, rows), strict=True)
        ]
        at = np.repeat(np.array(rows), [len(one) for one in scored])
        documents = known.find(pa.chunked_array([pa.array([id_ for one in scored for id_ in one], pa.string())]))
        kept = documents >= 0
        counts += np.bincount(at[kept], minlength=len(counts))
        found.append(documents[kept].astype(np.int32))
        values.append(np.array([value for one in scored for value in one.values()], np.float32)[kept])
    return np.concatenate([[0], np.cumsum(counts)]), np.concatenate(found), np.concatenate(values)


def has_teacher_scores(collection: Collection) -> bool:
    """Tell whether some query has scores of documents."""
    if "extra" not in collection.queries.column_names:
        return False
    return bool(pc.any(pc.match_substring(collection.queries["extra"], f'"{SCORES}"')).as_py())


def _scored(collection: Collection, row: int, text: str | None) -> dict[str, float]:
    """Return the scores that a query row has.

    Raises:
        InputError: they are no mapping of ids to finite numbers.
    """
    scored = json.loads(text).get(SCORES, {}) if text and f'"{SCORES}"' in text else {}
    numbers = isinstance(scored, dict) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in scored.values()
    )
    if not numbers:
        raise InputError(
            f"{collection.name}: {SCORES!r} of {row_name(collection, row)} is not document ids with finite numbers"
        )
    return scored
