"""ScoreDistillation against plain loops and sentence-transformers' losses; scores found for any batch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss, MarginMSELoss
from torch import nn
from torch.nn.functional import cosine_similarity

from isoglot.errors import InputError
from isoglot.objectives import EmbeddedBatch, ScoreDistillation, TeacherScores


def scored(batch: EmbeddedBatch, share: float = 0.7, seed: int = 0) -> EmbeddedBatch:
    """The batch with scores of some of its pairs."""
    rng = torch.Generator().manual_seed(seed)
    shape = len(batch.queries), len(batch.documents)
    scores = 5 * torch.randn(*shape, generator=rng, dtype=torch.float64)
    scores[torch.rand(*shape, generator=rng) > share] = math.nan
    return replace(batch, teacher_scores=scores)


def candidates(batch: EmbeddedBatch, query: int) -> tuple[list[int], list[int]]:
    """Documents with a score: those that a query is to find, and those that are not known to answer it."""
    known = [j for j in range(len(batch.documents)) if not math.isnan(batch.teacher_scores[query, j])]
    wanted, relevant = batch.positives()[query].tolist(), batch.relevant()[query].tolist()
    return [j for j in known if wanted[j]], [j for j in known if not wanted[j] and not relevant[j]]


@pytest.mark.parametrize("seed", range(3))
def test_margins_are_those_of_the_scores(any_batch, cosine, seed):
    batch = scored(any_batch, seed=seed)
    squares = []
    for i, query in enumerate(batch.queries):
        positives, negatives = candidates(batch, i)
        for p in positives:
            for n in negatives:
                own = (cosine(query, batch.documents[p]) - cosine(query, batch.documents[n])) / 0.1
                wanted = float(batch.teacher_scores[i, p] - batch.teacher_scores[i, n]) / 2
                squares.append((own - wanted) ** 2)
    assert squares
    found = ScoreDistillation("margin_mse", 0.1, 2.0)(batch).item()
    assert found == pytest.approx(sum(squares) / len(squares), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_distributions_over_candidates_are_those_of_the_scores(any_batch, cosine, seed):
    batch = scored(any_batch, seed=seed)
    values = []
    for i, query in enumerate(batch.queries):
        shown = [one for some in candidates(batch, i) for one in some]
        if len(shown) < 2:
            continue
        own = [math.exp(cosine(query, batch.documents[j]) / 0.1) for j in shown]
        wanted = [math.exp(float(batch.teacher_scores[i, j]) / 2) for j in shown]
        p, q = ([one / sum(some) for one in some] for some in (wanted, own))
        values.append(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)))
    assert values
    assert ScoreDistillation("kl", 0.1, 2.0)(batch).item() == pytest.approx(sum(values) / len(values), rel=1e-6)


@pytest.mark.parametrize("form", ["margin_mse", "kl"])
def test_gradients_are_those_of_finite_differences(any_batch, check_gradients, form):
    check_gradients(ScoreDistillation(form, 0.5), scored(any_batch, seed=1))


@pytest.mark.parametrize("form", ["margin_mse", "kl"])
def test_without_two_scored_candidates_nothing_is_asked(make_batch, gradients, form):
    batch = make_batch("negatives")
    for share in (0.0, 1e-9):
        bare = scored(batch, share)
        bare.teacher_scores[0, 0] = 3.0  # of one query its own document alone
        assert ScoreDistillation(form)(bare).item() == 0
        assert not any(one.any() for one in gradients(ScoreDistillation(form), bare))


class Given(nn.Module):
    device = torch.device("cpu")


@pytest.mark.parametrize("form", ["margin_mse", "kl"])
def test_it_is_the_librarys_loss_where_each_query_has_candidates_of_its_own(form):
    rng = torch.Generator().manual_seed(0)
    queries, documents = (torch.randn(*shape, 6, generator=rng).double() for shape in ((5,), (5, 4)))
    scores = 4 * torch.randn(5, 4, generator=rng).double()
    ids = torch.arange(5)
    batch = EmbeddedBatch(
        queries, documents, 0 * ids, torch.zeros(5, 4).long(), ids, torch.arange(20).reshape(5, 4)
    )
    table = torch.full((5, 20), math.nan).double()
    table[ids, ids] = scores[:, 0]
    for i in range(5):
        table[i, 5 + 3 * i : 8 + 3 * i] = scores[i, 1:]  # hard negatives lie behind the own documents
    batch = replace(batch, teacher_scores=table)
    columns = [queries, *documents.unbind(dim=1)]
    if form == "margin_mse":
        library = MarginMSELoss(Given(), lambda left, right: cosine_similarity(left, right) / 0.2)
        expected = library.compute_loss_from_embeddings(columns, scores)
    else:
        library = DistillKLDivLoss(Given(), cosine_similarity, student_temperature=0.2, teacher_temperature=1.0)
        expected = library.compute_loss_from_embeddings(columns, scores) / 0.2**2
    assert ScoreDistillation(form, 0.2)(batch).item() == pytest.approx(expected.item(), rel=1e-6)


@settings(max_examples=60)
@given(st.data())
def test_scores_are_found_for_any_queries_and_documents(data):
    ids = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=6))
    lists = [data.draw(st.lists(st.integers(10, 16), unique=True, max_size=4)) for _ in ids]
    documents = np.array([row for one in lists for row in one], np.int64)
    scores = np.arange(len(documents), dtype=np.float32)
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    made = TeacherScores(offsets, documents, scores, np.array(ids))
    queries = data.draw(st.lists(st.integers(0, len(ids) - 1), max_size=6))
    shown = data.draw(st.lists(st.integers(9, 17), unique=True, max_size=6))
    by_pair = {
        (row, int(documents[at])): float(at) for row in range(len(ids)) for at in range(*offsets[row : row + 2])
    }
    expected = np.full((len(queries), len(shown)), np.nan)
    for i, query in enumerate(queries):
        for j, document in enumerate(shown):
            others = [
                by_pair[row, document]
                for row in range(len(ids))
                if ids[row] == ids[query] and (row, document) in by_pair
            ]
            if others:
                expected[i, j] = by_pair.get((query, document), sum(others) / len(others))
    found = made.look_up(torch.tensor(queries, dtype=torch.int64), torch.tensor(shown, dtype=torch.int64))
    assert found.shape == expected.shape
    assert np.allclose(found.numpy(), expected, equal_nan=True)


def test_it_logs_how_many_candidates_batches_have(make_batch):
    term = ScoreDistillation()
    batch = scored(make_batch("negatives"), 1.0)
    term(batch)
    count = sum(len(one) for i in range(3) for one in candidates(batch, i))
    assert term.metrics() == {"candidates": count}
    assert term.metrics() == {}


def test_what_makes_no_sense_is_refused(make_batch):
    with pytest.raises(InputError, match="no form 'mse' of ScoreDistillation: choose margin_mse or kl"):
        ScoreDistillation("mse")
    with pytest.raises(InputError, match="the temperature must be above 0, not 0"):
        ScoreDistillation(teacher_temperature=0)
    with pytest.raises(InputError, match="the batch has none: find hard negatives by isoglot mine with --teacher"):
        ScoreDistillation()(make_batch("paired"))
