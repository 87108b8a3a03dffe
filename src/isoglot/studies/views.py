"""Collections made from others: fewer languages, or queries that look for their own translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.batching import CodeSwitcher
from isoglot.collections import Collection, select
from isoglot.collections.collection import TRANSLATIONS
from isoglot.data.lexicons.lexicon import Lexicon
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["first_articles", "keep_languages", "switched_view", "translations_view"]


def keep_languages(collection: Collection, languages: Sequence[str]) -> Collection:
    """Return a collection of the texts in these languages, and of their judgments.

    Raises:
        InputError: a tag is none, or the collection has nothing in one of the languages.
    """
    try:
        tags = [canonical_tag(tag) for tag in languages]
    except ValueError as error:
        raise InputError(f"languages of {collection.name}: {error}") from None
    return select.only_judged(select.keep_languages(collection, tags))


def first_articles(collection: Collection, count: int) -> Collection:
    """Return a collection of the first articles alone, and the questions that these answer.

    Args:
        collection: its documents' ids are those of the form `lareqa`, `<language>/<article>/…`.
        count: articles.

    Raises:
        InputError: the ids of documents tell no articles.
    """
    found = pc.extract_regex(collection.documents["_id"], r"^[^/]+/(?P<article>\d+)/")
    if found.null_count:
        raise InputError(
            f"{collection.name}: articles are told by document ids such as en/0/1/2, of the form lareqa; "
            f"{collection.documents['_id'][0].as_py()!r} has none"
        )
    articles = pc.cast(pc.struct_field(found, "article"), pa.int64()).to_numpy()
    documents = articles < count
    judgments = collection.judgments
    answered = np.zeros(len(collection.query_ids), bool)
    answered[judgments["query"].to_numpy()[documents[judgments["document"].to_numpy()]]] = True
    return select.only_judged(select.take_part(collection, documents, answered[collection.query_index]))


def translations_view(collection: Collection) -> Collection:
    """Return a collection in which the documents are the queries: each looks for its versions in other languages.

    A query is also a document, which is kept out of its own pool (`Collection.finds_translations`); so there is no
    monolingual setting.
    """
    rows = collection.queries.num_rows
    names = [
        f"{tag}/{name}"
        for name, tag in zip(*(collection.queries[c].to_pylist() for c in ("_id", "lang")), strict=True)
    ]
    documents = pa.table(
        {
            "_id": pa.array(names, pa.string()),
            "lang": collection.queries["lang"],
            "title": pa.array([""] * rows, pa.string()),
            "text": collection.queries["text"],
        }
    )
    judgments = pa.table(
        {
            "query": pa.array(collection.query_index, pa.int32()),
            "document": pa.array(np.arange(rows), pa.int32()),
            "score": pa.array(np.ones(rows), pa.int32()),
        }
    )
    return replace(
        collection,
        documents=documents,
        judgments=judgments,
        name=f"{collection.name}, translations",
        metadata={**collection.metadata, TRANSLATIONS: True},
        dropped={},
    )


def switched_view(
    collection: Collection, lexicons: Sequence[Lexicon], into: Sequence[str], rate: float
) -> Collection:
    """Return a collection with a version of each query in further languages, made by replacing its words.

    Args:
        collection: its queries have one version each.
        lexicons: from its language into the others.
        into: languages of the versions; the queries themselves stay.
        rate: probability that a word that a lexicon knows is replaced.

    Raises:
        InputError: a tag is none, a query has several versions, or no lexicon leads into a language.
    """
    try:
        tags = [canonical_tag(tag) for tag in into]
    except ValueError as error:
        raise InputError(f"languages to switch the queries of {collection.name} into: {error}") from None
    if len(collection.query_ids) < collection.queries.num_rows:
        raise InputError(
            f"the queries of {collection.name} have versions in several languages: nothing is to be made"
        )
    switcher = CodeSwitcher(lexicons, rate)
    texts, languages = collection.query_texts(), collection.queries["lang"].to_pylist()
    queries, index = [collection.queries.select(["_id", "lang", "text"])], [collection.query_index]
    for number, tag in enumerate(tags):
        if not all(tag in switcher.targets(language) for language in set(languages)):
            raise InputError(f"no lexicon leads from {' or '.join(sorted(set(languages)))} into {tag}")
        versions = switcher.switch(texts, languages, number, "query", to=[tag] * len(texts))
        queries.append(
            pa.table(
                {
                    "_id": collection.queries["_id"],
                    "lang": pa.array([tag] * len(texts), pa.string()),
                    "text": pa.array(versions, pa.string()),
                }
            )
        )
        index.append(collection.query_index)
    return replace(
        collection,
        queries=pa.concat_tables(queries),
        query_index=np.concatenate(index),
        name=f"{collection.name}, code-switched",
    )
