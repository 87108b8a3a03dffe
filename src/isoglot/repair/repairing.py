"""`repair_model`: a model with one more module, which takes out of embeddings what is language, not content."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize
from torch import nn

from isoglot.collections.collection import Collection
from isoglot.encoders import model_name
from isoglot.errors import InputError
from isoglot.evaluation import Result, evaluate_embeddings
from isoglot.evaluation.embed import Encoding, Spoken, embed_collection
from isoglot.repair.card import write_card
from isoglot.repair.fitting import Sample, fit_detector
from isoglot.repair.maps import MapMaker, check_request, map_maker, move
from isoglot.repair.texts import Samples, embed_samples

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["STRENGTHS", "repair_model"]

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
"""Those that are tried on development data."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Tried:
    """What a strength came to on development data."""

    strength: float
    multilingual_AP: float
    rank_distance: float | None


def repair_model(
    model: SentenceTransformer,
    data: Collection,
    method: str = "center",
    strength: float | None = None,
    dev: Collection | None = None,
    *,
    by: str | None = None,
    name: str | None = None,
    **encoding: Unpack[Encoding],
) -> SentenceTransformer:
    """Repair a model without training: one more module takes out of its embeddings what tells languages apart.

    The methods, of embeddings z of unit length, α being the strength:

    - `shift`: z - α v of documents, v how their language differs from its translations in English (SHIFT, arXiv
      2606.18801). Needs parallel documents (those relevant to the same query id); queries stay as they are.
    - `center`: z - α m, m the mean of the language, of queries and of documents (arXiv 2004.05160).
    - `whiten`: W (z - α m), W the covariance of the language to the power of -α / 2.
    - `erase`: for every text the same linear map, which needs no language: without the directions in which language
      means differ (`by="svd"`, after LSAR, arXiv 2401.05792), or so that no linear classifier tells languages apart
      while embeddings move least (`by="leace"`, arXiv 2306.03819); and without the mean of all texts.

    Afterwards vectors have unit length. What `erase` makes needs sentence-transformers alone to be loaded; the
    others need isoglot, and take the language of a text: `encode_query(texts, language="de")`. Without it they find
    it from the embedding (`LanguageMap`).

    Args:
        model: any sentence-transformers model; it stays as it is, and shares its modules with the one returned.
        data: texts in two languages or more; judgments are needed for `shift` alone. Texts of a language beyond
            2,000 queries and documents have no part.
        method: `shift`, `center`, `whiten` or `erase`.
        strength: α; 0 leaves the embeddings as they are, 1 if not given.
        dev: choose the strength among `STRENGTHS` by AP over the pool of all languages of this collection.
        by: how to erase: `svd` if not given, or `leace`.
        name: what the card calls the model; None for what it was loaded from.
        **encoding: how texts are encoded, as for `embed_collection`.

    Returns:
        The repaired model; `save` writes a card that says how it was made, which `repair_of` reads.

    Raises:
        InputError: there is no such method, the strength is none, or the texts do not have what it needs.

    Example:
        >>> import isoglot as ig
        >>> texts = [("a", "en", "", "red apples"), ("b", "de", "", "rote Äpfel")]
        >>> data = ig.collection_from_rows(texts, [("q", "en", "apples")], [("q", "a", 1), ("q", "b", 1)])
        >>> repaired = ig.repair_model(ig.static_encoder(data, dimensions=8, vocabulary=60), data, "center")
        >>> repaired.encode_query(["Apfel"], language="de").shape
        (1, 8)
    """
    check_request(method, by, strength, dev is not None)
    if len(data.languages) < 2:
        raise InputError(
            f"{data.name} is in one language ({', '.join(data.languages)}): a repair takes out what differs "
            "between languages; give texts in several"
        )
    encoding = cast("Encoding", {**encoding, "truncate_dim": None})
    samples = embed_samples(model, data, **encoding)
    make = map_maker(method, by, samples)
    tried: list[_Tried] = []
    if dev is not None:
        tried = _try_strengths(model, make, dev, encoding)
        strength = max(tried, key=lambda one: one.multilingual_AP).strength
    strength = 1.0 if strength is None else float(strength)
    repaired = _with_module(model, make(strength))
    facts = {
        "method": method,
        **({"by": by or "svd"} if method == "erase" else {}),
        "strength": strength,
        "of": name or model_name(model),
        "data": data.name,
        "languages": list(data.languages),
        **({"dev": dev.name} if dev is not None else {}),
    }
    write_card(repaired, model, facts, samples, _identified(samples), [vars(one) for one in tried])
    return repaired


def _with_module(model: SentenceTransformer, module: nn.Module) -> SentenceTransformer:
    """Return a model with a module more, between two that bring vectors to unit length."""
    modules: OrderedDict[str, nn.Module] = OrderedDict(model.named_children())
    following = [module, Normalize()]
    if not isinstance(next(reversed(modules.values())), Normalize):
        following.insert(0, Normalize())
    for one in following:
        modules[str(len(modules))] = one
    repaired = SentenceTransformer(
        modules=modules,
        device=str(model.device),
        prompts=dict(model.prompts),
        default_prompt_name=model.default_prompt_name,
        similarity_fn_name=model.similarity_fn_name,
        truncate_dim=model.truncate_dim,
    )
    repaired.module_kwargs = model.module_kwargs
    return repaired.eval()


def _try_strengths(model: SentenceTransformer, make: MapMaker, dev: Collection, encoding: Encoding) -> list[_Tried]:
    """Measure each strength on development data, whose texts are encoded once."""
    rows, queries, documents = embed_collection(model, dev, **encoding)
    asked = Spoken(dev.query_language[rows], dev.languages)
    answering = Spoken(dev.document_language, dev.languages)
    tried = []
    for strength in STRENGTHS:
        module = make(strength)
        moved = move(module, queries, "query", asked), move(module, documents, "document", answering)
        result: Result = evaluate_embeddings(*moved, dev, bootstrap=0, rank_correlation=False, geometry=False)
        values: dict[str, Any] = result.multilingual or {}
        tried.append(_Tried(strength, values["AP"], result.bias["rank_distance"]))
        logger.info("strength %g: multilingual AP %.4f on %s", strength, values["AP"], dev.name)
    return tried


def _identified(samples: Samples) -> dict[str, float]:
    """Return for how many texts the language is told rightly from the embedding, of a half that the discriminant
    was not fitted on."""
    shares = {}
    for kind, sample in (("queries", samples.query), ("documents", samples.document)):
        at = np.arange(len(sample.language))
        order = np.lexsort((at, sample.language))  # every second text of each language
        fitted, left = order[::2], order[1::2]
        if len(np.unique(sample.language[fitted])) < len(samples.languages) or not len(left):
            continue
        weight, bias = fit_detector(
            Sample(sample.embeddings[fitted], sample.language[fitted], sample.group[fitted])
        )
        told = (sample.embeddings[left] @ weight.T + bias).argmax(axis=1)
        shares[kind] = float((told == sample.language[left]).mean())
    return shares
