"""Embeddings of what is searched and of questions, as an evaluation makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from isoglot.errors import InputError
from isoglot.evaluation.batches import BATCH_SIZE, Texts, encode_by_length
from isoglot.evaluation.cache import model_fingerprint
from isoglot.evaluation.embed import Spoken, takes_language, text_encoder, unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["embed_documents", "embed_query", "embedding_bar", "vector_fingerprint"]

FloatArray = NDArray[np.float32]


def embed_documents(
    model: SentenceTransformer,
    texts: list[str],
    languages: list[str],
    *,
    batch_size: int = BATCH_SIZE,
    batch_tokens: int | None = None,
) -> FloatArray:
    """Return the vectors (n, d), of unit length, of documents.

    Args:
        model: any sentence-transformers model.
        texts: (n,), n ≥ 1.
        languages: (n,) tag of each.
        batch_size: most texts of a forward pass.
        batch_tokens: most tokens of one, with padding; None for what `embed_collection` takes.

    Raises:
        InputError: a vector is NaN or infinite.
    """
    tags = sorted(set(languages))
    spoken = Spoken(np.array([tags.index(tag) for tag in languages]), tags)
    with text_encoder(model, batch_size=batch_size, batch_tokens=batch_tokens) as encode:
        found = encode("encode_document", Texts.of(texts), spoken)
    return unit_rows(found, "documents", len(texts))


def embed_query(model: SentenceTransformer, text: str, language: str | None) -> FloatArray:
    """Return the vector (d,), of unit length, of a question.

    Args:
        model: any sentence-transformers model.
        text: the question.
        language: its tag, which a model is told that asks for it; None where it is not known.

    Raises:
        InputError: it is empty or no text, or the vector is NaN or infinite.
    """
    if not text.strip():
        raise InputError("the question is empty: ask for something")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the question is no Unicode text at character {error.start + 1}") from None
    told: dict[str, Any] = {"language": language} if language is not None and takes_language(model) else {}
    found = encode_by_length(model, "encode_query", [text], normalize_embeddings=True, **told)
    vector: FloatArray = unit_rows(found, "the question", 1)[0]
    return vector


@contextmanager
def embedding_bar(total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """Yield what is told how many of so many documents are embedded, and shows it on standard error."""
    with Progress(console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task(f"embedding {total:,} documents", total=total)
        yield lambda done: bar.update(task, completed=done)


def vector_fingerprint(model: Any) -> str | None:
    """Return a hash of what decides a model's vectors, whatever the versions of libraries."""
    return model_fingerprint(model, libraries=False)
