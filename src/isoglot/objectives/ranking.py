"""KLAlignment: the versions of a query rank as one of them does."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.contrast import Temperature, cosine_similarity
from isoglot.objectives.versions import ParallelTerm, bridges, document_pool, draw_versions, parallel

__all__ = ["KLAlignment", "Teacher"]

Teacher = Literal["english", "random"]


class KLAlignment(ParallelTerm):
    r"""Kullback-Leibler divergence of the rankings that the versions of a query give from the one that its English
    version gives, or a version drawn at random, after LaKDA (Yang et al., arXiv 2509.06195).

    .. math:: \frac1{|P|} \sum_{(t, v) \in P} \sum_j p_t(j) \log \frac{p_t(j)}{p_v(j)},
        \quad p_v = softmax_j\, s(v, d_j)/T

    over pairs P of a teacher t and a student v, with the batch's documents d in all languages it has them in, hard
    negatives included; cosine similarity s, temperature T. P are

    - `teacher="english"`: a query's English version and each other version. Where a query has no English version,
      the version in the batch's most frequent language takes its place.
    - `teacher="random"`: each query of the batch that has versions in other languages, and one of these as its
      teacher, drawn anew for each batch (`draw_versions`: from the batch itself, so that a run can be repeated).

    p_t is a constant, so that the teacher does not learn from this, unless it is trained too.

    Relations: LaKDA is `InfoNCE(temperature=1)` + α `KLAlignment(temperature=1, teacher="random",
    train_teacher=True)`: it scales no similarity. `DistributionAlignment` compares all versions with each other and
    moves both. A teacher that ranks badly teaches badly, so it goes with `InfoNCE`.

    Args:
        temperature: T above 0; 1 as LaKDA's. Not learned: the divergence could be made 0 by a high temperature.
        teacher: `english` or `random`.
        train_teacher: whether the teacher gets its part of the gradient, as LaKDA's does.

    Raises:
        InputError: the temperature is not above 0, or there is no such teacher.

    Example:
        >>> from isoglot.objectives import KLAlignment, example_batch
        >>> round(KLAlignment(temperature=1.0)(example_batch()).item(), 4)
        0.3642
    """

    wants_english: ClassVar[bool] = True

    def __init__(
        self, temperature: float = 0.05, teacher: Teacher = "english", train_teacher: bool = False
    ) -> None:
        super().__init__(Temperature(temperature), "queries")
        if teacher not in ("english", "random"):
            raise InputError(f"no teacher {teacher!r}: choose english or random")
        self.teacher = teacher
        self.train_teacher = train_teacher

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"teacher={self.teacher}, train_teacher={self.train_teacher}"

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries = batch.query_versions()
        logs = torch.log_softmax(
            cosine_similarity(queries.embeddings, document_pool(batch)) / self.temperature(), dim=1
        )
        teachers, students = self._lessons(queries, len(batch.queries), batch.progress)
        self.saw(len(students))
        teacher, student = logs[teachers], logs[students]
        if not self.train_teacher:
            teacher = teacher.detach()
        return (teacher.exp() * (teacher - student)).sum() / max(len(students), 1)

    def _lessons(self, queries: Texts, own: int, progress: float) -> tuple[Tensor, Tensor]:
        """Return the rows (n,) of teachers and of their students, of queries of which the first `own` are the
        batch's, and the rest their versions."""
        versions = parallel(queries)
        if self.teacher == "english":
            leads = bridges(queries, self.english)
            teachers, students = (versions & leads[:, None] & ~leads).nonzero(as_tuple=True)
            return teachers, students
        versions[own:] = False
        students, teachers = draw_versions(queries, queries, versions, progress)
        return teachers, students
