"""`Objective`: a weighted sum of terms, in the form of a sentence-transformers loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from isoglot.errors import InputError
from isoglot.objectives.batch import BatchLabels, EmbeddedBatch, Role, Texts
from isoglot.objectives.matryoshka import Matryoshka, depends_on_dimensions
from isoglot.objectives.teacher import TeacherEmbeddings, TeacherScores
from isoglot.objectives.terms import Term, Terms, weighted_parts
from isoglot.training.execution.embedding import BatchEmbedder

__all__ = ["GIVE_SCORES", "GIVE_TEACHER", "Objective"]

GIVE_SCORES = "find hard negatives by isoglot mine with --teacher, and give negatives"
GIVE_TEACHER = "give teacher, the name of a model or embeddings:QUERIES,DOCUMENTS"


class Objective(nn.Module):
    """Embeds a batch and adds up its terms; usable wherever sentence-transformers takes a loss.

    Args:
        model: the encoder being trained.
        terms: one term, or several with weights, `InfoNCE() + 0.3 * KLAlignment()`; or a `Matryoshka` of them.
        languages: number of languages of the collection.
        english: language index of English, if the collection has it.
        teacher: its embeddings of the collection's texts, for terms that learn from one.
        scores: a cross-encoder's, for terms that learn from these.
        memory: bytes that activations may take before they are computed again in the backward pass; half of what
            is free at the first step if None.
        chunk_tokens: most tokens, padding included, that the encoder computes at a time; by device if None.

    Attributes:
        names: what the terms are called in logs: by their class, and the second one of a class `Name_2`.
        cuts: numbers of dimensions that embeddings are cut to and their weights (`Matryoshka`); () for whole ones.
        progress: share of the training that is done, in [0, 1]; the trainer sets it.
        embedder: embeds, and counts texts and tokens.

    Raises:
        InputError: no term is given, a weight is not a finite number, or a term needs a teacher or scores
            and there are none.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        terms: Terms | Matryoshka,
        *,
        languages: int = 1,
        english: int | None = None,
        teacher: TeacherEmbeddings | None = None,
        scores: TeacherScores | None = None,
        memory: int | None = None,
        chunk_tokens: int | None = None,
    ) -> None:
        super().__init__()
        size = int(model.get_embedding_dimension() or 0)
        self.cuts: tuple[tuple[int, float], ...] = ()
        if isinstance(terms, Matryoshka):
            self.cuts, terms = tuple(terms.of(size)), terms.objective
        parts = weighted_parts(terms)
        if not parts:
            raise InputError("an objective needs at least one term")
        self.model = model
        self.terms = nn.ModuleList(term for term, _ in parts)
        self.weights: Sequence[float] = tuple(weight for _, weight in parts)
        kinds = [type(term).__name__ for term in self.terms]
        earlier = [kinds[:number].count(kind) for number, kind in enumerate(kinds)]
        self.names = tuple(f"{kind}_{n + 1}" if n else kind for kind, n in zip(kinds, earlier, strict=True))
        self.progress = 0.0
        self.teacher = teacher
        self.scores = scores
        self.embedder = BatchEmbedder(memory, chunk_tokens)
        self._last: tuple[Tensor, Tensor, float] | None = None
        for name, term in zip(self.names, self.terms, strict=True):
            if isinstance(term, Term):
                if term.wants_english:
                    term.english = english
                if term.needs_teacher and teacher is None:
                    raise InputError(f"{name} learns from a teacher, and there is none: {GIVE_TEACHER}")
                if term.needs_scores and scores is None:
                    raise InputError(
                        f"{name} learns from a cross-encoder's scores, and there are none: {GIVE_SCORES}"
                    )
                term.teacher_dimensions = None if teacher is None else teacher.dimensions
                term.prepare(size, languages)

    @property
    def last_batch(self) -> EmbeddedBatch | None:
        """The embeddings of the last batch, without gradients; None before the first one."""
        return None if self._last is None else _batch(*self._last)

    @property
    def comparing(self) -> tuple[str, ...]:
        """The names of the terms that compare language versions of a text."""
        terms = zip(self.names, self.terms, strict=True)
        return tuple(name for name, term in terms if getattr(term, "needs_versions", False))

    @property
    def needs_versions(self) -> bool:
        """Whether there is such a term."""
        return bool(self.comparing)

    @property
    def negative_queries(self) -> int:
        """How many hard-negative queries the terms want for each query."""
        return max(getattr(term, "negative_queries", 0) for term in self.terms)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> dict[str, Tensor] | Tensor:
        """Return the loss of a batch: a scalar, or, of several terms, each one's weighted share by name.

        Args:
            sentence_features: the encoder's inputs for N queries and for M documents.
            labels: (N + M, 7) integers for queries and documents in this order: `BatchLabels`.

        Raises:
            InputError: a term compares language versions in training, and nobody added any to the batch.
        """
        features = list(sentence_features)
        if all("offsets" in part for part in features):
            embeddings = self.embedder(self.model, features)
        else:
            embeddings = torch.cat([self.model(part)["sentence_embedding"] for part in features])
        batch = self._seen(embeddings, labels)
        cut = [(batch.cut(size), weight) for size, weight in self.cuts]
        if self.training and self.needs_versions:
            self._check_versions(batch, BatchLabels.unpack(labels))
        shares: dict[str, Tensor] = {}
        for name, weight, term in zip(self.names, self.weights, self.terms, strict=True):
            if not isinstance(term, Term) or term.applies(batch):
                shares[name] = weight * _loss(term, batch, cut)
        self._last = (embeddings.detach(), labels, self.progress)
        if not shares:  # a kind of batch that no term looks at
            return 0.0 * embeddings.sum()
        if len(self.terms) == 1:
            return next(iter(shares.values()))
        return shares

    def _seen(self, embeddings: Tensor, labels: Tensor) -> EmbeddedBatch:
        """Return what terms see of a batch, teachers' embeddings and scores among it."""
        batch = _batch(embeddings, labels, self.progress, self.teacher)
        if self.scores is None or batch.domain:
            return batch
        assert batch.query_rows is not None
        assert batch.document_rows is not None
        return replace(batch, teacher_scores=self.scores.look_up(batch.query_rows, batch.document_rows))

    def _check_versions(self, batch: EmbeddedBatch, labels: BatchLabels) -> None:
        """Refuse batches in which a term that compares versions would silently find nothing to compare."""
        if batch.domain or not batch.paired or bool(labels.versions.any()):
            return
        repeated = len(batch.query_ids.unique()) < len(batch.query_ids)  # versions may be rows of their own
        if batch.other_queries is None and batch.other_documents is None and not repeated:
            raise InputError(
                f"the batches have no language versions of a text for {' and '.join(self.comparing)} to compare: "
                "give StepCollator versions=True, as HybridTrainer does, or leave the term out"
            )

    def get_extra_state(self) -> dict[str, float]:
        """Return what a run that continues must know besides parameters and buffers."""
        return self.embedder.state()

    def set_extra_state(self, state: dict[str, float]) -> None:
        """Restore it."""
        self.embedder.restore(state)

    def learning_rates(self) -> dict[str, float]:
        """Return the learning rates of terms that have their own: a pattern of parameter names -> rate."""
        return {
            rf"^terms\.{number}\.": term.learning_rate
            for number, term in enumerate(self.terms)
            if isinstance(term, Term) and term.learning_rate is not None and any(True for _ in term.parameters())
        }

    def metrics(self) -> dict[str, float]:
        """Return what the terms want logged, `Name_measure` -> value."""
        return {
            f"{name}_{measure}": value
            for name, term in zip(self.names, self.terms, strict=True)
            if isinstance(term, Term)
            for measure, value in term.metrics().items()
        }


