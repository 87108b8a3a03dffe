"""Views of queries: the same questions as people also type them, in Latin script or with words of another language.

A view is a collection with other query texts: documents, judgments and ids stay, so that figures are paired with
those of the queries as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import langcodes
import pyarrow as pa
import regex

from isoglot.batching.code_switching import CodeSwitcher
from isoglot.collections.cautions import CODE_MIXED, QUERY_VIEW, ROMANISED
from isoglot.collections.collection import Collection
from isoglot.data.lexicons import Lexicon
from isoglot.errors import InputError
from isoglot.files import require

__all__ = ["code_mix_queries", "romanise_queries"]

OTHER_LETTER = regex.compile(r"[^\P{L}\p{Common}\p{Inherited}\p{Latin}]")
LATIN_WORD = regex.compile(r"(\p{Latin}[\p{Latin}\p{M}]*)")


def romanise_queries(collection: Collection) -> Collection:
    """Return a collection whose queries are in Latin script, by uroman (Hermjakob, May and Knight, ACL 2018).

    Queries without a letter of another script stay as they are, and so do words in Latin letters among others, with
    their accents. uroman is told the language of a query. It reads the characters of Japanese as those of Chinese,
    and adds no vowels to Arabic and Hebrew. A query of which it leaves nothing stays.

    Args:
        collection: whose queries are in whatever scripts.

    Returns:
        The collection with other query texts; `query_view` of its `metadata` says by what, and how many queries
        changed, of how many and in which languages.

    Raises:
        InputError: uroman is not installed (extra `robustness`), or the queries are a view already.
    """
    _check_plain(collection)
    romanise = _romaniser()
    known: dict[tuple[str, str], str] = {}
    texts, languages = collection.query_texts(), collection.queries["lang"].to_pylist()
    for key in dict.fromkeys(zip(texts, languages, strict=True)):
        text, tag = key
        if OTHER_LETTER.search(text):
            parts = LATIN_WORD.split(text)  # every other one is a Latin word
            parts[::2] = [romanise.romanize_string(part, lcode=_alpha3(tag)) if part else "" for part in parts[::2]]
            known[key] = "".join(parts).strip() or text
    romanised = [known.get(key, key[0]) for key in zip(texts, languages, strict=True)]
    return _view(collection, romanised, {"view": ROMANISED, "by": f"uroman {version('uroman')}"})


def code_mix_queries(
    collection: Collection, lexicons: Iterable[Lexicon], *, rate: float = 0.5, seed: int = 0
) -> Collection:
    """Return a collection with words of its queries replaced by translations, as `CodeSwitcher` does it.

    A query is mixed with one language, drawn among those that a lexicon leads to from its own. Which words are
    replaced depends on the seed and on the query's place in the collection.

    Args:
        collection: whose queries are mixed.
        lexicons: one for each direction; of several of one direction the first that knows a word counts. Those
            induced from this collection's own texts would have the very words of its answers.
        rate: probability that a word which the lexicon knows is replaced, in (0, 1].
        seed: not negative; another one replaces other words.

    Returns:
        The collection with other query texts; `query_view` of its `metadata` has rate, seed and directions, and how
        many queries changed, of how many and in which languages, and how many have no word that a lexicon knows.

    Raises:
        InputError: there is no lexicon, none leads from a language of the queries to another, rate or seed are out
            of range, or the queries are a view already.

    Example:
        >>> from isoglot.collections.building import collection_from_rows
        >>> from isoglot.data.lexicons import lexicon_from_pairs
        >>> data = collection_from_rows([("d", "en", "", "A house.")], [("q", "en", "a house?")], [("q", "d", 1)])
        >>> code_mix_queries(data, [lexicon_from_pairs("en", "de", [("house", "Haus")])], rate=1).query_texts()
        ['a Haus?']
    """
    _check_plain(collection)
    lexicons = list(lexicons)
    if not 0 < rate <= 1:
        raise InputError(
            f"the rate of code-mixing must lie in (0, 1], not {rate}: 0 leaves the queries as they are"
        )
    switcher = CodeSwitcher(lexicons, float(rate), "query", seed)
    texts, languages = collection.query_texts(), collection.queries["lang"].to_pylist()
    asked = sorted(set(languages))
    if not any(switcher.targets(tag) for tag in asked):
        known = ", ".join(sorted({lexicon.source for lexicon in lexicons}))
        raise InputError(
            f"code-mixing changes nothing: the queries of {collection.name} are in {', '.join(asked)}, the "
            f"lexicons translate from {known}"
        )
    every = copy(switcher)
    every.rate = 1.0  # into the same languages: these are drawn first
    mixed, all_mixed = (one.switch(texts, languages, 0, "query") for one in (switcher, every))
    return _view(
        collection,
        mixed,
        {
            "view": CODE_MIXED,
            "rate": float(rate),
            "seed": seed,
            "lexicons": sorted({f"{lexicon.source}-{lexicon.target}" for lexicon in lexicons}),
            "without_known_word": sum(text == other for text, other in zip(texts, all_mixed, strict=True)),
        },
    )


def _check_plain(collection: Collection) -> None:
    if view := collection.metadata.get(QUERY_VIEW):
        raise InputError(f"the queries of {collection.name} are {view['view']} already: give the collection itself")


@lru_cache(maxsize=1)
def _romaniser() -> Any:
    return require("uroman", "robustness", "romanising queries").Uroman()  # it reads its tables for a second or two


@lru_cache(maxsize=4096)
def _alpha3(tag: str) -> str | None:
    try:
        return langcodes.Language.get(tag).to_alpha3()
    except LookupError:
        return None


def _view(collection: Collection, texts: Sequence[str], told: dict[str, Any]) -> Collection:
    """Return the collection with other query texts (Q,), and what is told of them with what has changed."""
    queries = collection.queries
    languages = queries["lang"].to_pylist()
    changed = Counter(
        tag for tag, old, new in zip(languages, collection.query_texts(), texts, strict=True) if old != new
    )
    column = queries.schema.get_field_index("text")
    told = told | {
        "changed": changed.total(),
        "queries": len(texts),
        "languages": {tag: changed[tag] for tag in sorted(changed)},
    }
    return replace(
        collection,
        queries=queries.set_column(column, "text", pa.chunked_array([texts], queries.schema.field("text").type)),
        metadata={**collection.metadata, QUERY_VIEW: told},
    )
