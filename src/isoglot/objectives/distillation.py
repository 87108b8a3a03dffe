"""Terms by which an encoder learns from a teacher."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.contrast import Temperature, cosine_similarity, cosine_sum
from isoglot.objectives.teacher import Of, check_of
from isoglot.objectives.terms import Term
from isoglot.objectives.versions import Side, check_side

__all__ = ["EmbeddingDistillation", "ScoreDistillation", "SimilarityDistillation"]

Distance = Literal["cosine", "squared"]
DISTANCES = ("cosine", "squared")
Form = Literal["margin_mse", "kl"]
FORMS = ("margin_mse", "kl")


class TeacherTerm(Term):
    """A term that compares embeddings with a teacher's of the same texts.

    Args:
        of: `english`: with its embedding of the text's English version, where the collection has one, else of the
            text itself; `own`: of the text itself.

    Raises:
        InputError: there is no such `of`.
    """

    needs_teacher: ClassVar[bool] = True

    def __init__(self, of: Of = "english") -> None:
        super().__init__()
        check_of(of)
        self.of: Of = of

    def taught(self, batch: EmbeddedBatch, texts: Texts) -> tuple[Tensor, Tensor]:
        """Return the embeddings of texts (n, d), those that the teacher has no embedding of left out, and the
        teacher's (n, t).

        Raises:
            InputError: the batch has no teacher.
        """
        if batch.teacher is None or texts.rows is None:
            raise InputError(
                f"{type(self).__name__} needs a teacher: give HybridTrainer, or Objective, the teacher whose "
                "embeddings it compares with"
            )
        teacher, known = batch.teacher.look_up(texts.rows, self.of)
        embeddings = texts.embeddings
        if not bool(known.all()):
            teacher, embeddings = teacher[known], embeddings[known]
        return embeddings, teacher.to(torch.promote_types(embeddings.dtype, torch.float32))


class EmbeddingDistillation(TeacherTerm):
    r"""A teacher's embedding of a text in English is what the student's of the text in any language approaches
    (Reimers and Gurevych, arXiv 2004.09813).

    .. math:: \frac1N \sum_i 1 - \cos(W x_i, t_i) \quad\text{or}\quad \frac1N \sum_i \lVert W x_i - t_i \rVert^2

    over the N texts x of the batch, queries, documents, hard negatives and versions alike, with the teacher's
    embedding t, at unit length, of each one's English version; where the collection has none, and of texts that are
    English, of the text itself. W is the identity where teacher and student have as many dimensions; else a matrix
    that is learned along, kept with checkpoints, and no part of the model. Texts that the teacher has no embedding
    of are left out; 0 if there is no other. It does not apply to domain batches, whose crops no teacher has read.

    A query's English version is the query of the same id. A document's is the English document that answers the
    same query, if of these there is one in English and one in the document's own language; if there are more, or
    its queries name several, nobody knows whose translation it is, and it has none.

    Relations: equal to sentence-transformers' `EmbedDistillLoss` with `cosine`, and with `mse` to `squared` divided
    by t. `of="own"` is EmbedDistill's (arXiv 2301.12005), for teachers that know all languages. It asks each text
    for a place, and no text to be far from others; with `MultiwayInfoNCE` it is the second stage of MIMO (arXiv
    2605.31171). `SimilarityDistillation` asks for the teacher's similarities alone, whatever the places.

    Args:
        of: `english`, or `own`: the teacher's embedding of the text itself.
        distance: `cosine`, or `squared`, of the student's embedding as it is and the teacher's at unit length.
        side: whose embeddings learn: of `queries`, `documents` or `both`.
        learning_rate: of W, above 0.

    Raises:
        InputError: a setting makes no sense.

    Example:
        >>> import numpy as np
        >>> from dataclasses import replace
        >>> from isoglot.objectives import EmbeddingDistillation, TeacherEmbeddings, example_batch
        >>> teacher = TeacherEmbeddings(np.eye(3, dtype=np.float32)[[0, 0, 2, 0, 1, 2]])
        >>> rows = {"query_rows": torch.arange(3), "document_rows": torch.arange(3, 6)}
        >>> batch = replace(example_batch(), teacher=teacher, **rows)
        >>> round(EmbeddingDistillation()(batch).item(), 4)  # one of six texts is elsewhere
        0.1667
    """

    def __init__(
        self,
        of: Of = "english",
        distance: Distance = "cosine",
        side: Side = "both",
        learning_rate: float = 1e-3,
    ) -> None:
        super().__init__(of)
        check_side(side)
        if distance not in DISTANCES:
            raise InputError(f"no distance {distance!r} from a teacher: choose {' or '.join(DISTANCES)}")
        if not 0 < learning_rate < math.inf:
            raise InputError(f"learning_rate must be above 0, not {learning_rate}")
        self.distance = distance
        self.side = side
        self.learning_rate = learning_rate
        self.projection: nn.Linear | None = None

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"of={self.of}, distance={self.distance}, side={self.side}"

    def prepare(self, dimensions: int, languages: int) -> None:
        """Make W, where the teacher has another number of dimensions; at first it keeps angles, or what it can."""
        if self.teacher_dimensions not in (None, dimensions):
            self.projection = nn.Linear(dimensions, int(self.teacher_dimensions or 0), bias=False)
            nn.init.orthogonal_(self.projection.weight)

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar.

        Raises:
            InputError: the batch has no teacher.
        """
        sides = [] if self.side == "documents" else [batch.query_versions()]
        sides += [] if self.side == "queries" else [batch.all_documents()]
        total, count = batch.queries.new_zeros((), dtype=torch.float32), 0
        with torch.autocast(batch.queries.device.type, enabled=False):
            for texts in sides:
                student, teacher = self.taught(batch, texts)
                total = total + self._distances(student.to(teacher.dtype), teacher)
                count += len(student)
        return total / max(count, 1)

    def _distances(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the sum of the distances of embeddings (n, d) from the teacher's (n, t)."""
        if self.projection is not None:
            student = self.projection(student)
        if self.distance == "squared":
            return (student - teacher).square().sum()
        return len(student) - cosine_sum(student, teacher)


class SimilarityDistillation(TeacherTerm):
    r"""A teacher's ranking of the batch's documents is what the student's approaches: what the teacher finds
    similar, in whatever languages, and by how much (after Hinton et al., arXiv 1503.02531, and Lin et al., arXiv
    2010.11386).

    .. math:: \frac1Q \sum_i \sum_j p_i(j) \log \frac{p_i(j)}{q_i(j)},
        \quad p_i = softmax_j \cos(t_i, t_j) / T_t, \quad q_i = softmax_j\, s(x_i, d_j) / T

    over the Q queries of the batch with their versions, and all its documents, hard negatives and versions among
    them; the teacher's embeddings t of their English versions, or of themselves where there is none
    (`EmbeddingDistillation` says what an English version is); the student's cosine similarity s. No document is
    left out for being known to answer a query: how much it does is what the teacher says. Texts that the teacher
    has no embedding of are left out. It does not apply to domain batches.

    Relations: sentence-transformers' `DistillKLDivLoss`, which takes candidates and scores with each query, is this
    times the square of the student's temperature. `KLAlignment` has the student's own English rankings for a
    teacher, `DistributionAlignment` none. Unlike `EmbeddingDistillation` it needs no common space, and so no
    projection. Multilingual Translate-Distill (arXiv 2405.00977) takes a cross-encoder's scores.

    Args:
        of: `english`, or `own`: the teacher's similarities of the texts themselves.
        temperature: T above 0, of the student.
        teacher_temperature: T_t above 0; the lower, the more the teacher insists on its first document.

    Raises:
        InputError: a setting makes no sense.

    Example:
        >>> import numpy as np
        >>> from dataclasses import replace
        >>> from isoglot.objectives import SimilarityDistillation, TeacherEmbeddings, example_batch
        >>> teacher = TeacherEmbeddings(np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]])
        >>> rows = {"query_rows": torch.arange(3), "document_rows": torch.arange(3, 6)}
        >>> batch = replace(example_batch(), teacher=teacher, **rows)
        >>> round(SimilarityDistillation()(batch).item(), 4)  # the student finds similar what the teacher does
        0.0
    """

    def __init__(self, of: Of = "english", temperature: float = 0.05, teacher_temperature: float = 0.05) -> None:
        super().__init__(of)
        self.temperature = Temperature(temperature)
        self.teacher_temperature = Temperature(teacher_temperature)

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"of={self.of}"

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar; 0 where the teacher knows no query or no document.

        Raises:
            InputError: the batch has no teacher.
        """
        queries, asked = self.taught(batch, batch.query_versions())
        documents, answers = self.taught(batch, batch.all_documents())
        if queries is batch.queries and documents is batch.documents:
            scores = batch.similarities(self.temperature())
        else:
            scores = cosine_similarity(queries, documents, self.temperature())
        if not scores.numel():
            return scores.sum()
        with torch.autocast(scores.device.type, enabled=False):
            target = torch.log_softmax((asked / self.teacher_temperature()) @ answers.T, dim=1)
            student = torch.log_softmax(scores, dim=1)
            return functional.kl_div(student, target, reduction="batchmean", log_target=True)


class ScoreDistillation(Term):
    r"""A cross-encoder's scores of a query's candidates, its relevant documents and hard negatives, are what the
    student's similarities approach: their margins (MarginMSE; Hofstätter et al., arXiv 2010.02666), or their
    softmax, as in Multilingual Translate-Distill (Yang et al., arXiv 2405.00977).

    .. math:: \frac1{|M|} \sum_{(i, p, n) \in M}
        \Big[\frac{s(q_i, d_p) - s(q_i, d_n)}T - \frac{t_{ip} - t_{in}}{T_t}\Big]^2
        \quad\text{or}\quad \frac1{|R|} \sum_{i \in R} KL\Big(softmax_j \frac{t_{ij}}{T_t} \Big\|
        softmax_j \frac{s(q_i, d_j)}T\Big)

    with the cross-encoder's score t, cosine similarity s, all triples M of a query, a document that it is to find
    and one that is not known to answer it, and the queries R that have two candidates; over those documents of the
    batch that have a score for the query. Known positives that the query is not to find (another query's document
    that answers it too) are no candidates. A version of a query without a score of its own has the mean of its
    other versions': what answers a question does so in any language. 0 where no query has two candidates. It does
    not apply to domain batches.

    Relations: equal to sentence-transformers' `MarginMSELoss`, and to `DistillKLDivLoss` divided by T², where every
    query has its own candidates alone and all of them are scored, with similarities s/T. `SimilarityDistillation`
    has an embedding model for a teacher, which scores all documents of the batch.

    Args:
        form: `margin_mse` or `kl`.
        temperature: T above 0: cosines divided by it are compared with scores, so that 0.05 gives them the range
            of a cross-encoder's logits, from -20 to 20.
        teacher_temperature: T_t above 0.

    Raises:
        InputError: a setting makes no sense.

    Example:
        >>> from dataclasses import replace
        >>> from isoglot.objectives import ScoreDistillation, example_batch
        >>> scores = torch.tensor([[20.0, 0, 0], [0, 18, 0], [0, 0, 20]])
        >>> batch = replace(example_batch(), teacher_scores=scores)
        >>> round(ScoreDistillation()(batch).item(), 4)  # one of four margins is 2 off
        1.0
    """

    needs_scores: ClassVar[bool] = True

    def __init__(
        self, form: Form = "margin_mse", temperature: float = 0.05, teacher_temperature: float = 1.0
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise InputError(f"no form {form!r} of ScoreDistillation: choose {' or '.join(FORMS)}")
        self.form = form
        self.temperature = Temperature(temperature)
        self.teacher_temperature = Temperature(teacher_temperature)
        self._scored = 0
        self._batches = 0

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"form={self.form}"

    def metrics(self) -> dict[str, float]:
        """Return the mean number of scored candidates per training batch since the last call."""
        gathered = {"candidates": self._scored / self._batches} if self._batches else {}
        self._scored = self._batches = 0
        return gathered

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar.

        Raises:
            InputError: the batch has no scores.
        """
        if batch.teacher_scores is None:
            raise InputError(
                "ScoreDistillation learns from scores of a cross-encoder, and the batch has none: find hard "
                "negatives by isoglot mine with --teacher"
            )
        scores = batch.similarities(self.temperature())
        known = ~batch.teacher_scores.isnan()
        teacher = (batch.teacher_scores / self.teacher_temperature()).to(scores.dtype)
        positives, negatives = batch.positives() & known, known & ~batch.relevant() & ~batch.positives()
        if self.training:
            self._scored += int((positives | negatives).sum())
            self._batches += 1
        compare = self._margins if self.form == "margin_mse" else self._divergence
        return compare(scores, teacher, positives, negatives)

    @staticmethod
    def _margins(scores: Tensor, teacher: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        row, column = positives.nonzero(as_tuple=True)
        pair, other = negatives[row].nonzero(as_tuple=True)
        query, own = row[pair], column[pair]
        difference = scores - teacher
        margins = difference[query, own] - difference[query, other]
        return margins.square().sum() / max(len(margins), 1)

    @staticmethod
    def _divergence(scores: Tensor, teacher: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        candidates = positives | negatives
        rows = (candidates.sum(dim=1) > 1).nonzero()[:, 0]
        candidates = candidates[rows]
        student, target = (
            torch.log_softmax(one[rows].masked_fill(~candidates, -torch.inf), dim=1)[candidates]
            for one in (scores, teacher)
        )
        return (target.exp() * (target - student)).sum() / max(len(rows), 1)
