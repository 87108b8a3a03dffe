"""What is odd about a collection that can be read: findings as plain values, and in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.collections.identical import identical_queries
from isoglot.collections.links import linking
from isoglot.collections.writing import share_documents
from isoglot.data.quality.duplicates import find_duplicates, find_near_duplicates, find_same_in_languages
from isoglot.data.quality.markup import find_markup
from isoglot.data.quality.near import refuse_threshold
from isoglot.data.quality.tagging import (
    find_other_languages,
    find_other_scripts,
    find_other_short_languages,
    same_language_tags,
)
from isoglot.data.quality.texts import Texts
from isoglot.measures import plural

__all__ = ["check_splits", "finding_sentences", "leakage_sentences", "quality_findings"]

BoolArray = NDArray[np.bool_]

NEAR = 0.8
FEW_PAIRS = 100
"""Training pairs below which a language is said to have few."""
MOST_LISTED = 5
SUSPICIOUS = {
    "other_scripts": ("is", "are", "in another script than the language says"),
    "markup": ("has", "have", "markup in the text"),
    "other_languages": ("is", "are", "identified as other than the language says"),
    "other_short_languages": ("is", "are", "short, and together identified as other than the language says"),
}


def quality_findings(
    collections: Collection | Mapping[str | None, Collection], *, near: float | None = NEAR, identify: bool = False
) -> dict[str, Any]:
    """Look for what is odd about a collection, or about the splits of one, which share their documents.

    Args:
        collections: the collection, or its splits by name.
        near: Jaccard similarity of character trigrams from which on two texts of a language are near-duplicates;
            None to leave these out.
        identify: also identify the language of texts by py3langid: of longer ones, and of shorter ones together.

    Returns:
        Plain values, fit for JSON:

        - `near`: the threshold, or None;
        - `same_language_tags`: pairs of tags that name one language;
        - `documents`: `duplicates`, `near_duplicates` (None if left out), `same_in_languages` (with the number of
          texts for each of the `pairs` of languages), `other_scripts`, `markup`, `other_languages` and
          `other_short_languages` (None if not identified); and `never_relevant`, documents that no query of any
          split has as relevant: `texts` and `by_language`;
        - `splits`: for each split (`all` where there are none) `queries`, the same of its queries; and with them
          `without_relevant`; `documents_themselves`: those with a relevant document that are another document, by
          id and text; `few_pairs`: language -> training pairs that it is on either side of, for languages
          with fewer than 100; and `linked_ids`, None for one language: of the query `ids` with a relevant
          document, those `linked` by texts in more than one language.

    Raises:
        InputError: `near` is not above 0 and at most 1, or py3langid is asked for and not installed.
    """
    if near is not None:
        refuse_threshold(near)
    splits = {None: collections} if isinstance(collections, Collection) else collections
    first = next(iter(splits.values()))
    relevant = np.zeros(first.documents.num_rows, bool)
    for collection in splits.values():
        relevant[collection.relevance.documents] = True
    documents = _text_findings(Texts(first, "documents"), near, identify)
    documents["never_relevant"] = _counted(Texts(first, "documents"), ~relevant)
    return {
        "near": near,
        "same_language_tags": same_language_tags({tag for one in splits.values() for tag in one.languages}),
        "documents": documents,
        "splits": {name or "all": _split_findings(one, near, identify) for name, one in splits.items()},
    }


def check_splits(
    splits: Mapping[str | None, Collection], *, near: float | None = NEAR, identify: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """Look for what is odd about splits: of all together if they share their documents, else of one by one.

    Returns:
        The findings, of splits with documents of their own by name under `parts`; and their sentences.
    """
    if share_documents(splits):
        findings = quality_findings(splits, near=near, identify=identify)
        return findings, finding_sentences(findings)
    parts = {name: quality_findings(one, near=near, identify=identify) for name, one in splits.items()}
    said = [f"{name}: {sentence}" for name, found in parts.items() for sentence in finding_sentences(found)]
    return {"parts": parts}, said


def _split_findings(collection: Collection, near: float | None, identify: bool) -> dict[str, Any]:
    texts = Texts(collection, "queries")
    queries = _text_findings(texts, near, identify)
    queries["without_relevant"] = _counted(texts, collection.relevant_counts == 0)
    counts = collection.pair_counts
    either = counts.sum(axis=1) + counts.sum(axis=0) - np.diag(counts)
    few = {tag: int(n) for tag, n in zip(collection.languages, either, strict=True) if n < FEW_PAIRS}
    linked, ids = collection.linked_ids()
    links = {"linked": linked, "ids": ids} if len(collection.languages) > 1 else None
    themselves = identical_queries(collection)
    return {"queries": queries, "documents_themselves": themselves, "few_pairs": few, "linked_ids": links}


def _text_findings(texts: Texts, near: float | None, identify: bool) -> dict[str, Any]:
    same, pairs = find_same_in_languages(texts)
    return {
        "duplicates": asdict(find_duplicates(texts)),
        "near_duplicates": None if near is None else asdict(find_near_duplicates(texts, near)),
        "same_in_languages": asdict(same) | {"pairs": pairs},
        "other_scripts": asdict(find_other_scripts(texts)),
        "markup": asdict(find_markup(texts)),
        "other_languages": asdict(find_other_languages(texts)) if identify else None,
        "other_short_languages": asdict(find_other_short_languages(texts)) if identify else None,
    }


def _counted(texts: Texts, which: BoolArray) -> dict[str, Any]:
    return {"texts": int(which.sum()), "by_language": texts.by_language(np.flatnonzero(which))}


def finding_sentences(findings: Mapping[str, Any]) -> list[str]:
    """Say what `quality_findings` found, one sentence each; nothing of what was not found.

    Args:
        findings: what it returned.

    Returns:
        Sentences without a full stop, those about the queries of a split beginning with its name.
    """
    said = [
        f"{one} and {other} name the same language: texts of it count as two languages, and pairs of the two as "
        "cross-lingual; write one tag"
        for one, other in findings["same_language_tags"]
    ]
    said += _text_sentences(findings["documents"], "document", findings["near"])
    if never := findings["documents"]["never_relevant"]["texts"]:
        verb = "is" if never == 1 else "are"
        said.append(f"{plural(never, 'document')} {verb} relevant to no query")
    for split, found in findings["splits"].items():
        sentences = _text_sentences(found["queries"], "query", findings["near"])
        if without := found["queries"]["without_relevant"]["texts"]:
            sentences.append(f"{plural(without, 'query')} {'has' if without == 1 else 'have'} no relevant document")
        if themselves := found["documents_themselves"]:
            are = "is a document itself" if themselves == 1 else "are documents themselves"
            sentences.append(
                f"{plural(themselves, 'query')} {are} (same id and text), which is neither ranked for its query "
                "nor taken as a negative, as in BEIR and mteb; `isoglot evaluate --keep-identical-ids` ranks it"
            )
        if few := found["few_pairs"]:
            sentences.append(f"fewer than {FEW_PAIRS} training pairs in {_listed(few)}")
        if found["linked_ids"] and (unlinked := linking(**found["linked_ids"])):
            sentences.append(unlinked)
        said += sentences if split == "all" else [f"{split}: {sentence}" for sentence in sentences]
    return said


def _text_sentences(found: Mapping[str, Any], noun: str, near: float | None) -> list[str]:
    said = []
    for key, what in (
        ("duplicates", "the same as another of their language"),
        ("near_duplicates", f"nearly the same as another of their language (similarity {near} or more)"),
    ):
        repeats = found[key]
        if repeats and repeats["texts"]:
            named = " and ".join(repr(text["id"]) for text in repeats["examples"][0]["texts"][:2])
            groups = plural(repeats["groups"], "group")
            said.append(f"{plural(repeats['texts'], noun)} are {what}, in {groups}, such as {named}")
    same = found["same_in_languages"]
    if same["texts"]:
        (pair, count), *_ = same["pairs"].items()
        named = " and ".join(pair.split())
        said.append(
            f"{plural(same['texts'], noun)} stand under more than one language, most in {named} ({count:,})"
        )
    for key, (one, several, what) in SUSPICIOUS.items():
        suspicions = found[key]
        if suspicions and suspicions["texts"]:
            example = suspicions["examples"][0]
            counts = {tag: sum(looks.values()) for tag, looks in suspicions["by_language"].items()}
            verb = one if suspicions["texts"] == 1 else several
            said.append(
                f"{plural(suspicions['texts'], noun)} {verb} {what}, in {_listed(counts)}, such as "
                f"{example['id']!r} (tagged {example['language']}, {'has' if key == 'markup' else 'looks'} "
                f"{example['looks']})"
            )
    return said


def leakage_sentences(leakage: Mapping[str, Any]) -> list[str]:
    """Say what `Leakage.to_dict()` holds: a sentence for the queries, one for the documents, and examples."""
    said = []
    for kind, noun in (("queries", "query"), ("documents", "document")):
        found = leakage[kind]
        counts = {tag: count["exact"] + count["near"] for tag, count in found["by_language"].items()}
        counts = {tag: count for tag, count in counts.items() if count}
        where = f", in {_listed(counts)}" if counts else ""
        said.append(
            f"{found['exact']:,} of {plural(found['compared'], noun)} of {leakage['test']} are among the "
            f"{found['against']:,} of {leakage['train']}, and {found['near']:,} more nearly "
            f"(similarity {leakage['threshold']} or more){where}"
        )
    if leakage["shared_documents"]:
        said.append(
            "both have the same documents, as splits of one collection do: the queries alone tell of a leak"
        )
    shown = [] if leakage["shared_documents"] else leakage["documents"]["examples"]
    for example in (*leakage["queries"]["examples"], *shown):
        one, other = (
            f"{text['id']} ({text['language']}) {text['text']!r}" for text in (example["test"], example["train"])
        )
        like = "is" if example["kind"] == "exact" else f"is {example['similarity']:.2f} like"
        said.append(f"  {one} {like} {other}")
    return said


def _listed(counts: Mapping[str, int]) -> str:
    """List languages with their counts, the largest first, and say how many more there are."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{tag} ({count:,})" for tag, count in ordered[:MOST_LISTED])
    more = len(ordered) - MOST_LISTED
    return f"{named} and {more} more {'language' if more == 1 else 'languages'}" if more > 0 else named
