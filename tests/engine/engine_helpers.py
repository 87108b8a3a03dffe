"""Random collections, what is meant by the same result, and work without workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from isoglot.collections import Collection, collection_from_rows
from isoglot.evaluation import Result

TAGS = ("de", "en", "fr", "hi")
WORDS = ("sun", "moon", "sea", "tree", "stone", "river", "cloud", "star", "hill", "rain", "leaf", "sand")


def random_collection(seed: int, documents: int = 700, ids: int = 25) -> Collection:
    """Uneven languages in turn, texts that come again in any of them, graded judgments, lacking versions."""
    rng = np.random.default_rng(seed)

    def text() -> str:
        return " ".join(rng.choice(WORDS, size=int(rng.integers(1, 4))))

    shares = rng.dirichlet(np.ones(len(TAGS)))
    pool = [(f"d{at}", str(rng.choice(TAGS, p=shares)), "", text()) for at in range(documents)]
    asked = [(f"q{g}", tag, text()) for g in range(ids) for tag in TAGS if tag == "en" or rng.random() < 0.7]
    judged = [
        (f"q{g}", f"d{at}", int(rng.integers(1, 4)))
        for g in range(ids)
        for at in rng.choice(documents, size=int(rng.integers(1, 9)), replace=False)
    ]
    return collection_from_rows(pool, asked, judged, name=f"random {seed}")


def assert_same(one: Result, other: Result) -> None:
    """Everything but times and dates is the same, and so is every value of every query."""
    left, right = ({k: v for k, v in r.to_dict().items() if k not in ("seconds", "made")} for r in (one, other))
    assert left == right
    made, again = ({k: v for k, v in (r.made or {}).items() if k != "date"} for r in (one, other))
    assert made == again
    assert one.per_query.keys() == other.per_query.keys()
    for name, values in one.per_query.items():
        np.testing.assert_array_equal(values, other.per_query[name], err_msg=name)


class Alone:
    """Does what workers do, in this process; remembers which blocks of documents were encoded."""

    gpus = False

    def __init__(self) -> None:
        self.encoded: list[int] = []

    def __len__(self) -> int:
        return 1

    @contextmanager
    def share(self, value: Any) -> Iterator[Any]:
        yield value

    def map(self, work: Callable[..., Any], shared: list[Any], pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            if work.__name__ == "_encode_block":
                self.encoded.append(piece[0])
            yield work(*shared, piece)
