"""What is to be said wherever the figures of an evaluation are shown, of what `made` of its result holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.collections.collection import PSEUDO_QUERIES
from isoglot.collections.pseudo import pseudo_sentence

__all__ = [
    "CODE_MIXED",
    "KEPT_IDENTICAL",
    "POOL",
    "QUERY_VIEW",
    "ROMANISED",
    "caution_of",
    "different_queries",
    "pool_text",
    "view_sentence",
]

POOL = "pool"
"""Key of `made`: which pool was measured, if not that of all documents."""
QUERY_VIEW = "query_view"
"""Key of `made`, and of a collection's metadata: how the queries were changed, if they were."""
KEPT_IDENTICAL = "keep_identical_ids"
"""Key of `made`: that queries which are documents themselves were ranked against themselves, if they were."""
ROMANISED = "romanised"
CODE_MIXED = "code-mixed"
MOST_TAGS = 10
"""Languages that a sentence names."""


def pool_text(pool: Mapping[str, Any] | None) -> str:
    """Say which documents are in the pool of a query, as `made` of a result tells it; None for all."""
    if not pool:
        return "all documents"
    tags = [tag for tag in pool["languages"] if tag not in ("own", "all")]
    parts = ["its own language"] if "own" in pool["languages"] else []
    parts += [", ".join(tags)] if tags else []
    what = f"the documents in {' and in '.join(parts)}" if parts else "all documents"
    return what + (", without the answers in its own language" if pool["without_own_answer"] else "")


def view_sentence(view: Mapping[str, Any] | None) -> str | None:
    """Say how queries were changed, without a full stop; None of queries as they are.

    Args:
        view: what `query_view` of `made`, or of a collection's metadata, holds.
    """
    if not view:
        return None
    changed, all_of_them, tags = view["changed"], view["queries"], list(view["languages"])
    more = len(tags) - MOST_TAGS
    named = ", ".join(tags) if more < 2 else f"{', '.join(tags[:MOST_TAGS])} and {more} other languages"
    if view["view"] == ROMANISED:
        if not changed:
            return (
                f"{view['by']} had no letter of another script to romanise in the {all_of_them:,} queries: figures "
                "are those of the queries as they are"
            )
        return (
            f"{changed:,} of {all_of_them:,} queries were romanised by {view['by']} ({named}); the others stay as "
            "they are"
        )
    told = (
        f"words of {changed:,} of {all_of_them:,} queries were replaced by translations, each with probability "
        f"{view['rate']:g} (seed {view['seed']}"
    )
    told += f"; {named})" if changed else ")"
    if view["without_known_word"]:
        told += f"; {view['without_known_word']:,} have no word that the lexicons know, and stay as they are"
    return told if changed else f"{told}: figures are those of the queries as they are"


def _asked(view: Mapping[str, Any] | None) -> str:
    if not view:
        return "as they are"
    how = f" at rate {view['rate']:g}, seed {view['seed']}" if view["view"] == CODE_MIXED else ""
    return f"{view['view']}{how} ({view['changed']:,} of {view['queries']:,} changed)"


def different_queries(made: Mapping[str, Mapping[str, Any] | None]) -> str | None:
    """Say which of several results was asked what, without a full stop; None where all were asked the same.

    Args:
        made: what a result is called -> `made` of it.
    """
    views = {name: (one or {}).get(QUERY_VIEW) for name, one in made.items()}
    first = next(iter(views.values()), None)
    if all(view == first for view in views.values()):
        return None
    told = "; ".join(f"{name} was asked them {_asked(view)}" for name, view in views.items())
    return f"the results are of different queries, so differences may be due to these: {told}"


def caution_of(made: Mapping[str, Any] | None) -> str | None:
    """Say what figures are of, where it is not the usual: sentences without the last full stop; None if there is
    nothing to say.

    Args:
        made: of a result.
    """
    made = made or {}
    told = [pseudo_sentence(made.get(PSEUDO_QUERIES))]
    if made.get(POOL):
        told.append(f"the pool of a query is {pool_text(made[POOL])}")
    told.append(view_sentence(made.get(QUERY_VIEW)))
    said = [sentence for sentence in told if sentence]
    return ". ".join([*said[:1], *(sentence[0].upper() + sentence[1:] for sentence in said[1:])]) or None
