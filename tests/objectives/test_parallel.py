"""What terms over language versions share: pairs, bridges, and batches that hold no versions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.errors import InputError
from isoglot.objectives.batch import Texts
from isoglot.objectives.versions import (
    DistributionAlignment,
    KLAlignment,
    LanguageContrast,
    ReverseTraining,
    SemanticContrast,
    bridges,
    parallel,
)

KINDS = [DistributionAlignment, KLAlignment, ReverseTraining, SemanticContrast, LanguageContrast]

texts = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), max_size=9).map(
    lambda rows: Texts(
        torch.zeros(len(rows), 2), *torch.tensor(rows, dtype=torch.long).reshape(-1, 2).unbind(dim=1)
    )
)


@settings(deadline=None)
@given(texts)
def test_parallel_texts_have_one_id_and_two_languages(texts):
    rows = list(zip(texts.languages.tolist(), texts.query_ids.tolist(), strict=True))
    expected = [[a[1] == b[1] >= 0 and a[0] != b[0] for b in rows] for a in rows]
    assert parallel(texts).tolist() == expected


@settings(deadline=None)
@given(texts, st.none() | st.integers(0, 5))
def test_the_bridge_is_english_or_in_the_most_frequent_language(texts, english):
    rows = list(zip(texts.languages.tolist(), texts.query_ids.tolist(), strict=True))
    frequency = Counter(language for language, _ in rows)
    expected = []
    for language, number in rows:
        versions = {other for other, same in rows if same == number}
        lead = english if english in versions else min(versions, key=lambda one: (-frequency[one], one))
        expected.append(number < 0 or language == lead)
    assert bridges(texts, english).tolist() == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_kind", ["paired", "negatives"])
def test_without_versions_the_loss_is_a_zero_that_gradients_flow_through(make_batch, gradients, kind, batch_kind):
    batch = make_batch(batch_kind)
    batch = replace(batch, document_languages=torch.zeros_like(batch.document_languages))
    if kind is ReverseTraining:
        batch = replace(batch, query_languages=torch.zeros_like(batch.query_languages))
    term = kind()
    assert term(batch).item() == 0
    assert all(gradient.eq(0).all() for gradient in gradients(term, batch))


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_saw_is_counted_in_training_and_forgotten_once_told(make_batch, kind):
    term = kind()
    assert term.needs_versions
    assert term.metrics() == {}
    pairs = {DistributionAlignment: 8, KLAlignment: 3, ReverseTraining: 4, SemanticContrast: 8, LanguageContrast: 8}
    term(make_batch("versions"))
    term(replace(make_batch("negatives"), query_languages=torch.tensor([0, 2, 1])))
    assert term.metrics() == {"parallel_pairs": pairs[kind] / 2}
    assert term.metrics() == {}
    term.eval()
    term(make_batch("versions"))
    assert term.metrics() == {}


@pytest.mark.parametrize("kind", [DistributionAlignment, SemanticContrast, LanguageContrast])
def test_both_sides_are_the_mean_of_the_two(parallel_batch, kind):
    both, queries, documents = (kind(side=side)(parallel_batch).item() for side in ("both", "queries", "documents"))
    assert both == pytest.approx((queries + documents) / 2)
    assert queries != pytest.approx(documents)
    alone = replace(parallel_batch, document_languages=torch.zeros_like(parallel_batch.document_languages))
    alone = replace(alone, other_documents=None)
    assert kind()(alone).item() == pytest.approx(kind(side="queries")(alone).item())


def test_a_side_that_is_none_is_refused():
    with pytest.raises(InputError, match="no side 'passages': choose both, queries or documents"):
        SemanticContrast(side="passages")
