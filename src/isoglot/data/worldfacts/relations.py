"""Which questions are asked: eight relations between a territory and a fact, four in each direction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

MAX_ANSWERS = 5
"""A question answered by more territories than this is not asked. Where the euro or English is used would
make a good part of the pool relevant, and hardly any two such queries could share a training batch."""

MAX_PLACES = 2
"""Places asked after per territory. Questions that one sheet answers cannot share a training batch, so a sheet
with twenty cities (Russia's, by time zones) would keep the batches of all others small."""

TEST_SHARE = 0.2
"""Share of the queries that form the test split. The other wording of a test query's fact may be trained on, so
that the names a test query uses were met in training: names met nowhere cannot be told apart by an encoder without
pretraining, whatever its batches."""


@dataclass(frozen=True)
class Relation:
    """A kind of question.

    Attributes:
        name: as in query ids and in the templates.
        field: the field of `facts.Territory` that holds the answer (or, if reverse, the subject).
        reverse: whether the question names a value of the field and asks for the territory.
        share: share of the subjects that are asked about: keeps the collection small and the relations even.
    """

    name: str
    field: str
    reverse: bool
    share: float


RELATIONS = (
    Relation("currency-of", "currencies", reverse=False, share=0.5),
    Relation("official-language-of", "official", reverse=False, share=0.5),
    Relation("region-of", "region", reverse=False, share=0.5),
    Relation("week-start-of", "first_day", reverse=False, share=0.5),
    Relation("currency-used-in", "currencies", reverse=True, share=1.0),
    Relation("language-official-in", "official", reverse=True, share=1.0),
    Relation("language-spoken-in", "spoken", reverse=True, share=0.6),
    Relation("place-in", "places", reverse=True, share=0.5),
)


def is_asked(relation: Relation, subject: str) -> bool:
    """Whether the relation's question is asked about this subject: the same answer in every run."""
    return _fraction(f"asked {relation.name}/{subject}") < relation.share


def split_of(query_id: str) -> str:
    """Return the split of a query, "train" or "test"; all its language versions share it."""
    return "test" if _fraction(f"split {query_id}") < TEST_SHARE else "train"


def _fraction(key: str) -> float:
    """A number in [0, 1) that depends on nothing but the key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
