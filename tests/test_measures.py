from __future__ import annotations

import pytest

from isoglot.measures import (
    BIAS,
    GEOMETRY,
    PER_QUERY_BIAS,
    better_of,
    goodness,
    measure_of,
    signed_value,
    verdict_of,
)


def test_every_room_reads_the_direction_of_a_measure_here() -> None:
    for measure in BIAS:
        assert better_of("bias", measure.key) == measure.better == measure_of(f"bias.{measure.key}").better
    for measure in GEOMETRY:
        assert better_of("geometry", measure.key) == measure.better
    assert better_of("multilingual", "AP") == "high"
    assert better_of("bias", "nothing") is None


def test_no_preference_is_the_best_own_language_share() -> None:
    better = better_of("bias", "own_language_share@10")
    assert max((-0.3, 0.0, 0.4), key=lambda value: goodness(value, better)) == 0.0
    assert goodness(-0.1, better) == goodness(0.1, better)


@pytest.mark.parametrize(("better", "best"), [("high", 3.0), ("low", 1.0), (None, 3.0)])
def test_goodness_follows_the_direction(better: str | None, best: float) -> None:
    assert max((1.0, 3.0, 2.0), key=lambda value: goodness(value, better)) == best  # type: ignore[arg-type]


def test_measures_with_values_per_query_are_those_a_result_has_columns_of() -> None:
    assert "rank_distance" in PER_QUERY_BIAS
    assert not {"recall_gap@10", "recall_gap@100", "unretrieved"} & set(PER_QUERY_BIAS)


def test_differences_of_ranks_are_told_in_tenths() -> None:
    assert signed_value(-3.44, "rank") == "−3.4"
    assert signed_value(0.01249, "score") == "+0.012"


def test_of_a_measure_without_a_good_direction_no_verdict_is_given() -> None:
    assert better_of("bias", "relevant_other@1") is None
    assert verdict_of("relevant_other@1", 0.2, 0.6, 0.001) == "not shown"
    assert verdict_of("irrelevant_own@1", 0.2, 0.6, 0.001) == "worse"
    assert verdict_of("relevant_own@1", 0.2, 0.6, 0.001) == "better"
