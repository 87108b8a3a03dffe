"""A token cache: every text is tokenised once, into a memory-mapped array; a batch is slices of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding, Transformer
from tokenizers import Tokenizer

from isoglot.checksums import LISTED, damaged, write_list
from isoglot.errors import IsoglotError

__all__ = ["FlatTokenizer", "TokenCache"]

logger = logging.getLogger(__name__)

TEXTS_A_READ = 2048
PROBES = ("a", "", "  Two  WORDS\n", "Ünïcodé 漢字 かな ไทย عربى हिन्दी \u200b", "one after the other " * 200)
"""Texts by which it is seen whether the tokenizer alone gives what the encoder's `preprocess` does."""
# What a text tokenizer returns that flat token ids hold or make unnecessary.
KNOWN_FEATURES = {"input_ids", "attention_mask", "token_type_ids", "prompt_length", "modality"}

ReadTexts = Callable[[np.ndarray], list[str]]


@dataclass(frozen=True)
class FlatTokenizer:
    """Tokenises texts to flat token ids, exactly as the encoder's own `preprocess` does, but without padding.

    Attributes:
        model: the encoder.
        prompt: put before every text.
        prompt_length: tokens of the prompt that pooling leaves out, 0 for none.
        alone: the tokenizer to call by itself, which takes a third of the time of `preprocess`; None where it does
            not do the same.
    """

    model: SentenceTransformer
    prompt: str | None = None
    prompt_length: int = 0
    alone: Tokenizer | None = None

    @classmethod
    def of(cls, model: SentenceTransformer, prompt: str | None = None) -> FlatTokenizer | None:
        """Return the tokenizer of an encoder; None for one that takes more than token ids of a single text, such as
        routers and models of images."""
        module = model[0]
        if type(module) is StaticEmbedding:
            return cls(model, prompt)._quickened()
        if type(module) is not Transformer or getattr(module, "tokenizer", None) is None:
            return None
        if module.modalities != ["text"] or module.query_expansion is not None:
            return None
        if module.query_length is not None or module.document_length is not None:  # lengths that differ by side
            return None
        if not hasattr(getattr(module.tokenizer, "backend_tokenizer", None), "to_str"):  # what it does is not told
            return None
        features = model.preprocess(["a"], prompt=prompt)
        if not set(features) <= KNOWN_FEATURES or "attention_mask" not in features:
            return None
        return cls(model, prompt, int(features.get("prompt_length", 0) or 0))._quickened()

    def _quickened(self) -> FlatTokenizer:
        """Return this with the tokenizer alone, if it does the same."""
        module: Any = self.model[0]
        backend = getattr(module.tokenizer, "backend_tokenizer", module.tokenizer)
        alone = Tokenizer.from_str(backend.to_str())
        alone.no_padding()
        if type(module) is Transformer and module.max_seq_length is not None:
            side = getattr(module.tokenizer, "truncation_side", "right")
            alone.enable_truncation(module.max_seq_length, direction=side)
        quick = replace(self, alone=alone)
        same = all(np.array_equal(*both) for both in zip(quick(list(PROBES)), self(list(PROBES)), strict=True))
        return quick if same else self

    def __call__(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids (T,) int32 of all texts one after the other, and their lengths (n,)."""
        if self.alone is not None:
            prompted = [self.prompt + text for text in texts] if self.prompt else texts
            special = type(self.model[0]) is Transformer
            parts = [one.ids for one in self.alone.encode_batch_fast(prompted, add_special_tokens=special)]
            lengths = np.fromiter(map(len, parts), np.int64, len(parts))
            return np.fromiter(chain.from_iterable(parts), np.int32, int(lengths.sum())), lengths
        features: dict[str, Any] = self.model.preprocess(texts, prompt=self.prompt)
        ids = features["input_ids"].numpy()
        if "offsets" in features:
            return ids.astype(np.int32), np.diff(features["offsets"].numpy(), append=len(ids))
        mask = features["attention_mask"].numpy().astype(bool)
        return ids[mask].astype(np.int32), mask.sum(axis=1)

    def fingerprint(self) -> bytes:
        """Return what decides the token ids of a text."""
        module: Any = self.model[0]
        tokenizer = module.tokenizer
        state = json.loads(getattr(tokenizer, "backend_tokenizer", tokenizer).to_str())
        kept = {key: value for key, value in state.items() if key not in ("truncation", "padding")}
        libraries = [version(name) for name in ("tokenizers", "transformers", "sentence-transformers")]
        call = [getattr(tokenizer, "truncation_side", None), getattr(module, "processing_kwargs", None)]
        parts = [type(module).__name__, module.max_seq_length, self.prompt, libraries, call, kept]
        return json.dumps(parts, sort_keys=True, default=str).encode()


class TokenCache:
    """Token ids of many texts, in one flat array on disk that the operating system pages in as it is read.

    Args:
        tokenizer: tokenises texts that are not cached yet.
        read: returns the texts of rows (n,).
        size: number of texts.
        folder: where the arrays are kept, by a hash of texts and tokenizer, for later runs; None for a file that is
            gone when the cache is, as also where the folder cannot be written to. What is not as it was written is
            tokenized again.

    Raises:
        IsoglotError: there is no room for a file.
    """

    def __init__(self, tokenizer: FlatTokenizer, read: ReadTexts, size: int, folder: Path | None = None) -> None:
        self.tokenizer, self._read, self._size = tokenizer, read, size
        if folder is not None:
            try:
                self._keep(folder)
                return
            except OSError as error:
                logger.warning("token ids are not kept: %s cannot be written (%s)", folder, _why(error))
        try:
            with tempfile.TemporaryDirectory(prefix="isoglot-tokens-", ignore_cleanup_errors=True) as scratch:
                self.ids, self.offsets = _fill(Path(scratch) / "tokens", tokenizer, read, size)
        except OSError as error:
            where = tempfile.gettempdir()
            raise IsoglotError(f"cannot write token ids to {where}: {_why(error)}; TMPDIR names another") from None

    def _keep(self, folder: Path) -> None:
        """Take what a folder has, or fill the cache there."""
        tokenizer, read, size = self.tokenizer, self._read, self._size
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{_fingerprint(tokenizer, read, size)}.tokens"
        if kept.exists() and (bad := damaged(kept / LISTED)):
            logger.warning("%s is damaged on the disk (%s): texts are tokenized again", kept, ", ".join(bad))
        elif kept.exists():
            self.ids, self.offsets = _open(kept)
            return
        # What is mapped stays readable whatever becomes of its name, so a process that fills the cache reads its
        # own files: another one that fills it at the same time can neither take them away nor be in the way.
        with tempfile.TemporaryDirectory(prefix=".tokens-", dir=folder, ignore_cleanup_errors=True) as scratch:
            filled = Path(scratch) / "tokens"
            self.ids, self.offsets = _fill(filled, tokenizer, read, size)
            write_list(filled / LISTED)
            if kept.exists() and damaged(kept / LISTED):
                with contextlib.suppress(OSError):  # another process was quicker
                    kept.rename(Path(scratch) / "broken")
            with contextlib.suppress(OSError):  # likewise; or an open file cannot be renamed, and nothing is kept
                filled.rename(kept)

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return the tokens of texts given by row (n,)."""
        return self.offsets[rows + 1] - self.offsets[rows]

    def flat(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return token ids (T,) int32 and lengths (n,) of texts given by row (n,)."""
        lengths = self.lengths(rows)
        starts = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.offsets[rows] - starts, lengths)
        return self.ids[positions], lengths


def flat_features(ids: np.ndarray, lengths: np.ndarray, prompt_length: int = 0) -> dict[str, Any]:
    """Return the encoder's inputs for texts in flat form: `input_ids` (T,), `offsets` (n,)."""
    features: dict[str, Any] = {
        "input_ids": torch.from_numpy(ids.astype(np.int64)),
        "offsets": torch.from_numpy(np.cumsum(lengths) - lengths),
    }
    if prompt_length:
        features["prompt_length"] = torch.tensor(prompt_length)
    return features


def _parts(read: ReadTexts, size: int) -> Iterator[list[str]]:
    for start in range(0, size, TEXTS_A_READ):
        yield read(np.arange(start, min(start + TEXTS_A_READ, size)))


def _fingerprint(tokenizer: FlatTokenizer, read: ReadTexts, size: int) -> str:
    digest = hashlib.blake2b(tokenizer.fingerprint(), digest_size=20)
    for texts in _parts(read, size):
        for text in texts:
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
    return digest.hexdigest()


def _fill(folder: Path, tokenizer: FlatTokenizer, read: ReadTexts, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokenise all texts, a few thousand at a time, into files."""
    folder.mkdir()
    lengths = [np.zeros(1, np.int64)]
    with (folder / "ids.bin").open("wb") as file:
        for texts in _parts(read, size):
            ids, of_each = tokenizer(texts)
            ids.tofile(file)
            lengths.append(of_each.astype(np.int64))
    np.save(folder / "offsets.npy", np.cumsum(np.concatenate(lengths)))
    return _open(folder)


def _why(error: OSError) -> str:
    return error.strerror or "no room on the disk"  # numpy says how many numbers it wrote


def _open(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    path = folder / "ids.bin"
    empty = not path.stat().st_size  # which cannot be mapped
    ids = np.empty(0, np.int32) if empty else np.memmap(path, np.int32, "r")
    return ids, np.load(folder / "offsets.npy", mmap_mode="r", allow_pickle=False)
