"""Findings about a collection in sentences, for people who check their data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.data.quality.report import FEW_PAIRS

__all__ = ["finding_sentences", "leakage_sentences"]

MOST_LISTED = 5


def finding_sentences(findings: Mapping[str, Any]) -> list[str]:
    """Say what `quality_findings` found, one sentence each; nothing of what was not found.

    Args:
        findings: what it returned.

    Returns:
        Sentences without a full stop, those about the queries of a split beginning with its name.
    """
    said = _text_sentences(findings["documents"], "document", findings["near"])
    if never := findings["documents"]["never_relevant"]["texts"]:
        verb = "is" if never == 1 else "are"
        said.append(f"{_count(never, 'document')} {verb} relevant to no query")
    for split, found in findings["splits"].items():
        sentences = _text_sentences(found["queries"], "query", findings["near"])
        if without := found["queries"]["without_relevant"]["texts"]:
            sentences.append(f"{_count(without, 'query')} {_have(without)} no relevant document")
        if few := found["few_pairs"]:
            sentences.append(f"fewer than {FEW_PAIRS} training pairs in {_listed(few)}")
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
            groups = _count(repeats["groups"], "group")
            said.append(f"{_count(repeats['texts'], noun)} are {what}, in {groups}, such as {named}")
    same = found["same_in_languages"]
    if same["texts"]:
        (pair, count), *_ = same["pairs"].items()
        named = " and ".join(pair.split())
        said.append(
            f"{_count(same['texts'], noun)} stand under more than one language, most in {named} ({count:,})"
        )
    for key, what in (("other_scripts", "in another script than"), ("other_languages", "identified as other than")):
        suspicions = found[key]
        if suspicions and suspicions["texts"]:
            example = suspicions["examples"][0]
            counts = {tag: sum(looks.values()) for tag, looks in suspicions["by_language"].items()}
            verb = "is" if suspicions["texts"] == 1 else "are"
            said.append(
                f"{_count(suspicions['texts'], noun)} {verb} {what} the language says, in {_listed(counts)}, "
                f"such as {example['id']!r} (tagged {example['language']}, looks {example['looks']})"
            )
    return said


def leakage_sentences(leakage: Mapping[str, Any]) -> list[str]:
    """Say what `Leakage.to_dict()` holds: one sentence for the queries, one for the documents."""
    said = []
    for kind, noun in (("queries", "query"), ("documents", "document")):
        found = leakage[kind]
        counts = {tag: count["exact"] + count["near"] for tag, count in found["by_language"].items()}
        counts = {tag: count for tag, count in counts.items() if count}
        where = f", in {_listed(counts)}" if counts else ""
        said.append(
            f"{found['exact']:,} of {_count(found['compared'], noun)} of {leakage['test']} are among the "
            f"{found['against']:,} of {leakage['train']}, and {found['near']:,} more nearly "
            f"(similarity {leakage['threshold']} or more){where}"
        )
    return said


def _count(number: int, noun: str) -> str:
    plural = {"query": "queries"}.get(noun, f"{noun}s")
    return f"{number:,} {noun if number == 1 else plural}"


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def _listed(counts: Mapping[str, int]) -> str:
    """List languages with their counts, the largest first, and say how many more there are."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{tag} ({count:,})" for tag, count in ordered[:MOST_LISTED])
    more = len(ordered) - MOST_LISTED
    return f"{named} and {more} more {'language' if more == 1 else 'languages'}" if more > 0 else named
