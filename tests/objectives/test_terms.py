"""Objectives written as sums of weighted terms."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isoglot.errors import InputError
from isoglot.objectives import InfoNCE, KLAlignment, LanguageContrast, Sum, Weighted
from isoglot.objectives.terms import weighted_parts

FIRST, SECOND, THIRD = InfoNCE(), KLAlignment(), LanguageContrast()
LEAVES = st.sampled_from([FIRST, SECOND, THIRD])
FINITE = st.floats(-1e3, 1e3)


def test_terms_are_weighted_and_added_as_they_are_written():
    assert 0.3 * SECOND == SECOND * 0.3 == Weighted(SECOND, 0.3)
    assert Sum(parts=((FIRST, 1.0), (SECOND, 0.3))) == FIRST + 0.3 * SECOND
    assert Sum(((FIRST, 2.0), (SECOND, 1.0), (THIRD, 1.0))) == 2 * (FIRST + 0.5 * SECOND) + THIRD


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(
        LEAVES,
        lambda inner: st.one_of(st.tuples(st.just("*"), FINITE, inner), st.tuples(st.just("+"), inner, inner)),
        max_leaves=8,
    )
)
def test_sums_of_sums_are_one_sum_with_the_weights_multiplied_out(tree):
    def built(node):
        if not isinstance(node, tuple):
            return node
        sign, left, right = node
        return left * built(right) if sign == "*" else built(left) + built(right)

    def expected(node, weight):
        if not isinstance(node, tuple):
            return [(node, weight)]
        sign, left, right = node
        return expected(right, weight * left) if sign == "*" else expected(left, weight) + expected(right, weight)

    found, wanted = weighted_parts(built(tree)), expected(tree, 1.0)
    assert [term for term, _ in found] == [term for term, _ in wanted]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in wanted])


@pytest.mark.parametrize(
    "given_as",
    [
        {FIRST: 1.0, SECOND: 0.3},
        [(FIRST, 1.0), (SECOND, 0.3)],
        [FIRST, 0.3 * SECOND],
        [FIRST, (SECOND, 0.3)],
        [FIRST + 0.3 * SECOND],
        FIRST + 0.3 * SECOND,
    ],
)
def test_an_objective_may_be_given_in_several_forms(given_as):
    assert weighted_parts(given_as) == ((FIRST, 1.0), (SECOND, 0.3))


@pytest.mark.parametrize("weight", [math.nan, math.inf, -math.inf])
def test_weights_are_finite(weight):
    message = re.escape(f"the weight of KLAlignment must be a finite number, not {weight}")
    for bad in (
        lambda: weight * SECOND,
        lambda: Sum(((FIRST, 1.0), (SECOND, weight))),
        lambda: Weighted(SECOND, weight),
    ):
        with pytest.raises(InputError, match=message):
            bad()


def test_only_numbers_are_weights_and_only_terms_are_added():
    with pytest.raises(TypeError):
        "2" * FIRST
    for other in (2, [SECOND], nn.Linear(2, 2)):
        with pytest.raises(TypeError):
            FIRST + other


def test_one_term_is_an_objective():
    assert weighted_parts(FIRST) == ((FIRST, 1.0),)
    assert weighted_parts(0.3 * FIRST) == ((FIRST, 0.3),)
