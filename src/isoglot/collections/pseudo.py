"""What is to be said of figures on queries that nobody asked, but that were made of the documents."""

from __future__ import annotations

from typing import Any

__all__ = ["MADE_OF", "pseudo_sentence"]

MADE_OF = {
    "title": "the titles of the documents",
    "first-sentence": "the first sentences of the documents, taken out of them",
    "crop": "sentences of the documents, drawn by chance and taken out of them",
}
"""What pseudo queries are made of, as `isoglot data pseudo --from` names it."""


def pseudo_sentence(made_of: Any) -> str | None:
    """Say what figures on pseudo queries mean.

    Args:
        made_of: what `pseudo_queries` in `collection.yaml` or in `made` of a result says.

    Returns:
        A sentence without a full stop; None of queries that people asked.
    """
    if not made_of:
        return None
    return (
        f"nobody asked these queries and nobody judged them: they are {MADE_OF.get(str(made_of), str(made_of))}. "
        "Figures say how languages are treated, not how good the search is"
    )
