"""LanguageAdversary: embeddings from which a classifier cannot tell the language."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.contrast import unit
from isoglot.objectives.terms import Term
from isoglot.objectives.versions import Side, check_side

__all__ = ["LanguageAdversary", "reverse_gradient"]

DOMAIN_QUEUE = 1024


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return embeddings.view_as(embeddings)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return -ctx.factor * gradients[0], None


def reverse_gradient(embeddings: Tensor, factor: float) -> Tensor:
    """Return the embeddings as they are; their gradient is multiplied by -factor on its way back (the
    gradient-reversal layer of arXiv 1505.07818)."""
    reversed_: Tensor = _Reversal.apply(embeddings, factor)
    return reversed_


class EmbeddingQueue(nn.Module):
    """The newest embeddings of a run, without gradients, newest first; part of the `state_dict`.

    Args:
        size: how many it holds.
        dimensions: d.

    Attributes:
        embeddings: (size, d).
        labels: (size,) class of each; -1 where there is none yet.
    """

    embeddings: Tensor
    labels: Tensor

    def __init__(self, size: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.zeros(size, dimensions))
        self.register_buffer("labels", torch.full((size,), -1))

    def push(self, embeddings: Tensor, labels: Tensor) -> None:
        """Take in embeddings (n, d) and their labels (n,); the oldest leave."""
        # New tensors, not changed ones: a backward pass to come may still need the old.
        size = len(self.labels)
        newest = embeddings.detach().to(self.embeddings)
        self.embeddings = torch.cat([newest, self.embeddings])[:size]
        self.labels = torch.cat([labels.to(self.labels), self.labels])[:size]


class LanguageAdversary(Term):
    r"""Domain-adversarial training with languages as domains (Ganin et al., arXiv 1505.07818): a classifier learns
    to tell the language of an embedding, and the encoder, behind a gradient-reversal layer, learns to make it fail.

    .. math:: L = -\frac1N \sum_i \log c(x_i)_{l_i}, \qquad
        \theta_c \leftarrow \theta_c - \mu \frac{\partial L}{\partial \theta_c}, \quad
        \frac{\partial L}{\partial x_i} \text{ reaches the encoder times } -\lambda(p), \quad
        \lambda(p) = \lambda_{max} \Big(\frac2{1 + e^{-10 p}} - 1\Big)

    over the N queries and documents x of the batch (hard negatives and other versions included) at unit length,
    with their languages l, c the classifier's softmax, and p the share of the training that is done. The value is
    the *classifier's* loss, which the encoder is to raise, at best to the entropy of the languages.

    With `momentum` (after MoDIR, arXiv 2110.07581) the classifier learns from a queue of the newest embeddings
    instead, this batch's among them, so that it neither forgets nor depends on what one batch holds; the encoder
    gets the reversed gradient for its batch from the classifier as it is. The value is then the sum of both losses.
    (MoDIR asks the encoder for even predictions, here it gets the reversed gradient.)

    Relations: `LanguageContrast` takes language out without a classifier, but needs parallel texts; this needs
    none. Neither says what an embedding should mean; they go with `InfoNCE`. What it achieved is best asked of a
    new classifier: `language_identification` in the evaluation's geometry.

    Args:
        max_lambda: the factor at the end of the training, above 0.
        hidden: units of the classifier's hidden layer; None for a linear classifier.
        learning_rate: of the classifier, above 0; usually well above the encoder's.
        side: whose embeddings are classified: `queries`, `documents` or `both`.
        target: `language`; or `domain`: whether a batch holds queries and documents (0) or unlabelled target-domain
            text (1).
        momentum: embeddings in the queue. None: no queue for languages, and 1,024 for domains, for a batch is all
            of one domain and teaches nothing by itself.

    Raises:
        InputError: a setting makes no sense.

    Example:
        >>> from isoglot.objectives import LanguageAdversary, example_batch
        >>> term = LanguageAdversary()
        >>> term.prepare(dimensions=3, languages=2)
        >>> loss = term(example_batch())
        >>> round(term.metrics()["chance"], 3)  # half of the texts are in each language
        0.5
    """

    def __init__(
        self,
        max_lambda: float = 1.0,
        hidden: int | None = 128,
        learning_rate: float = 1e-3,
        side: Side = "both",
        target: Literal["language", "domain"] = "language",
        momentum: int | None = None,
    ) -> None:
        super().__init__()
        for name, value in (("max_lambda", max_lambda), ("learning_rate", learning_rate)):
            if not 0 < value < math.inf:
                raise InputError(f"{name} must be above 0, not {value}")
        for name, units in (("hidden", hidden), ("momentum", momentum)):
            if units is not None and units < 1:
                raise InputError(f"{name} must be at least 1, or None for none, not {units}")
        check_side(side)
        if target not in ("language", "domain"):
            raise InputError(f"an adversary cannot classify {target!r}: choose language or domain")
        self.max_lambda = max_lambda
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.side = side
        self.target = target
        self.on_domain = target == "domain"  # type: ignore[misc]
        self.momentum = DOMAIN_QUEUE if momentum is None and target == "domain" else momentum
        self.classifier: nn.Module | None = None
        self.queue: EmbeddingQueue | None = None
        self._correct: Tensor | int = 0
        self._seen: Tensor | int = 0

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"{self.target}, max_lambda={self.max_lambda}, side={self.side}, momentum={self.momentum}"

    def prepare(self, dimensions: int, languages: int) -> None:
        """Make the classifier of embeddings (N, dimensions), and the queue.

        Raises:
            InputError: there is only one language to tell.
        """
        classes = 2 if self.target == "domain" else languages
        if classes < 2:
            raise InputError("a language adversary needs a collection of at least two languages")
        if self.hidden is None:
            self.classifier = nn.Linear(dimensions, classes)
        else:
            self.classifier = nn.Sequential(
                nn.Linear(dimensions, self.hidden), nn.ReLU(), nn.Linear(self.hidden, classes)
            )
        if self.momentum is not None:
            self.queue = EmbeddingQueue(self.momentum, dimensions)

    def reversal(self, progress: float) -> float:
        """Return lambda at a share of the training that is done, in [0, 1]."""
        return self.max_lambda * (2 / (1 + math.exp(-10 * progress)) - 1)

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar.

        Raises:
            InputError: `prepare` has not been called.
        """
        if self.classifier is None:
            raise InputError("call prepare(dimensions, languages) before an adversary's first batch")
        embeddings, labels = self._texts(batch)
        with torch.autocast(embeddings.device.type, enabled=False):
            # Entries of about 1 instead of vectors of length 1: what a layer's initial weights are made for.
            inputs = unit(embeddings) * math.sqrt(embeddings.shape[1])
            reversed_ = reverse_gradient(inputs, self.reversal(batch.progress))
            if self.queue is None:
                logits = self.classifier(reversed_)
                loss = functional.cross_entropy(logits, labels)
            else:
                if self.training:
                    self.queue.push(inputs, labels)
                logits = functional_call(self.classifier, _constants(self.classifier), reversed_)
                past = self.classifier(self.queue.embeddings)
                loss = functional.cross_entropy(logits, labels)
                loss = loss + _mean_cross_entropy(past, self.queue.labels)
        if self.training:
            self._correct = self._correct + (logits.argmax(dim=1) == labels).sum()
            self._seen = self._seen + torch.bincount(labels, minlength=logits.shape[1])
        return loss

    def metrics(self) -> dict[str, float]:
        """Return the classifier's `accuracy` on the training batches since the last call, and `chance`, the share
        of their most frequent class: an adversary that has won shows one near the other."""
        if isinstance(self._seen, int) or isinstance(self._correct, int):
            return {}
        seen = int(self._seen.sum())
        gathered = {"accuracy": int(self._correct) / seen, "chance": int(self._seen.max()) / seen}
        self._correct = self._seen = 0
        return gathered

    def _texts(self, batch: EmbeddedBatch) -> tuple[Tensor, Tensor]:
        """Return the embeddings (N, d) to classify and their classes (N,)."""
        embeddings, languages = [], []
        if self.side != "documents":
            queries = batch.query_versions()
            embeddings.append(queries.embeddings)
            languages.append(queries.languages)
        if self.side != "queries":
            embeddings.append(batch.documents)
            languages.append(batch.document_languages)
            if batch.other_documents is not None:
                embeddings.append(batch.other_documents.embeddings)
                languages.append(batch.other_documents.languages)
        labels = torch.cat(languages)
        if self.target == "domain":
            labels = torch.full_like(labels, int(batch.domain))
        return torch.cat(embeddings), labels


def _constants(module: nn.Module) -> dict[str, Tensor]:
    """Return a module's parameters without their gradients."""
    return {name: parameter.detach() for name, parameter in module.named_parameters()}


def _mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross entropy over the labels that are not -1; 0 if there is none."""
    total = functional.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp(min=1)
