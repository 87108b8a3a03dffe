"""Terms of distillation against plain loops and against sentence-transformers' losses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss, EmbedDistillLoss
from torch import nn
from torch.nn.functional import cosine_similarity

from isoglot.errors import InputError
from isoglot.objectives import EmbeddingDistillation, SimilarityDistillation, TeacherEmbeddings, Texts

TEXTS = 40  # of the collection that the batches are of
STUDENT, WIDE = 4, 6


def teacher(dimensions: int = STUDENT, seed: int = 0, known: np.ndarray | None = None) -> TeacherEmbeddings:
    """Unit vectors; the English version of a text is the even one before it."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((TEXTS, dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return TeacherEmbeddings(vectors, np.arange(TEXTS) // 2 * 2, known)


def with_teacher(batch, made: TeacherEmbeddings, seed: int = 0):
    """The batch with rows of all its texts, none of which is there twice."""
    others = [one for one in (batch.other_queries, batch.other_documents) if one is not None]
    sizes = [len(batch.queries), len(batch.documents), *(len(one) for one in others)]
    rows = torch.from_numpy(np.random.default_rng(seed).permutation(TEXTS)[: sum(sizes)]).split(sizes)
    rest = iter(rows[2:])
    more = {
        name: replace(texts, rows=next(rest))
        for name in ("other_queries", "other_documents")
        if (texts := getattr(batch, name)) is not None
    }
    return replace(batch, query_rows=rows[0], document_rows=rows[1], teacher=made, **more)


def sides(batch) -> dict[str, list[tuple[torch.Tensor, int]]]:
    """Embedding and row of every text, by side."""
    found: dict[str, list[tuple[torch.Tensor, int]]] = {"queries": [], "documents": []}
    for side, embeddings, rows, others in (
        ("queries", batch.queries, batch.query_rows, batch.other_queries),
        ("documents", batch.documents, batch.document_rows, batch.other_documents),
    ):
        found[side] += zip(embeddings, rows.tolist(), strict=True)
        if others is not None:
            found[side] += zip(others.embeddings, others.rows.tolist(), strict=True)
    return found


