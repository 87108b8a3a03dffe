"""Small random collections, and brute-force versions of what is tested."""

from __future__ import annotations

import numpy as np

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection
from isoglot.evaluation import Judgments, judgments_of

TAGS = ("de", "en", "fr", "hi", "zh")


def make_collection(
    seed: int = 0, languages: int = 3, ids: int = 8, documents: int = 30, grades: int = 3
) -> Collection:
    """A collection in which queries lack versions, languages are uneven and judgments are graded and several."""
    rng = np.random.default_rng(seed)
    tags = TAGS[:languages]
    document_tags = [tags[at] for at in rng.integers(languages, size=documents)]
    queries = [
        (f"q{g}", tag, f"query {g} {tag}")
        for g in range(ids)
        for tag in tags
        if rng.random() < 0.8 or tag == tags[0]
    ]
    rng.shuffle(queries)
    qrels = []
    for g in range(ids):
        chosen = rng.choice(documents, size=int(rng.integers(1, min(10, documents))), replace=False)
        qrels += [(f"q{g}", f"d{at}", int(rng.integers(0 if i else 1, grades + 1))) for i, at in enumerate(chosen)]
    texts = [(f"d{at}", tag, "", f"document {at} {tag}") for at, tag in enumerate(document_tags)]
    return collection_from_rows(texts, queries, qrels, name="random")


def parallel_collection(languages: int = 3, ids: int = 12) -> Collection:
    """One relevant document per query id and language, all versions present."""
    tags = TAGS[:languages]
    return collection_from_rows(
        [(f"{tag}{g}", tag, "", f"answer {g} {tag}") for tag in tags for g in range(ids)],
        [(f"q{g}", tag, f"question {g} {tag}") for tag in tags for g in range(ids)],
        [(f"q{g}", f"{tag}{g}", 1) for tag in tags for g in range(ids)],
        name="parallel",
    )


def judge(collection: Collection) -> Judgments:
    return judgments_of(collection, collection.judged_query_rows())


def ranking(scores: np.ndarray) -> np.ndarray:
    """Documents of one query from best to worst, ties by row: the brute force."""
    return np.lexsort((np.arange(len(scores)), -scores))
