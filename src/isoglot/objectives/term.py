"""`Term`: one summand of a training objective."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from isoglot.objectives.batch import EmbeddedBatch

__all__ = ["Term"]


class Term(nn.Module):
    """A function of an `EmbeddedBatch`, perhaps with parameters of its own.

    Attributes:
        needs_versions: whether it compares language versions, so that batches must bring queries and documents in
            more than one language. `multiway` batches do; to others the trainer adds one version of each text.
        on_labelled: whether it applies to batches of queries and relevant documents.
        on_domain: whether it applies to batches of crops of unlabelled target-domain text.
        wants_english: whether it asks which language is English.
        english: language index of English, None if the collection has none; set before training.
        learning_rate: of its own parameters; None for that of the encoder.
    """

    needs_versions: ClassVar[bool] = False
    on_labelled: ClassVar[bool] = True
    on_domain: ClassVar[bool] = False
    wants_english: ClassVar[bool] = False
    english: int | None = None
    learning_rate: float | None = None

    def prepare(self, dimensions: int, languages: int) -> None:
        """Make the parameters that depend on the embeddings' size d and on the number of languages. Called once,
        before training; does nothing in terms that have none."""

    def applies(self, batch: EmbeddedBatch) -> bool:
        """Return whether the term has a part in this kind of batch."""
        return self.on_domain if batch.domain else self.on_labelled

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        raise NotImplementedError

    def metrics(self) -> dict[str, float]:
        """Return what should be logged beside the loss, gathered since the last call; nothing by default."""
        return {}