def vector(made: TeacherEmbeddings, row: int, of: str) -> torch.Tensor:
    return torch.from_numpy(made.embeddings[row // 2 * 2 if of == "english" else row]).double()


def prepared(term, made: TeacherEmbeddings):
    """The term as an objective has it, in double precision."""
    term.teacher_dimensions = made.dimensions
    term.prepare(STUDENT, 3)
    return term.double()


@pytest.mark.parametrize("dimensions", [STUDENT, WIDE])
@pytest.mark.parametrize("side", ["both", "queries", "documents"])
@pytest.mark.parametrize("distance", ["cosine", "squared"])
@pytest.mark.parametrize("of", ["english", "own"])
def test_it_is_the_mean_distance_from_the_teachers_embeddings(any_batch, of, distance, side, dimensions):
    made = teacher(dimensions)
    batch = with_teacher(any_batch, made)
    term = prepared(EmbeddingDistillation(of, distance, side), made)
    assert (term.projection is None) == (dimensions == STUDENT)
    expected = []
    for own, row in [one for name, some in sides(batch).items() if side in (name, "both") for one in some]:
        target = vector(made, row, of)
        mapped = own if term.projection is None else term.projection.weight.detach() @ own
        if distance == "cosine":
            expected.append(1 - float(mapped @ target / mapped.norm() / target.norm()))
        else:
            expected.append(sum(float(a - b) ** 2 for a, b in zip(mapped, target, strict=True)))
    assert term(batch).item() == pytest.approx(sum(expected) / len(expected), rel=1e-6)


@pytest.mark.parametrize("of", ["english", "own"])
def test_it_is_the_divergence_of_the_teachers_ranking_from_the_students(any_batch, cosine, of):
    made = teacher(WIDE)
    batch = with_teacher(any_batch, made)
    found = sides(batch)
    total = 0.0
    for query, row in found["queries"]:
        given = [math.exp(cosine(query, document) / 0.3) for document, _ in found["documents"]]
        asked = vector(made, row, of)
        wanted = [math.exp(float(asked @ vector(made, other, of)) / 0.2) for _, other in found["documents"]]
        p, q = ([value / sum(values) for value in values] for values in (wanted, given))
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    term = SimilarityDistillation(of, 0.3, 0.2)
    assert term(batch).item() == pytest.approx(total / len(found["queries"]), rel=1e-5)


TERMS = {
    "cosine": lambda: EmbeddingDistillation(),
    "squared": lambda: EmbeddingDistillation(distance="squared"),
    "similarity": lambda: SimilarityDistillation("own", 0.3, 0.2),
}


@pytest.mark.parametrize("dimensions", [STUDENT, WIDE])
@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_those_of_finite_differences(any_batch, check_gradients, name, dimensions):
    made = teacher(dimensions)
    check_gradients(prepared(TERMS[name](), made), with_teacher(any_batch, made))


@pytest.mark.parametrize("name", TERMS)
def test_texts_that_the_teacher_does_not_know_are_left_out(make_batch, gradients, name):
    batch = make_batch("paired")
    unknown = np.ones(TEXTS, bool)
    made = teacher()
    batch = with_teacher(batch, made)
    unknown[batch.query_rows[1]] = False
    documents = batch.document_rows.clone()
    documents[2] = -1  # as of a crop
    partial = replace(batch, document_rows=documents, teacher=TeacherEmbeddings(made.embeddings, known=unknown))
    term = TERMS[name]()
    queries, answers = gradients(term, partial)
    assert not queries[1].any()
    assert not answers[2].any()
    assert queries[[0, 2, 3]].any(dim=1).all()
    fewer = replace(
        partial,
        queries=batch.queries[[0, 2, 3]],
        documents=batch.documents[[0, 1, 3]],
        query_rows=batch.query_rows[[0, 2, 3]],
        document_rows=documents[[0, 1, 3]],
        query_ids=batch.query_ids[:3],
        document_ids=batch.document_ids[:3],
        document_query_ids=batch.document_query_ids[:3],
    )
    assert term(partial).item() == pytest.approx(term(fewer).item())
    nothing = replace(partial, teacher=TeacherEmbeddings(made.embeddings, known=np.zeros(TEXTS, bool)))
    assert term(nothing).item() == 0
    assert not any(one.any() for one in gradients(term, nothing))


def test_an_english_version_that_the_teacher_does_not_know_is_none():
    made = teacher(known=np.arange(TEXTS) != 4)
    vectors, known = made.look_up(torch.tensor([5, 4, 7]), "english")
    assert known.tolist() == [True, False, True]
    assert torch.equal(vectors[[0, 2]], torch.from_numpy(made.embeddings[[5, 6]]))


class Given(nn.Module):
    """An encoder whose inputs are the embeddings, for the losses of sentence-transformers."""

    device = torch.device("cpu")

    def get_embedding_dimension(self) -> int:
        return STUDENT


@pytest.mark.parametrize("dimensions", [STUDENT, WIDE])
@pytest.mark.parametrize(("distance", "metric"), [("cosine", "cosine"), ("squared", "mse")])
def test_it_is_the_librarys_embedding_distillation(make_batch, distance, metric, dimensions):
    made = teacher(dimensions)
    batch = with_teacher(make_batch("paired", 4), made)
    term = prepared(EmbeddingDistillation("own", distance), made)
    library = EmbedDistillLoss(Given(), metric, dimensions if dimensions != STUDENT else None).double()
    if library.projection is not None:
        with torch.no_grad():
            library.projection.weight.copy_(term.projection.weight)
            library.projection.bias.zero_()
    labels = [made.look_up(rows, "own")[0] for rows in (batch.query_rows, batch.document_rows)]
    expected = library.compute_loss_from_embeddings([batch.queries, batch.documents], labels)
    factor = dimensions if distance == "squared" else 1
    assert term(batch).item() == pytest.approx(factor * expected.item(), rel=1e-6)


@pytest.mark.parametrize(("student", "of_teacher"), [(1.0, 1.0), (0.05, 0.2)])
def test_it_is_the_librarys_divergence_where_every_document_is_a_candidate(make_batch, student, of_teacher):
    made = teacher(WIDE)
    batch = with_teacher(make_batch("negatives", 2), made)  # a negative of one query is relevant to another
    assert batch.known_positives().any()
    library = DistillKLDivLoss(
        Given(), cosine_similarity, student_temperature=student, teacher_temperature=of_teacher
    )
    count = len(batch.queries)
    columns = [batch.queries, *(document.expand(count, -1) for document in batch.documents)]
    asked, answers = (made.look_up(rows, "own")[0] for rows in (batch.query_rows, batch.document_rows))
    expected = library.compute_loss_from_embeddings(columns, (asked @ answers.T).double())
    ours = SimilarityDistillation("own", student, of_teacher)(batch)
    assert student**2 * ours.item() == pytest.approx(expected.item(), rel=1e-5)


def test_versions_in_all_languages_are_given_one_place_by_the_english_one(make_batch):
    made = teacher()
    batch = with_teacher(make_batch("versions"), made)
    texts = batch.query_versions().joined(batch.all_documents())
    assert isinstance(texts, Texts)
    moved = made.look_up(texts.rows, "english")[0].double()
    student = iter(moved.split([len(batch.queries), len(batch.other_queries), len(batch.documents), 3]))
    queries, other_queries, documents, other_documents = student
    there = replace(
        batch,
        queries=queries,
        documents=documents,
        other_queries=replace(batch.other_queries, embeddings=other_queries),
        other_documents=replace(batch.other_documents, embeddings=other_documents),
    )
    assert EmbeddingDistillation()(there).item() == pytest.approx(0, abs=1e-6)
    assert EmbeddingDistillation(distance="squared")(there).item() == pytest.approx(0, abs=1e-6)
    assert SimilarityDistillation()(there).item() == pytest.approx(0, abs=1e-6)
    assert EmbeddingDistillation("own")(there).item() > 0.1


def test_a_projection_keeps_the_angles_at_first_and_has_a_rate_of_its_own():
    made = teacher(WIDE)
    term = prepared(EmbeddingDistillation(learning_rate=0.3), made)
    weight = term.projection.weight
    assert weight.shape == (WIDE, STUDENT)
    assert torch.allclose(weight.T @ weight, torch.eye(STUDENT, dtype=torch.float64), atol=1e-6)
    assert term.learning_rate == 0.3


def test_domain_batches_and_batches_without_a_teacher_are_none_of_its_affair(make_batch):
    batch = make_batch("paired")
    for term in (EmbeddingDistillation(), SimilarityDistillation()):
        assert not term.applies(replace(batch, domain=True))
        assert term.applies(batch)
        with pytest.raises(InputError, match=f"^{type(term).__name__} needs a teacher: give"):
            term(batch)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EmbeddingDistillation("German"), "no embeddings of 'German': choose english or own"),
        (lambda: EmbeddingDistillation(distance="l2"), "no distance 'l2' from a teacher: choose cosine or squared"),
        (lambda: EmbeddingDistillation(side="left"), "no side 'left'"),
        (lambda: EmbeddingDistillation(learning_rate=0), "learning_rate must be above 0, not 0"),
        (lambda: SimilarityDistillation(temperature=0), "the temperature must be above 0, not 0"),
        (lambda: SimilarityDistillation(teacher_temperature=-1), "the temperature must be above 0, not -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
