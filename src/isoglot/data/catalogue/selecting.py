"""Part of a collection: the texts of some languages."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from isoglot.collections.collection import Collection
from isoglot.collections.selecting import take_part
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
    kept = np.array(
        [any(tag == want or tag.startswith(f"{want}-") for want in wanted) for tag in collection.languages]
    )
    if kept.all():
        return collection
    chosen = take_part(collection, kept[collection.document_language], kept[collection.query_language])
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


def _answering(collection: Collection, kept: np.ndarray) -> list[str]:
    """Return the languages in which queries of some languages are answered, other than these; the usual one first.

    Args:
        collection: the collection.
        kept: (L,) which languages the queries are in.
    """
    asked = np.zeros(len(collection.query_ids), bool)
    asked[collection.query_index[kept[collection.query_language]]] = True
    document = collection.judgments["document"].to_numpy()[asked[collection.judgments["query"].to_numpy()]]
    counts = np.bincount(collection.document_language[document], minlength=len(kept))
    return [collection.languages[at] for at in np.argsort(-counts, kind="stable") if counts[at] and not kept[at]]
