import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reporting_helpers import demo_rows, make_result, one_language

from isoglot.measures import canonical_key, format_value, percent
from isoglot.reporting.demo import _by_measure
from isoglot.reporting.prose import comparison_sentences, pool_shares, result_sentences
from isoglot.reporting.sentences.demo import demo_headline, demo_sentences, effort_sentence
from isoglot.reporting.tables import clearly_best


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def told(result) -> list[str]:
    return [plain(sentence) for sentence in result_sentences(result)]


def test_pool_share_is_recovered_from_share_and_excess():
    shares = pool_shares(make_result())
    assert shares == pytest.approx({"de": 0.93, "th": 0.07})


def test_sentences_name_the_numbers():
    sentences = told(make_result())
    assert any(
        "reaches AP 0.700 (mean of 2 languages)" in text and "0.300 (mean of 2 language pairs): 57 % less" in text
        for text in sentences
    )
    assert any(
        "best from German questions to Thai documents (AP 0.350)" in text
        and "worst from Thai questions to German documents (AP 0.250)" in text
        for text in sentences
    )
    assert any("212 places after the best-placed one, at place 230 of 1,000" in text for text in sentences)
    assert any("largest for Thai questions (245 places) and smallest for German" in text for text in sentences)
    assert "Of the top 10 for a Thai question, 87 % are Thai, though Thai is 7 % of the pool." in sentences
    assert any("34 % have the answer in each of them" in text for text in sentences)
    assert any("in 99 % of the cases; guessing would give 50 %" in text for text in sentences)


def test_one_language_says_so_and_nothing_of_bias():
    sentences = told(one_language())
    assert sentences[0] == "Within German, the model reaches AP 0.700."
    assert "of one language" in sentences[1]
    assert len(sentences) == 2


def test_no_preference_is_said_as_such():
    result = make_result()
    result.bias["by_query_language"]["th"]["own_language_share@10"] = 0.004
    result.bias["by_query_language"]["de"]["own_language_share@10"] = -0.2
    assert any(text.startswith("No language's questions are shown") for text in told(result))


def test_nothing_that_was_not_measured_is_said():
    result = make_result(monolingual=None, cross_lingual=None, multilingual=None, geometry=None, pairs=[])
    result.bias = dict.fromkeys(result.bias)
    assert told(result) == []


def test_only_cross_lingual():
    assert "no question has an answer in its own language" in told(make_result(monolingual=None))[0]


def test_complete_10_of_more_than_10_languages_is_not_blamed_for_being_0():
    result = make_result(languages=[f"l{at}" for at in range(12)])
    result.bias["complete@10"] = 0.0
    result.bias["complete@100"] = 0.25
    [text] = [text for text in told(result) if "in each of them" in text]
    assert text.endswith("25 % have the answer in each of them among the top 100.")


def test_comparison_hedges_where_intervals_overlap():
    better = make_result("better", cross_lingual={"AP": 0.5, "pairs": 2})
    better.intervals = {"cross_lingual": {"AP": [0.45, 0.55]}, "monolingual": {"AP": [0.68, 0.72]}}
    better.monolingual = {"AP": 0.71, "pairs": 2}
    sentences = comparison_sentences({"base": make_result("base"), "better": better})
    mono, cross = sentences[0], sentences[1]
    assert "better is best (AP 0.710), before base (0.700); the 95 % intervals overlap" in plain(mono)
    assert cross == "Across languages, better is best (AP 0.500), before base (0.300)."


def test_comparison_of_different_collections_says_only_that():
    sentences = comparison_sentences({"a": make_result(), "b": make_result(collection="other")})
    assert len(sentences) == 1
    assert "do not compare" in sentences[0]


def test_comparison_prefers_the_small_rank_distance():
    near = make_result("near")
    near.bias["rank_distance"] = 5.0
    near.intervals["bias"]["rank_distance"] = [4.0, 6.0]
    sentences = comparison_sentences({"far": make_result("far"), "near": near})
    assert any("near is best (rank distance 5.0), before far (212)." in text for text in sentences)


@pytest.mark.parametrize(
    ("mono", "cross", "expected"),
    [
        (
            (0.8, 0.7, 0.7),
            (0.3, 0.5, 0.45),
            "Hybrid batches find the answer in another language 1.5 times as well as monolingual batches "
            "(AP 0.450 against 0.300) and lose 0.100 monolingual AP.",
        ),
        (
            (0.8, 0.7, 0.798),
            (0.3, 0.5, 0.305),
            "Hybrid batches are not shown to find the answer in another language better or worse than monolingual "
            "batches (AP 0.305 against 0.300) and lose 0.002 monolingual AP, which is not shown to be more than "
            "chance.",
        ),
        (
            (0.8, 0.7, 0.9),
            (0.5, 0.5, 0.25),
            "Hybrid batches find the answer in another language 50 % less well than monolingual batches "
            "(AP 0.250 against 0.500) and gain 0.100 monolingual AP.",
        ),
        (
            (0.8, 0.7, 0.8),
            (0.5, 0.5, 0.55),
            "Hybrid batches find the answer in another language 10 % better than monolingual batches "
            "(AP 0.550 against 0.500) and keep the same monolingual AP.",
        ),
    ],
)
def test_demo_headline(mono, cross, expected):
    found = _by_measure(demo_rows(**{"monolingual.AP": mono, "cross_lingual.AP": cross}))
    assert plain(demo_headline(found, "hybrid", "monolingual")) == expected


