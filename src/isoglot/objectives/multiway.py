"""MultiwayInfoNCE: every version of a query against all documents of the batch, in all its languages."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.contrast import Temperature, log_sum
from isoglot.objectives.terms import Term

__all__ = ["MultiwayInfoNCE"]


class MultiwayInfoNCE(Term):
    r"""InfoNCE (arXiv 1807.03748) over a batch in many languages, each text embedded once. This project's own.

    `pooled`: every version i of a query is to find each of its documents p, in whatever language, among all
    documents of the batch that are not known to answer it:

    .. math:: \ell_{ip} = \log\Big(1 + \sum_{n \notin P(i)} e^{(s(q_i, d_n) - s(q_i, d_p))/T}\Big)

    with P(i) the documents relevant to i. A wrong document in the query's own language so costs as much as any
    other, which is what a multilingual pool asks for. `per_pair`: the sum runs over the documents in the language
    of p only: InfoNCE in each of the K² language pairs of the batch.

    The loss of a query is the mean of its ℓ with weights, α for a positive in the query's own language, 1 - α for
    one in another; that of the batch the mean over its queries.

    Relations: on a paired batch of one language pair both are `InfoNCE`; `InfoNCE` on a multiway batch is `pooled`
    with α = 0.5.

    Args:
        form: `pooled` or `per_pair`.
        alpha: weight of monolingual positives, from 0 to 1.
        temperature: T above 0.
        symmetric: also let every document find its queries among those of the batch, and take the mean.
        learn_temperature: learn T from there.
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.
        cross_temperature: T of ℓ of a positive in another language than the query's; `temperature` if None. It
            cannot be set where T is learned.

    Raises:
        InputError: no such form, or alpha outside [0, 1], or a temperature not above 0.

    Example:
        >>> from isoglot.objectives import MultiwayInfoNCE, example_batch
        >>> round(MultiwayInfoNCE(temperature=1.0)(example_batch()).item(), 4)
        0.3927
    """

    def __init__(
        self,
        form: str = "pooled",
        alpha: float = 0.5,
        temperature: float = 0.07,
        symmetric: bool = False,
        learn_temperature: bool = False,
        min_temperature: float = 0.01,
        max_temperature: float = 1.0,
        cross_temperature: float | None = None,
    ) -> None:
        if form not in ("pooled", "per_pair"):
            raise InputError(f"no form {form!r} of MultiwayInfoNCE: choose pooled or per_pair")
        if not 0 <= alpha <= 1:
            raise InputError(f"alpha must lie between 0 and 1, not {alpha}")
        super().__init__()
        self.form = form
        self.alpha = alpha
        self.symmetric = symmetric
        self.temperature = Temperature(temperature, learn_temperature, min_temperature, max_temperature)
        if learn_temperature and cross_temperature is not None:
            raise InputError("a learned temperature is one for all languages: leave cross_temperature out")
        self.cross_temperature = None if cross_temperature is None else Temperature(cross_temperature).initial
        self.learning_rate = self.temperature.learning_rate

    def extra_repr(self) -> str:
        """Show the settings."""
        cross = "" if self.cross_temperature is None else f", cross_temperature={self.cross_temperature}"
        return f"form={self.form}, alpha={self.alpha}, symmetric={self.symmetric}{cross}"

    def metrics(self) -> dict[str, float]:
        """Return the temperature, where it is learned."""
        return self.temperature.metrics()

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar; 0 where no positive has a weight."""
        scores = batch.similarities(self.temperature())
        positives, relevant = batch.positives(), batch.relevant()
        loss = self._one_way(scores, positives, relevant, batch.query_languages, batch.document_languages)
        if not self.symmetric:
            return loss
        back = self._one_way(scores.T, positives.T, relevant.T, batch.document_languages, batch.query_languages)
        return (loss + back) / 2

    def _one_way(
        self, scores: Tensor, positives: Tensor, relevant: Tensor, asking: Tensor, answering: Tensor
    ) -> Tensor:
        """Return the loss of rows finding columns: scores and relations are (Q, M), languages (Q,) and (M,)."""
        row, column = positives.nonzero(as_tuple=True)
        mono = (asking[row] == answering[column]).to(scores.dtype)
        weight = self.alpha * mono + (1 - self.alpha) * (1 - mono)
        losses = self._losses(scores, row, column, relevant, answering)
        if self.cross_temperature is not None:
            scaled = scores * (self.temperature.initial / self.cross_temperature)
            losses = torch.where(mono > 0, losses, self._losses(scaled, row, column, relevant, answering))
        total = torch.zeros(2, len(scores), dtype=scores.dtype, device=scores.device)
        weighted, weights = total.index_add(1, row, torch.stack([weight * losses, weight]))
        return (weighted / weights.clamp(min=torch.finfo(scores.dtype).tiny)).sum() / (weights > 0).sum().clamp(
            min=1
        )

    def _losses(self, scores: Tensor, row: Tensor, column: Tensor, relevant: Tensor, answering: Tensor) -> Tensor:
        """Return ℓ (P,) of P positives, given by their rows and columns."""
        if self.form == "pooled":
            sums = log_sum(scores, relevant)[row]
        else:
            languages, of_column = torch.unique(answering, return_inverse=True)
            columns = [of_column == one for one in range(len(languages))]
            by_language = [log_sum(scores[:, one], relevant[:, one]) for one in columns]
            sums = torch.stack(by_language, dim=1)[row, of_column[column]]
        # softplus(x) = log(1 + e^x): the loss of telling one positive from all negatives
        return functional.softplus(sums - scores[row, column])
