"""Which texts of a test collection are in the training collection too, exactly or nearly.

The languages of the two texts do not matter: a text that was trained on was seen, whatever it was tagged.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.collections.writing import share_documents
from isoglot.data.quality.near import find_near, refuse_threshold
from isoglot.data.quality.texts import Kind, Texts

__all__ = ["Leakage", "Overlap", "find_leakage"]

IntArray = NDArray[np.integer[Any]]

SHOWN = 5


@dataclass(frozen=True)
class Overlap:
    """What of the queries, or of the documents, of the test collection is in the training collection.

    Attributes:
        compared: texts of the test collection (query versions, or documents).
        against: texts of the training collection.
        exact: those of the test collection that are there as they are, but for case, spacing and punctuation.
        near: those that are not, but whose trigrams have a Jaccard similarity of the threshold or more with some
            text there.
        by_language: tag of the test text -> `compared`, `exact`, `near`.
        examples: the first few of each kind: `kind`, `similarity`, and `test` and `train` with `id`, `language` and
            the beginning of the `text`.
    """

    compared: int
    against: int
    exact: int
    near: int
    by_language: dict[str, dict[str, int]]
    examples: list[dict[str, Any]]

    @property
    def found(self) -> bool:
        """Whether any text is in both."""
        return bool(self.exact or self.near)


@dataclass(frozen=True)
class Leakage:
    """What two collections share.

    Attributes:
        train: name of the training collection.
        test: name of the test collection.
        threshold: Jaccard similarity from which on texts count as near.
        queries: what of the test queries is among the training queries.
        documents: what of the test documents is among the training documents.
        shared_documents: whether both have the same documents, row by row, as splits of one collection do: these
            are the pool that is searched, and no leak.
    """

    train: str
    test: str
    threshold: float
    queries: Overlap
    documents: Overlap
    shared_documents: bool = False

    @property
    def found(self) -> bool:
        """Whether any query or document is in both."""
        return self.queries.found or self.documents.found

    @property
    def leaks(self) -> bool:
        """Whether any query is in both, or a document that is not shared by design."""
        return self.queries.found or (self.documents.found and not self.shared_documents)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON: the attributes, `leaks`, and `found` for both and either kind."""
        values = asdict(self) | {"found": self.found, "leaks": self.leaks}
        for kind in ("queries", "documents"):
            values[kind] = {"found": getattr(self, kind).found} | values[kind]
        keys = ("train", "test", "threshold", "found", "leaks", "shared_documents", "queries", "documents")
        return {key: values[key] for key in keys}


def find_leakage(train: Collection, test: Collection, *, threshold: float = 0.8) -> Leakage:
    """Find the queries and documents of a test collection that the training collection has too.

    Texts are compared in Unicode's NFKC form, without regard to case, spaces and punctuation; and nearly, by the
    Jaccard similarity of their character trigrams. Near pairs are looked for by MinHash, which finds one at the
    threshold with a chance of 99.5 % and more similar ones with a higher one, and then compared exactly: what is
    reported is as similar as it says.

    Args:
        train: what is trained on.
        test: what is measured.
        threshold: Jaccard similarity from which on texts count as near, above 0; 1 for the same trigrams.

    Returns:
        The counts, by language and with examples. Memory for signatures is bounded, whatever the sizes; beside it
        the digests of all texts are held, 16 bytes each.

    Raises:
        InputError: the threshold is not above 0 and at most 1.
    """
    refuse_threshold(threshold)
    return Leakage(
        train.name,
        test.name,
        threshold,
        _overlap(train, test, "queries", threshold),
        _overlap(train, test, "documents", threshold),
        share_documents({"train": train, "test": test}),
    )


def _overlap(train: Collection, test: Collection, kind: Kind, threshold: float) -> Overlap:
    known, asked = Texts(train, kind), Texts(test, kind)
    known_digests, known_rows = np.unique(known.digests, return_index=True)
    distinct, rows, number = np.unique(asked.digests, return_index=True, return_inverse=True)
    match = np.full(len(distinct), -1, np.int64)
    similarity = np.zeros(len(distinct))
    if len(known_digests):
        at = np.minimum(np.searchsorted(known_digests, distinct), len(known_digests) - 1)
        same = known_digests[at] == distinct
        match[same], similarity[same] = known_rows[at[same]], 1.0
    exact = match >= 0
    open_ones = np.flatnonzero(~exact)
    match[open_ones], similarity[open_ones] = find_near(asked, rows[open_ones], known, known_rows, threshold)
    found = {  # in the test collection: rows whose text is there
        "exact": np.flatnonzero(exact[number]),
        "near": np.flatnonzero((~exact & (match >= 0))[number]),
    }
    counts = {name: asked.by_language(rows) for name, rows in found.items()}
    compared = asked.by_language(np.arange(len(asked)))
    return Overlap(
        compared=len(asked),
        against=len(known),
        exact=len(found["exact"]),
        near=len(found["near"]),
        by_language={
            tag: {"compared": count} | {name: of_kind.get(tag, 0) for name, of_kind in counts.items()}
            for tag, count in compared.items()
        },
        examples=[
            {
                "kind": name,
                "similarity": round(float(similarity[number[row]]), 4),
                "test": asked.shown(int(row)),
                "train": known.shown(int(match[number[row]])),
            }
            for name, of_kind in found.items()
            for row in of_kind[:SHOWN]
        ],
    )
