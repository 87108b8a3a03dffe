"""`Term`: one summand of a training objective; `Weighted` and `Sum`: what objectives are made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from torch import Tensor, nn

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch

__all__ = ["Sum", "Term", "Terms", "Weighted", "weighted_parts"]


class _Summand:
    """What can be added up and multiplied by a number."""

    def __mul__(self: Any, weight: float) -> Weighted | Sum:
        if not isinstance(weight, Real):
            return NotImplemented
        scaled = tuple((term, weight * of_term) for term, of_term in weighted_parts(self))
        return Sum(scaled) if isinstance(self, Sum) else Weighted(*scaled[0])

    __rmul__ = __mul__

    def __add__(self: Any, other: Term | Weighted | Sum) -> Sum:
        if not isinstance(other, _Summand):
            return NotImplemented
        return Sum(weighted_parts(self) + weighted_parts(other))


@dataclass(frozen=True)
class Weighted(_Summand):
    """A term with a weight, written `0.3 * KLAlignment()`.

    Raises:
        InputError: the weight is not a finite number.
    """

    term: nn.Module
    weight: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            name = type(self.term).__name__
            raise InputError(f"the weight of {name} must be a finite number, not {self.weight}")


@dataclass(frozen=True)
class Sum(_Summand):
    """A weighted sum of terms, written `InfoNCE() + 0.3 * KLAlignment()`; sums of sums are one sum.

    Attributes:
        parts: terms and their weights.

    Raises:
        InputError: a weight is not a finite number.

    Example:
        >>> import isoglot as ig
        >>> objective = ig.InfoNCE() + 0.3 * (ig.KLAlignment() + 2 * ig.LanguageContrast())
        >>> [(type(term).__name__, weight) for term, weight in objective.parts]
        [('InfoNCE', 1.0), ('KLAlignment', 0.3), ('LanguageContrast', 0.6)]
    """

    parts: tuple[tuple[nn.Module, float], ...]

    def __post_init__(self) -> None:
        for term, weight in self.parts:
            Weighted(term, weight)


Summand = nn.Module | Weighted | Sum
Terms = Summand | Mapping[nn.Module, float] | Iterable[Summand | tuple[nn.Module, float]]
"""An objective, in whatever form it is given."""


def weighted_parts(objective: Terms) -> tuple[tuple[nn.Module, float], ...]:
    """Return the terms of an objective and their weights.

    Raises:
        InputError: a weight is not a finite number.
    """
    if isinstance(objective, nn.Module):
        return ((objective, 1.0),)
    if isinstance(objective, Weighted):
        return ((objective.term, objective.weight),)
    if isinstance(objective, Sum):
        return objective.parts
    listed = objective.items() if isinstance(objective, Mapping) else objective
    parts = [(one,) if isinstance(one, tuple) else weighted_parts(one) for one in listed]
    return Sum(tuple(part for some in parts for part in some)).parts


class Term(_Summand, nn.Module):
    """A function of an `EmbeddedBatch`, perhaps with parameters of its own.

    Terms are multiplied by weights and added up: see `Sum`.

    Attributes:
        needs_versions: whether it compares language versions, so that batches must bring queries and documents in
            more than one language. `multiway` batches do; to others the trainer adds one version of each text.
        on_labelled: whether it applies to batches of queries and relevant documents.
        on_domain: whether it applies to batches of crops of unlabelled target-domain text.
        wants_english: whether it asks which language is English.
        needs_teacher: whether it compares embeddings with a teacher's.
        needs_scores: whether it compares similarities with a cross-encoder's scores.
        english: language index of English, None if the collection has none; set before training.
        teacher_dimensions: size t of the teacher's embeddings, None without a teacher; set before `prepare`.
        negative_queries: how many hard-negative queries it wants the trainer to add for each query of a batch.
        learning_rate: of its own parameters; None for that of the encoder.
    """

    needs_versions: ClassVar[bool] = False
    on_labelled: ClassVar[bool] = True
    on_domain: ClassVar[bool] = False
    wants_english: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = False
    needs_scores: ClassVar[bool] = False
    english: int | None = None
    teacher_dimensions: int | None = None
    negative_queries: int = 0
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
