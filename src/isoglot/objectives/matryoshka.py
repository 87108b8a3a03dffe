"""`Matryoshka`: an objective that embeddings meet when cut to their first dimensions, too."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from isoglot.errors import InputError
from isoglot.objectives.terms import Term, Terms

__all__ = ["Matryoshka", "depends_on_dimensions"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Matryoshka:
    r"""An objective on the first dimensions of embeddings, of several lengths at once, so that they can be cut
    afterwards (Matryoshka representation learning; Kusupati et al., arXiv 2205.13147).

    .. math:: \sum_m c_m L(x_{1:m})

    over dimensions m with weights c, L being the objective. The encoder runs once; similarities of cut embeddings
    are those at unit length.

    Terms whose parameters depend on the number of dimensions (`LanguageAdversary`, and every term with a `prepare`
    of its own) see whole embeddings, once.

    Relations: of one `InfoNCE(temperature=T)` it is sentence-transformers' `MatryoshkaLoss` around
    `MultipleNegativesRankingLoss(scale=1 / T)`. `isoglot evaluate --truncate-dim 64,128` measures what it costs.

    Args:
        objective: a term, or several with their weights.
        dimensions: numbers of dimensions, those of whole embeddings among them: nothing else trains what lies
            beyond the largest.
        weights: c, above 0; 1 each if None.

    Raises:
        InputError: dimensions or weights make no sense.

    Example:
        >>> from isoglot.objectives import InfoNCE, Matryoshka
        >>> Matryoshka(InfoNCE(), [64, 128, 256]).shares
        ((64, 1.0), (128, 1.0), (256, 1.0))
    """

    objective: Terms
    dimensions: Sequence[int]
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        cuts = list(self.dimensions)
        if not cuts or min(cuts) < 1 or len(set(cuts)) < len(cuts):
            raise InputError(f"matryoshka must be different numbers of dimensions, at least 1 each, not {cuts}")
        if self.weights is not None and len(self.weights) != len(cuts):
            raise InputError(
                f"matryoshka has {len(cuts)} dimensions and {len(self.weights)} weights: give one each"
            )
        for weight in self.weights or ():
            if not 0 < weight < math.inf:
                raise InputError(f"the weights of matryoshka must be above 0, not {weight}")

    @property
    def shares(self) -> tuple[tuple[int, float], ...]:
        """Numbers of dimensions and their weights."""
        return tuple(zip(self.dimensions, self.weights or [1.0] * len(self.dimensions), strict=True))

    def of(self, size: int) -> Iterator[tuple[int, float]]:
        """Yield numbers of dimensions and their weights for embeddings of so many dimensions.

        Raises:
            InputError: they have fewer than are asked for.
        """
        most = max(self.dimensions)
        if most > size:
            raise InputError(f"matryoshka has {most} dimensions, and the encoder {size}: leave {most} out")
        if most < size:
            logger.warning(
                "matryoshka does not train dimensions %d to %d: add %d to train them too", most + 1, size, size
            )
        yield from self.shares


def depends_on_dimensions(term: object) -> bool:
    """Tell whether a term makes parameters that fit embeddings of one size only."""
    return isinstance(term, Term) and type(term).prepare is not Term.prepare
