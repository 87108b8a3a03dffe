"""`Objective`: a weighted sum of terms, in the form of a sentence-transformers loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch

__all__ = ["Objective"]


class Objective(nn.Module):
    """Embeds a batch and adds up its terms; usable wherever sentence-transformers takes a loss.

    Args:
        model: the encoder being trained.
        terms: one term, or several with their weights.

    Raises:
        InputError: no term is given.
    """

    def __init__(self, model: SentenceTransformer, terms: nn.Module | Mapping[nn.Module, float]) -> None:
        super().__init__()
        weighted = {terms: 1.0} if isinstance(terms, nn.Module) else dict(terms)
        if not weighted:
            raise InputError("an objective needs at least one term")
        self.model = model
        self.terms = nn.ModuleList(weighted)
        self.weights: Sequence[float] = tuple(weighted.values())

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch, a scalar.

        Args:
            sentence_features: the encoder's inputs for B queries and for their B documents.
            labels: (B, 4) integers: query language, document language, query id, document id.
        """
        queries, documents = self._embed(*sentence_features)
        batch = EmbeddedBatch(queries, documents, *labels.unbind(dim=1))
        return sum(
            (w * term(batch) for w, term in zip(self.weights, self.terms, strict=True)),
            start=queries.new_zeros(()),
        )

    def _embed(self, queries: dict[str, Tensor], documents: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of queries and documents, (B, d) each."""
        if "offsets" not in queries:
            return self.model(queries)["sentence_embedding"], self.model(documents)["sentence_embedding"]
        # Bags of tokens have no padding, so one pass takes both, and the backward pass, which fills a gradient for
        # the whole vocabulary, is made once instead of twice.
        both = {
            "input_ids": torch.cat([queries["input_ids"], documents["input_ids"]]),
            "offsets": torch.cat([queries["offsets"], documents["offsets"] + len(queries["input_ids"])]),
        }
        embeddings = self.model(both)["sentence_embedding"]
        return tuple(embeddings.split([len(queries["offsets"]), len(documents["offsets"])]))