def test_demo_headline_without_a_setting():
    found = _by_measure(demo_rows(**{"monolingual.AP": (0.8, 0.7, 0.7)}))
    assert demo_headline(found, "hybrid", "monolingual") == (
        "Compared with monolingual batches, hybrid batches lose 0.100 monolingual AP."
    )
    assert demo_headline({}, "hybrid", "monolingual") == "Hybrid batches beside monolingual batches"


def test_the_setting_of_a_row_may_stand_apart():
    row = {"arm": "hybrid", "mean": 0.5, "low": 0.4, "high": 0.6}
    rows = [
        {**row, "setting": "cross_lingual", "measure": "AP"},
        {**row, "setting": "bias", "measure": "complete@10"},
    ]
    assert list(_by_measure(rows)) == ["cross_lingual.AP", "complete@10"]


def test_demo_sentences():
    found = _by_measure(
        demo_rows(
            **{
                "rank_distance": (212.0, 98.0, 105.0),
                "own_language_share@10": (0.6, -0.02, 0.2),
                "complete@10": (0.0, 0.5, 0.4),
                "multilingual.AP": (0.3, 0.4, 0.405),
            }
        )
    )
    text = plain(" ".join(demo_sentences(found, ["monolingual", "cross-lingual", "hybrid"], 1000, 3)))
    assert "by 212 with monolingual batches, 98.0 with cross-lingual batches and 105 with hybrid batches" in text
    assert "+60 with monolingual batches, −2 with cross-lingual batches" in text
    assert "0 % with monolingual batches, 50 % with cross-lingual" in text
    # the intervals of the first two overlap
    assert "no kind of batch is shown to rank best: multilingual AP is 0.405 with hybrid batches and 0.400" in text


ARMS = ("monolingual", "cross-lingual", "hybrid", "multiway")
WHAT = ("monolingual.AP", "cross_lingual.AP", "multilingual.AP", "own_language_share@10")


def four(measure: str, *rows: tuple[float, float, float]) -> dict:
    """Measure -> arm -> mean, low, high."""
    return {
        measure: {
            arm: dict(zip(("mean", "low", "high"), row, strict=True)) for arm, row in zip(ARMS, rows, strict=True)
        }
    }


def apart(first: dict, second: dict) -> bool:
    return first["low"] > second["high"] or second["low"] > first["high"]


@st.composite
def figures(draw):
    """Any figures of four arms: equal ones, overlapping and separate intervals, and a preference of either sign."""
    found = {}
    for measure in WHAT:
        lowest = -1 if measure.startswith("own") else 0
        means = draw(st.lists(st.floats(lowest, 1), min_size=4, max_size=4))
        width = draw(st.sampled_from([0.0, 0.0004, 0.02, 0.3]))
        found |= four(measure, *((mean, mean - width, mean + width) for mean in means))
    return found


@settings(max_examples=300, deadline=None)
@given(figures())
def test_no_figures_make_the_demo_say_what_they_do_not_show(found):
    ours, theirs = (found["cross_lingual.AP"][arm] for arm in ("hybrid", "monolingual"))
    headline = plain(demo_headline(found, "hybrid", "monolingual"))
    crossing, staying = re.split(r"\) and (?=gain|lose|keep)", headline)
    if apart(ours, theirs):
        assert ("less well" in crossing) == (ours["mean"] < theirs["mean"])
        assert ("times as well" in crossing or " better than " in crossing) == (ours["mean"] > theirs["mean"])
        assert "not shown" not in crossing
    else:
        assert "not shown to find the answer in another language better or worse" in crossing
    ours, theirs = (found["monolingual.AP"][arm] for arm in ("hybrid", "monolingual"))
    if "keep" in staying:
        assert ours["mean"] == pytest.approx(theirs["mean"], abs=0.00101)
    else:
        assert staying.startswith("gain" if ours["mean"] > theirs["mean"] else "lose")
        assert ("not shown to be more than chance" in staying) != apart(ours, theirs)

    said = [plain(sentence) for sentence in demo_sentences(found, ARMS, 1000, 12)]
    multi = found["multilingual.AP"]
    for sentence in said:
        if winner := re.search(r"at once, (\S+) batches rank best", sentence):
            others = [multi[arm] for arm in ARMS if arm != winner[1]]
            assert all(multi[winner[1]]["low"] > other["high"] for other in others)
        if "prefers documents in its own language" in sentence:
            assert all(row["low"] > 0 for row in found["own_language_share@10"].values())
    best = max(multi.values(), key=lambda row: row["mean"])
    alone = all(apart(best, row) for row in multi.values() if row is not best)
    assert any("batches rank best" in sentence for sentence in said) == alone
    assert any("no kind of batch is shown to rank best" in sentence for sentence in said) == (not alone)


