"""Batches of texts of like length, filled up to a number of tokens, so that a batch holds few padding tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from isoglot.errors import is_out_of_memory

__all__ = [
    "BATCH_SIZE",
    "BATCH_TOKENS",
    "CPU_TOKENS",
    "Texts",
    "encode_by_length",
    "fill_batches",
    "token_lengths",
]

logger = logging.getLogger(__name__)

IntArray = NDArray[np.integer[Any]]

BATCH_SIZE = 256
BATCH_TOKENS = 16_384
"""Padded tokens of a batch: 256 texts of 64, 64 of 256, 2 of 8,192."""
CPU_TOKENS = 4096
"""The same on a CPU, whose caches more of them outgrow (measured: a fifth slower)."""

READ = 4096
"""Texts read together, to be tokenized for their lengths, say."""
AT_ONCE = 1 << 16
"""Texts that a model without a transformer, which needs no batches of like length, gets together."""

PROMPTS = {"encode_query": ("query",), "encode_document": ("document", "passage", "corpus")}
"""Names of the model's own prompts, in the order in which sentence-transformers looks for them."""


@dataclass(frozen=True)
class Texts:
    """Texts that stay where they are, in Arrow, say, until some of them are needed as Python strings.

    Attributes:
        size: their number.
        take: returns the texts at positions (n,).
    """

    size: int
    take: Callable[[IntArray], list[str]]

    @classmethod
    def of(cls, texts: Sequence[str] | Texts) -> Texts:
        """Return texts as such; what is one already stays."""
        return (
            texts if isinstance(texts, Texts) else cls(len(texts), lambda at: [texts[one] for one in at.tolist()])
        )

    def part(self, rows: IntArray) -> Texts:
        """Return the texts at positions (n,)."""
        return Texts(len(rows), lambda at: self.take(rows[at]))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[str]:
        return (text for part in self.parts() for text in part)

    def positions(self, size: int) -> list[IntArray]:
        """Return the positions of all texts in order, in parts of so many."""
        return [np.arange(start, min(start + size, self.size)) for start in range(0, self.size, size)]

    def parts(self) -> Iterator[list[str]]:
        """Yield all texts in order, some at a time."""
        yield from map(self.take, self.positions(READ))


def _transformer(model: Any) -> Any | None:
    """Return the first transformer of a model; None where it has none."""
    from sentence_transformers.base.modules import Transformer

    if not isinstance(model, torch.nn.Module):
        return None
    return next((part for part in model.modules() if isinstance(part, Transformer)), None)


def _prompt(model: Any, method: str, prompt: str | None) -> str:
    """Return what a method of the model puts before a text."""
    known = model.prompts
    names = [name for name in (*PROMPTS[method], model.default_prompt_name) if name in known]
    return prompt if prompt is not None else known[names[0]] if names else ""


def token_lengths(
    model: Any, texts: Sequence[str] | Texts, method: str, prompt: str | None = None
) -> IntArray | None:
    """Count the tokens of texts as a model reads them: with prompt and special tokens, cut to its longest input.

    Args:
        model: any sentence-transformers model.
        texts: the texts (n,).
        method: `encode_query` or `encode_document`.
        prompt: put before each text; None for the model's own.

    Returns:
        (n,) tokens, where a prompt runs into a text by one more or less; None for models without a transformer,
        to which lengths do not matter.
    """
    transformer = _transformer(model)
    tokenizer = getattr(transformer, "tokenizer", None)
    if tokenizer is None:
        return None
    flags = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    before = len(tokenizer(_prompt(model, method, prompt), add_special_tokens=False, **flags)["input_ids"])
    found: list[int] = []
    for part in Texts.of(texts).parts():
        found += [len(ids) for ids in tokenizer(part, padding=False, truncation=False, **flags)["input_ids"]]
    return np.minimum(np.array(found, np.int64) + before, getattr(transformer, "max_seq_length", None) or 1 << 40)


def fill_batches(lengths: IntArray, batch_size: int, batch_tokens: int) -> list[IntArray]:
    """Cut texts, longest first, into batches that are full at so many texts or at so many padded tokens.

    Args:
        lengths: (n,) tokens of each text.
        batch_size: most texts of a batch.
        batch_tokens: most tokens of a batch, every text counting as many as the longest of its batch; a text that
            alone has more is a batch by itself.

    Returns:
        For each batch the positions of its texts.
    """
    order = np.argsort(-lengths, kind="stable")  # longest first: what does not fit in memory fails at once
    batches: list[IntArray] = []
    start = 0
    while start < len(order):
        count = min(batch_size, max(1, batch_tokens // max(int(lengths[order[start]]), 1)))
        batches.append(order[start : start + count])
        start += count
    return batches


def encode_by_length(
    model: Any,
    method: str,
    texts: Sequence[str] | Texts,
    *,
    prompt: str | None = None,
    batch_size: int = BATCH_SIZE,
    batch_tokens: int | None = None,
    progress: bool = False,
    **options: Any,
) -> NDArray[Any]:
    """Encode texts with `encode_query` or `encode_document` of a model, in batches of like length.

    The embeddings are those of a single call, up to rounding: each batch goes through the model's own method, so
    prompts and routers apply. A model without a transformer gets the texts in order, `AT_ONCE` in a call. Where
    memory does not suffice, batches are cut in halves from there on, which is said in the log.

    Args:
        model: any sentence-transformers model.
        method: `encode_query` or `encode_document`.
        texts: the texts (n,), n ≥ 1.
        prompt: put before each text; None for the model's own.
        batch_size: most texts of a batch.
        batch_tokens: most padded tokens of a batch; None for `CPU_TOKENS` on a CPU and `BATCH_TOKENS` elsewhere.
        progress: show a progress bar.
        **options: more arguments of the method.

    Returns:
        The embeddings (n, d), in the order of the texts.
    """
    encode: Callable[..., Any] = getattr(model, method)
    texts = Texts.of(texts)
    lengths = token_lengths(model, texts, method, prompt)
    if lengths is None:
        batches = texts.positions(AT_ONCE)
    else:
        if batch_tokens is None:
            batch_tokens = CPU_TOKENS if model.device.type == "cpu" else BATCH_TOKENS
        batches = fill_batches(lengths, batch_size, batch_tokens)
    found: NDArray[Any] | None = None
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"encoding {texts.size:,} texts", total=texts.size)
        pieces = 1
        for batch in batches:
            part = texts.take(batch)

            def encode_piece(piece: list[str]) -> NDArray[Any]:
                size = min(batch_size, len(piece))
                return np.asarray(encode(piece, prompt=prompt, batch_size=size, show_progress_bar=False, **options))

            embeddings, pieces = _in_pieces(encode_piece, part, pieces)
            if found is None:
                found = np.empty((texts.size, *embeddings.shape[1:]), embeddings.dtype)
            found[batch] = embeddings
            bar.update(task, advance=len(part))
    assert found is not None  # there are texts
    return found


def _in_pieces(
    encode: Callable[[list[str]], NDArray[Any]], texts: list[str], pieces: int
) -> tuple[NDArray[Any], int]:
    """Encode texts in so many pieces, or in twice as many each time that memory does not suffice.

    Returns:
        The embeddings, and in how many pieces it went.
    """
    while True:
        size = -(-len(texts) // pieces)
        try:
            parts = [encode(texts[start : start + size]) for start in range(0, len(texts), size)]
            return (parts[0] if len(parts) == 1 else np.concatenate(parts)), pieces
        except Exception as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        pieces *= 2  # here, where what the error held on to is gone
        logger.warning("out of memory: batches are cut in %d from here on; a smaller batch_size avoids it", pieces)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
