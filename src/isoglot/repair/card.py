"""The card of a repaired model: what was done to which model, with which texts, and what it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from isoglot.encoders.card import REPAIR, card_facts
from isoglot.encoders.language_map import LanguageMap
from isoglot.files import yaml_text
from isoglot.repair.texts import Samples

__all__ = ["write_card"]

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")
"""What may name a model on the Hub."""
KEPT = ("language", "license", "license_name", "license_link")
"""What the card of the model that was repaired says and still holds."""

DONE = {
    "shift": "Documents are moved to where their translations in English, or the language that most are translated "
    "into, lie; queries stay as they are (after SHIFT, arXiv 2606.18801).",
    "center": "From each text the mean of its language is subtracted, of queries and of documents each.",
    "whiten": "Each language is centred and its covariance brought towards the identity.",
    "erase svd": "One linear map takes out of every text the directions in which the means of languages differ "
    "(after LSAR, arXiv 2401.05792).",
    "erase leace": "One linear map takes out of every text what a linear classifier could tell its language by, "
    "and moves embeddings as little as possible (LEACE, arXiv 2306.03819).",
}


def write_card(
    model: SentenceTransformer,
    base: SentenceTransformer,
    facts: Mapping[str, Any],
    samples: Samples,
    identified: Mapping[str, float],
    tried: Sequence[Mapping[str, Any]],
) -> None:
    """Give a repaired model the card that `save` writes, and that `repair_of` reads.

    Args:
        model: the repaired model.
        base: what it was made of.
        facts: what `repair_of` returns.
        samples: what it was fitted on.
        identified: `queries`, `documents` -> share whose language the embedding tells.
        tried: strengths, and what they came to on development data.
    """
    before = card_facts(base)
    head = {key: before[key] for key in KEPT if key in before}
    head |= (
        {"base_model": facts["of"]} if HUB_NAME.fullmatch(facts["of"]) and not Path(facts["of"]).exists() else {}
    )
    head |= {
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "tags": ["sentence-transformers", "sentence-similarity", "feature-extraction", "isoglot"],
        REPAIR: dict(facts),
    }
    name = Path(facts["of"]).name or facts["of"]
    kind = facts["method"] + (f" {facts['by']}" if "by" in facts else "")
    told = [
        f"# {name}, repaired",
        f"isoglot repaired `{facts['of']}` by `{kind}`, strength "
        f"{facts['strength']:g}, fitted on {facts['data']}; nothing was trained. {DONE[kind]}",
        _use(model, identified),
        _languages(samples),
        *([_strengths(facts["dev"], tried)] if tried else []),
    ]
    model._model_card_text = f"---\n{yaml_text(head)}---\n\n" + "\n\n".join(told) + "\n"


def _use(model: SentenceTransformer, identified: Mapping[str, float]) -> str:
    """Say how the model is used, and what it needs."""
    if not any(isinstance(module, LanguageMap) for module in model.modules()):
        return (
            "It needs sentence-transformers alone, and no text's language: the map is the same for all.\n\n"
            "    from sentence_transformers import SentenceTransformer\n\n"
            '    model = SentenceTransformer("FOLDER")\n'
            "    queries, documents = model.encode_query([...]), model.encode_document([...])"
        )
    shares = ", ".join(f"{share:.1%} of the {kind}" for kind, share in identified.items())
    tested = f" (rightly for {shares}, of a half of the texts that this was not fitted on)" if shares else ""
    return (
        "The map depends on the language of a text, and is a module of isoglot's (`pip install isoglot`).\n\n"
        "    from isoglot import load_encoder\n\n"
        '    model = load_encoder("FOLDER")  # or SentenceTransformer("FOLDER", trust_remote_code=True)\n'
        '    queries = model.encode_query([...], language="de")\n    documents = model.encode_document([...])\n\n'
        f"Where no language is given it is found from the embedding{tested}. `isoglot evaluate` gives those "
        "of a collection. Texts in a language that is not below get the map of all languages together, which for "
        "`shift` leaves them as they are."
    )


def _languages(samples: Samples) -> str:
    """Say how many texts of each language it was fitted on."""
    counts = [np.bincount(one.language, minlength=one.languages) for one in (samples.query, samples.document)]
    rows = [
        f"| {tag} | {asked:,} | {pool:,} | {f'others stand for its {lent}' if lent else ''} |"
        for tag, asked, pool, lent in zip(
            samples.languages, *counts, map(samples.borrowed.get, samples.languages), strict=True
        )
    ]
    return "\n".join(["| language | as queries | as documents | |", "| --- | --- | --- | --- |", *rows])


def _strengths(dev: str, tried: Sequence[Mapping[str, Any]]) -> str:
    """Say which strengths were tried."""
    rows = [
        f"| {one['strength']:g} | {one['multilingual_AP']:.4f} | "
        f"{'–' if one['rank_distance'] is None else format(one['rank_distance'], ',.1f')} |"
        for one in tried
    ]
    head = [f"The strength was chosen on {dev}, by AP over the pool of all languages:", ""]
    return "\n".join([*head, "| strength | multilingual AP | rank distance |", "| --- | --- | --- |", *rows])
