"""What is odd about a collection that can be read: findings as plain values, and as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.data.quality.duplicates import find_duplicates, find_near_duplicates, find_same_in_languages
from isoglot.data.quality.near import refuse_threshold
from isoglot.data.quality.tagging import find_other_languages, find_other_scripts
from isoglot.data.quality.texts import Texts

__all__ = ["FEW_PAIRS", "quality_findings"]

BoolArray = NDArray[np.bool_]

NEAR = 0.8
FEW_PAIRS = 100
"""Training pairs below which a language is said to have few."""


def quality_findings(
    collections: Collection | Mapping[str | None, Collection], *, near: float | None = NEAR, identify: bool = False
) -> dict[str, Any]:
    """Look for what is odd about a collection, or about the splits of one, which share their documents.

    Args:
        collections: the collection, or its splits by name.
        near: Jaccard similarity of character trigrams from which on two texts of a language are near-duplicates;
            None to leave these out.
        identify: also identify the language of longer texts by py3langid.

    Returns:
        Plain values, fit for JSON:

        - `near`: the threshold, or None;
        - `documents`: `duplicates`, `near_duplicates` (None if left out), `same_in_languages` (with the number of
          texts for each of the `pairs` of languages), `other_scripts`, `other_languages` (None if not identified);
          and `never_relevant`, documents that no query of any split has as relevant: `texts` and `by_language`;
        - `splits`: for each split (`all` where there are none) `queries`, the same of its queries; and with them
          `without_relevant`; and `few_pairs`: language -> training pairs that it is on either side of, for
          languages with fewer than 100.

    Raises:
        InputError: `near` is not above 0 and at most 1, or py3langid is asked for and not installed.
    """
    if near is not None:
        refuse_threshold(near)
    splits = {None: collections} if isinstance(collections, Collection) else collections
    first = next(iter(splits.values()))
    relevant = np.zeros(first.documents.num_rows, bool)
    for collection in splits.values():
        relevant[collection.relevance.documents] = True
    documents = _text_findings(Texts(first, "documents"), near, identify)
    documents["never_relevant"] = _counted(Texts(first, "documents"), ~relevant)
    return {
        "near": near,
        "documents": documents,
        "splits": {name or "all": _split_findings(one, near, identify) for name, one in splits.items()},
    }


def _split_findings(collection: Collection, near: float | None, identify: bool) -> dict[str, Any]:
    texts = Texts(collection, "queries")
    queries = _text_findings(texts, near, identify)
    unanswered = np.diff(collection.relevance.offsets)[collection.query_index] == 0
    queries["without_relevant"] = _counted(texts, unanswered)
    counts = collection.pair_counts
    either = counts.sum(axis=1) + counts.sum(axis=0) - np.diag(counts)
    few = {tag: int(n) for tag, n in zip(collection.languages, either, strict=True) if n < FEW_PAIRS}
    return {"queries": queries, "few_pairs": few}


def _text_findings(texts: Texts, near: float | None, identify: bool) -> dict[str, Any]:
    same, pairs = find_same_in_languages(texts)
    return {
        "duplicates": asdict(find_duplicates(texts)),
        "near_duplicates": None if near is None else asdict(find_near_duplicates(texts, near)),
        "same_in_languages": asdict(same) | {"pairs": pairs},
        "other_scripts": asdict(find_other_scripts(texts)),
        "other_languages": asdict(find_other_languages(texts)) if identify else None,
    }


def _counted(texts: Texts, which: BoolArray) -> dict[str, Any]:
    tags: Sequence[str] = texts.collection.languages
    counts = np.bincount(texts.language[which], minlength=len(tags))
    by_language = {tag: int(count) for tag, count in zip(tags, counts, strict=True) if count}
    return {"texts": int(which.sum()), "by_language": by_language}