def _loss(term: nn.Module, batch: EmbeddedBatch, cut: Sequence[tuple[EmbeddedBatch, float]]) -> Tensor:
    """Return the loss of a term on a batch, or the weighted sum of its losses on the batch with embeddings cut."""
    if not cut or depends_on_dimensions(term):
        loss: Tensor = term(batch)
        return loss
    return torch.stack([weight * term(one) for one, weight in cut]).sum()


def _batch(
    embeddings: Tensor, matrix: Tensor, progress: float, teacher: TeacherEmbeddings | None = None
) -> EmbeddedBatch:
    """Sort the texts of a batch by their roles."""
    labels = BatchLabels.unpack(matrix)
    # Texts of a role mostly follow each other. Pieces cut from a tensor, and put together again only where they
    # must be, make a quicker backward pass than rows picked from it.
    found, counts = labels.roles.unique_consecutive(return_counts=True)
    sizes = counts.tolist()
    runs = list(zip(found.tolist(), embeddings.split(sizes), matrix.split(sizes), strict=True))

    def of(*roles: Role) -> tuple[Tensor, BatchLabels]:
        """Return embeddings and labels of the texts of these roles."""
        chosen = [run[1:] for one in roles for run in runs if run[0] == one] or [(embeddings[:0], matrix[:0])]
        texts, rows = (one[0] if len(one) == 1 else torch.cat(one) for one in zip(*chosen, strict=True))
        return texts, BatchLabels.unpack(rows)

    def others(one: Role) -> Texts | None:
        texts, whose = of(one)
        return Texts(texts, whose.languages, whose.query_ids, whose.rows) if len(texts) else None

    queries, asked = of(Role.QUERY)
    documents, answers = of(Role.UNPAIRED_DOCUMENT)
    paired = not len(documents)
    if paired:
        documents, answers = of(Role.DOCUMENT, Role.NEGATIVE)
    return EmbeddedBatch(
        queries,
        documents,
        asked.languages,
        answers.languages,
        asked.query_ids,
        answers.ids,
        answers.query_ids,
        paired=paired,
        other_queries=others(Role.OTHER_QUERY),
        other_documents=others(Role.OTHER_DOCUMENT),
        domain=bool(labels.domain.any()),
        progress=progress,
        query_rows=asked.rows,
        document_rows=answers.rows,
        teacher=teacher,
    )
