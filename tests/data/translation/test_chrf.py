"""chrF against sacrebleu's values and its definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.data.translation.chrf import chrf

SACREBLEU = [  # values of sacrebleu 2's CHRF(beta=2) and CHRF(beta=3), sentence_score
    ("the cat sat on the mat", "the cat is on the mat", 64.5779420625287, 65.04232981876129),
    ("Der Hund bellt.", "Der Hund bellte laut.", 67.07337900101697, 64.82185380071175),
    ("在东京", "在东京都", 68.86227544910179, 66.28242074927954),
    ("abc", "xyz", 0.0, 0.0),
    ("a", "ab", 55.55555555555556, 52.63157894736842),
    ("How do I unpack an archive?", "How can I unpack archives?", 57.128106957828315, 57.12810695782831),
]


@pytest.mark.parametrize(("ours", "reference", "two", "three"), SACREBLEU)
def test_it_is_the_value_of_sacrebleu(ours, reference, two, three):
    assert chrf(ours, reference) == pytest.approx(two)
    assert chrf(ours, reference, beta=3) == pytest.approx(three)


@given(st.text(), st.text())
def test_its_bounds(one, other):
    assert 0 <= chrf(one, other) <= 100 + 1e-9
    assert chrf(one, one) == pytest.approx(100)
    assert chrf(one, f" {one}\n") == pytest.approx(100)
