"""A static encoder that starts from a pretrained one: what its transformer makes of each sub-word by itself."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, StaticEmbedding
from tokenizers import Tokenizer

from isoglot.collections import Collection
from isoglot.encoders.pretrained import load_encoder
from isoglot.encoders.static import INITIAL_SCALE, texts_in_blocks
from isoglot.errors import InputError

__all__ = ["distil_static"]

logger = logging.getLogger(__name__)

POOLINGS = {"cls": "first", "lasttoken": "last"}
"""Poolings of sentence-transformers -> model2vec's names of them; all others are taken as the mean."""


def distil_static(
    model: str | Path | SentenceTransformer,
    collection: Collection | None = None,
    *,
    dimensions: int = 256,
    vocabulary: int | None = None,
) -> SentenceTransformer:
    """Build a static encoder from a pretrained one, by model2vec (https://github.com/MinishLab/model2vec).

    Each sub-word of the model goes through its transformer alone; the vectors are reduced to their principal
    components, and weighted by a / (a + p) (smooth inverse frequency, a = 1e-4), p being the frequency that Zipf's
    law gives the sub-word's place in the vocabulary. A text is the mean of its sub-words' vectors. The weights are
    in the vectors, and these are scaled as a whole to the size of `static_encoder`'s, which changes no embedding
    and lets a learning rate mean the same for every model.

    Args:
        model: name or folder of a model (`load_encoder`), or one that is loaded. What comes after its transformer
            and pooling, such as a dense layer, has no part in it.
        collection: its texts decide which sub-words are kept first; only where `vocabulary` is given.
        dimensions: size d of the embeddings, at most the model's own.
        vocabulary: the most sub-words: those of `collection` by frequency, then the model's in its order, which
            begins with the frequent ones. A text of others is cut into smaller ones. All of the model's if None.

    Returns:
        A `SentenceTransformer` whose embeddings have unit length; it needs neither model2vec nor isoglot.

    Raises:
        InputError: model2vec is not installed; there is no such model; it has no transformer or no fast tokenizer;
            or there are not as many dimensions or sub-words.
    """
    try:
        from model2vec.distill import distill_from_model
    except ImportError:
        raise InputError(
            "a static encoder from a pretrained one needs the packages model2vec and skeletoken: pip install "
            "'isoglot[distill]'"
        ) from None
    encoder = model if isinstance(model, SentenceTransformer) else load_encoder(model)
    transformer, tokenizer = _parts(encoder, model)
    if dimensions > transformer.config.hidden_size:
        raise InputError(
            f"{_name(model)} has {transformer.config.hidden_size} dimensions, so a static encoder from it cannot "
            f"have {dimensions}: choose fewer dimensions"
        )
    size = min(len(tokenizer), vocabulary or len(tokenizer))
    if size <= dimensions:
        raise InputError(
            f"{size} sub-words have no {dimensions} principal components: keep more, or fewer dimensions"
        )
    logger.info("taking the vectors of %s sub-words from %s", f"{size:,}", _name(model))
    pooling = next((module for module in encoder if isinstance(module, Pooling)), None)
    with _quietly(), torch.random.fork_rng(devices=[]):  # a smaller vocabulary is drawn before it is copied
        if size < len(tokenizer):
            transformer, tokenizer = _cut(transformer, tokenizer, collection, size)
        distilled = distill_from_model(
            transformer,
            tokenizer,
            device=str(encoder.device),
            pca_dims=dimensions,
            quantize_to="float32",
            pooling=POOLINGS.get(getattr(pooling, "pooling_mode", "mean"), "mean"),
        )
    return _static(distilled, tokenizer.unk_token)


def _parts(encoder: SentenceTransformer, model: Any) -> tuple[Any, Any]:
    """Return the transformer and the tokenizer of an encoder."""
    tokenizer = getattr(encoder, "tokenizer", None)
    if encoder.transformers_model is None or getattr(tokenizer, "backend_tokenizer", None) is None:
        raise InputError(
            f"{_name(model)} has no transformer with a fast tokenizer, from which a static encoder could start"
        )
    return encoder.transformers_model, tokenizer


def _name(model: Any) -> str:
    return "the model" if isinstance(model, SentenceTransformer) else str(model)


def _cut(transformer: Any, tokenizer: Any, collection: Collection | None, vocabulary: int) -> tuple[Any, Any]:
    """Return the transformer and the tokenizer with so many sub-words."""
    from skeletoken import TokenizerModel
    from skeletoken.external.transformers import reshape_embeddings

    whole = TokenizerModel.from_transformers_tokenizer(tokenizer)
    pieces = whole.vocabulary
    order = np.array(sorted(pieces.values()))
    counts = np.zeros(order[-1] + 1, dtype=np.int64)
    if collection is not None:
        _count(tokenizer.backend_tokenizer, collection, counts)
    # what a merge makes needs its parts: they come at least as often, and before it where as often
    merges = getattr(whole.model, "merges", None)
    for left, right in reversed(merges.root if merges is not None else ()):
        made = counts[pieces[left + right]] if left + right in pieces else 0
        counts[pieces[left]] += made
        counts[pieces[right]] += made
    counts[tokenizer.all_special_ids] = np.iinfo(np.int64).max
    kept = set(order[np.argsort(-counts[order], kind="stable")[:vocabulary]].tolist())
    cut = whole.remove_tokens_from_vocabulary([piece for piece, number in pieces.items() if number not in kept])
    cut.unk_token = tokenizer.unk_token  # which may have another number now
    return reshape_embeddings(transformer, cut), cut.to_transformers()


def _count(tokenizer: Tokenizer, collection: Collection, counts: NDArray[np.int64]) -> None:
    """Add how often each sub-word comes in the texts of a collection to the counts."""
    own = Tokenizer.from_str(tokenizer.to_str())
    own.no_truncation()
    own.no_padding()
    for texts in texts_in_blocks(collection):
        for encoding in own.encode_batch_fast(texts, add_special_tokens=False):
            np.add.at(counts, encoding.ids, 1)


def _static(distilled: Any, unknown: str | None) -> SentenceTransformer:
    """Return what model2vec made as an encoder of sentence-transformers."""
    vectors = np.array(distilled.embedding, dtype=np.float32, order="C")
    state = json.loads(distilled.tokenizer.to_str())
    if state["model"]["type"] == "Unigram":
        # removing special tokens leaves the number of the unknown one as it was, which is another's now
        pieces = [piece for piece, _ in state["model"]["vocab"]]
        state["model"]["unk_id"] = pieces.index(unknown) if unknown in pieces else None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.no_truncation()
    if unknown is not None and (number := tokenizer.token_to_id(unknown)) is not None:
        vectors[number] = 0.0  # model2vec passes over it: this changes a mean's length only
    vectors *= INITIAL_SCALE / np.sqrt(np.mean(vectors**2))
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=vectors), Normalize()])


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the libraries' progress bars and remarks on tokenizers, which nobody can do anything about, away."""
    loggers = [logging.getLogger(name) for name in ("model2vec", "skeletoken")]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
