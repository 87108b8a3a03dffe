"""Chunks: the texts of a batch in groups of similar length, each padded no further than it must be."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["cut_chunks", "padded"]

SIMILAR = 0.8  # texts of at least this share of a chunk's longest are padded to it gladly
WORTHWHILE = 0.25  # of the token budget


def cut_chunks(lengths: np.ndarray, tokens: int, groups: np.ndarray | None = None) -> list[np.ndarray]:
    """Cut texts into chunks of at most so many tokens, padding included, the longest texts first.

    Args:
        lengths: (N,) tokens of each text.
        tokens: most tokens of a chunk, padded; a longer text makes a chunk of its own.
        groups: (N,) integers; texts of different groups are never in one chunk. One group if None.

    Returns:
        Positions of each chunk's texts; together every position once.
    """
    if groups is not None and len(found := np.unique(groups)) > 1:
        return [
            positions[chunk]
            for group in found
            for positions in [np.flatnonzero(groups == group)]
            for chunk in cut_chunks(lengths[positions], tokens)
        ]
    order = np.argsort(-lengths, kind="stable")
    descending = -lengths[order]
    chunks: list[np.ndarray] = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        end = start + max(1, tokens // longest)
        # Shorter texts wait for a chunk of their own, once this one is large enough to be worth a pass.
        similar = int(np.searchsorted(descending, -SIMILAR * longest, side="right"))
        end = min(end, max(similar, start + 1 + int(tokens * WORTHWHILE) // longest))
        chunks.append(order[start:end])
        start = end
    return chunks


def padded(ids: Tensor, offsets: Tensor, lengths: np.ndarray, chunk: np.ndarray, pad: int) -> dict[str, Tensor]:
    """Return `input_ids` and `attention_mask` (n, longest) of a chunk's texts, padded on the right.

    Args:
        ids: (T,) token ids of all texts, one after the other.
        offsets: (N,) where each text starts.
        lengths: (N,) tokens of each text.
        chunk: (n,) positions of the texts wanted.
        pad: token id to pad with.
    """
    wide = int(lengths[chunk].max(initial=1))
    device = ids.device
    rows = torch.from_numpy(chunk).to(device)
    columns = torch.arange(wide, device=device)
    mask = columns < torch.from_numpy(lengths[chunk]).to(device)[:, None]
    places = (offsets[rows][:, None] + columns).clamp_(max=max(len(ids) - 1, 0))
    return {"input_ids": ids[places].masked_fill_(~mask, pad), "attention_mask": mask.long()}
