"""A token cache for static encoders: every text is tokenised once, a batch is slices of one array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

__all__ = ["StaticTokens"]

TEXTS_A_READ = 8192


class StaticTokens:
    """Token ids of many texts, in one flat array.

    Args:
        module: the encoder's first module, whose tokenizer is used.
        texts: the texts, in the order they will be asked for by row.
        prompt: put before every text.
    """

    def __init__(self, module: StaticEmbedding, texts: Sequence[str], prompt: str | None = None) -> None:
        parts: list[np.ndarray] = []
        lengths: list[int] = []
        for start in range(0, len(texts), TEXTS_A_READ):
            features = module.preprocess(list(texts[start : start + TEXTS_A_READ]), prompt=prompt)
            offsets = features["offsets"].numpy()
            parts.append(features["input_ids"].numpy().astype(np.int32))
            lengths.extend(np.diff(offsets, append=len(parts[-1])).tolist())
        self.ids = np.concatenate(parts) if parts else np.empty(0, np.int32)
        self.offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    def features(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Return the inputs of `StaticEmbedding` for texts given by row (B,): what `preprocess` would return."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        starts = np.cumsum(lengths) - lengths
        positions = np.arange(lengths.sum()) + np.repeat(self.offsets[rows] - starts, lengths)
        return {
            "input_ids": torch.from_numpy(self.ids[positions].astype(np.int64)),
            "offsets": torch.from_numpy(starts),
        }
