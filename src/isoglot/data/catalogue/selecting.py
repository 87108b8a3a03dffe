"""Part of a collection: the texts of some languages."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from isoglot.collections import select
from isoglot.collections.collection import Collection
from isoglot.errors import InputError

__all__ = ["keep_languages"]


def keep_languages(collection: Collection, wanted: Iterable[str] | None) -> Collection:
    """Return the texts of some languages, with the judgments between them.

    Args:
        collection: the collection.
        wanted: canonical tags; `zh` keeps `zh-TW` as well. All if None.

    Raises:
        InputError: nothing is left that is judged, or one language of a collection that `finds_translations`.
    """
    if wanted is None:
        return collection
    wanted = tuple(wanted)
    kept = [tag for tag in collection.languages if any(f"{tag}-".startswith(f"{want}-") for want in wanted)]
    if len(kept) == len(collection.languages):
        return collection
    chosen = select.keep_languages(collection, kept)
    if chosen.judgments.num_rows and not (len(chosen.languages) == 1 and chosen.finds_translations):
        return chosen
    asked = ", ".join(wanted)
    problem = (
        f"every query is its own answer in {asked} alone"
        if chosen.judgments.num_rows
        else f"no query in {asked} has a relevant document in {'it' if len(wanted) == 1 else 'them'}"
    )
    others = _answering(collection, kept)
    remedy = f"; ask for {others[0]} as well: --languages {','.join((*wanted, others[0]))}" if others else ""
    raise InputError(f"{collection.name}: {problem}{remedy}")


def _answering(collection: Collection, kept: list[str]) -> list[str]:
    """Return the languages in which queries of some languages are answered, other than these; the usual one first.

    Args:
        collection: the collection.
        kept: the languages that the queries are in.
    """
    among = np.isin(collection.languages, kept)
    asked = np.zeros(len(collection.query_ids), bool)
    asked[collection.query_index[among[collection.query_language]]] = True
    document = collection.judgments["document"].to_numpy()[asked[collection.judgments["query"].to_numpy()]]
    counts = np.bincount(collection.document_language[document], minlength=len(among))
    return [collection.languages[at] for at in np.argsort(-counts, kind="stable") if counts[at] and not among[at]]
