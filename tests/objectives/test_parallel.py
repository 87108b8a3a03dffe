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
from isoglot.objectives.ranking import KLAlignment
from isoglot.objectives.reverse import ReverseAlignment, ReverseTraining
from isoglot.objectives.versions import (
    DistributionAlignment,
    LanguageContrast,
    SemanticContrast,
    bridges,
    draw_versions,
    parallel,
)

REVERSE = [ReverseTraining, ReverseAlignment]
KINDS = [DistributionAlignment, KLAlignment, *REVERSE, SemanticContrast, LanguageContrast]

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
    if kind in REVERSE:
        batch = replace(batch, query_languages=torch.zeros_like(batch.query_languages))
    term = kind()
    assert term(batch).item() == 0
    assert all(gradient.eq(0).all() for gradient in gradients(term, batch))


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_saw_is_counted_in_training_and_forgotten_once_told(make_batch, kind):
    term = kind()
    assert term.needs_versions
    assert term.metrics() == {}
    pairs = {DistributionAlignment: 8, KLAlignment: 3, ReverseTraining: 4, ReverseAlignment: 2}
    pairs |= {SemanticContrast: 8, LanguageContrast: 8}
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


def drawn(rows, columns, progress=0.0):
    return [one.tolist() for one in draw_versions(rows, columns, parallel(columns), progress)]


@settings(deadline=None)
@given(texts, st.randoms(), st.floats(0, 1))
def test_a_version_drawn_is_one_and_no_order_of_the_batch_changes_it(texts, random, progress):
    rows, columns = drawn(texts, texts, progress)
    assert rows == parallel(texts).any(dim=1).nonzero().flatten().tolist()
    assert all(parallel(texts)[row, column] for row, column in zip(rows, columns, strict=True))
    order = list(range(len(texts)))
    random.shuffle(order)
    shuffled = Texts(texts.embeddings[order], texts.languages[order], texts.query_ids[order])
    again = dict(zip(*drawn(shuffled, shuffled, progress), strict=True))
    languages = {row: texts.languages[column].item() for row, column in zip(rows, columns, strict=True)}
    assert {order[row]: shuffled.languages[column].item() for row, column in again.items()} == languages


def test_versions_are_drawn_alike_often_and_anew_in_every_batch_and_step():
    ids, languages = torch.arange(4000).repeat_interleave(4), torch.arange(4).repeat(4000)
    texts = Texts(torch.zeros(16000, 1), languages, ids)
    found, steps = [], []
    for batch in range(100):  # of 40 queries in four languages each
        some = Texts(*(one[160 * batch : 160 * batch + 160] for one in (texts.embeddings, languages, ids)))
        chosen = torch.tensor(drawn(some, some)[1])
        found.append((some.languages[chosen] - some.languages) % 4)
        first = Texts(*(one[:160] for one in (texts.embeddings, languages, ids)))
        steps.append(torch.tensor(drawn(first, first, batch / 100)[1]) % 4)
    for drawing in (torch.cat(found), (torch.cat(steps) - languages[:160].repeat(100)) % 4):
        counts = torch.bincount(drawing, minlength=4)
        assert counts[0] == 0
        assert (counts[1:] / 16000 - 1 / 3).abs().max() < 0.02  # five standard deviations
    changes = torch.stack(steps).diff(dim=0).ne(0).double().mean()
    assert changes == pytest.approx(2 / 3, abs=0.02)
