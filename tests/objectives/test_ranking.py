"""KLAlignment against SciPy's relative entropy; its teacher is taught only if asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from isoglot.errors import InputError
from isoglot.objectives.batch import Texts
from isoglot.objectives.ranking import KLAlignment
from isoglot.objectives.versions import draw_versions, parallel


def term(temperature: float, english: int | None) -> KLAlignment:
    made = KLAlignment(temperature)
    assert made.wants_english
    made.english = english
    return made


@pytest.mark.parametrize("english", [0, 1, 2])
def test_it_is_the_mean_divergence_from_the_english_ranking(make_batch, cosine, english):
    batch = make_batch("multiway", 5)  # query 0 in languages 0, 1 and 2, query 1 in 1 and 2; 2 has more texts
    rankings = [softmax([cosine(query, one) / 0.3 for one in batch.documents]) for query in batch.queries]
    leads = {0: [(0, 1), (0, 2), (3, 4)], 1: [(1, 0), (1, 2), (3, 4)], 2: [(2, 0), (2, 1), (4, 3)]}[english]
    expected = [entropy(rankings[teacher], rankings[student]) for teacher, student in leads]
    assert term(0.3, english)(batch).item() == pytest.approx(sum(expected) / 3)


def test_other_documents_are_ranked_too(make_batch, cosine):
    batch = make_batch("versions", 5)
    pool = [*batch.documents, *batch.other_documents.embeddings]
    queries = batch.query_versions()
    rankings = [softmax([cosine(one, document) / 0.3 for document in pool]) for one in queries.embeddings]
    leads = [(0, 4), (0, 5), (3, 2)]  # of id 4 language 0; of id 6, which lacks it, the more frequent language 1
    expected = [entropy(rankings[teacher], rankings[student]) for teacher, student in leads]
    assert term(0.3, 0)(batch).item() == pytest.approx(sum(expected) / 3)


def test_the_teacher_gets_no_gradient_and_the_students_theirs(make_batch, gradients):
    batch = make_batch("multiway", 5)
    queries, _ = gradients(term(0.3, 0), batch)
    assert queries.any(dim=1).tolist() == [False, True, True, False, True, False, False]

    def loss(students: torch.Tensor) -> torch.Tensor:
        moved = batch.queries.index_copy(0, torch.tensor([1, 2, 4]), students)
        return term(0.3, 0)(replace(batch, queries=moved))

    assert torch.autograd.gradcheck(loss, batch.queries[[1, 2, 4]].clone().requires_grad_())


@pytest.mark.parametrize("kind", ["multiway", "versions"])
def test_of_a_random_teacher_it_is_the_mean_divergence_from_what_was_drawn(make_batch, cosine, kind):
    batch = make_batch(kind, 5)
    queries = batch.query_versions()
    pool = [*batch.documents, *(batch.other_documents.embeddings if batch.other_documents else ())]
    rankings = [softmax([cosine(one, document) for document in pool]) for one in queries.embeddings]
    own = Texts(batch.queries, batch.query_languages, batch.query_ids)  # the batch's: versions only teach
    students, teachers = draw_versions(own, queries, parallel(queries)[: len(own)])
    assert len(students) == {"multiway": 5, "versions": 2}[kind]
    pairs = list(zip(students.tolist(), teachers.tolist(), strict=True))
    for student, teacher in pairs:
        assert queries.query_ids[student] == queries.query_ids[teacher]
        assert queries.languages[student] != queries.languages[teacher]
    expected = [entropy(rankings[teacher], rankings[student]) for student, teacher in pairs]
    lakda = KLAlignment(1.0, teacher="random", train_teacher=True)
    assert lakda(batch).item() == pytest.approx(sum(expected) / len(expected))
    assert lakda.metrics() == {"parallel_pairs": len(pairs)}


@pytest.mark.parametrize("teacher", ["english", "random"])
def test_a_teacher_that_is_trained_gets_its_part_of_the_gradient(parallel_batch, check_gradients, teacher):
    made = KLAlignment(0.3, teacher=teacher, train_teacher=True)
    made.english = 0
    check_gradients(made, parallel_batch)


def test_a_teacher_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"^no teacher 'german': choose english or random$"):
        KLAlignment(teacher="german")
