from __future__ import annotations

import pytest

from isoglot.measures import (
    BIAS,
    GEOMETRY,
    PER_QUERY_BIAS,
    SETTINGS,
    better_of,
    canonical_key,
    column_of,
    count,
    digits_of,
    format_value,
    goodness,
    interval_text,
    measure_of,
    percent,
    plural,
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


def test_a_difference_is_shown_below_the_level_and_not_at_it() -> None:
    assert verdict_of("monolingual.AP", 0.2, 0.3, 0.0499) == "better"
    assert verdict_of("monolingual.AP", 0.3, 0.2, 0.0499) == "worse"
    assert verdict_of("monolingual.AP", 0.2, 0.3, 0.05) == "not shown"


def test_of_a_measure_that_is_best_at_zero_nothing_is_shown_of_systems_on_both_sides_of_it() -> None:
    share = "own_language_share@10"
    assert verdict_of(share, -0.3, 0.1, 0.001) == "not shown"
    assert verdict_of(share, 0.3, 0.1, 0.001) == verdict_of(share, -0.3, -0.1, 0.001) == "better"
    assert verdict_of(share, 0.1, 0.3, 0.001) == "worse"
    assert verdict_of(share, 0.3, 0.0, 0.001) == "better"
    assert verdict_of("rank_correlation", -0.3, 0.1, 0.001) == "better"  # of which more is better, on any side


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("joint", "._ /")
def test_a_setting_and_a_measure_are_one_key_however_they_are_joined(setting: str, joint: str) -> None:
    for written in (setting, setting.replace("_", "-")):
        assert canonical_key(f" {written}{joint}nDCG@10 ") == f"{setting}.nDCG@10"
        measure = measure_of(f"{written}{joint}nDCG@10")
        assert measure.label == setting.replace("_", "-") + " nDCG@10"
        assert measure.note == SETTINGS[setting]


def test_what_is_no_setting_with_a_measure_stays_as_it_is() -> None:
    assert canonical_key("multilingual") == "multilingual"
    assert canonical_key("monolingualAP") == "monolingualAP"
    assert canonical_key("geometry/cka") == canonical_key("cka") == "cka"
    assert measure_of("loss.AP").label == measure_of("loss.AP").key == "loss.AP"
    assert measure_of("monolingual").label == "monolingual"


def test_columns_of_values_per_query() -> None:
    assert column_of("bias", "max_rank") == "max_rank"
    assert column_of("cross_lingual", "AP") == "cross_lingual_AP"


def test_ranks_are_told_in_tenths_and_shares_in_thousandths() -> None:
    assert [digits_of(name) for name in ("rank_distance", "max_rank", "max_rank_log", "AP")] == [1, 1, 3, 3]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.0004, "under 0.1 %"),
        (0.004, "0.4 %"),
        (0.1949, "19.5 %"),
        (0.2, "20 %"),
        (0.2049, "20 %"),
        (0.99, "99 %"),
        (0.9949, "99.5 %"),
        (0.9996, "over 99.9 %"),
        (1.0, "100 %"),
        (-0.125, "−12.5 %"),
        (-0.34, "−34 %"),
    ],
)
def test_percentages_are_short_and_never_round_to_none_or_all(share: float, text: str) -> None:
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, "score", "–"),
        (float("nan"), "rank", "–"),
        (0.81249, "score", "0.812"),
        (-0.0004, "score", "0.000"),
        (-0.0521, "score", "−0.052"),
        (0.81249, "number", "0.81"),
        (99.94, "rank", "99.9"),
        (100.0, "rank", "100"),
        (1451.6, "rank", "1,452"),
        (-1451.6, "rank", "−1,452"),
        (-3.44, "rank", "−3.4"),
        (0.3449, "percent", "34.5 %"),
        (0.0521, "points", "+5.2"),
        (-0.0521, "points", "−5.2"),
        (-0.0004, "points", "0.0"),
    ],
)
def test_values_as_they_are_written(value: float | None, form: str, text: str) -> None:
    assert format_value(value, form).replace("\N{NO-BREAK SPACE}", " ") == text  # type: ignore[arg-type]


def test_an_interval_names_its_unit_nowhere_and_is_left_out_where_there_is_none() -> None:
    assert interval_text(0.31249, 0.35) == "[0.312, 0.350]"
    assert interval_text(0.31, 0.35, "percent") == "[31.0, 35.0]"
    for low, high in ((None, 0.3), (0.3, None), (float("nan"), 0.3), (0.3, float("nan"))):
        assert interval_text(low, high) == ""


def test_numbers_of_things() -> None:
    assert [count(number) for number in (0, 999.6, 1451.6, -1200)] == ["0", "1,000", "1,452", "−1,200"]
    assert [plural(number, "language") for number in (0, 1, 2)] == ["0 languages", "1 language", "2 languages"]
    assert plural(1190, "query") == "1,190 queries"
    assert plural(1, "query") == "1 query"
