"""What is to be said of a collection whose query ids do not link its languages."""

from __future__ import annotations

from isoglot.collections.collection import Collection
from isoglot.collections.joining import JoinedCollection

__all__ = ["link_sentences", "linking"]

LINKED = (
    'versions of a query share their id, as {"_id": "q1", "lang": "en", …} and {"_id": "q1", "lang": "de", …}, and '
    "the judgments of q1 name its relevant documents in all languages"
)


MOST_UNLINKED = 0.01
"""Share of ids up to which only `isoglot data check` tells of those that link no languages: a mean over queries, of
values from 0 to 1, differs by no more than that, whatever these few are worth."""


def linking(linked: int, ids: int) -> str | None:
    """Say what it means that so many of the query ids of a collection in several languages link these.

    Args:
        linked: see `Collection.linked_ids`.
        ids: likewise.

    Returns:
        A sentence without a full stop; None if all do, or no query has a relevant document.
    """
    if linked == ids:
        return None
    if not linked:
        return (
            "no query id has texts in two languages: nothing cross-lingual can be trained or measured, and "
            f"multilingual measures say how well queries find documents of their own language among all; {LINKED}"
        )
    return (
        f"{linked:,} of {ids:,} query ids ({linked / ids:.1%}) have texts in more than one language: all that is "
        f"cross-lingual rests on these; {LINKED}"
    )


def link_sentences(collection: Collection) -> list[str]:
    """Say of a collection, or of each of those that were joined, where its query ids do not link its languages.

    Nothing is said of a share that is no larger than `MOST_UNLINKED`.
    """
    if isinstance(collection, JoinedCollection):
        parts = [part.collection for part in collection.parts]
        return [sentence for part in parts for sentence in link_sentences(part)]
    linked, ids = collection.linked_ids()
    told = len(collection.languages) > 1 and (ids - linked) / max(ids, 1) > MOST_UNLINKED
    said = linking(linked, ids) if told else None
    return [f"{collection.name}: {said}"] if said else []
