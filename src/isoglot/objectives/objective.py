"""`Objective`: a weighted sum of terms, in the form of a sentence-transformers loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
        queries, documents = (self.model(features)["sentence_embedding"] for features in sentence_features)
        batch = EmbeddedBatch(queries, documents, *labels.unbind(dim=1))
        return sum(
            (w * term(batch) for w, term in zip(self.weights, self.terms, strict=True)),
            start=queries.new_zeros(()),
        )