def test_multiway_batches_may_rank_best_and_so_may_any():
    for at, arm in enumerate(ARMS):
        means = [0.5 if place == at else 0.3 for place in range(4)]
        found = four("multilingual.AP", *((mean, mean - 0.01, mean + 0.01) for mean in means))
        assert demo_sentences(found, ARMS) == [
            f"Over all languages at once, {arm} batches rank best (multilingual AP 0.500)."
        ]


def test_a_preference_that_one_kind_of_batch_does_not_have_is_not_told_of_all():
    sure, unsure = (0.4, 0.3, 0.5), (0.1, -0.05, 0.25)
    (said,) = demo_sentences(four("own_language_share@10", sure, sure, sure, sure), ARMS)
    assert said.startswith("A question prefers documents in its own language")
    (said,) = demo_sentences(four("own_language_share@10", sure, unsure, sure, sure), ARMS)
    assert "+10 with cross-lingual batches" in said
    assert "prefers" not in said


def test_what_a_run_costs_is_told_arm_by_arm_unless_it_is_the_same():
    assert effort_sentence({}) == ""
    assert effort_sentence({"hybrid": 100.0, "multiway": 100.2}) == "Every run encodes 100 texts."
    assert effort_sentence({"hybrid": 115_200, "multiway": 110_000.4}, 450) == (
        "Every run takes 450 steps and encodes 115,200 texts with hybrid batches and 110,000 texts with multiway "
        "batches."
    )


def test_clearly_best_needs_disjoint_intervals():
    def row(mean: float) -> dict[str, float]:
        return {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}

    assert clearly_best([row(0.1), row(0.5)], "high") == 1
    assert clearly_best([row(0.1), row(0.5)], "low") == 0
    assert clearly_best([row(0.49), row(0.5)], "high") is None
    assert clearly_best([row(-0.1), row(0.3)], "zero") == 0
    assert clearly_best([row(0.5)], "high") is None
    assert clearly_best([row(0.1), {"mean": 0.5, "low": None, "high": None}], "high") is None


@pytest.mark.parametrize("key", ["cross_lingual.AP", "cross-lingual AP", "cross_lingual_AP", "cross_lingual/AP"])
def test_a_measure_has_one_key_however_it_is_written(key):
    assert canonical_key(key) == "cross_lingual.AP"
    assert canonical_key("bias.rank_distance") == canonical_key("rank_distance") == "rank_distance"


def test_numbers_as_they_are_written():
    assert plain(percent(0.34)) == "34 %"
    assert plain(percent(0.125)) == "12.5 %"
    assert plain(percent(0.9999)) == "over 99.9 %"
    assert plain(percent(0.0)) == "0 %"
    assert format_value(1451.6, "rank") == "1,452"
    assert format_value(-0.0521, "points") == "−5.2"
    assert format_value(-0.00001) == "0.000"
    assert plain(format_value(-0.00001, "percent")) == "0.0 %"
    assert format_value(None) == format_value(float("nan")) == "–"


def test_what_a_run_does_not_hold_is_said_in_numbers():
    result = make_result()
    assert "The run" not in " ".join(told(result))
    counted = {
        "monolingual": {"relevant": 40, "unretrieved": 2},
        "cross_lingual": {"relevant": 1200, "unretrieved": 1100},
        "multilingual": {"relevant": 1240, "unretrieved": 1102},
    }
    result.bias["unretrieved_documents"] = counted
    said = " ".join(told(result))
    assert "does not hold 1,102 of the 1,240 relevant documents (89 %): 2 of 40 in the question's own" in said
    assert "and 1,100 of 1,200 in other languages." in said
    result.bias["unretrieved_documents"] = {**counted, "monolingual": None}
    assert "(89 %): 1,100 of 1,200 in other languages." in " ".join(told(result))
    counted["multilingual"]["unretrieved"] = 0
    assert "holds every relevant document" in " ".join(told(result))


def test_the_answer_furthest_behind_the_own_language_is_named():
    result = make_result()
    result.bias["best_rank"] = {"de": {"de": 3.0, "fr": 215.0}, "fr": {"fr": 2.0, "de": 40.0}}
    said = " ".join(told(result))
    assert "A German question finds the French answer 212 places below the German one, on average" in said
    result.bias["best_rank"] = {"de": {"de": 3.0, "fr": 2.0}, "fr": {"fr": 2.0, "de": 1.5}}
    assert "In no language does the answer stand behind" in " ".join(told(result))
