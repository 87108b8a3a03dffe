"""Part of a collection: some languages, the first queries of each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from isoglot.collections import select
from isoglot.collections.collection import Collection
from isoglot.data.mteb.languages import speaks
from isoglot.errors import InputError

__all__ = ["keep_languages", "keep_queries"]


def keep_languages(collection: Collection, wanted: Iterable[str]) -> Collection:
    """Return the texts of some languages, with the judgments between them.

    Args:
        collection: the collection.
        wanted: canonical tags; `zh` also keeps `zh-TW`.

    Raises:
        InputError: the collection has no text in one of them.
    """
    wanted = list(wanted)
    for tag in wanted:
        if not any(speaks(have, [tag]) for have in collection.languages):
            raise InputError(f"{collection.name} has no language {tag!r}; it has {', '.join(collection.languages)}")
    return select.keep_languages(collection, [tag for tag in collection.languages if speaks(tag, wanted)])


def keep_queries(collection: Collection, most: int) -> Collection:
    """Return the first `most` query ids in all their languages; all documents stay."""
    return select.take_part(collection, np.ones(collection.documents.num_rows, bool), collection.query_index < most)
