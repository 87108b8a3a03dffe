import numpy as np
import pytest

from isoglot.collections import collection_from_rows
from isoglot.errors import InputError
from isoglot.evaluation import evaluate_embeddings
from isoglot.reporting import inspect_result, project


@pytest.fixture
def measured():
    """Three facts in two languages; the question on fact 2 in French is placed at fact 0."""
    collection = collection_from_rows(
        [(f"{tag}{at}", tag, "title", f"fact {at} {tag}") for tag in ("de", "fr") for at in range(3)],
        [(f"q{at}", tag, f"question {at} {tag}") for tag in ("de", "fr") for at in range(3)],
        [(f"q{at}", f"{tag}{at}", 1) for tag in ("de", "fr") for at in range(3)],
    )
    facts = np.tile(np.eye(3, dtype=np.float32), (2, 1))
    queries = facts.copy()
    queries[5] = facts[0]
    result = evaluate_embeddings(queries, facts, collection, bootstrap=0)
    return result, collection, queries, facts


def test_projection_keeps_what_varies_most():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(200, 2)) * [5, 3]
    embeddings = np.hstack([wide, rng.normal(size=(200, 6)) * 0.01]) @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    points, kept = project(embeddings)
    assert points.shape == (200, 2)
    assert kept > 0.999
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    expected = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    np.testing.assert_allclose(distances, expected, atol=0.1)


def test_projection_of_one_dimension_and_of_equal_points():
    points, kept = project([[1.0], [3.0]])
    assert kept == pytest.approx(1)
    np.testing.assert_allclose(np.abs(points[:, 0]), 1)
    assert project(np.ones((3, 4)))[1] == 1.0
    with pytest.raises(InputError, match="finite"):
        project([[np.nan, 1.0]])


def test_the_worst_query_comes_first_with_its_ranking(measured):
    arm = inspect_result(*measured, label="mine", worst=2)
    assert arm.name == "mine"
    worst = arm.worst[0]
    assert (worst.id, worst.lang, worst.text) == ("q2", "fr", "question 2 fr")
    assert len({query.id for query in arm.worst}) == 2
    assert {document.id for document in worst.documents[:2]} == {"de0", "fr0"}
    assert {document.id for document in worst.documents if document.relevant} == {"de2", "fr2"}
    assert arm.space.points.shape == (6, 2)
    assert list(arm.space.languages) == ["de"] * 3 + ["fr"] * 3


def test_embeddings_that_do_not_fit_are_refused(measured):
    result, collection, queries, documents = measured
    with pytest.raises(InputError, match="do not fit"):
        inspect_result(result, collection, queries[:2], documents)
    result.per_query = {}
    with pytest.raises(InputError, match="no values per query"):
        inspect_result(result, collection, queries, documents)
