"""Zero-shot claims, and what came of looking for the test texts in the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.reporting.words import listed, name_of

__all__ = ["claims_of"]

KINDS = ("queries", "documents")
MOST_EXAMPLES = 6


def claims_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each claim with the outcome of its check.

    These are `evaluation`, `holds`, `sentence`, `found` (a line for each training source), `unlabelled` (sources of
    text for domain batches, which were not looked at) and `examples` of texts that are in both.

    Args:
        result: of the study.
    """
    return [
        {
            "evaluation": claim["evaluation"],
            "holds": claim["holds"],
            "sentence": claim["sentence"],
            "found": [_found(source, against) for source, against in claim["against"].items()],
            "unlabelled": listed(claim.get("unlabelled") or []),
            "examples": _examples(claim["against"]),
        }
        for claim in result.get("zero_shot") or ()
    ]


def _found(source: str, against: Mapping[str, Any]) -> str:
    """Say how many texts were looked for in one source, and found."""
    parts = []
    for kind in KINDS:
        overlap = against[kind]
        near = f", {overlap['near']:,} nearly" if overlap["near"] else ""
        exact = f"{overlap['exact']:,}" if overlap["exact"] else "none"
        parts.append(f"{exact} of {overlap['compared']:,} {kind} as they are{near}")
    sizes = listed([f"{against[kind]['against']:,} {kind}" for kind in KINDS])
    return f"Among the {sizes} of {source}: {'; '.join(parts)}."


def _examples(against: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a few texts that are in both: of each source and kind the first ones, in turn."""
    lists: list[Sequence[Mapping[str, Any]]] = [
        found[kind]["examples"] for found in against.values() for kind in KINDS
    ]
    turns = [one[at] for at in range(max(map(len, lists), default=0)) for one in lists if at < len(one)]
    return [
        {
            "alike": "the same" if one["kind"] == "exact" else f"similarity {one['similarity']:.2f}",
            "texts": [
                {
                    "where": where,
                    "lang": one[side]["language"],
                    "language": name_of(one[side]["language"]),
                    "id": one[side]["id"],
                    "text": one[side]["text"],
                }
                for side, where in (("test", "tested"), ("train", "trained on"))
            ],
        }
        for one in turns[:MOST_EXAMPLES]
    ]
