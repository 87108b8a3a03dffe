"""What a collection holds, in numbers: sizes, lengths and training pairs by language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.collection import Collection, IntArray
from isoglot.languages.tags import language_name

__all__ = ["collection_stats", "length_histograms", "stats_table"]

LENGTH_EDGES = tuple(digit * 10**power for power in range(9) for digit in (1, 2, 5))
"""Lengths at which a new class begins."""


def _lengths(column: pa.ChunkedArray) -> IntArray:
    """Return the length of each text in characters (Unicode code points)."""
    return pc.utf8_length(column).to_numpy()


def _document_lengths(collection: Collection) -> IntArray:
    """Return the length of each document as an encoder reads it: title and text joined by a space."""
    title, text = (_lengths(collection.documents[name]) for name in ("title", "text"))
    return title + text + ((title > 0) & (text > 0))


def _summary(lengths: IntArray) -> dict[str, float] | None:
    """Return mean, median and 95th percentile; None of nothing."""
    if not len(lengths):
        return None
    median, high = np.percentile(lengths, [50, 95])
    return {"mean": float(lengths.mean()), "median": float(median), "p95": float(high)}


def collection_stats(collection: Collection) -> dict[str, Any]:
    """Count and measure a collection.

    Args:
        collection: the collection.

    Returns:
        Plain numbers, strings, lists and dicts, fit for JSON:

        - `name`, and the counts `documents`, `queries` (language versions), `query_ids`, `judgments`,
          `relevant_judgments` (above 0);
        - `unjudged_queries`: query versions without any judgment; `queries_without_relevant`: those without a
          relevant document in any language (the unjudged ones among them);
        - `languages`: by tag: `name`, `documents`, `queries`, `judged_queries`, and lengths in characters as
          `query_characters` and `document_characters`, each `mean`, `median`, `p95`, or None without texts;
        - `languages_without_queries`, `languages_without_documents`: lists of tags;
        - `language_pairs`: for `mono` and `cross`, the number of language `pairs` that have training pairs,
          and the number of `training_pairs` in them;
        - `pairs`: query language -> document language -> number of training pairs, zeros left out;
        - `dropped`: reason -> number of rows that lenient reading left out.
    """
    tags = collection.languages
    query_language, document_language = collection.query_language, collection.document_language
    judged_ids = np.zeros(len(collection.query_ids), bool)
    judged_ids[collection.judgments["query"].to_numpy()] = True
    judged = judged_ids[collection.query_index]
    answered = collection.relevant_counts > 0
    query_lengths, document_lengths = _lengths(collection.queries["text"]), _document_lengths(collection)

    languages: dict[str, dict[str, Any]] = {}
    for index, tag in enumerate(tags):
        queries, documents = query_language == index, document_language == index
        languages[tag] = {
            "name": language_name(tag),
            "documents": int(documents.sum()),
            "queries": int(queries.sum()),
            "judged_queries": int(judged[queries].sum()),
            "query_characters": _summary(query_lengths[queries]),
            "document_characters": _summary(document_lengths[documents]),
        }
    counts = collection.pair_counts
    mono = np.eye(len(tags), dtype=bool)
    return {
        "name": collection.name,
        "documents": collection.documents.num_rows,
        "queries": collection.queries.num_rows,
        "query_ids": len(collection.query_ids),
        "judgments": collection.judgments.num_rows,
        "relevant_judgments": len(collection.relevance.documents),
        "unjudged_queries": int((~judged).sum()),
        "queries_without_relevant": int((~answered).sum()),
        "languages": languages,
        "languages_without_queries": [tag for tag in tags if not languages[tag]["queries"]],
        "languages_without_documents": [tag for tag in tags if not languages[tag]["documents"]],
        "language_pairs": {
            kind: {"pairs": int((counts[where] > 0).sum()), "training_pairs": int(counts[where].sum())}
            for kind, where in (("mono", mono), ("cross", ~mono))
        },
        "pairs": {
            a: {b: int(counts[i, j]) for j, b in enumerate(tags) if counts[i, j]}
            for i, a in enumerate(tags)
            if counts[i].any()
        },
        "dropped": dict(collection.dropped),
    }


def length_histograms(collection: Collection) -> dict[str, Any]:
    """Count the queries and documents of each language by their length in characters.

    Args:
        collection: the collection.

    Returns:
        Plain values: `edges`, (c + 1,) lengths 1, 2, 5, 10, ... where class i goes from `edges[i]` to below
        `edges[i + 1]`; and `queries` and `documents`: language -> (c,) number of texts, languages without texts
        left out.
    """
    lengths = {"queries": _lengths(collection.queries["text"]), "documents": _document_lengths(collection)}
    languages = {"queries": collection.query_language, "documents": collection.document_language}
    longest = max(int(values.max(initial=1)) for values in lengths.values())
    edges = LENGTH_EDGES[: int(np.searchsorted(LENGTH_EDGES, longest, "right")) + 1]
    counted = {
        kind: {
            tag: np.histogram(lengths[kind][of], edges)[0].tolist()
            for index, tag in enumerate(collection.languages)
            if (of := languages[kind] == index).any()
        }
        for kind in lengths
    }
    return {"edges": list(edges), **counted}


def stats_table(stats: dict[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Lay the languages of `collection_stats` out as a table.

    Args:
        stats: what `collection_stats` returned.

    Returns:
        Column titles, and a row of cells for each language, the one with most queries first.
    """
    columns = (
        *("language", "queries", "judged", "documents", "mono pairs", "cross pairs"),
        *("query characters (mean / median / 95 %)", "document characters (mean / median / 95 %)"),
    )

    def lengths(summary: dict[str, float] | None) -> str:
        return " / ".join(f"{summary[key]:,.0f}" for key in ("mean", "median", "p95")) if summary else "–"

    rows: list[tuple[str, ...]] = []
    order = sorted(stats["languages"].items(), key=lambda item: (-item[1]["queries"], item[0]))
    for tag, numbers in order:
        pairs = stats["pairs"].get(tag, {})
        mono = pairs.get(tag, 0)
        name = numbers["name"]
        rows.append(
            (
                tag if name == tag else f"{tag} {name}",
                f"{numbers['queries']:,}",
                f"{numbers['judged_queries']:,}",
                f"{numbers['documents']:,}",
                f"{mono:,}",
                f"{sum(pairs.values()) - mono:,}",
                lengths(numbers["query_characters"]),
                lengths(numbers["document_characters"]),
            )
        )
    return columns, rows
